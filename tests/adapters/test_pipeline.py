"""From words to an answer: programs, repairs, labels that stay hidden, problems without one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.adapters.answer import limits_of
from agentopt.adapters.pipeline import pipeline_task
from agentopt.adapters.routes import program_in
from agentopt.catalog import task_of_record
from agentopt.errors import FormatError, UsageError
from agentopt.events import Evaluated, Event, Exchanged
from agentopt.llm.scripted import Scripted, ScriptedLLM
from agentopt.prompts import load_prompt

HEAD = "import highspy\nh = highspy.Highs()\nh.silent()\n"
RIGHT = HEAD + 'x = h.addVariable(ub=4.25, name="x")\nh.maximize(3 * x)\n'
BROKEN = HEAD + "x = h.addVariable(ub=4.25, nome='x')\n"
INFEASIBLE = HEAD + 'x = h.addVariable(ub=4, name="x")\nh.addConstr(x >= 5, name="floor")\nh.minimize(x)\n'


def fenced(program: str) -> str:
    return f"Here you are:\n```python\n{program}```\n"


def jsonl(folder: Path, *rows: dict[str, Any] | str) -> Path:
    path = folder / "problems.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def problem(**more: Any) -> dict[str, Any]:
    return {"id": "p1", "question": "How much can be earned?", "answer": 12.75, **more}


class Measured:
    """The pipeline measured on some problems, with scripted replies."""

    def __init__(self, path: Path, replies: Sequence[Scripted], **settings: Any) -> None:
        self.events: list[Event] = []
        self.result = ao.optimize(
            pipeline_task(path, split="train", **settings),
            optimizer="measure",
            llm=ScriptedLLM(replies),
            workers=1,
            out=None,
            on_event=self.events.append,
        )

    @property
    def evaluations(self) -> list[Evaluated]:
        return [e for e in self.events if isinstance(e, Evaluated)]

    @property
    def requests(self) -> list[str]:
        exchanges = [e.exchange["request"]["messages"] for e in self.events if isinstance(e, Exchanged)]
        return ["\n".join(m["content"] for m in messages) for messages in exchanges]


def test_a_right_program_at_once_is_right_with_one_call(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(RIGHT)])
    assert [e.score for e in found.evaluations] == [1.0]
    assert len(found.requests) == 1


def test_a_first_program_that_fails_is_repaired_by_the_second(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(BROKEN), fenced(RIGHT)])
    assert [e.score for e in found.evaluations] == [1.0]
    assert len(found.requests) == 2


def test_a_repair_sees_the_program_and_what_was_found(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(BROKEN), fenced(RIGHT)])
    assert BROKEN.strip() in found.requests[1]
    assert "TypeError" in found.requests[1]
    assert "How much can be earned?" in found.requests[1]


def test_an_infeasible_model_is_repaired_too(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(INFEASIBLE), fenced(RIGHT)])
    assert [e.score for e in found.evaluations] == [1.0]
    assert "floor: x >= 5" in found.requests[1]


OTHER_PROGRAMS = {
    "gurobipy script": "import gurobipy as gp\nm = gp.Model()\nx = m.addVar(ub=4.25, name='x')\n"
    "m.setObjective(3 * x, gp.GRB.MAXIMIZE)\nm.optimize()\n",
    "gurobipy build": "import gurobipy as gp\ndef build(data=None):\n    m = gp.Model()\n"
    "    x = m.addVar(ub=4.25, name='x')\n    m.setObjective(3 * x, gp.GRB.MAXIMIZE)\n    return m\n",
    "gurobipy solve": "import gurobipy as gp\ndef solve():\n    m = gp.Model()\n    x = m.addVar(ub=4.25, name='x')\n"
    "    m.setObjective(3 * x, gp.GRB.MAXIMIZE)\n    m.optimize()\n    return m.ObjVal\n",
    "pulp": "import pulp\nm = pulp.LpProblem('m', pulp.LpMaximize)\nx = pulp.LpVariable('x', 0, 4.25)\n"
    "m += 3 * x\nm.solve()\n",
}


@pytest.mark.parametrize("name", OTHER_PROGRAMS)
def test_programs_of_other_libraries_and_shapes_are_accepted(tmp_path: Path, name: str) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(OTHER_PROGRAMS[name])], attempts=1)
    assert [e.score for e in found.evaluations] == [1.0]


@pytest.mark.modeling_libs
@pytest.mark.parametrize(
    "program",
    [
        "from ortools.linear_solver import pywraplp\ns = pywraplp.Solver.CreateSolver('GLOP')\n"
        "x = s.NumVar(0, 4.25, 'x')\ns.Maximize(3 * x)\ns.Solve()\n",
        "import cvxpy as cp\nx = cp.Variable(nonneg=True)\ncp.Problem(cp.Maximize(3 * x), [x <= 4.25]).solve()\n",
    ],
    ids=["ortools", "cvxpy"],
)
def test_programs_of_large_libraries_are_accepted_too(tmp_path: Path, program: str) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(program)], attempts=1)
    assert [e.score for e in found.evaluations] == [1.0]


def test_the_program_in_the_instruction_has_the_optimum_of_the_example_worked_out_by_hand(tmp_path: Path) -> None:
    shown = load_prompt("modeling_gurobipy").fill()
    program = shown[shown.index("import gurobipy") : shown.index("m.optimize()")] + "m.optimize()\n"
    # 40 kg of hay give 24 of the 210 units for $80; the other 186 come from oats at $5 for 1.4
    found = Measured(jsonl(tmp_path, problem(answer=80 + 186 / 1.4 * 5)), [fenced(program)], attempts=1)
    assert [e.score for e in found.evaluations] == [1.0]


def test_every_call_that_the_instruction_names_can_be_captured(tmp_path: Path) -> None:
    program = """import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
x = m.addVar(lb=-GRB.INFINITY, ub=4.25, name="x")
b = m.addVar(vtype=GRB.BINARY, name="b")
n = m.addVar(ub=3, vtype=GRB.INTEGER, name="n")
low, high, size = (m.addVar(lb=-9, ub=9, vtype=GRB.CONTINUOUS, name=name) for name in ("low", "high", "size"))
m.addGenConstrIndicator(b, True, x <= 4, name="when_on")
m.addGenConstrMax(high, [x, n], name="high_is_the_most")
m.addGenConstrMin(low, [x, n], name="low_is_the_least")
m.addGenConstrAbs(size, x, name="size_of_x")
m.addSOS(GRB.SOS_TYPE1, [b, n])
m.setObjective(x + high + size + low - n + b * 1.5, GRB.MAXIMIZE)
m.optimize()
"""
    # b and n are not both positive. b = 1: x = high = size = 4 and low = n = 0 give 13.5; b = n = 0 gives 12.75
    found = Measured(jsonl(tmp_path, problem(answer=13.5)), [fenced(program)], attempts=1)
    assert [e.score for e in found.evaluations] == [1.0]


def test_programs_are_asked_for_with_gurobipy(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(RIGHT)])
    assert "gurobipy" in found.requests[0]
    assert "highspy" not in found.requests[0]


def test_a_record_that_names_no_library_asked_for_highspy(tmp_path: Path) -> None:
    path = jsonl(tmp_path, problem())
    again = task_of_record({"kind": "modeling", "instances": str(path), "ids": None, "attempts": 3, "split": "train"})
    assert again.space.values()["instruction"] == load_prompt("modeling_pipeline").fill("instruction")
    assert task_of_record(again.reference or {}).space.values() == again.space.values()


def test_a_library_that_nobody_is_asked_for_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gurobipy, highspy, not in `cplex`"):
        pipeline_task(jsonl(tmp_path, problem()), library="cplex")


def test_programs_of_libraries_that_load_slowly_get_more_time() -> None:
    assert limits_of("import cvxpy").wall_s > limits_of("import gurobipy").wall_s == limits_of("not python (").wall_s


def test_attempts_are_limited(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem()), [fenced(BROKEN)] * 9, attempts=2)
    assert len(found.requests) == 2
    assert [e.score for e in found.evaluations] == [0.0]


def test_one_attempt_means_no_repair(tmp_path: Path) -> None:
    assert len(Measured(jsonl(tmp_path, problem()), [fenced(BROKEN)] * 9, attempts=1).requests) == 1


def test_infeasible_is_the_right_answer_of_a_problem_labelled_null(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem(answer=None)), [fenced(INFEASIBLE)] * 3)
    assert [e.score for e in found.evaluations] == [1.0]


def test_a_wrong_optimum_is_not_repaired_with_the_help_of_the_label(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem(answer=77.125)), [fenced(RIGHT)] * 3)
    assert [e.score for e in found.evaluations] == [0.0]
    assert len(found.requests) == 1


def test_the_label_is_in_no_request(tmp_path: Path) -> None:
    row = problem(answer=77.125, answer_set=[88.375], problem_type="SECRETTYPE", why="SECRETWHY")
    found = Measured(jsonl(tmp_path, row), [fenced(BROKEN), fenced(INFEASIBLE), fenced(RIGHT)])
    assert len(found.requests) == 3
    for secret in ("77.125", "88.375", "SECRETTYPE", "SECRETWHY"):
        assert all(secret not in request for request in found.requests)


def test_the_label_is_in_no_request_of_the_optimizer_either(tmp_path: Path) -> None:
    events: list[Event] = []
    reply = '{"changes": {"instruction": "Write a better program."}}'
    ao.optimize(
        pipeline_task(jsonl(tmp_path, problem(answer=77.125)), split="train"),
        llm=ScriptedLLM([lambda r: reply if r.schema else fenced(RIGHT)] * 9),
        budget=ao.Budget(asks=3),
        out=None,
        on_event=events.append,
    )
    requests = [json.dumps(e.exchange["request"]) for e in events if isinstance(e, Exchanged)]
    assert any("Write a better program." in r for r in requests)
    assert all("77.125" not in r for r in requests)


def test_a_problem_without_a_label_has_no_score_but_a_verified_answer(tmp_path: Path) -> None:
    row = problem()
    del row["answer"]
    found = Measured(jsonl(tmp_path, row), [fenced(RIGHT)])
    (evaluation,) = found.evaluations
    assert (evaluation.status, evaluation.score) == ("ok", None)
    assert evaluation.feedback["objectives"] == {"executed": 1, "solved": 1, "proved": 1}
    assert found.result.dev_best is None


def test_rates_are_the_table_of_the_run(tmp_path: Path) -> None:
    path = jsonl(tmp_path, problem(), problem(id="p2"))
    found = Measured(path, [fenced(RIGHT), *[fenced(BROKEN)] * 3])
    assert found.result.rates == {"executed": 0.5, "solved": 0.5, "proved": 0.5}


def test_a_model_that_writes_no_program_is_told_so(tmp_path: Path) -> None:
    found = Measured(jsonl(tmp_path, problem()), ["I am sorry.", fenced(RIGHT)])
    assert "SyntaxError" in found.requests[1]
    assert [e.score for e in found.evaluations] == [1.0]


@pytest.mark.parametrize(
    ("reply", "program"),
    [
        ("x = 1", "x = 1"),
        ("```python\nx = 1\n```", "x = 1\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("```py\nx = 1\n```\nor\n```python\nx = 2\n```", "x = 2\n"),
        ("```python \nx = 1\n```", "x = 1\n"),
        pytest.param(
            "```python\r\nx = 1\r\n```",
            "x = 1\r\n",
        ),
        ("", ""),
    ],
)
def test_the_program_in_a_reply(reply: str, program: str) -> None:
    found = program_in(reply)
    assert found.strip() == program.strip()


def test_the_program_in_a_reply_that_was_cut_off_after_it() -> None:
    assert program_in("Here you are:\n```python\nx = 1\n").strip() == "x = 1"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"answer": 1}, "`question` must be a string, got None"),
        ({"question": 5}, "`question` must be a string, got 5"),
        ({"question": "q", "answer": "12"}, "`answer` must be a number or null, got '12'"),
        ({"question": "q", "answer": True}, "`answer` must be a number or null, got True"),
        ("{broken", "not JSON"),
        ("[]", "expected a JSON object, got list"),
        pytest.param(
            {"question": "q", "answer": 5, "answer_set": "many"},
            "answer_set",
        ),
    ],
)
def test_a_malformed_line_is_a_format_error_that_names_file_and_line(
    tmp_path: Path, row: dict[str, Any] | str, words: str
) -> None:
    with pytest.raises(FormatError, match=rf"problems\.jsonl:2: .*{words}"):
        pipeline_task(jsonl(tmp_path, problem(), row))


def test_the_line_number_counts_blank_lines(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"problems\.jsonl:3:"):
        pipeline_task(jsonl(tmp_path, problem(), "", {"answer": 1}))


def test_ids_choose_problems(tmp_path: Path) -> None:
    task = pipeline_task(jsonl(tmp_path, problem(), problem(id="p2"), problem(id=3)), ids=["p2", "3"])
    assert [i.id for i in task.instances] == ["p2", "3"]


def test_an_unknown_id_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'p9'"):
        pipeline_task(jsonl(tmp_path, problem()), ids=["p1", "p9"])


def test_problems_without_an_id_are_chosen_by_their_number(tmp_path: Path) -> None:
    rows = [{"question": f"question {n}", "answer": n} for n in range(3)]
    assert [i.fields["answer"] for i in pipeline_task(jsonl(tmp_path, *rows), ids=["2"]).instances] == [1]


def test_the_file_of_development_problems_is_read_as_it_stands() -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "modeling_dev.jsonl"
    if not path.is_file():
        pytest.skip("the file of development problems is not part of the repository")
    assert len(pipeline_task(path, split="train").instances) > 5

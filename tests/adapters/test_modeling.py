"""Modeling packs: what a program's answer is worth, and every way in which a program can go wrong."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.adapters import answer as answers
from agentopt.adapters.answer import Answer, answer_of, is_same_value
from agentopt.adapters.modeling import EMPTY_PROGRAM, PRELOAD, check_program, judge, verify_program
from agentopt.candidate import Candidate
from agentopt.catalog import load_task
from agentopt.errors import FormatError
from agentopt.instance import Instance
from agentopt.modeling.checks import Check, Verification
from agentopt.sandbox.local import LocalSandbox
from agentopt.shelf import shelf

HEAD = "import highspy\n\n\ndef build(data):\n    h = highspy.Highs()\n"
RIGHT = HEAD + '    x = h.addVariable(ub=data["limit"], name="x")\n    h.maximize(3 * x)\n    return h\n'
INFEASIBLE = (
    HEAD
    + '    x = h.addVariable(ub=4, name="x")\n    h.addConstr(x >= 5, name="floor")\n    h.minimize(x)\n    return h\n'
)
UNBOUNDED = HEAD + '    x = h.addVariable(name="x")\n    h.maximize(x)\n    return h\n'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox(preload=PRELOAD) as place:
        yield place


@pytest.mark.parametrize(
    ("value", "reference", "is_same"),
    [
        (12.0, 12, True),
        (12.0000119, 12, True),  # 1e-6 relative
        (12.0000121, 12, False),
        (1e6 + 0.99, 1e6, True),
        (1e6 + 1.01, 1e6, False),
        (0.0, 0, True),
        (9e-7, 0, True),  # absolute below 1
        (1.1e-6, 0, False),
        (-5.0, 5, False),
        (-5.0, -5, True),
        (2.664, 2.66, True),  # half a unit of the last printed decimal
        (2.666, 2.66, False),
        (None, 0, False),
        (math.nan, 5, False),
        (math.inf, 5, False),
        (5.0, math.nan, False),
        pytest.param(
            5.0,
            math.inf,
            False,
        ),
    ],
)
def test_is_same_value(value: float | None, reference: float, is_same: bool) -> None:
    assert is_same_value(value, reference) is is_same


def verified(verdict: str, status: str = "optimal") -> Verification:
    check = {"refuted": "refuted", "unproven": "not checked"}.get(verdict, "proved")
    names = {"optimal": ("feasibility", "objective", "optimality")}.get(status, ("infeasibility",))
    checks = tuple(Check(name=n, verdict=check, detail="", is_exact=verdict == "certified") for n in names)  # type: ignore[arg-type]
    return Verification(status=status, objective=12.0, checks=checks)


OPTIMAL = Answer(status="optimal", value=12.0, verification=verified("certified"))


@pytest.mark.parametrize(
    ("answer", "fields", "score"),
    [
        (OPTIMAL, {"optimum": 12}, 1.0),
        (OPTIMAL, {"optimum": 13}, 0.5),
        (OPTIMAL, {"status": "infeasible"}, 0.5),
        (replace(OPTIMAL, verification=verified("unproven")), {"optimum": 12}, 1.0),
        (replace(OPTIMAL, verification=verified("refuted")), {"optimum": 12}, 0.5),
        (Answer(status="infeasible"), {"optimum": 12}, 0.25),
        (Answer(status="infeasible"), {"status": "infeasible"}, 1.0),
        (Answer(status="infeasible"), {"status": "unbounded"}, 0.25),
        (Answer(status="unbounded"), {"optimum": 12}, 0.25),
        (Answer(status="unbounded"), {"status": "unbounded"}, 1.0),
        (Answer(status="no_program", text="It raised."), {"optimum": 12}, 0.0),
        (Answer(status="no_program", text="It raised."), {"status": "infeasible"}, 0.0),
        (Answer(status="time_limit"), {"optimum": 12}, 0.0),
    ],
)
def test_what_an_answer_is_worth(answer: Answer, fields: dict[str, Any], score: float) -> None:
    assert judge(answer, fields).score == score


def test_the_feedback_on_a_wrong_optimum_does_not_hold_the_right_one() -> None:
    assert "13" not in judge(replace(OPTIMAL, text="Objective: 12."), {"optimum": 13.75}).text


def test_a_right_program_has_the_right_answer(sandbox: LocalSandbox) -> None:
    answer = answer_of(RIGHT, {"limit": 4}, sandbox)
    assert (answer.status, answer.value, answer.verdict) == ("optimal", 12.0, "certified")


def test_the_answer_depends_on_the_data(sandbox: LocalSandbox) -> None:
    assert answer_of(RIGHT, {"limit": 5}, sandbox).value == 15.0


def test_an_infeasible_model_says_which_constraints_clash(sandbox: LocalSandbox) -> None:
    answer = answer_of(INFEASIBLE, {}, sandbox)
    assert answer.status == "infeasible"
    assert "floor: x >= 5" in answer.text
    assert "x <= 4" in answer.text


def test_an_unbounded_model_says_along_what(sandbox: LocalSandbox) -> None:
    answer = answer_of(UNBOUNDED, {}, sandbox)
    assert answer.status == "unbounded"
    assert "improves forever along x" in answer.text


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("def build(data):\n    return 1 / 0\n", "ZeroDivisionError: division by zero (line 2: `return 1 / 0`)"),
        ("def build(data:\n", "SyntaxError"),
        ("def build(data):\n    return data['missing']\n", "KeyError: 'missing'"),
        ("def build(data):\n    pass\n", "the program built no model"),
        ("def build(data):\n    return 5\n", "the program built no model"),
        ("x = 1\n", "the program built no model"),
        ("", "the program built no model"),
        ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name'"),
        ("def build(data):\n    print('x' * 10_000_000)\n", "printed more than 256 KiB"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9))\n", "PermissionError"),
        ("import subprocess\nsubprocess.run(['ls'])\n", "PermissionError"),
        ("open('/etc/passwd')\n", "Permission denied: '/etc/passwd'"),
        ("def build(data):\n    return bytearray(6 << 30)\n", "needed more than 4096 MiB of memory"),
        ("import sys\nsys.exit(3)\n", "ended itself with 3"),
        ("import os\nos._exit(0)\n", "ended its own process"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "SIGKILL"),
        ("def build(data):\n    return build(data)\n", "RecursionError"),
    ],
)
def test_a_program_that_goes_wrong_becomes_feedback_that_says_so(
    sandbox: LocalSandbox, program: str, said: str
) -> None:
    feedback = judge(answer_of(program, {}, sandbox), {"optimum": 12})
    assert feedback.score == 0.0
    assert said in feedback.text


def test_a_program_that_loops_becomes_feedback_that_says_so(
    sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PROGRAM_S", 0.3)  # the setting is 20 s
    feedback = judge(answer_of("while True:\n    pass\n", {}, sandbox), {"optimum": 12})
    assert feedback.score == 0.0
    assert "stopped after 0.3 s" in feedback.text


def test_a_program_cannot_claim_another_optimum(sandbox: LocalSandbox) -> None:
    lying = RIGHT.replace("    return h\n", "    h.getObjectiveValue = lambda: 99.0\n    return h\n")
    assert answer_of(lying, {"limit": 4}, sandbox).value == 12.0


def test_rates_tell_how_far_a_program_came(sandbox: LocalSandbox) -> None:
    assert answer_of(RIGHT, {"limit": 4}, sandbox).objectives == {"executed": 1, "solved": 1, "proved": 1}
    assert answer_of("x = 1\n", {}, sandbox).objectives == {"executed": 0, "solved": 0, "proved": 0}


def test_the_empty_program_is_a_program_of_the_convention() -> None:
    check_program(EMPTY_PROGRAM)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("def build(data:\n", "does not parse.*line 1"),
        ("x = 1\n", "must define `build"),
        ("class A:\n    def build(self): ...\n", "at its top level"),
        ("I would write a model.", "does not parse"),
    ],
)
def test_text_that_is_no_program_is_refused_as_a_proposal(program: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_program(program)


def instances(**data: float) -> list[Instance]:
    return [
        Instance(id=name, split="train", fields={"data": {"limit": limit}, "optimum": 12})
        for name, limit in data.items()
    ]


def test_verification_says_per_data_set_whether_the_reference_is_met() -> None:
    found = verify_program(RIGHT, instances(four=4, five=5))
    assert [(name, is_right) for name, is_right, _ in found.lines] == [("four", True), ("five", False)]
    assert not found.is_right
    assert "four: optimal 12 (1 variables, 0 constraints), solver's answer certified; equals the reference" in str(
        found
    )
    assert "five: optimal 15 (1 variables, 0 constraints), solver's answer certified; is NOT the reference" in str(
        found
    )


def test_verification_leaves_the_sandbox_it_is_given_open() -> None:
    with LocalSandbox(preload=PRELOAD) as place:
        verify_program(RIGHT, instances(four=4), sandbox=place)
        assert answer_of(RIGHT, {"limit": 4}, place).value == 12.0


LOT_SIZING = shelf("tasks") / "modeling" / "lot_sizing"


def test_the_reference_program_of_lot_sizing_is_right_on_every_data_set() -> None:
    program = (LOT_SIZING / "reference.py").read_text(encoding="utf-8")
    found = load_task("modeling/lot_sizing").verify(Candidate(id=0, values={"program": program}))
    optima = {
        i["id"]: i["optimum"]
        for i in tomllib.loads((LOT_SIZING / "task.toml").read_text(encoding="utf-8"))["instances"]
    }
    assert found.is_right
    assert {name: answer.value for name, _, answer in found.lines} == pytest.approx(optima, rel=1e-6)
    assert {answer.verdict for _, _, answer in found.lines} <= {"certified", "checked"}


def test_the_draft_of_lot_sizing_is_infeasible_and_verification_says_so() -> None:
    task = load_task("modeling/lot_sizing")
    found = task.verify(Candidate(id=0, values=task.space.values()))
    assert not found.is_right
    assert {answer.status for _, _, answer in found.lines} == {"infeasible"}
    assert "infeasible" in str(found)
    assert "is NOT the reference" in str(found)


def test_the_feedback_on_the_draft_of_lot_sizing_names_the_clashing_rows() -> None:
    events: list[Any] = []
    ao.optimize(load_task("modeling/lot_sizing"), optimizer="measure", out=None, on_event=events.append)
    texts = [e.feedback["text"] for e in events if e.kind == "evaluated" and e.split == "train"]
    assert len(texts) == 1
    assert "initial[" in texts[0]


def pack(folder: Path, instances_toml: str, data: str = '{"limit": 4}') -> str:
    place = folder / "toy"
    place.mkdir()
    (place / "data.json").write_text(data)
    (place / "task.toml").write_text(
        f'schema = 1\nkind = "modeling"\nname = "toy"\nwords = "Make it large."\n{instances_toml}'
    )
    return str(place)


GOOD = '[[instances]]\nid = "a"\nsplit = "train"\ndata = "data.json"\noptimum = 12\n'


def test_a_pack_gives_a_task(tmp_path: Path) -> None:
    task = load_task(pack(tmp_path, GOOD))
    assert task.space.values() == {"program": EMPTY_PROGRAM}
    assert task.instances[0].fields["data"] == {"limit": 4}


def test_the_words_are_in_the_objective_and_the_optimum_is_not(tmp_path: Path) -> None:
    objective = load_task(pack(tmp_path, GOOD.replace("12", "12.625"))).objective
    assert "Make it large." in objective
    assert "12.625" not in objective


@pytest.mark.parametrize(
    ("instances_toml", "words"),
    [
        ("", "`instances` must be a list"),
        (GOOD.replace("optimum = 12\n", ""), "instance 1 needs `optimum`"),
        (GOOD.replace("optimum = 12", 'status = "impossible"'), "instance 1 needs `optimum`"),
        (GOOD.replace('"data.json"', '"gone.json"'), r"gone\.json: instance 1 has no readable JSON"),
        pytest.param(
            "instances = [1]\n",
            r"task\.toml",
        ),
        pytest.param(
            GOOD.replace("= 12", '= "twelve"'),
            r"task\.toml",
        ),
    ],
)
def test_a_malformed_instance_is_a_format_error_that_names_the_file(
    tmp_path: Path, instances_toml: str, words: str
) -> None:
    with pytest.raises(FormatError, match=words):
        load_task(pack(tmp_path, instances_toml))


def test_data_that_are_not_json_are_a_format_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"data\.json: instance 1 has no readable JSON"):
        load_task(pack(tmp_path, GOOD, data="{broken"))


def test_an_id_that_occurs_twice_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the id `a` occurs twice"):
        load_task(pack(tmp_path, GOOD + GOOD))


def test_a_request_holds_no_optimum(tmp_path: Path) -> None:
    from agentopt.llm.scripted import ScriptedLLM

    program = RIGHT.replace("3 * x", "2 * x")
    events: list[Any] = []
    ao.optimize(
        load_task(pack(tmp_path, GOOD.replace("12", "12.625"))),
        llm=ScriptedLLM([json.dumps({"changes": {"program": program}})]),
        budget=ao.Budget(llm_calls=1),
        out=None,
        on_event=events.append,
    )
    requests = json.dumps([e.exchange["request"] for e in events if e.kind == "exchanged"])
    assert "Make it large." in requests
    assert "12.625" not in requests

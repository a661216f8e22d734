"""Pipelines beyond one program: documents and patches, expert steps, votes, checks by the words alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.adapters.pipeline import PRELOAD, Plan, pipeline_task
from agentopt.catalog import task_of_record
from agentopt.errors import UsageError
from agentopt.events import Evaluated, Event, Exchanged
from agentopt.llm.base import Request
from agentopt.llm.scripted import ScriptedLLM
from agentopt.modeling import solve
from agentopt.modeling.declarative.compilation import compile_document
from agentopt.modeling.declarative.document import read_document
from agentopt.modeling.declarative.units import unit_complaints
from agentopt.modeling.evidence.coverage import number_findings
from agentopt.modeling.evidence.provenance import provenance_findings
from agentopt.prompts import load_prompt
from agentopt.replay import replay
from agentopt.sandbox.local import LocalSandbox
from agentopt.store.sqlite import Store
from agentopt.store.tracefile import write_trace
from tests.modeling.declarative.documents import data, document, row, variable

QUESTION = (
    "A baker earns $5 on a loaf and $3 on a cake. A loaf takes 20 minutes and a cake takes 10 minutes; there are 485 "
    "minutes. At most 30 cakes are sold. How much is earned at most?"
)
HEAD = "import highspy\nh = highspy.Highs()\nh.silent()\n"
LOAVES = 'loaf = h.addIntegral(lb=0, name="loaf")\ncake = h.addIntegral(lb=0, ub=30, name="cake")\n'
OVEN = 'h.addConstr(20 * loaf + 10 * cake <= 485, name="oven")\n'
GOAL = "h.maximize(5 * loaf + 3 * cake)\n"
RIGHT = HEAD + LOAVES + OVEN + GOAL
TOO_FEW = HEAD + LOAVES.replace("ub=30", "ub=20") + OVEN + GOAL
OPTIMUM = 135  # 30 cakes take 300 minutes, 9 loaves 180 of the other 185
OPTIMUM_TOO_FEW = 130
CHECKER = """
def is_feasible(x):
    return 20 * x["loaf"] + 10 * x["cake"] <= 485 and x["cake"] <= 30 and min(x.values()) >= 0

def value(x):
    return 5 * x["loaf"] + 3 * x["cake"]
"""


def bakery(**changes: Any) -> dict[str, Any]:
    """The problem as a document without a mistake."""
    rows = [
        row("oven", "loaf_time * loaf + cake_time * cake <= time", quote="there are 485 minutes"),
        row("market", "cake <= most_cakes", quote="At most 30 cakes are sold"),
    ]
    numbers = [
        data("earn", [5, 3], "i in goods", quote="earns $5 on a loaf and $3 on a cake"),
        data("loaf_time", 20, quote="A loaf takes 20 minutes"),
        data("cake_time", 10, quote="a cake takes 10 minutes"),
        data("time", 485, quote="there are 485 minutes"),
        data("most_cakes", 30, quote="At most 30 cakes are sold"),
    ]
    written = document(
        [variable("loaf", type="integer"), variable("cake", type="integer")],
        "earn['loaf'] * loaf + earn['cake'] * cake",
        rows,
        sets=[{"name": "goods", "members": ["loaf", "cake"]}],
        parameters=numbers,
    )
    written["objective"]["sense"] = "maximize"
    return {**written, **changes}


def fenced(program: str) -> str:
    return f"```python\n{program}```"


@pytest.fixture(scope="module", autouse=True)
def shared_sandbox() -> Iterator[None]:
    """One sandbox for all, since opening one takes longer than a test."""
    with LocalSandbox(preload=PRELOAD) as Solved.sandbox:
        yield


class Solved:
    """One problem solved under a plan; `reply` says what the model answers to a request's text."""

    sandbox: LocalSandbox

    def __init__(self, folder: Path, reply: Callable[[str], str], **settings: Any) -> None:
        path = folder / "problem.jsonl"
        path.write_text(json.dumps({"id": "p", "question": QUESTION, "answer": OPTIMUM}) + "\n")
        self.events: list[Event] = []
        self.schemas: list[str] = []

        def answered(request: Request) -> str:
            self.schemas.append(request.schema_name if request.schema else "")
            return reply(request.messages[-1].content)

        self.task = pipeline_task(path, split="train", **settings)
        ao.optimize(
            self.task,
            optimizer="measure",
            llm=ScriptedLLM([answered] * 40),
            sandbox=self.sandbox,
            workers=1,
            out=None,
            on_event=self.events.append,
        )
        (self.evaluation,) = (e for e in self.events if isinstance(e, Evaluated))
        assert self.evaluation.status == "ok", self.evaluation.feedback["text"]
        self.answer = json.loads(self.evaluation.feedback["channels"]["answer"])

    @property
    def requests(self) -> list[str]:
        exchanges = [e.exchange["request"]["messages"] for e in self.events if isinstance(e, Exchanged)]
        return [messages[-1]["content"] for messages in exchanges]


def in_turn(*replies: str) -> Callable[[str], str]:
    given = iter(replies)
    return lambda _: next(given)


def patch(**changes: Any) -> str:
    return json.dumps({"reason": "found", **changes})


# the example that models see


def example() -> tuple[str, Any]:
    text = load_prompt("modeling_declarative").fill("instruction")
    said, _, rest = text.partition('Example, for "')[2].partition('":\n')
    return said, json.loads(rest.partition("\n")[0])


def test_the_example_of_the_instruction_is_right_in_every_check() -> None:
    said, written = example()
    read = read_document(written)
    compiled = compile_document(read)
    assert solve(compiled.model).objective == pytest.approx(2 * 40 + 5 * (30 * 7 - 0.6 * 40) / 1.4)
    assert compiled.unused == ()
    assert unit_complaints(read) == []
    assert provenance_findings(said, read) == []
    assert number_findings(said, compiled.model, []) == []


# documents


def test_a_document_is_compiled_solved_and_right(tmp_path: Path) -> None:
    found = Solved(tmp_path, in_turn(json.dumps(bakery())), route="declarative")
    assert found.evaluation.score == 1.0
    assert found.schemas == ["document"]


def test_a_document_that_gives_no_model_is_asked_for_again_with_the_place(tmp_path: Path) -> None:
    wrong = bakery(constraints=[row("oven", "ghost <= time")])
    found = Solved(tmp_path, in_turn(json.dumps(wrong), json.dumps(bakery())), route="declarative")
    assert "constraint `oven`: there is no parameter, variable or index `ghost`" in found.requests[1]
    assert found.evaluation.score == 1.0
    assert found.schemas == ["document", "document"]


@pytest.mark.parametrize("reply", ["I cannot.", "[1, 2]", '{"sets": 5}'])
def test_a_reply_that_is_no_document_is_a_failed_attempt(tmp_path: Path, reply: str) -> None:
    found = Solved(tmp_path, lambda _: reply, route="declarative")
    assert (found.answer["status"], found.evaluation.score) == ("no_program", 0.0)


def test_a_repair_of_a_document_is_a_patch_of_its_rows(tmp_path: Path) -> None:
    wrong = bakery(constraints=[row("oven", "time >= 485 + loaf + 1"), bakery()["constraints"][1]])
    change = patch(constraints=[bakery()["constraints"][0]])
    found = Solved(tmp_path, in_turn(json.dumps(wrong), change), route="declarative")
    assert "infeasible" in found.requests[1]
    assert found.schemas == ["document", "patch"]
    assert found.evaluation.score == 1.0


@pytest.mark.parametrize("reply", [patch(), "nothing", patch(removed=["ghost"])])
def test_a_patch_that_changes_nothing_ends_the_repairs(tmp_path: Path, reply: str) -> None:
    wrong = bakery(constraints=[row("oven", "loaf <= -1")])
    found = Solved(tmp_path, in_turn(json.dumps(wrong), reply), route="declarative", attempts=5)
    assert (len(found.requests), found.answer["status"]) == (2, "infeasible")


def test_a_warning_of_the_words_is_repaired_and_gone(tmp_path: Path) -> None:
    wrong = bakery(constraints=bakery()["constraints"][:1])
    change = patch(constraints=bakery()["constraints"][1:])
    plan = Plan(route="declarative", level="standard", pipeline="direct")
    found = Solved(tmp_path, in_turn(json.dumps(wrong), change), plan=plan)
    assert "No row or objective depends on `most_cakes`." in found.requests[1]
    assert "quotes the sentence `At most 30 cakes are sold.`" not in found.requests[1]
    assert found.evaluation.score == 1.0
    assert found.answer["is_accepted"]


def test_a_patch_that_does_not_clear_the_warning_is_rolled_back(tmp_path: Path) -> None:
    wrong = bakery(constraints=bakery()["constraints"][:1])
    change = patch(constraints=[row("fewer", "loaf <= 1", quote="A loaf takes 20 minutes")])
    plan = Plan(route="declarative", level="standard", pipeline="direct")
    found = Solved(tmp_path, in_turn(json.dumps(wrong), change), plan=plan)
    assert len(found.requests) == 2
    assert found.answer["value"] == pytest.approx(144)
    assert not found.answer["is_accepted"]


# programs


def test_a_number_that_a_program_does_not_use_goes_back(tmp_path: Path) -> None:
    wrong = RIGHT.replace(", ub=30", "")
    plan = Plan(level="standard", pipeline="direct")
    found = Solved(tmp_path, in_turn(fenced(wrong), fenced(RIGHT), fenced(RIGHT)), plan=plan)
    assert "At most 30 cakes" in found.requests[1]
    assert found.evaluation.score == 1.0


def test_types_that_decide_the_optimum_are_asked_about_once(tmp_path: Path) -> None:
    plan = Plan(level="standard", pipeline="direct")
    found = Solved(tmp_path, lambda _: fenced(RIGHT), plan=plan)
    assert len(found.requests) == 2
    assert "with every variable continuous it is 136.25" in found.requests[1]


def test_the_policy_of_repairs_is_code_that_can_be_improved(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({"question": QUESTION, "answer": OPTIMUM}) + "\n")
    task = pipeline_task(tmp_path / "p.jsonl", level="standard", pipeline="direct")
    never = "def wants_repair(status, verdict, warnings, questions):\n    return False\n"
    changed = {**task.space.values(), **task.space.checked({"wants_repair": never})}
    reply = fenced(RIGHT.replace(", ub=30", ""))
    with task.space.bound(changed, sandbox=Solved.sandbox):
        trace = task.workflow(question=QUESTION, llm=ScriptedLLM([reply]))
    assert trace.error is None
    assert trace.value.value == pytest.approx(144)


def test_a_level_of_one_sample_makes_one_call_where_nothing_is_found(tmp_path: Path) -> None:
    assert len(Solved(tmp_path, in_turn(fenced(RIGHT))).requests) == 1


# expert steps, votes


def test_the_staged_pipeline_understands_and_formulates_first(tmp_path: Path) -> None:
    found = Solved(tmp_path, in_turn("UNDERSTOOD", "FORMULATED", fenced(RIGHT)), pipeline="staged")
    assert "UNDERSTOOD" in found.requests[1]
    assert "FORMULATED" in found.requests[2]
    assert all(QUESTION in request for request in found.requests)
    assert set(found.task.space.parameters) == {"instruction", "understanding", "formulation"}


def test_hints_stand_under_the_problem_before_anything_is_written(tmp_path: Path) -> None:
    plan = Plan(hints=lambda question: f"HINT for {question[:7]}")
    found = Solved(tmp_path, in_turn(fenced(RIGHT)), plan=plan)
    assert found.requests[0].endswith("HINT for A baker")


def test_no_hint_leaves_the_request_as_it_is(tmp_path: Path) -> None:
    with_none = Solved(tmp_path, in_turn(fenced(RIGHT)), plan=Plan(hints=lambda _: "  ")).requests
    assert with_none == Solved(tmp_path, in_turn(fenced(RIGHT))).requests


def test_a_vote_outweighs_the_first_sample(tmp_path: Path) -> None:
    replies = in_turn(fenced(TOO_FEW), "U", "F", fenced(RIGHT), fenced(RIGHT))
    found = Solved(tmp_path, replies, pipeline="consensus", samples=3)
    assert found.evaluation.score == 1.0
    assert [value for _, value in found.answer["samples"]] == [OPTIMUM_TOO_FEW, OPTIMUM, OPTIMUM]
    assert found.answer["votes"] == 2


# checks that ask a model


def rigorous(draft: str, *, checker: str = CHECKER, said: Any = (), repaired: str = "") -> Callable[[str], str]:
    def reply(request: str) -> str:
        if request.startswith(load_prompt("modeling_checker").fill("instruction")[:40]):
            return fenced(checker)
        if request.startswith("Below is an optimization model"):
            assert QUESTION not in request
            return "It bakes."
        if request.startswith("Two texts follow"):
            return json.dumps({"contradictions": list(said)})
        return fenced(repaired if repaired and "What was found" in request else draft)

    return reply


PLAN = Plan(level="rigorous", pipeline="direct")


def test_a_model_that_the_checker_agrees_with_is_accepted(tmp_path: Path) -> None:
    found = Solved(tmp_path, rigorous(RIGHT), plan=PLAN)
    assert found.answer["is_accepted"]
    assert set(found.task.space.parameters) == {"instruction", "checking", "judging", "wants_repair"}


def test_a_counterexample_of_the_checker_goes_back_and_clears(tmp_path: Path) -> None:
    wrong = RIGHT.replace("<= 485", "<= 285 + 200 * 0.5")
    found = Solved(tmp_path, rigorous(wrong, repaired=RIGHT), plan=PLAN)
    assert found.evaluation.score == 1.0
    assert found.answer["is_accepted"]


def test_a_disagreement_that_stays_is_reported_and_not_accepted(tmp_path: Path) -> None:
    found = Solved(tmp_path, rigorous(RIGHT, checker=CHECKER.replace("<= 30", "<= 25")), plan=PLAN)
    assert found.evaluation.score == 1.0
    assert not found.answer["is_accepted"]
    assert any("loaf = 9, cake = 30" in text for text in found.answer["findings"])


def test_a_checker_that_fails_says_nothing(tmp_path: Path) -> None:
    assert Solved(tmp_path, rigorous(RIGHT, checker="1 / 0"), plan=PLAN).answer["is_accepted"]


def test_a_contradiction_counts_only_with_words_of_the_problem(tmp_path: Path) -> None:
    made_up = {"problem": "At most 99 cakes", "description": "", "why": "no"}
    real = {"problem": "at most 30  cakes are sold", "description": "", "why": "It says nothing of it."}
    found = Solved(tmp_path, rigorous(RIGHT, said=[made_up, real]), plan=PLAN)
    texts = [text for text in found.answer["findings"] if text.startswith("The problem says")]
    assert texts == ["The problem says `at most 30  cakes are sold`. It says nothing of it."]


# records


def test_a_record_finds_the_plan_again(tmp_path: Path) -> None:
    made = Solved(tmp_path, in_turn(json.dumps(bakery())), route="declarative", attempts=2).task
    again = task_of_record(made.reference)
    assert again.reference == made.reference
    assert again.space.values() == made.space.values()


def test_a_run_with_every_check_is_replayed_event_for_event(tmp_path: Path) -> None:
    path = tmp_path / "problem.jsonl"
    path.write_text(json.dumps({"id": "p", "question": QUESTION, "answer": OPTIMUM}) + "\n")
    reply = rigorous(RIGHT)
    result = ao.optimize(
        pipeline_task(path, split="train", level="rigorous", samples=2),
        optimizer="measure",
        llm=ScriptedLLM([lambda request: reply(request.messages[-1].content)] * 40),
        sandbox=Solved.sandbox,
        out=tmp_path,
    )
    with Store(tmp_path / "agentopt.sqlite") as store:
        write_trace(tmp_path / "run.jsonl", store.events(result.run))
    assert replay(tmp_path / "run.jsonl").is_same


def test_the_usual_plan_leaves_the_reference_as_it_was(tmp_path: Path) -> None:
    reference = Solved(tmp_path, in_turn(fenced(RIGHT))).task.reference
    assert list(reference) == ["kind", "instances", "ids", "attempts", "split", "library"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"route": "tree"}, "no route `tree`; there are code, declarative"),
        ({"level": "quick"}, "no level `quick`"),
        ({"pipeline": "chain"}, "no pipeline `chain`"),
        ({"attempts": 0}, "`attempts` is 0"),
        ({"depth": 3}, "depth"),
    ],
)
def test_settings_that_cannot_work_are_usage_errors(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    (tmp_path / "p.jsonl").write_text('{"question": "q"}\n')
    with pytest.raises(UsageError, match=words):
        pipeline_task(tmp_path / "p.jsonl", **settings)

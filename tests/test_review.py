"""Every new candidate waits for a person: accepted, edited or rejected; decisions are resumed from and replayed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.candidate import Trial
from agentopt.catalog import load_task
from agentopt.errors import FormatError, ReplayMismatch, RunStopped, UsageError
from agentopt.events import Asked, CandidateAdded, Event, ProposalRefused, Reviewed, RunFinished
from agentopt.llm.base import Capability, Reply, Request
from agentopt.loop import optimize
from agentopt.proposers.base import Context
from agentopt.replay import replay
from agentopt.resumption import resume
from agentopt.review import Decision, Question, RecordedReview, Review, decision_of
from agentopt.store.control import Control
from agentopt.store.sqlite import Store
from agentopt.store.tracefile import read_run, write_trace

ACCEPTED = Decision(verdict="accepted", by="Ada")


class Model:
    """Proposes 1, 2, 3, … for `x`, and remembers what it was asked."""

    name = "testing:model"
    answered_by = "script:test"
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self) -> None:
        self.asked: list[str] = []

    def complete(self, request: Request) -> Reply:
        self.asked.append(request.messages[-1].content)
        return Reply(text=json.dumps({"reasoning": "higher", "changes": {"x": len(self.asked)}}))


def climbed(review: Review | bool, **settings: Any) -> tuple[ao.Result, list[Event]]:
    x = ao.Parameter(0, name="x", kind="integer", bounds=(0, 50))
    events: list[Event] = []
    given = {"llm": Model(), "budget": Budget(asks=6), "out": None, **settings}
    result = optimize(lambda: x + 0, parameters=x, feedback=float, review=review, on_event=events.append, **given)
    return result, events


def of_kind(events: list[Event], kind: type[Any]) -> list[Any]:
    return [e for e in events if isinstance(e, kind)]


def test_what_is_accepted_is_measured_as_proposed() -> None:
    seen: list[Question] = []

    def review(question: Question) -> Decision:
        seen.append(question)
        return ACCEPTED

    result, events = climbed(review)
    unreviewed, _ = climbed(False)
    assert result.best.values == unreviewed.best.values
    assert [(q.before, q.changes, q.reasoning, q.origin) for q in seen[:2]] == [
        ({"x": 0}, {"x": 1}, "higher", "optoprime"),
        ({"x": 1}, {"x": 2}, "higher", "optoprime"),
    ]
    assert {e.by for e in of_kind(events, Reviewed)} == {"Ada"}
    assert len(of_kind(events, Reviewed)) == len(of_kind(events, CandidateAdded)) - 1


def test_what_is_edited_is_measured_as_edited() -> None:
    result, events = climbed(lambda q: Decision(verdict="edited", changes={"x": str(q.changes["x"] * 10)}, by="Ada"))
    assert result.best.values["x"] in (20, 30, 40, 50)
    added = of_kind(events, CandidateAdded)[1]
    assert (added.values, added.origin, added.notes["edited_by"]) == ({"x": 10}, "optoprime", "Ada")


def test_words_of_a_rejection_reach_the_proposer() -> None:
    model = Model()
    words = "Only odd numbers, please: ünï"

    def review(question: Question) -> Decision:
        return ACCEPTED if question.changes["x"] % 2 else Decision(verdict="rejected", words=words)

    _, events = climbed(review, llm=model)
    assert all(added.values["x"] % 2 for added in of_kind(events, CandidateAdded)[1:])
    assert {refused.problem for refused in of_kind(events, ProposalRefused)} == {words}
    assert words not in model.asked[1]
    assert words in model.asked[2]


def test_rejecting_everything_is_ended_by_the_budget() -> None:
    result, events = climbed(lambda _: Decision(verdict="rejected", words="no"))
    assert result.best.id == 0
    assert of_kind(events, RunFinished)[-1].ended == "budget"
    assert sum(len(e.trials) + e.rejected for e in of_kind(events, Asked)) == 6


def test_a_candidate_in_several_trials_is_reviewed_once() -> None:
    class Twice:
        name = "twice"
        needs: frozenset[Any] = frozenset()

        def ask(self, context: Context, n: int) -> list[Trial]:
            archive = context.archive
            if len(archive.candidates) > 1:
                return []
            child = archive.candidate({"x": 7}, origin="twice")
            return [Trial(candidate=c, instances=("run",)) for c in (archive.candidates[0], child, child)]

        def best(self, context: Context) -> ao.Candidate:
            return context.archive.candidates[-1]

    asked: list[Question] = []

    def review(question: Question) -> Decision:
        asked.append(question)
        return ACCEPTED

    result, _ = climbed(review, optimizer=Twice())
    assert [q.changes for q in asked] == [{"x": 7}]
    assert result.best.values == {"x": 7}


@pytest.mark.parametrize(
    ("decision", "complaint"),
    [
        (Decision(verdict="edited", changes={"x": 99}), "from 0 to 50"),
        (Decision(verdict="edited", changes={"y": 1}), "no parameter `y`"),
        (Decision(verdict="edited", changes={"x": 0}), "changes nothing"),
        (Decision(verdict="edited"), "changes nothing"),
        (Decision(verdict="rejected", words=" \n"), "needs words"),
        (Decision(verdict="ranked", order=(0,)), "not ranked"),
    ],
)
def test_a_decision_of_a_function_that_cannot_be_taken_is_its_mistake(decision: Decision, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        climbed(lambda _: decision)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "verdict"),
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": ["accepted"]}, "verdict"),
        ({"verdict": "rejected", "words": 1}, "words"),
        ({"verdict": "edited", "changes": []}, "changes"),
        ({"verdict": "ranked", "order": [True]}, "order"),
        ({"verdict": "ranked", "order": "01"}, "order"),
    ],
)
def test_data_that_is_no_decision_names_the_field(data: Mapping[str, Any], field: str) -> None:
    with pytest.raises(FormatError, match=f"`{field}`"):
        decision_of(data)


def test_a_decision_reads_back_equal() -> None:
    decision = Decision(verdict="edited", changes={"a": (1, float("inf")), "b": {"c": None}}, by="Ada")
    assert decision_of(json.loads(json.dumps(decision.to_json()))) == decision


class Ranking:
    """Measures 3, 1, 2 and has them ranked once; the first of the order is the best."""

    name = "ranking"
    needs: frozenset[Any] = frozenset()

    def ask(self, context: Context, n: int) -> list[Trial]:
        archive = context.archive
        if len(archive.candidates) == 1:
            children = [replace(archive.candidate({"x": x}), id=i) for i, x in enumerate((3, 1, 2), 1)]
            return [Trial(candidate=child, instances=("run",)) for child in children]
        if len(archive.candidates) > 4:
            return []
        assert context.ask_ranking is not None
        order = context.ask_ranking([archive.evaluations(c.id)[0].output for c in archive.candidates[1:]])
        first = archive.candidates[1 + order[0]]
        child = archive.candidate({"x": first.values["x"] + 10}, parents=[first.id], notes={"order": list(order)})
        return [Trial(candidate=child, instances=("run",))]

    def best(self, context: Context) -> ao.Candidate:
        return context.archive.candidates[-1]


def test_a_person_ranks_for_an_optimizer_that_asks() -> None:
    def review(question: Question) -> Decision:
        if question.kind == "proposal":
            return ACCEPTED
        order = sorted(range(len(question.items)), key=lambda place: question.items[place])
        return Decision(verdict="ranked", order=tuple(order))

    result, events = climbed(review, optimizer=Ranking())
    assert result.best.values == {"x": 11}
    ranked = [e for e in of_kind(events, Reviewed) if e.question["kind"] == "ranking"]
    assert [(e.question["items"], e.decision["order"]) for e in ranked] == [(["3", "1", "2"], [1, 2, 0])]


@pytest.mark.parametrize("order", [(), (0, 1), (0, 1, 1), (1, 2, 3)])
def test_an_order_must_name_every_item_once(order: tuple[int, ...]) -> None:
    def review(question: Question) -> Decision:
        return ACCEPTED if question.kind == "proposal" else Decision(verdict="ranked", order=order)

    with pytest.raises(UsageError, match="0 to 2 once"):
        climbed(review, optimizer=Ranking())


def test_without_a_reviewer_nobody_can_be_asked_for_a_ranking() -> None:
    with pytest.raises(AssertionError):
        climbed(False, optimizer=Ranking())


def test_a_queue_needs_a_record() -> None:
    with pytest.raises(UsageError, match="give `out`"):
        climbed(True)


def answering(store: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[], None]:
    """Answers what comes into the queue, as another process would, until the returned function is called."""
    is_over = threading.Event()

    def work() -> None:
        control = Control(store)
        while not is_over.wait(0.02):
            for waiting in control.questions():
                if not waiting.is_answered:
                    control.answer(waiting.number, answer(waiting.question))

    thread = threading.Thread(target=work)
    thread.start()

    def end() -> None:
        is_over.set()
        thread.join()

    return end


def test_an_edit_that_does_not_fit_comes_back_with_the_error(tmp_path: Path) -> None:
    problems: list[str] = []

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        problems.append(question["problem"])
        return {"verdict": "edited", "changes": {"x": "11" if question["problem"] else "999"}, "by": "Ada"}

    end = answering(tmp_path / "agentopt.sqlite", answer)
    try:
        result, events = climbed(True, out=tmp_path, budget=Budget(asks=2))
    finally:
        end()
    assert problems[0] == ""
    assert "from 0 to 50" in problems[1]
    assert result.best.values == {"x": 11}
    assert len(of_kind(events, Reviewed)) == 1
    assert Control(tmp_path / "agentopt.sqlite").questions() == []


def pump(**settings: Any) -> ao.Result:
    proposer = {"name": "perturb", "candidates": 3}
    given = {"proposer": proposer, "budget": Budget(asks=10), "workers": 1, "seed": 3, **settings}
    return optimize(load_task("numerical/branin"), **given)


def alternating() -> Review:
    """Accepts, edits and rejects in turn."""
    count = 0

    def review(question: Question) -> Decision:
        nonlocal count
        count += 1
        match count % 3:
            case 0:
                return Decision(verdict="rejected", words=f"no. {count}", by="Ada")
            case 1:
                name, value = next(iter(question.changes.items()))
                return Decision(verdict="edited", changes={**question.changes, name: value / 2}, by="Ada")
            case _:
                return replace(ACCEPTED)

    return review


def test_a_replay_gives_the_decisions_again_without_a_person(tmp_path: Path) -> None:
    result = pump(review=alternating(), out=tmp_path)
    trace = tmp_path / "kept.jsonl"
    write_trace(trace, read_run("last", tmp_path / "agentopt.sqlite"))
    report = replay(trace)
    assert report.is_same, (report.missing, report.added)
    assert report.result.best.values == result.best.values
    assert {e.event.decision["verdict"] for e in read_run(str(trace), trace) if isinstance(e.event, Reviewed)} == {
        "accepted",
        "edited",
        "rejected",
    }


def test_a_decision_that_was_not_recorded_is_not_made_up() -> None:
    with pytest.raises(ReplayMismatch, match="does not hold"):
        climbed(RecordedReview([]))


@pytest.mark.parametrize("answered", range(5))
def test_a_run_stopped_at_a_question_is_resumed_to_where_it_would_have_come(tmp_path: Path, answered: int) -> None:
    whole = pump(review=alternating(), out=tmp_path / "whole")
    review, asked = alternating(), 0

    def leaving(question: Question) -> Decision:
        nonlocal asked
        asked += 1
        if asked > answered:
            raise RunStopped("gone to lunch")
        return review(question)

    first = pump(review=leaving, out=tmp_path / "parts")
    assert (first.reason, first.test_best) == ("stopped by a person", None)
    store = tmp_path / "parts" / "agentopt.sqlite"
    last = read_run("last", store)[-1].event
    assert isinstance(last, RunFinished)
    assert (last.ended, last.result) == ("stopped", None)
    second = resume("last", review=review, out=tmp_path / "parts")
    assert second.run == first.run
    events, expected = (
        [e.event for e in read_run("last", tmp_path / part / "agentopt.sqlite")] for part in ("parts", "whole")
    )
    assert [(e.question, e.decision) for e in of_kind(events, Reviewed)] == [
        (e.question, e.decision) for e in of_kind(expected, Reviewed)
    ]
    assert [e.values for e in of_kind(events, CandidateAdded)] == [e.values for e in of_kind(expected, CandidateAdded)]
    assert (second.best.values, second.spent["asks"]) == (whole.best.values, whole.spent["asks"])


def test_a_stop_ends_a_run_that_waits_and_its_question_stays(tmp_path: Path) -> None:
    store = tmp_path / "agentopt.sqlite"
    control = Control(store)
    results: list[ao.Result] = []
    thread = threading.Thread(target=lambda: results.append(pump(review=True, out=tmp_path)))
    thread.start()
    while not control.questions():
        time.sleep(0.02)
    with Store(store) as opened:
        run = opened.runs()[0].run
    control.ask_to_stop(run)
    thread.join(timeout=60)
    assert results[0].reason == "stopped by a person"
    (waiting,) = control.questions()
    control.answer(waiting.number, {"verdict": "rejected", "words": "late, but kept", "by": "Ada"})
    end = answering(store, lambda _: {"verdict": "accepted", "by": "Ada"})
    try:
        resumed = resume(run, out=tmp_path)
    finally:
        end()
    assert resumed.reason != "stopped by a person"
    refused = [e.event.problem for e in read_run(run, store) if isinstance(e.event, ProposalRefused)]
    assert refused[0] == "late, but kept"

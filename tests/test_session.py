"""Ask and tell: the same search as `optimize`, in a loop of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.events import CandidateAdded, Event
from agentopt.testing.llms import MutatorLLM

ROWS = [{"id": f"{s}{n}", "split": s, "shift": n / 10} for s in ("train", "dev", "test") for n in range(3)]


def width() -> ao.Parameter:
    return ao.Parameter(0.9, name="x", bounds=(0.0, 1.0))


def score(x: float, example: Any) -> float:
    return -abs(x - 0.3 - float(example["shift"]))


def told(session: ao.Session, count: int = 10_000) -> list[tuple[int, str]]:
    """Tells up to `count` measurements; returns what they were."""
    done = []
    for wanted in session:
        session.tell(wanted, score(wanted.values["x"], wanted.example))
        done.append((wanted.candidate.id, wanted.instance.id))
        if len(done) == count:
            break
    return done


def test_it_is_the_search_of_optimize() -> None:
    x, events = width(), list[Event]()
    scored = ao.bundle(lambda x, shift: -abs(x - 0.3 - shift))
    budget = ao.Budget(evaluations=36)
    result = ao.optimize(
        lambda shift: scored(x, shift),
        parameters=[x],
        examples=[row for row in ROWS if row["split"] != "test"],
        feedback=lambda s: s,
        optimizer="one-plus-one",
        budget=budget,
        out=None,
        on_event=events.append,
    )
    session = ao.Session([width()], examples=ROWS, optimizer="one-plus-one", budget=budget)
    told(session)
    added = [e.values for e in events if isinstance(e, CandidateAdded)]
    assert [dict(c.values) for c in session.archive.candidates] == added
    assert session.best.values == result.values


def test_the_budget_is_exact_and_test_is_never_asked_for() -> None:
    session = ao.Session([width()], examples=ROWS, optimizer="random", budget=ao.Budget(evaluations=10))
    done = told(session)
    assert len(done) == 10 == session.spent["evaluations"]
    assert not any(instance.startswith("test") for _, instance in done)
    assert "evaluations" in session.reason


def test_all_that_is_waited_for_may_be_told_in_any_order() -> None:
    session = ao.Session([width()], examples=ROWS, optimizer="random")
    waiting = session.ask()
    assert [w.instance.id for w in waiting] == ["dev0", "dev1", "dev2"]
    session.tell(waiting[2], 0.5)
    assert [w.instance.id for w in session.ask()] == ["dev0", "dev1"]


def test_values_are_bound_inside_and_nowhere_else() -> None:
    x = width()
    session = ao.Session([x], optimizer="random")
    (start,) = session.ask()
    session.tell(start, 0.0)
    wanted = session.ask()[0]
    with session.bound(wanted):
        assert x.value == wanted.values["x"] != 0.9
    assert x.value == 0.9


def test_an_exception_is_a_failure() -> None:
    session = ao.Session([width()], optimizer="random")
    (start,) = session.ask()
    session.tell(start, ValueError("too wide"))
    (evaluation,) = session.archive.evaluations(0)
    assert evaluation.status == "failed"
    assert "too wide" in evaluation.feedback.text


def test_a_model_sees_what_was_told_of_a_program_that_is_not_traced() -> None:
    prompt = ao.Parameter("Mind: birch.", name="prompt", kind="prompt")
    session = ao.Session([prompt], llm=MutatorLLM(), budget=ao.Budget(evaluations=6))
    for wanted in session:
        text = wanted.values["prompt"]
        session.tell(wanted, (float("amber" in text), "It lacks amber in prompt."), output=text)
    assert "amber" in session.best.values["prompt"]
    session.apply()
    assert "amber" in prompt.value


@pytest.mark.parametrize("stop", [1, 3, 8, 14])
def test_a_resumed_session_goes_on_as_if_it_had_not_stopped(tmp_path: Path, stop: int) -> None:
    settings: dict[str, Any] = {"examples": ROWS, "optimizer": "one-plus-one", "budget": ao.Budget(evaluations=30)}
    whole = ao.Session([width()], **settings)
    every = told(whole)
    first = ao.Session([width()], out=tmp_path, **settings)
    before = told(first, stop)
    first.close()
    with ao.Session([width()], out=tmp_path, resume=first.run, **settings) as again:
        assert before + told(again) == every
        assert again.best == whole.best
        assert again.spent["evaluations"] == 30


def test_a_session_about_other_parameters_is_not_resumed(tmp_path: Path) -> None:
    with ao.Session([width()], examples=ROWS, optimizer="random", out=tmp_path) as first:
        told(first, 1)
    other = ao.Parameter(0.9, name="x", bounds=(0.0, 2.0))
    with pytest.raises(UsageError, match="space"):
        ao.Session([other], examples=ROWS, optimizer="random", out=tmp_path, resume=first.run)


def test_what_was_told_is_not_told_again_and_the_unknown_is_refused(tmp_path: Path) -> None:
    session = ao.Session([width()], optimizer="random")
    (start,) = session.ask()
    session.tell(start, 1.0)
    with pytest.raises(UsageError, match="told before"):
        session.tell(start, 1.0)
    with pytest.raises(UsageError, match="nothing was told"):
        list(ao.Session([width()], optimizer="random"))
    with pytest.raises(UsageError, match="no session"):
        ao.Session([width()], optimizer="random", out=tmp_path, resume="nobody")
    with pytest.raises(UsageError, match="llm"):
        ao.Session([width()])

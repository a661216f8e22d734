"""Numbers and texts move in one run, and each is credited with what it gained itself."""

from __future__ import annotations

import pytest

import agentopt as ao
from agentopt.candidate import Archive
from agentopt.errors import UsageError
from agentopt.events import CandidateAdded, Event
from agentopt.optimizers.mixed import _NumbersView
from agentopt.testing.llms import MutatorLLM
from agentopt.testing.worlds import mixed_settings
from tests.optimizers.test_gepa import family


def seen(archive: Archive) -> list[tuple[float, float | None]]:
    view = _NumbersView(["x"])
    view.take_in(archive)
    return [(c.values["x"], view.archive.mean(c.id, ["one"])) for c in view.archive.candidates]


def test_numbers_are_not_credited_with_the_gain_of_a_text() -> None:
    archive = family(
        ({"x": 0.0, "t": "a"}, (), 1.0),
        ({"x": 0.0, "t": "b"}, (0,), 5.0),  # the text gains 4
        ({"x": 0.5, "t": "b"}, (1,), 5.5),  # the number gains 0.5
        ({"x": 0.5, "t": "c"}, (2,), 4.0),
        ({"x": 0.7, "t": "c"}, (3,), 4.1),
    )
    assert seen(archive) == [(0.0, 1.0), (0.5, 1.5), (0.7, pytest.approx(1.6))]


def test_a_failure_stays_a_failure_and_hides_nothing_behind_it() -> None:
    inf = float("inf")
    archive = family(
        ({"x": 0.0, "t": "a"}, (), -inf), ({"x": 0.0, "t": "b"}, (0,), 5.0), ({"x": 0.5, "t": "b"}, (1,), 6.0)
    )
    assert seen(archive) == [(0.0, -inf), (0.5, 6.0)]


def found(spec: str, evaluations: int = 240) -> tuple[ao.Result, list[Event]]:
    events: list[Event] = []
    result = ao.optimize(
        optimizer=spec,
        llm=MutatorLLM(),
        budget=ao.Budget(evaluations=evaluations),
        on_event=events.append,
        **mixed_settings(train=2, dev=2),
    )
    return result, events


def test_both_kinds_are_changed_in_one_line_of_descent() -> None:
    result, _ = found("mixed:numbers=one-plus-one,text=(optoprime:minibatch=2)")
    assert result.values["colour"] == "blue"
    assert result.values["amount"] != 0.9
    assert len(result.values["prompt"]) > len("Mind: .")


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_numbers_make_their_share_of_the_candidates(share: float) -> None:
    _, events = found(f"mixed:share={share}")
    made = [e.origin for e in events if isinstance(e, CandidateAdded)][1:]
    assert made.count("one-plus-one") / len(made) == pytest.approx(share, abs=0.15)


@pytest.mark.parametrize(("settings", "said"), [("share=1.0", "share"), ("numbers=greedy", "numbers")])
def test_settings_that_cannot_work_are_a_usage_error(settings: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        found(f"mixed:{settings}")

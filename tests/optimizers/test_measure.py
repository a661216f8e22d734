"""Measure measures the start once, and stops."""

from __future__ import annotations

from typing import Any

import agentopt as ao
from agentopt.events import CandidateAdded, Evaluated, Event

ROWS = [
    {"id": "t", "split": "train", "x": 1},
    {"id": "d", "split": "dev", "x": 2},
    {"id": "s", "split": "test", "x": 3},
]


def measured() -> tuple[ao.Result, list[Event]]:
    weight = ao.Parameter(2.0, name="weight")
    events: list[Event] = []

    def workflow(x: Any) -> Any:
        return weight * x

    result = ao.optimize(
        workflow, parameters=weight, examples=ROWS, optimizer="measure", out=None, on_event=events.append
    )
    return result, events


def test_the_start_is_measured_on_every_instance_once() -> None:
    _, events = measured()
    assert sorted(e.instance for e in events if isinstance(e, Evaluated)) == ["d", "s", "t"]


def test_nothing_is_proposed() -> None:
    result, events = measured()
    assert sum(isinstance(e, CandidateAdded) for e in events) == 1
    assert result.best == result.start


def test_no_model_is_needed() -> None:
    result, _ = measured()
    assert result.spent.get("llm_calls", 0) == 0


def test_dev_and_test_scores_are_those_of_the_start() -> None:
    result, _ = measured()
    assert result.dev_start == result.dev_best == 4
    assert result.test_best is not None
    assert result.test_best.mean == 6


def test_it_stops_with_a_reason() -> None:
    result, _ = measured()
    assert result.reason == "the optimizer is done"

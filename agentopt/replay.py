"""Runs a kept run again, with its models' answers, and compares what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentopt.budget import Budget
from agentopt.canonical import canonical
from agentopt.catalog import task_of_record
from agentopt.errors import UsageError
from agentopt.events import Event, RunStarted
from agentopt.llm.replayed import ReplayMode
from agentopt.loop import open_model, optimize
from agentopt.result import Result
from agentopt.store.tracefile import read_trace
from agentopt.task import Task

_VARYING = {
    "run",
    "time",
    "serial",
    "seconds",
    "latency_s",
    "cpu_s",
    "wall_s",
    "spent",
    "record",
    "platform",
    "guarantees",
    "llm",
    "solve_s",
}
"""Fields that differ between two runs of the same thing: times, places, versions."""


@dataclass(frozen=True)
class ReplayReport:
    """How a replay compares with its trace.

    Args:
        task: what was run again.
        result: of the run again.
        events: how many events the trace has.
        missing: events of the trace that did not happen again.
        added: events that happened and are not in the trace.
    """

    task: Task
    result: Result
    events: int
    missing: Sequence[str]
    added: Sequence[str]

    @property
    def is_same(self) -> bool:
        """Whether every event happened again, and nothing else."""
        return not self.missing and not self.added


def replay(path: Path, *, mode: ReplayMode = "strict", out: Path | None = None) -> ReplayReport:
    """Runs the task of a trace file again, its models answering from the trace.

    Everything but the models' words is computed afresh. Events are compared without times and places; their
    order is that of the trace except where measurements ran side by side.

    Args:
        mode: `strict` wants every request to be the recorded one; `loose` gives the answers in order.
        out: folder for a record of the replay.

    Raises:
        ReplayMismatch: strict, and something was asked that the trace does not hold.
        UsageError: the trace is of a workflow in the user's own code.
    """
    stored = [s.event for s in read_trace(path)]
    header = stored[0]
    assert isinstance(header, RunStarted)
    task = task_of_record(header.task["reference"])
    settings = header.settings
    if "optimizer" not in settings:
        raise UsageError(f"`{path}` was made by steps in somebody's own loop; run that loop with llm='replay:{path}'")
    happened: list[Event] = []
    result = optimize(
        task,
        optimizer=settings["optimizer"],
        budget=Budget(**settings["budget"]),
        llm=open_model(f"replay:{path}", "optimizer", mode=mode) if "optimizer" in header.llm else None,
        workflow_llm=open_model(f"replay:{path}", "workflow", mode=mode) if "workflow" in header.llm else None,
        out=out,
        seed=settings["seed"],
        workers=settings["workers"],
        on_event=happened.append,
    )
    before = Counter(map(_essence, stored))
    after = Counter(map(_essence, happened))
    return ReplayReport(
        task=task,
        result=result,
        events=len(stored),
        missing=list((before - after).elements()),
        added=list((after - before).elements()),
    )


def _essence(event: Event) -> str:
    return canonical(_stable(event.model_dump(mode="json")))


def _stable(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _stable(value) for key, value in data.items() if key not in _VARYING}
    return [_stable(value) for value in data] if isinstance(data, list) else data

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
from agentopt.errors import FormatError, UsageError
from agentopt.evaluate.twins import Reuse
from agentopt.events import Evaluated, Event, RunFinished, RunStarted
from agentopt.llm.replayed import ReplayMode
from agentopt.loop import open_model, optimize
from agentopt.past import recorded_budget
from agentopt.result import Result
from agentopt.review import RecordedReview
from agentopt.store.tracefile import read_trace
from agentopt.task import Task


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
    settings, budget = _settings_of(path, stored)
    try:
        task = task_of_record(header.task.get("reference", {}))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    happened: list[Event] = []
    result = optimize(
        task,
        optimizer=settings["optimizer"],
        budget=budget,
        llm=open_model(f"replay:{path}", "optimizer", mode=mode) if "optimizer" in header.llm else None,
        workflow_llm=open_model(f"replay:{path}", "workflow", mode=mode) if "workflow" in header.llm else None,
        out=out,
        seed=settings.get("seed", 0),
        workers=settings.get("workers", 8),
        timeout_s=settings.get("timeout_s"),
        reuse=Reuse(**settings["reuse"]) if "reuse" in settings else "off",
        review=RecordedReview(stored) if "review" in settings else False,
        on_event=happened.append,
    )
    stored[0] = header.model_copy(update={"settings": {**settings, "budget": budget.limits()}})
    known = _Known(stored)
    before = Counter(map(known.essence, known.lasting(stored)))
    after = Counter(map(known.essence, known.lasting(happened)))
    return ReplayReport(
        task=task,
        result=result,
        events=len(stored),
        missing=list((before - after).elements()),
        added=list((after - before).elements()),
    )


_VARYING = {
    "run_started": ("run", "platform", "guarantees", "llm"),
    "evaluated": ("cost.seconds",),
    "exchanged": ("exchange.reply.latency_s",),
    "run_finished": ("ended", "result.run", "result.record", "result.spent.seconds"),
}
"""What differs between two runs of the same thing, by kind of event: times, places, versions; `ended` only
says in one word what `reason` says, and older traces lack it."""


class _Known:
    """What a trace tells of each kind of event; what a newer agentopt writes beyond that is not compared."""

    def __init__(self, stored: Sequence[Event]) -> None:
        self._fields: dict[str, set[str]] = {}
        self._of_graphs: set[str] = set()
        self._of_results: set[str] = set()
        for event in stored:
            self._fields.setdefault(event.kind, set()).update(event.model_fields_set)
            if isinstance(event, Evaluated) and event.graph is not None:
                self._of_graphs.update(event.graph, *event.graph.get("nodes", []))
            if isinstance(event, RunFinished) and event.result is not None:
                self._of_results.update(event.result)

    def lasting(self, events: Sequence[Event]) -> list[Event]:
        """The events without interruptions, and without `asked` where the trace is of before there was any."""
        ignored = {"resumed"} if "asked" in self._fields else {"resumed", "asked"}
        *earlier, last = events
        return [e for e in earlier if e.kind not in {*ignored, "run_finished"}] + [last]

    def essence(self, event: Event) -> str:
        """The event without what differs from run to run, as text."""
        data = event.model_dump(include=self._fields.get(event.kind))
        for path in _VARYING.get(event.kind, ()):
            *above, last = path.split(".")
            holder: Any = data
            for name in above:
                holder = (holder or {}).get(name)
            if holder:
                holder.pop(last, None)
        if graph := data.get("graph"):
            nodes = [{k: v for k, v in node.items() if k in self._of_graphs} for node in graph["nodes"]]
            data["graph"] = {k: v for k, v in graph.items() if k in self._of_graphs} | {"nodes": nodes}
        if result := data.get("result"):
            data["result"] = {k: v for k, v in result.items() if k in self._of_results}
        return canonical([event.kind, data])


def _settings_of(path: Path, stored: Sequence[Event]) -> tuple[dict[str, Any], Budget]:
    """How the recorded run was made, and its budget."""
    header = stored[0]
    assert isinstance(header, RunStarted)
    settings = header.settings
    if any(isinstance(e, RunFinished) and e.result is not None for e in stored[:-1]):
        raise UsageError(f"`{path}` came to an end and was resumed with a larger budget; no single run does the same")
    if "optimizer" not in settings:
        raise UsageError(f"`{path}` was made by steps in somebody's own loop; run that loop with llm='replay:{path}'")
    try:
        settings["budget"]  # of every run
        return settings, recorded_budget(stored)
    except (KeyError, TypeError, FormatError) as error:
        raise FormatError(f"{path}:2: the header's settings are not those of a run: {error}") from None

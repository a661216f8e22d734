"""Progress of a run: a status line on a terminal, a plain line per candidate elsewhere."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Self

from rich.console import Console

from agentopt.canonical import from_jsonable
from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, ProposalRefused, RunStarted


class Progress:
    """Counts events and says where the run is, on standard error.

    Attributes:
        run: the run's id, empty before it has one.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._status = self._console.status("starting") if self._console.is_terminal and not quiet else None
        self._lock = threading.Lock()
        self._counts = {"candidates": 0, "evaluations": 0, "model calls": 0, "refused": 0}
        self._best: float | None = None
        self.run = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def event(self, event: Event) -> None:
        """Takes the next event of the run; called from any thread."""
        with self._lock:
            match event:
                case RunStarted():
                    self.run = event.run
                    self._line(f"{event.task['name']}: run {event.run}, answered by {event.answered_by}")
                case CandidateAdded():
                    self._counts["candidates"] += 1
                    if self._status is None:
                        self._line(self._text())
                case Evaluated():
                    self._counts["evaluations"] += 1
                    score = from_jsonable(event.score)
                    if isinstance(score, (int, float)):
                        self._best = score if self._best is None else max(self._best, score)
                case Exchanged():
                    self._counts["model calls"] += 1
                case ProposalRefused():
                    self._counts["refused"] += 1
            if self._status is not None:
                self._status.update(self._text())

    def _text(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self._counts.items() if count)
        best = "" if self._best is None else f", highest single score {self._best:.4g}"
        return counts + best

    def _line(self, text: str) -> None:
        if not self._quiet:
            print(text, file=sys.stderr)

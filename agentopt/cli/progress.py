"""Progress of a run, on standard error: a status line on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console

from agentopt.canonical import from_jsonable
from agentopt.events import Asked, CandidateAdded, Evaluated, Event, Exchanged, Resumed, RunStarted
from agentopt.store.sqlite import StoredEvent

PLAIN_LINE_EVERY_S = 5.0
"""Where there is no terminal, a line is printed for a better score, and otherwise not more often than this."""


class Progress:
    """Counts events and says where the run is, on standard error.

    Args:
        quiet: say nothing.
        clock: seconds, for the time that is left.

    Attributes:
        run: the run's id; `last` before it has one.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._status = self._console.status("starting") if self._console.is_terminal and not quiet else None
        self._lock = threading.Lock()
        self.run = "last"
        self._clock = clock
        self._started = clock()
        self._printed = -math.inf
        self._standing = _Standing()
        self._spent_before: dict[str, float] = {}
        self._seconds_before = 0.0

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def past(self, stored: Sequence[StoredEvent]) -> None:
        """Takes what a run that is resumed did before."""
        for before, one in zip([*stored[:1], *stored], stored):
            self.run = one.event.run if isinstance(one.event, RunStarted) else self.run
            self._seconds_before += 0.0 if isinstance(one.event, Resumed) else max(0.0, one.time - before.time)
            self._standing.take(one.event)
        self._spent_before = dict(self._standing.spent)

    def event(self, event: Event) -> None:
        """Takes the next event of the run; called from any thread."""
        with self._lock:
            best = self._standing.best
            self._standing.take(event)
            if isinstance(event, RunStarted):
                self.run = event.run
                self._line(f"{event.task['name']}: run {event.run}, answered by {event.answered_by}")
            elif isinstance(event, Resumed):
                self._line(f"going on after {self._text()}")
            elif self._status is not None:
                self._status.update(self._text())
            elif isinstance(event, (CandidateAdded, Evaluated)) and (best != self._standing.best or self._is_time()):
                self._line(self._text())

    def _is_time(self) -> bool:
        return self._clock() - self._printed >= PLAIN_LINE_EVERY_S

    def _text(self) -> str:
        left = self._seconds_left()
        return str(self._standing) + (f", at most {_duration(left)} left" if left is not None else "")

    def _seconds_left(self) -> float | None:
        """How long the tightest limit of the budget will last at the pace so far; `None` where no pace is known."""
        ran = max(self._clock() - self._started, 1e-9)
        found = []
        for name, limit in self._standing.limits.items():
            spent = self._standing.spent.get(name, 0.0)
            pace = (spent - self._spent_before.get(name, 0.0)) / ran
            if name == "seconds":
                found.append(limit - ran - self._seconds_before)
            elif pace > 0:
                found.append((limit - spent) / pace)
        return max(0.0, min(found)) if found else None

    def _line(self, text: str) -> None:
        self._printed = self._clock()
        if not self._quiet:
            print(text, file=sys.stderr)


class _Standing:
    """How far a run is: the best score, and what was spent of which limits."""

    def __init__(self) -> None:
        self.limits: dict[str, float] = {}
        self.spent = {"evaluations": 0.0, "asks": 0.0, "llm_calls": 0.0, "tokens": 0.0}
        self.best: float | None = None
        self._start: float | None = None
        self._compared: frozenset[str] = frozenset()
        self._scores: dict[int, dict[str, float]] = {}

    def take(self, event: Event) -> None:
        """Counts an event."""
        match event:
            case RunStarted():
                self.limits = {k: float(v) for k, v in event.settings.get("budget", {}).items()}
                self._compared = frozenset(event.instances.get("dev") or event.instances.get("train") or [])
            case Resumed():
                self.limits = dict(event.budget)
            case CandidateAdded():
                self._scores[event.candidate] = {}
            case Asked():
                self.spent["asks"] += len(event.trials)
            case Evaluated():
                self._take_evaluation(event)
            case Exchanged():
                reply = event.exchange.get("reply") or {}
                if reply.get("cached"):
                    return
                usage = reply.get("usage") or {}
                self.spent["llm_calls"] += 1
                self.spent["tokens"] += (usage.get("prompt_tokens") or 0) + (usage.get("completion_tokens") or 0)

    def _take_evaluation(self, event: Evaluated) -> None:
        self.spent["evaluations"] += event.status != "unmeasured" and event.taken_from is None
        score, scores = from_jsonable(event.score), self._scores.setdefault(event.candidate, {})
        if event.instance not in self._compared or not isinstance(score, (int, float)):
            return
        scores[event.instance] = score
        if len(scores) < len(self._compared):
            return
        mean = sum(scores.values()) / len(scores)
        if event.candidate == 0:
            self._start = mean
        self.best = mean if self.best is None else max(self.best, mean)

    def __str__(self) -> str:
        parts = []
        if self.best is not None:
            is_start = self._start is None or self._start == self.best
            parts.append(f"best {self.best:.4g}" + ("" if is_start else f" (start {self._start:.4g})"))
        parts.append(f"{len(self._scores)} candidates")
        for name, amount in self.spent.items():
            limit = f"/{self.limits[name]:g}" if name in self.limits else ""
            if limit or (amount and name != "asks"):
                parts.append(f"{amount:g}{limit} {name.replace('_', ' ')}")
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

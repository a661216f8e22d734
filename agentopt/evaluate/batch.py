"""What one call of the engine has under way: started a few at a time, watched by the clock, given up together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agentopt.budget import Reservation
from agentopt.candidate import Candidate, Evaluation
from agentopt.errors import BudgetExhausted
from agentopt.evaluate.executors import Executor
from agentopt.evaluate.gate import GatedLLM
from agentopt.evaluate.measurement import Measured, Measurement
from agentopt.graph.tracing import Trace
from agentopt.instance import Instance

GRACE_S = 5.0
"""After an interrupt, how long is waited at most for finished evaluations to be written down."""

LONGEST_WAIT_S = 0.5
"""A signal that comes in the moment before a wait is noticed after it."""


@dataclass(eq=False, slots=True)
class Job:
    """A measurement that was paid for in advance; `outcome` is what came of it, `None` where it never ended."""

    candidate: Candidate
    instance: Instance
    reservation: Reservation
    outcome: Evaluation | BaseException | None = None


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What a measurement is started with, made when its turn comes.

    Args:
        gate: closed when the measurement is given up.
        spent: what its model calls have cost so far, by resource.
    """

    measurement: Measurement
    gate: GatedLLM | None = None
    spent: Callable[[], Mapping[str, float]] = dict


@dataclass(eq=False)
class _Flight:
    """A job under way. Whoever sets `is_ending`, under the batch's lock, says what came of it."""

    job: Job
    begun: Begun
    began: float = float("inf")
    give_up: Callable[[], None] | None = None
    is_ending: bool = False

    def close(self) -> None:
        """Gives the measurement up: its model is taken away, and the executor told."""
        if self.begun.gate is not None:
            self.begun.gate.close()
        if self.give_up is not None:
            self.give_up()


class _Watch:
    """Waits for one flight (an `executors.Watch`)."""

    def __init__(self, batch: Batch, flight: _Flight) -> None:
        self._batch = batch
        self._flight = flight

    def began(self) -> None:
        self._batch.begin(self._flight)

    def ended(self, ended: Measured | BaseException) -> None:
        self._batch.end(self._flight, ended)


class Batch:
    """Runs jobs on an executor, `executor.width` at a time.

    Args:
        begin: makes ready what a job needs; `BudgetExhausted` from it means that no more are to be started.
        emit: called with every evaluation that has ended, in the thread where it did.
    """

    def __init__(
        self,
        executor: Executor,
        timeout_s: float | None,
        begin: Callable[[Job], Begun],
        emit: Callable[[Evaluation, Trace | None], None],
    ) -> None:
        self._executor = executor
        self._timeout_s = timeout_s
        self._begin = begin
        self._emit = emit
        self._changed = threading.Condition()
        self._has_news = False
        self._waiting: deque[Job] = deque()
        self._under_way: set[_Flight] = set()

    def run(self, jobs: Sequence[Job]) -> None:
        """Runs the jobs, and returns when all that were started have ended.

        After an exception that is not the budget's, no further job is started. What interrupts the wait (a
        `KeyboardInterrupt`) is passed on after everything under way was given up.
        """
        self._waiting.extend(jobs)
        try:
            while self._waiting or self._under_way:
                self._start_some()
                for flight in self._overdue():
                    self._time_out(flight)
        except BaseException:
            self._give_up()
            raise

    def _start_some(self) -> None:
        while (job := self._next()) is not None:
            try:
                begun = self._begin(job)
            except BudgetExhausted as error:
                job.outcome = error
                self._waiting.clear()
                return
            flight = _Flight(job, begun)
            with self._changed:
                self._under_way.add(flight)
            flight.give_up = self._executor.start(begun.measurement, _Watch(self, flight))

    def _next(self) -> Job | None:
        with self._changed:
            has_room = len(self._under_way) < self._executor.width
            return self._waiting.popleft() if self._waiting and has_room else None

    def _overdue(self) -> list[_Flight]:
        """Waits until a measurement has ended or one's time is up; those whose time is up are the caller's to end."""
        with self._changed:
            if not self._under_way:
                return []
            self._changed.wait_for(lambda: self._has_news, self._wait_s())
            self._has_news = False
            if self._timeout_s is None:
                return []
            latest = time.monotonic() - self._timeout_s
            overdue = [f for f in self._running() if f.began <= latest]
            for flight in overdue:
                flight.is_ending = True
            return sorted(overdue, key=lambda f: f.began)

    def _running(self) -> list[_Flight]:
        return [f for f in self._under_way if not f.is_ending]

    def _wait_s(self) -> float:
        if self._timeout_s is None or not (running := self._running()):
            return LONGEST_WAIT_S
        left_s = min(f.began for f in running) + self._timeout_s - time.monotonic()
        return min(LONGEST_WAIT_S, max(0.0, left_s) + 0.001)

    def _time_out(self, flight: _Flight) -> None:
        flight.close()
        error = TimeoutError(f"it took longer than the {self._timeout_s:g} s allowed")
        measured = flight.begun.measurement.failed(error, seconds=time.monotonic() - flight.began)
        self._write(flight, measured)

    def begin(self, flight: _Flight) -> None:
        """Starts the clock of a measurement."""
        with self._changed:
            flight.began = time.monotonic()
            if self._timeout_s is not None:
                self._has_news = True
                self._changed.notify_all()

    def end(self, flight: _Flight, ended: Measured | BaseException) -> None:
        """Writes down what came of a measurement, unless it was given up."""
        with self._changed:
            if flight.is_ending:
                return
            flight.is_ending = True
        self._write(flight, ended)

    def _write(self, flight: _Flight, ended: Measured | BaseException) -> None:
        outcome: Evaluation | BaseException
        if isinstance(ended, Measured):
            evaluation = ended.evaluation
            outcome = replace(evaluation, cost={**evaluation.cost, **flight.begun.spent()})
            try:
                self._emit(outcome, ended.trace)
            except BaseException as error:  # noqa: BLE001  the engine raises it
                outcome = error
        else:
            outcome = ended
        with self._changed:
            flight.job.outcome = outcome
            self._under_way.discard(flight)
            if isinstance(outcome, BaseException) and not isinstance(outcome, BudgetExhausted):
                self._waiting.clear()
            self._has_news = True
            self._changed.notify_all()

    def _give_up(self) -> None:
        """Lets go of what is under way; what has ended already is still written down."""
        with self._changed:
            self._waiting.clear()
            left = [f for f in self._under_way if not f.is_ending]
            for flight in left:
                flight.is_ending = True
            self._under_way.difference_update(left)
        for flight in left:
            flight.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, GRACE_S)

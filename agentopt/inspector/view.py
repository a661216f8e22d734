"""A record, read into what people ask about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentopt.canonical import from_jsonable
from agentopt.curve import curve_of, curve_svg
from agentopt.errors import FormatError, UsageError
from agentopt.events import CandidateAdded, Evaluated, Exchanged, ProposalRefused, Resumed, RunFinished, RunStarted
from agentopt.selection.statistics import Interval
from agentopt.store.sqlite import StoredEvent
from agentopt.store.tracefile import names_file, open_record, read_trace, run_id


@dataclass
class CandidateView:
    """One candidate and what was measured of it.

    Args:
        places: of each evaluation, its serial in the record and when it was written.
        last: serial of the last event about it.
    """

    added: CandidateAdded
    evaluations: list[Evaluated] = field(default_factory=list)
    places: list[tuple[int, float]] = field(default_factory=list)
    last: int = 0

    def mean(self, split: str) -> float | None:
        """Mean score on a split, over what was measured there; `None` where nothing has a score."""
        scores = [score_of(e) for e in self.evaluations if e.split == split]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if known else None

    def count(self, split: str) -> int:
        """How many instances of a split were measured."""
        return sum(e.split == split and e.status != "unmeasured" for e in self.evaluations)

    def scores(self, split: str) -> dict[str, float]:
        """Scores by instance, of those of a split that have one."""
        found = {e.instance: score_of(e) for e in self.evaluations if e.split == split}
        return {instance: score for instance, score in found.items() if score is not None}


def score_of(evaluation: Evaluated) -> float | None:
    """The score as a number."""
    score = evaluation.score if isinstance(evaluation.score, float) else from_jsonable(evaluation.score)
    return float(score) if isinstance(score, (int, float)) else None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One proposal, and the exchanges with a model that led to it.

    Args:
        number: from 1, in the order of the record; refused proposals count.
        candidate: what it became; `None` where it was refused.
        problem: why it was refused, empty otherwise.
        exchanges: numbers of exchanges; proposals that were asked for together share theirs.
    """

    number: int
    candidate: int | None
    parents: tuple[int, ...]
    problem: str = ""
    exchanges: tuple[int, ...] = ()


@dataclass
class RunView:
    """One run.

    Args:
        exchanges: by number; `exchange_places` has the serial and the time of each.
        steps: every proposal, refused ones included.
        finished: `None` where the run is still going on, or was killed.
        started_at: seconds since 1970.
        seconds: from the first event to the last.
        last: serial of the last event.
        read: reads an event by its serial, where the view was made from an outline; `whole_evaluation` and
            `whole_exchange` use it.
    """

    header: RunStarted
    candidates: dict[int, CandidateView]
    exchanges: list[dict[str, Any]]
    refusals: list[ProposalRefused]
    finished: RunFinished | None
    started_at: float
    seconds: float
    exchange_places: list[tuple[int, float]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    last: int = 0
    read: Callable[[int], StoredEvent] | None = field(default=None, repr=False)
    _asked: list[int] = field(default_factory=list)  # exchanges of the proposal that comes

    def take(self, one: StoredEvent) -> None:
        """Enters the next event of the run."""
        self.seconds, self.last = one.time - self.started_at, one.serial
        match one.event:
            case CandidateAdded() as added:
                self.candidates[added.candidate] = CandidateView(added, last=one.serial)
                if added.parents:
                    self._add_step(added.candidate, added.parents)
            case Evaluated() as evaluated if evaluated.candidate in self.candidates:
                candidate = self.candidates[evaluated.candidate]
                candidate.evaluations.append(evaluated)
                candidate.places.append((one.serial, one.time))
                candidate.last = one.serial
            case Exchanged() as exchanged:
                if exchanged.exchange.get("role") == "optimizer":
                    self._asked.append(len(self.exchanges))
                self.exchanges.append(exchanged.exchange)
                self.exchange_places.append((one.serial, one.time))
            case ProposalRefused() as refused:
                self.refusals.append(refused)
                self._add_step(None, refused.parents, refused.problem)
            case RunFinished() as finished:
                self.finished = finished
            case Resumed():
                self.finished = None

    def _add_step(self, candidate: int | None, parents: list[int], problem: str = "") -> None:
        """Enters a step with the exchanges since the one before; where there are none, it shares that one's."""
        shared = self.steps[-1].exchanges if self.steps and not self._asked else ()
        step = Step(
            number=len(self.steps) + 1,
            candidate=candidate,
            parents=tuple(parents),
            problem=problem,
            exchanges=tuple(self._asked) or shared,
        )
        self.steps.append(step)
        self._asked.clear()

    @property
    def best(self) -> int | None:
        """Id of the best candidate, by the run's own word."""
        result = self.finished.result if self.finished else None
        return None if result is None else int(result["best"]["id"])

    @property
    def result(self) -> dict[str, Any] | None:
        """The result's JSON data, tags of `canonical` resolved; `None` where there is none."""
        return from_jsonable(self.finished.result) if self.finished and self.finished.result else None

    @property
    def compared_split(self) -> str:
        """The split that candidates are compared on: dev, or train where there is no dev."""
        return "dev" if self.header.instances.get("dev") else "train"

    def candidate(self, number: int) -> CandidateView:
        """The candidate of that id.

        Raises:
            UsageError: there is none.
        """
        if number not in self.candidates:
            raise UsageError(
                f"run {self.header.run} has no candidate {number}; it has {_span(len(self.candidates), 0)}"
            )
        return self.candidates[number]

    def exchange(self, number: int) -> dict[str, Any]:
        """The exchange of that number, from 0.

        Raises:
            UsageError: there is none.
        """
        if not 0 <= number < len(self.exchanges):
            there = f"it has {_span(len(self.exchanges), 0)}" if self.exchanges else "no model was asked"
            raise UsageError(f"run {self.header.run} has no exchange {number}; {there}")
        return self.exchanges[number]

    def whole_evaluation(self, number: int, position: int) -> Evaluated:
        """An evaluation of a candidate, by its position, with its output, words and graph."""
        candidate = self.candidate(number)
        if self.read is not None and isinstance(event := self.read(candidate.places[position][0]).event, Evaluated):
            return event
        return candidate.evaluations[position]

    def whole_exchange(self, number: int) -> dict[str, Any]:
        """The exchange of that number, from 0, with request and reply.

        Raises:
            UsageError: there is none.
        """
        exchange = self.exchange(number)
        if self.read is not None and isinstance(event := self.read(self.exchange_places[number][0]).event, Exchanged):
            return event.exchange
        return exchange

    def step(self, number: int) -> Step:
        """The step of that number, from 1.

        Raises:
            UsageError: there is none.
        """
        if not 1 <= number <= len(self.steps):
            there = f"it has {_span(len(self.steps), 1)}" if self.steps else "nothing was proposed"
            raise UsageError(f"run {self.header.run} has no step {number}; {there}")
        return self.steps[number - 1]

    def values(self, number: int) -> dict[str, Any]:
        """The values of a candidate by parameter name; empty for one that the record does not hold."""
        found = self.candidates.get(number)
        return dict(from_jsonable(found.added.values)) if found else {}

    def changed(self, candidate: CandidateView) -> list[str]:
        """Names of the parameters in which a candidate differs from its first parent; all, where it has none."""
        own = self.values(candidate.added.candidate)
        before = self.values(candidate.added.parents[0]) if candidate.added.parents else {}
        return [name for name, value in own.items() if name not in before or before[name] != value]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """How notebooks show it: a line of text, and a picture of the search."""
        task, best = str(self.header.task.get("name", "")), "none" if self.best is None else f"candidate {self.best}"
        said = f"{task}, run {self.header.run}: {len(self.candidates)} candidates, best: {best}"
        return {"text/plain": said, "image/svg+xml": curve_svg(curve_of(self._measured()), said)}

    def _measured(self) -> list[StoredEvent]:
        """The header and the evaluations, in the order of the record."""
        found = [
            StoredEvent(serial, time, evaluation)
            for candidate in self.candidates.values()
            for evaluation, (serial, time) in zip(candidate.evaluations, candidate.places)
        ]
        return [StoredEvent(0, self.started_at, self.header), *sorted(found, key=lambda stored: stored.serial)]


def _span(count: int, first: int) -> str:
    return f"{first} to {count - 1 + first}"


def as_interval(data: dict[str, Any] | None) -> Interval | None:
    """The interval in a result's JSON data."""
    return Interval(**{name: data[name] for name in ("mean", "low", "high", "method", "count")}) if data else None


def view(events: Iterable[StoredEvent]) -> RunView:
    """Reads the events of one run.

    Raises:
        FormatError: they do not start with a header.
    """
    stored = iter(events)
    first = next(stored, None)
    if first is None or not isinstance(first.event, RunStarted):
        raise FormatError("a record starts with `run_started`; this one does not")
    run = RunView(first.event, {}, [], [], None, first.time, 0.0)
    for one in stored:
        run.take(one)
    return run


def view_of(reference: str, store_path: Path) -> RunView:
    """A run, given as a trace file, an id, or `last`; what is large in a record is read when it is asked for.

    Raises:
        UsageError: there is no such file or run.
        FormatError: it does not have the format it should have.
    """
    if names_file(reference):
        return view(read_trace(Path(reference)))
    with open_record(reference, store_path) as store:
        run = run_id(reference, store)
        shown = view(store.outline(run))

    def read(serial: int) -> StoredEvent:
        with open_record(run, store_path) as store:
            return store.event(run, serial)

    shown.read = read
    return shown

"""A record, read into what people ask about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agentopt.canonical import from_jsonable
from agentopt.errors import FormatError
from agentopt.events import CandidateAdded, Evaluated, Exchanged, ProposalRefused, Resumed, RunFinished, RunStarted
from agentopt.store.sqlite import StoredEvent


@dataclass
class CandidateView:
    """One candidate and what was measured of it."""

    added: CandidateAdded
    evaluations: list[Evaluated] = field(default_factory=list)

    def mean(self, split: str) -> float | None:
        """Mean score on a split, over what was measured there; `None` where nothing has a score."""
        scores = [score_of(e) for e in self.evaluations if e.split == split]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if known else None

    def count(self, split: str) -> int:
        """How many instances of a split were measured."""
        return sum(e.split == split and e.status != "unmeasured" for e in self.evaluations)


def score_of(evaluation: Evaluated) -> float | None:
    """The score as a number."""
    score = from_jsonable(evaluation.score)
    return float(score) if isinstance(score, (int, float)) else None


@dataclass
class RunView:
    """One run.

    Args:
        finished: `None` where the run is still going on, or was killed.
        started_at: seconds since 1970.
        seconds: from the first event to the last.
    """

    header: RunStarted
    candidates: dict[int, CandidateView]
    exchanges: list[dict[str, Any]]
    refusals: list[ProposalRefused]
    finished: RunFinished | None
    started_at: float
    seconds: float

    @property
    def best(self) -> int | None:
        """Id of the best candidate, by the run's own word."""
        result = self.finished.result if self.finished else None
        return None if result is None else int(result["best"]["id"])

    @property
    def result(self) -> dict[str, Any] | None:
        """The result's JSON data, tags of `canonical` resolved; `None` where there is none."""
        return from_jsonable(self.finished.result) if self.finished and self.finished.result else None


def view(events: Iterable[StoredEvent]) -> RunView:
    """Reads the events of one run.

    Raises:
        FormatError: they do not start with a header.
    """
    stored = list(events)
    if not stored or not isinstance(stored[0].event, RunStarted):
        raise FormatError("a record starts with `run_started`; this one does not")
    run = RunView(stored[0].event, {}, [], [], None, stored[0].time, stored[-1].time - stored[0].time)
    for one in stored[1:]:
        match one.event:
            case CandidateAdded() as added:
                run.candidates[added.candidate] = CandidateView(added)
            case Evaluated() as evaluated if evaluated.candidate in run.candidates:
                run.candidates[evaluated.candidate].evaluations.append(evaluated)
            case Exchanged() as exchanged:
                run.exchanges.append(exchanged.exchange)
            case ProposalRefused() as refused:
                run.refusals.append(refused)
            case RunFinished() as finished:
                run.finished = finished
            case Resumed():
                run.finished = None
    return run

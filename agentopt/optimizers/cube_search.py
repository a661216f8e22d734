"""What all searches over numbers and choices share: an algorithm written as a generator, replayed from the archive."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from weakref import WeakKeyDictionary

from agentopt.candidate import Archive, Candidate, Trial
from agentopt.llm.base import Capability
from agentopt.optimizers.base import best_by_mean
from agentopt.optimizers.cube import Cube, Point
from agentopt.proposers.base import Context

Plan = Generator[Sequence[Point], Sequence[float], None]
"""Yields points to measure together, and is sent their scores, in order; a failure has -inf."""

BARREN_BATCHES = 200
"""After so many batches in a row that hold nothing new, a search has exhausted its space."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a plan may know.

    Args:
        start: the start's point.
        start_score: the start's score, -inf where it failed.
        rng: the only source of chance; the same for every plan of one run.
        horizon: how many points the budget buys, for algorithms whose steps shrink; `None` for no limit.
    """

    cube: Cube
    start: Point
    start_score: float
    rng: Random
    horizon: int | None


@dataclass
class _Progress:
    """A plan under way: what it waits for, and the best score that it was told."""

    plan: Plan
    best: float
    batch: Sequence[Point] = field(default_factory=list)
    is_done: bool = False

    def go_on(self, scores: Sequence[float] | None) -> None:
        try:
            self.batch = next(self.plan) if scores is None else self.plan.send(scores)
        except StopIteration:
            self.is_done = True


class CubeSearch(ABC):
    """Base of the optimizers that need only scores; a subclass writes `plan`, one loop from start to end.

    A candidate is measured on dev (on train, where there is no dev), and changes the start's numbers and choices;
    prompts, code and json stay as they are. A score that is missing counts as a failure, and so does a point that a
    parameter's check refuses, which costs nothing. The search is done when the target is reached, when the plan ends,
    or when the space holds nothing new.

    The archive alone decides what comes next: a plan is run again from its beginning against the archive it is given.
    A plan that is under way is kept for as long as its archive lives, which saves time and changes nothing.
    """

    name: str
    needs: frozenset[Capability | str] = frozenset()
    plans_ahead = True
    """It goes on only from the very points that it asked for, so nobody can reject or edit them."""
    _under_way: WeakKeyDictionary[Archive, _Progress]

    @abstractmethod
    def plan(self, scene: Scene) -> Plan:
        """The search, from the start's score on; it may end."""

    def ask(self, context: Context, n: int) -> list[Trial]:
        """The plan's next points that are not measured yet."""
        archive, instances = context.archive, context.compared
        start = archive.candidates[0]
        if not archive.is_measured(start.id, instances):
            return [Trial(candidate=start, instances=instances)]
        cube = Cube(context.space, start.values)
        if not cube.dimension:
            return []
        progress = self._progress(context, cube)
        notes: Mapping[str, Any] = {}
        for _ in range(BARREN_BATCHES):
            if progress.is_done or (context.target is not None and progress.best >= context.target):
                return []
            found = [self._candidate(archive, start, cube.changes(point), notes) for point in progress.batch]
            if trials := _unmeasured(archive, found, instances):
                return trials
            scores = self.rated(context, found)
            notes = self.noted(found, scores)
            progress.best = max([progress.best, *_means(archive, found, instances)])
            progress.go_on(scores)
        return []

    def best(self, context: Context) -> Candidate:
        """The candidate with the highest mean, the earlier one of equals."""
        return best_by_mean(context)

    def rated(self, context: Context, candidates: Sequence[Candidate | None]) -> list[float]:
        """What the plan is told about a measured batch; `None` stands for a point that a check refuses."""
        return _means(context.archive, candidates, context.compared)

    def noted(self, candidates: Sequence[Candidate | None], scores: Sequence[float]) -> Mapping[str, Any]:
        """What the candidates that follow are to remember of this batch; nothing, where the archive has the scores."""
        return {}

    def _progress(self, context: Context, cube: Cube) -> _Progress:
        if not hasattr(self, "_under_way"):
            self._under_way = WeakKeyDictionary()
        progress = self._under_way.get(context.archive)
        if progress is None:
            start = context.archive.candidates[0]
            score = _score(context.archive, start.id, context.compared)
            scene = Scene(
                cube=cube,
                start=cube.point(start.values),
                start_score=score,
                rng=Random(f"{self.name}:{context.seed}"),
                horizon=_horizon(context),
            )
            progress = _Progress(self.plan(scene), score)
            progress.go_on(None)
            self._under_way[context.archive] = progress
        return progress

    def _candidate(
        self, archive: Archive, start: Candidate, changes: Mapping[str, Any] | None, notes: Mapping[str, Any]
    ) -> Candidate | None:
        if changes is None:
            return None
        return archive.candidate({**start.values, **changes}, parents=[start.id], origin=self.name, notes=notes)


def _unmeasured(archive: Archive, found: Sequence[Candidate | None], instances: tuple[str, ...]) -> list[Trial]:
    """Trials of those that are not measured, equal ones once."""

    def is_known(candidate: Candidate) -> bool:
        return candidate.id < len(archive.candidates) and archive.is_measured(candidate.id, instances)

    wanted = {c.key: c for c in reversed(found) if c is not None and not is_known(c)}
    return [Trial(candidate=c, instances=instances) for c in reversed(wanted.values())]


def _means(archive: Archive, candidates: Sequence[Candidate | None], instances: Sequence[str]) -> list[float]:
    return [-math.inf if c is None else _score(archive, c.id, instances) for c in candidates]


def _score(archive: Archive, candidate: int, instances: Sequence[str]) -> float:
    mean = archive.mean(candidate, instances)
    return -math.inf if mean is None else mean


def _horizon(context: Context) -> int | None:
    limits = context.ledger.budget
    bought = [] if limits.asks is None else [limits.asks]
    if limits.evaluations is not None:
        bought.append(limits.evaluations // len(context.compared))
    return min(bought) if bought else None

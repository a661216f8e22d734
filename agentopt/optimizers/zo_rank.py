"""Zeroth-order descent from rankings alone, by scores, by a model or by a person."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from weakref import WeakKeyDictionary

from agentopt.candidate import Archive, Candidate
from agentopt.errors import UsageError
from agentopt.llm.base import Capability
from agentopt.optimizers.base import best_by_mean
from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_positive
from agentopt.proposers.base import Context
from agentopt.proposers.ranking import outputs_of, ranked_by_model


class ZORank(CubeSearch):
    """Steps along the sum of random directions, weighted by how often each was better than another.

    One round measures the best point's surroundings, then points along the direction found. While nothing better
    turns up, directions are averaged over rounds, and reach and step shrink by `shrink`.

    Args:
        samples: points around the best one in each round.
        reach: standard deviation of these around it, in widths of the bounds.
        step: length of the longest step.
        shrink: each of the `tries` steps is so much shorter than the one before.
        tries: steps tried along each direction.
        judge: who ranks: `score`; `llm`: the optimizer's model is shown the outputs and replies with their order;
            or `person`: the run's reviewer does (`review=True`, `--review`). The outputs need no score then.

    Source: ZO-RankSGD, arXiv:2303.03751, with weights that add up to zero (the authors' code has
    `m - 2j` for rank j, which pulls the estimate towards the mean sample) and steps of set length.
    """

    name = "zo-rank"

    def __init__(
        self,
        *,
        samples: int = 5,
        reach: float = 0.15,
        step: float = 0.4,
        shrink: float = 0.5,
        tries: int = 3,
        judge: Literal["score", "llm", "person"] = "score",
    ) -> None:
        require_positive(reach=reach, step=step, shrink=shrink, tries=tries)
        if samples < 2:
            raise UsageError(f"`samples` is {samples}; expected 2 or more, since one point has no rank")
        if judge not in ("score", "llm", "person"):
            raise UsageError(f"`judge` is {judge!r}; expected score, llm or person")
        self.samples = samples
        self.reach = reach
        self.step = step
        self.shrink = shrink
        self.tries = tries
        self.judge = judge
        # The run's last ranking may have no candidate after it to carry it in its notes. It is known here once the
        # last ask has been made, which a resumed or replayed run makes again.
        self._last: WeakKeyDictionary[Archive, Sequence[int]] = WeakKeyDictionary()

    @property
    def needs(self) -> frozenset[Capability | str]:  # type: ignore[override]  # depends on a setting
        """The model or the person, where they rank."""
        return frozenset() if self.judge == "score" else frozenset({self.judge})

    def plan(self, scene: Scene) -> Plan:
        """Rounds of samples and steps. Only the order of the scores within one batch is used."""
        rng, best, scale = scene.rng, scene.start, 1.0
        total = [0.0] * len(best)
        while True:
            directions = [[rng.gauss(0, 1) for _ in best] for _ in range(self.samples)]
            samples = [_moved(best, direction, scale * self.reach) for direction in directions]
            scores = yield [best, *samples]
            for weight, direction in zip(rank_weights(scores[1:]), directions):
                total = [t + weight * z for t, z in zip(total, direction)]
            length = math.hypot(*total) or 1.0
            lengths = [scale * self.step * self.shrink**number for number in range(self.tries)]
            steps = [_moved(best, total, step / length) for step in lengths]
            _, luckiest = max(zip(scores[1:], samples))
            tried = [best, luckiest, *steps]
            scores = yield tried
            winner = tried[max(range(len(tried)), key=lambda place: (scores[place], -place))]
            if winner == best:
                scale *= self.shrink
            else:
                best, total = winner, [0.0] * len(best)

    def best(self, context: Context) -> Candidate:
        """The highest mean; with a judge, the first of the last ranking, in which the best so far takes part."""
        archive = context.archive
        noted = [c.notes["ranking"] for c in archive.candidates if "ranking" in c.notes]
        last = self._last.get(archive) or (noted[-1] if noted else ())
        return archive.candidates[last[0]] if last else best_by_mean(context)

    def rated(self, context: Context, candidates: Sequence[Candidate | None]) -> list[float]:
        """Scores, or the negative place in the ranking; all the same where nobody gave a usable ranking."""
        if self.judge == "score":
            return super().rated(context, candidates)
        archive = context.archive
        failed = {c.id for c in candidates if c and any(e.status == "failed" for e in archive.evaluations(c.id))}
        ids = list(dict.fromkeys(c.id for c in candidates if c is not None and c.id not in failed))
        order = ids if len(ids) < 2 else _remembered(archive, ids) or self._judged(context, ids)
        if len(order) > 1:
            self._last[archive] = order
        return [
            -math.inf if c is None or c.id in failed else -float(order.index(c.id)) if order else 0.0
            for c in candidates
        ]

    def _judged(self, context: Context, ids: Sequence[int]) -> list[int]:
        """The ids, best first, as the judge orders their outputs; empty where a model gave no order."""
        if self.judge == "llm":
            return ranked_by_model(context, ids)
        assert context.ask_ranking is not None, "a run checks `needs` before it starts"
        return [ids[place] for place in context.ask_ranking([outputs_of(context, c) for c in ids])]

    def noted(self, candidates: Sequence[Candidate | None], scores: Sequence[float]) -> Mapping[str, Any]:
        """The ranking that somebody gave, so that nobody is asked twice."""
        placed = {c.id: score for c, score in zip(candidates, scores) if c is not None and math.isfinite(score)}
        if self.judge == "score" or not any(placed.values()):
            return {}
        return {"ranking": sorted(placed, key=lambda candidate: -placed[candidate])}


def rank_weights(scores: Sequence[float]) -> list[float]:
    """For each score, how many it is above less how many it is below, as a share of all pairs; they add up to 0."""
    pairs = len(scores) * (len(scores) - 1) / 2
    return [sum((own > other) - (own < other) for other in scores) / pairs for own in scores]


def _moved(point: Sequence[float], direction: Sequence[float], by: float) -> tuple[float, ...]:
    return tuple(min(max(x + by * z, 0.0), 1.0) for x, z in zip(point, direction))


def _remembered(archive: Archive, ids: Sequence[int]) -> list[int]:
    rankings: list[list[int]] = [c.notes["ranking"] for c in archive.candidates if "ranking" in c.notes]
    return next((ranking for ranking in rankings if set(ranking) == set(ids)), [])

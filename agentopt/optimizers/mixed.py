"""Numbers and texts in one run: a search that sees scores for the one kind, a search with a model for the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

from agentopt.candidate import Archive, Candidate, Evaluation, Trial
from agentopt.canonical import digest
from agentopt.errors import UsageError
from agentopt.llm.base import Capability
from agentopt.optimizers.base import Optimizer, best_by_mean
from agentopt.optimizers.children import reaches_target
from agentopt.optimizers.cube import NUMERIC_KINDS
from agentopt.optimizers.cube_search import CubeSearch
from agentopt.optimizers.greedy_over import OptoPrimeSearch
from agentopt.optimizers.one_plus_one import OnePlusOne
from agentopt.proposers.base import Context
from agentopt.space import Space


class Mixed:
    """Takes turns: one optimizer moves the numbers and choices of the best candidate, another its texts.

    Both work on the best of the whole run, and both are credited for what they did: `text` sees all candidates as they
    are, `numbers` sees scores without the gains that texts made along the line of descent, instance by instance, so
    that numbers tried under a good text do not look better than numbers tried under a poor one. That is exact where
    the gains add up, and an approximation where a text changes which numbers are best.

    Args:
        numbers: any search that needs only scores, such as `tpe`.
        text: any search over a proposer; it may change prompts, code and json.
        share: of the candidates that `numbers` makes, between 0 and 1.

    Source: ours; block-coordinate search with the credit of a block taken along the line of descent.
    """

    name = "mixed"
    acceptance = "the highest mean on dev"
    _views: WeakKeyDictionary[Archive, _NumbersView]

    def __init__(self, *, numbers: CubeSearch | None = None, text: Optimizer | None = None, share: float = 0.5) -> None:
        if not 0 < share < 1:
            raise UsageError(f"`share` is {share}; expected a number between 0 and 1")
        if not isinstance(numbers, CubeSearch | None):
            raise UsageError("`numbers` must be a search that needs only scores, such as tpe, cmaes or one-plus-one")
        self.numbers: CubeSearch = numbers or OnePlusOne()
        self.text: Optimizer = text or OptoPrimeSearch()
        self.share = share

    @property
    def needs(self) -> frozenset[Capability | str]:
        """What either needs."""
        return self.numbers.needs | self.text.needs

    def best(self, context: Context) -> Candidate:
        """The candidate with the highest mean, the earlier one of equals."""
        return best_by_mean(context)

    def ask(self, context: Context, n: int) -> list[Trial]:
        """What the optimizer whose turn it is asks for, else what the other does."""
        archive = context.archive
        start = archive.candidates[0]
        if not archive.is_measured(start.id, context.compared):
            return [Trial(candidate=start, instances=context.compared)]
        if reaches_target(context, self.best(context), context.compared):
            return []
        by_numbers = sum(c.origin == self.numbers.name for c in archive.candidates)
        by_text = len(archive.candidates) - 1 - by_numbers + len(archive.refusals)
        turns = [self._of_numbers, self._of_text]
        if by_numbers * (1 - self.share) > by_text * self.share:
            turns.reverse()
        return turns[0](context, n) or turns[1](context, n)

    def _of_text(self, context: Context, n: int) -> list[Trial]:
        texts = {name: p for name, p in context.space.parameters.items() if p.kind not in NUMERIC_KINDS}
        return self.text.ask(replace(context, space=Space(texts)), n) if texts else []

    def _of_numbers(self, context: Context, n: int) -> list[Trial]:
        if not hasattr(self, "_views"):
            self._views = WeakKeyDictionary()
        names = tuple(name for name, p in context.space.parameters.items() if p.kind in NUMERIC_KINDS)
        view = self._views.setdefault(context.archive, _NumbersView(names))
        view.take_in(context.archive)
        trials = self.numbers.ask(replace(context, archive=view.archive, target=None), n)
        best = self.best(context)
        return [replace(trial, candidate=view.real(context.archive, trial.candidate, best)) for trial in trials]


@dataclass
class _NumbersView:
    """An archive as a search for numbers sees it: one candidate for each set of numbers, texts as at the start.

    Append-only like the archive that it shows, and kept beside it only to save time.

    Attributes:
        shown: for each candidate here, the one that was measured with these numbers first.
    """

    names: Sequence[str]
    archive: Archive = field(default_factory=Archive)
    shown: list[int] = field(default_factory=list)
    taken_in: int = 0
    _gains: dict[tuple[int, str], float] = field(default_factory=dict)
    _keys: dict[int, str] = field(default_factory=dict)

    def take_in(self, archive: Archive) -> None:
        """Enters what has come to `archive`."""
        start = archive.candidates[0]
        for candidate in archive.candidates[self.taken_in :]:
            parents = [] if candidate is start else [0]
            seen = self.archive.candidate(
                {**start.values, **self.numbers(candidate)},
                parents=parents,
                origin=candidate.origin,
                notes=candidate.notes,
            )
            if seen.id == len(self.shown):
                self.archive.add(seen)
                self.shown.append(candidate.id)
        self.taken_in = len(archive.candidates)
        for place, candidate_id in enumerate(self.shown):
            for evaluation in archive.evaluations(candidate_id)[len(self.archive.evaluations(place)) :]:
                credit = self._credit(archive, evaluation)
                self.archive.record(replace(evaluation, candidate=place, score=credit, evidence=None))

    def real(self, archive: Archive, wanted: Candidate, best: Candidate) -> Candidate:
        """The candidate to measure for one of this view: the one measured before, or the best with these numbers."""
        if wanted.id < len(self.shown):
            return archive.candidates[self.shown[wanted.id]]
        values = {**best.values, **self.numbers(wanted)}
        return archive.candidate(values, parents=[best.id], origin=wanted.origin, notes=wanted.notes)

    def numbers(self, candidate: Candidate) -> dict[str, Any]:
        """The numbers and choices of a candidate."""
        return {name: candidate.values[name] for name in self.names}

    def _credit(self, archive: Archive, evaluation: Evaluation) -> float | None:
        """The score less what was gained along the line of descent by steps that left the numbers as they were."""
        if evaluation.score is None:
            return None
        line, instance = [archive.candidates[evaluation.candidate]], evaluation.instance
        while line[-1].parents and (line[-1].id, instance) not in self._gains:
            line.append(archive.candidates[line[-1].parents[0]])
        gained = self._gains.get((line[-1].id, instance), 0.0)
        for parent, child in pairwise(reversed(line)):
            if self._key(child) == self._key(parent):
                gained += _rise(archive, parent, child, instance)
            self._gains[child.id, instance] = gained
        return evaluation.score - gained

    def _key(self, candidate: Candidate) -> str:
        if candidate.id not in self._keys:
            self._keys[candidate.id] = digest(self.numbers(candidate))
        return self._keys[candidate.id]


def _rise(archive: Archive, parent: Candidate, child: Candidate, instance: str) -> float:
    """By how much the score rose; 0 where one is missing or a failure."""
    before, after = (archive.scores(c.id, [instance]).get(instance, math.nan) for c in (parent, child))
    return after - before if math.isfinite(after - before) else 0.0

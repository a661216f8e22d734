"""Successive halving around any optimizer: few instances for all, many for the best."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

from agentopt.candidate import Candidate, Trial
from agentopt.instance import Split
from agentopt.llm.base import Capability
from agentopt.optimizers.base import Optimizer, best_by_mean
from agentopt.optimizers.settings import require_positive
from agentopt.proposers.base import Context
from agentopt.selection.rungs import rungs, survivors


class Halving:
    """Lets another optimizer search on a few instances, and measures the best of what it found on more and more.

    The instances that candidates are compared on are put into one random order; a rung is a beginning of it. The inner
    optimizer sees the first rung as if it were all. Of those measured on a rung, one in `factor` goes on to the next,
    as soon as it is known to be among them. The start is measured on all. The best has the highest mean on all.

    Args:
        optimizer: searches on the first rung.
        smallest: instances in the first rung.
        factor: by which rungs grow, and of how many candidates one goes on; 2 or more.
        brackets: with more than one, this is Hyperband: of the candidates in bracket b, the first measurement is on
            rung b, so that those that a small rung misjudges have a chance. They are compared with others of their
            bracket; a new candidate goes to the bracket on which least was spent.

    Source: ASHA, arXiv:1810.05934; brackets as in Hyperband, arXiv:1603.06560.
    """

    name = "halving"

    def __init__(self, optimizer: Optimizer, *, smallest: int = 2, factor: int = 3, brackets: int = 1) -> None:
        require_positive(smallest=smallest, factor=factor - 1, brackets=brackets)
        self.optimizer = optimizer
        self.smallest = smallest
        self.factor = factor
        self.brackets = brackets

    @property
    def needs(self) -> frozenset[Capability | str]:
        """What the inner optimizer needs."""
        return self.optimizer.needs

    def best(self, context: Context) -> Candidate:
        """The candidate with the highest mean on all instances, the earlier one of equals."""
        return best_by_mean(context)

    def ask(self, context: Context, n: int) -> list[Trial]:
        """The start, then whoever may go on to a higher rung, highest first, then what the inner optimizer asks."""
        archive, start = context.archive, context.archive.candidates[0]
        if not archive.is_measured(start.id, context.compared):
            return [Trial(candidate=start, instances=context.compared)]
        levels = self._rungs(context)
        if promoted := self._promoted(context, levels, is_last=False):
            return promoted
        asked = self.optimizer.ask(_narrowed(context, levels[0]), n)
        if not asked:
            return self._promoted(context, levels, is_last=True)
        return asked if self.brackets == 1 else self._in_bracket(context, levels, asked)

    def _in_bracket(self, context: Context, levels: list[tuple[str, ...]], asked: list[Trial]) -> list[Trial]:
        """The trials, new candidates on the first rung of the bracket on which least was spent."""
        archive = context.archive
        spent = [
            sum(len(archive.evaluations(c.id)) for c in archive.candidates[1:] if _bracket(c) == bracket)
            for bracket in range(min(self.brackets, len(levels)))
        ]
        bracket = spent.index(min(spent))
        return [
            trial
            if trial.candidate.id < len(archive.candidates) or trial.instances != levels[0]
            else replace(
                trial,
                candidate=replace(trial.candidate, notes={**trial.candidate.notes, "bracket": bracket}),
                instances=levels[bracket],
            )
            for trial in asked
        ]

    def _rungs(self, context: Context) -> list[tuple[str, ...]]:
        order = list(context.compared)
        Random(f"rungs:{context.seed}").shuffle(order)
        return rungs(order, smallest=self.smallest, factor=self.factor)

    def _promoted(self, context: Context, levels: list[tuple[str, ...]], *, is_last: bool) -> list[Trial]:
        """Trials of those that go on; at the end of the search, a rung with too few to choose from sends its best."""
        archive = context.archive
        for bracket in range(self.brackets):
            members = [c for c in archive.candidates[1:] if _bracket(c) == bracket]
            for here, above in reversed(list(pairwise(levels[bracket:]))):
                means = {c.id: archive.mean(c.id, here) for c in members}
                scored = {candidate: mean for candidate, mean in means.items() if mean is not None}
                if len(scored) < self.factor and not is_last:
                    continue
                keep = survivors(scored, factor=self.factor)[: max(len(scored) // self.factor, int(is_last))]
                waiting = [archive.candidates[c] for c in keep if not archive.is_measured(c, above)]
                if waiting:
                    return [Trial(candidate=c, instances=above) for c in waiting]
        return []


def _bracket(candidate: Candidate) -> int:
    return int(candidate.notes.get("bracket", 0))


def _narrowed(context: Context, instances: tuple[str, ...]) -> Context:
    """The context of a search that compares candidates on these instances only."""
    name: Split = "dev" if context.instances["dev"] else "train"
    return replace(context, instances={**context.instances, name: instances})

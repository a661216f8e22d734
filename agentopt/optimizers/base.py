"""What every optimizer is, and how candidates are compared."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from agentopt.candidate import Candidate, Trial
from agentopt.llm.base import Capability
from agentopt.proposers.base import Context, Proposer


@runtime_checkable
class Optimizer(Protocol):
    """A search. Holds settings only: what it knows is in the archive, so any run can stop and resume."""

    @property
    def needs(self) -> frozenset[Capability | str]:
        """What it cannot do without: `llm`, capabilities of the model, and `person`, who ranks for it."""
        ...

    def ask(self, context: Context, n: int) -> list[Trial]:
        """What to measure next; empty when it is done.

        Args:
            n: how many trials would be measured together; a wish, and the same however many run at a time.
        """
        ...

    def best(self, context: Context) -> Candidate:
        """The candidate to return if the run ended here."""
        ...


class ProposerSearch:
    """Base of the searches over a proposer: they need what it needs, and return what did best on dev."""

    proposer: Proposer

    @property
    def needs(self) -> frozenset[Capability | str]:
        """What the proposer needs."""
        return self.proposer.needs

    def best(self, context: Context) -> Candidate:
        """The candidate with the highest dev mean, the earlier one of equals; the newest where nothing has a score."""
        return best_by_mean(context)


def best_by_mean(context: Context) -> Candidate:
    """The candidate with the highest mean where they are compared, the earlier one of equals.

    Where nothing has a score, the newest that was measured there; the start, where none was.
    """
    archive, instances = context.archive, context.compared
    measured = [(archive.mean(c.id, instances), c) for c in archive.candidates]
    scored = [(mean, c) for mean, c in measured if mean is not None]
    if not scored:
        known = [c for c in archive.candidates if archive.is_measured(c.id, instances)]
        return known[-1] if known else archive.candidates[0]
    return max(scored, key=lambda pair: (pair[0], -pair[1].id))[1]

"""Keep the best candidate; propose a child from its failures; keep the child if it is better."""

from __future__ import annotations

from collections.abc import Sequence

from agentopt.candidate import Candidate, Trial
from agentopt.optimizers.base import ProposerSearch
from agentopt.optimizers.children import children_of
from agentopt.optimizers.settings import require_positive
from agentopt.proposers.base import Context, Proposer


class Greedy(ProposerSearch):
    """Hill climbing over any proposer.

    One round: the best candidate is measured on a minibatch of train instances, the proposer sees what
    happened, each child is measured on the same minibatch, and those that do better there are measured on dev.
    The best is the highest dev mean; a child that only equals it is not kept. A minibatch on which the best
    reaches the target is passed over; when all are, the search is done.

    Args:
        proposer: makes the children.
        minibatch: train instances shown per round.
        attempts: rounds without any usable proposal before the search gives up.

    Source: the loop of Trace, arXiv:2406.16218, with the acceptance test of GEPA, arXiv:2507.19457, on dev.
    """

    name = "greedy"
    acceptance = "a higher mean on dev than the best so far, after a higher mean than its parent's on a minibatch"

    def __init__(self, proposer: Proposer, *, minibatch: int = 6, attempts: int = 3) -> None:
        require_positive(minibatch=minibatch, attempts=attempts)
        self.proposer = proposer
        self.minibatch = minibatch
        self.attempts = attempts

    def ask(self, context: Context, n: int) -> list[Trial]:
        """The next measurements: dev of a promising child, the best on the next minibatch, or new children."""
        archive, dev = context.archive, context.compared
        start = archive.candidates[0]
        if not archive.is_measured(start.id, dev):
            return [Trial(candidate=start, instances=dev)]
        if promising := [c for c in archive.candidates if self._is_promising(context, c)]:
            return [Trial(candidate=c, instances=dev) for c in promising]
        if half_measured := [c for c in archive.candidates if not archive.is_measured(c.id, _batch_of(c))]:
            return [Trial(candidate=c, instances=_batch_of(c)) for c in half_measured]  # a model did not answer
        best = self.best(context)
        batch = self._next_batch(context, best)
        if batch is None:
            return []
        if not archive.is_measured(best.id, batch):
            return [Trial(candidate=best, instances=batch)]
        return [Trial(candidate=child, instances=batch) for child in self._children(context, best, batch)]

    def _is_promising(self, context: Context, candidate: Candidate) -> bool:
        archive, batch = context.archive, _batch_of(candidate)
        if not batch or archive.is_measured(candidate.id, context.compared):
            return False
        own, of_parent = archive.mean(candidate.id, batch), archive.mean(candidate.parents[0], batch)
        if own is None or of_parent is None:  # text feedback only: every measured child moves on
            return archive.is_measured(candidate.id, batch)
        return own > of_parent

    def _next_batch(self, context: Context, best: Candidate) -> tuple[str, ...] | None:
        """The minibatch of this round; `None` when the best reaches the target on all of them."""
        train = list(context.instances["train"])
        context.rng.shuffle(train)
        batches = [tuple(train[i : i + self.minibatch]) for i in range(0, len(train), self.minibatch)]
        for batch in batches:
            mean = context.archive.mean(best.id, batch)
            if mean is None or context.target is None or mean < context.target:
                return batch
        return None

    def _children(self, context: Context, best: Candidate, batch: Sequence[str]) -> list[Candidate]:
        for _ in range(self.attempts):
            if children := children_of(context, self.proposer, best, batch, {"minibatch": list(batch)}):
                return children
        return []


def _batch_of(candidate: Candidate) -> tuple[str, ...]:
    """The minibatch that the candidate was proposed for; empty for the start."""
    return tuple(candidate.notes.get("minibatch", ()))

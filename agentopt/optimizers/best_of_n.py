"""Many children of the start, and the best of them."""

from __future__ import annotations

from agentopt.candidate import Trial
from agentopt.optimizers.base import ProposerSearch
from agentopt.optimizers.children import attempts_made, children_of, minibatch, reaches_target, unmeasured
from agentopt.optimizers.settings import require_positive
from agentopt.proposers.base import Context, Proposer


class BestOfN(ProposerSearch):
    """Proposes from the start `n` times and keeps the best on dev: search without a second step.

    What any search over a proposer must beat at the same number of calls. The start is shown on another minibatch of
    train each time.

    Args:
        proposer: makes the children.
        n: proposals, those that cannot be used included.
        minibatch: train instances shown per proposal.

    Source: repeated sampling, as in "Large Language Monkeys", arXiv:2407.21787.
    """

    name = "best-of-n"

    def __init__(self, proposer: Proposer, *, n: int = 16, minibatch: int = 6) -> None:
        require_positive(n=n, minibatch=minibatch)
        self.proposer = proposer
        self.n = n
        self.minibatch = minibatch

    def ask(self, context: Context, n: int) -> list[Trial]:
        """Dev of what was proposed, then the start on the next minibatch, then a child."""
        archive, dev = context.archive, context.compared
        start = archive.candidates[0]
        if waiting := unmeasured(context, archive.candidates, dev):
            return waiting
        if reaches_target(context, self.best(context), dev):
            return []
        for number in range(attempts_made(context), self.n):
            batch = minibatch(context, number, self.minibatch)
            if shown := unmeasured(context, [start], batch):
                return shown
            if children := children_of(context, self.proposer, start, batch, {}):
                return [Trial(candidate=child, instances=dev) for child in children]
        return []

"""Beam search: the best few candidates each have children in every round."""

from __future__ import annotations

from agentopt.candidate import Candidate, Trial
from agentopt.optimizers.base import ProposerSearch
from agentopt.optimizers.children import attempts_made, children_of, minibatch, reaches_target, unmeasured
from agentopt.optimizers.settings import require_positive
from agentopt.proposers.base import Context, Proposer


class Beam(ProposerSearch):
    """Keeps the `width` best candidates on dev; all of them are shown on the same minibatch and proposed from.

    Every child is measured on all of dev. The search ends when a round brings no usable proposal `attempts` times.

    Args:
        proposer: makes the children.
        width: candidates kept.
        minibatch: train instances shown per round.
        attempts: rounds without any usable proposal before the search gives up.

    Source: beam search over prompts as in ProTeGi, arXiv:2305.03495, without its bandit: `halving` around `beam`
    spends less on candidates that do badly.
    """

    name = "beam"

    def __init__(self, proposer: Proposer, *, width: int = 3, minibatch: int = 6, attempts: int = 3) -> None:
        require_positive(width=width, minibatch=minibatch, attempts=attempts)
        self.proposer = proposer
        self.width = width
        self.minibatch = minibatch
        self.attempts = attempts

    def ask(self, context: Context, n: int) -> list[Trial]:
        """Dev of what was proposed, then the beam on the next minibatch, then children of all of it."""
        archive, dev = context.archive, context.compared
        if waiting := unmeasured(context, archive.candidates, dev):
            return waiting
        if reaches_target(context, self.best(context), dev):
            return []
        beam = top(context, self.width)
        for _ in range(self.attempts):
            batch = minibatch(context, attempts_made(context), self.minibatch)
            if shown := unmeasured(context, beam, batch):
                return shown
            found = [children_of(context, self.proposer, parent, batch, {}) for parent in beam]
            if any(found):
                return [Trial(candidate=child, instances=dev) for children in found for child in children]
        return []


def top(context: Context, count: int) -> list[Candidate]:
    """The `count` candidates with the highest means where they are compared, best first; the newest without scores."""
    archive, instances = context.archive, context.compared
    means = [(archive.mean(c.id, instances), c) for c in archive.candidates]
    scored = [(mean, c) for mean, c in means if mean is not None]
    ordered = [c for _, c in sorted(scored, key=lambda pair: (-pair[0], pair[1].id))]
    return (ordered or [c for c in reversed(archive.candidates) if archive.is_measured(c.id, instances)])[:count]

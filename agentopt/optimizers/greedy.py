"""Keep the best candidate; propose a child from its failures; keep the child if it is better."""

from __future__ import annotations

from collections.abc import Sequence

from agentopt.candidate import Candidate, Refusal, Trial
from agentopt.errors import UsageError
from agentopt.graph.showing import show
from agentopt.llm.base import Capability
from agentopt.proposers.base import Context, Proposer


class Greedy:
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
        for name, value in (("minibatch", minibatch), ("attempts", attempts)):
            if value < 1:
                raise UsageError(f"`{name}` is {value}; expected 1 or more")
        self.proposer = proposer
        self.minibatch = minibatch
        self.attempts = attempts

    @property
    def needs(self) -> frozenset[Capability | str]:
        """What the proposer needs."""
        return self.proposer.needs

    def best(self, context: Context) -> Candidate:
        """The candidate with the highest dev mean, the earlier one of equals; the newest where nothing has a score."""
        archive, dev = context.archive, _dev(context)
        measured = [(archive.mean(c.id, dev), c) for c in archive.candidates]
        scored = [(mean, c) for mean, c in measured if mean is not None]
        if not scored:
            known = [c for c in archive.candidates if archive.is_measured(c.id, dev)]
            return known[-1] if known else archive.candidates[0]
        return max(scored, key=lambda pair: (pair[0], -pair[1].id))[1]

    def ask(self, context: Context, n: int) -> list[Trial]:
        """The next measurements: dev of a promising child, the best on the next minibatch, or new children."""
        archive, dev = context.archive, _dev(context)
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
        if not batch or archive.is_measured(candidate.id, _dev(context)):
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
        archive = context.archive
        evidence = archive.evidence(best.id, batch)
        for _ in range(self.attempts):
            children = []
            for proposal in self.proposer.propose(context, [best], evidence):
                notes = {"reasoning": proposal.reasoning, "minibatch": list(batch)}
                values = {**best.values, **proposal.changes}
                child = archive.candidate(values, parents=[best.id], origin=proposal.origin, notes=notes)
                if child.id < len(archive.candidates):
                    tried = f"these values were tried before: {show(proposal.changes, 300)}"
                    problem = tried if proposal.changes else "no change was proposed"
                    context.refuse(Refusal(parents=(best.id,), problem=problem))
                else:
                    children.append(child)
            if children:
                return children
        return []


def _batch_of(candidate: Candidate) -> tuple[str, ...]:
    """The minibatch that the candidate was proposed for; empty for the start."""
    return tuple(candidate.notes.get("minibatch", ()))


def _dev(context: Context) -> tuple[str, ...]:
    """The instances that candidates are compared on: dev, or train where there is no dev."""
    return context.instances["dev"] or context.instances["train"]

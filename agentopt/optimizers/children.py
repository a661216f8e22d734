"""What optimizers over a proposer share: minibatches, children, and trials that are still to be measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from agentopt.candidate import Candidate, Refusal, Trial
from agentopt.graph.showing import show
from agentopt.proposers.base import Context, Proposer


def children_of(
    context: Context,
    proposer: Proposer,
    parent: Candidate,
    batch: Sequence[str],
    notes: Mapping[str, Any],
) -> list[Candidate]:
    """New candidates from one call of the proposer on what happened on the minibatch; what was tried is refused."""
    archive = context.archive
    children = []
    for proposal in proposer.propose(context, [parent], archive.evidence(parent.id, batch)):
        noted = {"reasoning": proposal.reasoning, **notes}
        values = {**parent.values, **proposal.changes}
        child = archive.candidate(values, parents=[parent.id], origin=proposal.origin, notes=noted)
        if child.id < len(archive.candidates):
            tried = f"these values were tried before: {show(proposal.changes, 300)}"
            problem = tried if proposal.changes else "no change was proposed"
            context.refuse(Refusal(parents=(parent.id,), problem=problem))
        else:
            children.append(child)
    return children


def unmeasured(context: Context, candidates: Iterable[Candidate], instances: tuple[str, ...]) -> list[Trial]:
    """Trials of those candidates that were not measured on all of these instances."""
    archive = context.archive
    return [Trial(candidate=c, instances=instances) for c in candidates if not archive.is_measured(c.id, instances)]


def reaches_target(context: Context, candidate: Candidate, instances: Sequence[str]) -> bool:
    """Whether its mean on these instances is a score that cannot be beaten."""
    mean = context.archive.mean(candidate.id, instances)
    return mean is not None and context.target is not None and mean >= context.target


def minibatch(context: Context, number: int, size: int) -> tuple[str, ...]:
    """The minibatch of that number, from 0: train is dealt in a new order for each pass over it."""
    train = list(context.instances["train"])
    per_pass = -(-len(train) // size)
    passes, place = divmod(number, per_pass)
    Random(f"minibatches:{context.seed}:{passes}").shuffle(train)
    return tuple(train[place * size : (place + 1) * size])


def attempts_made(context: Context) -> int:
    """How many proposals there were so far, usable or not."""
    return len(context.archive.candidates) - 1 + len(context.archive.refusals)

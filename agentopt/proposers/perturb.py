"""A proposer that needs no model: small random steps, as in a (1+1) evolution strategy."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from agentopt.candidate import Candidate
from agentopt.canonical import digest
from agentopt.errors import ProposalError
from agentopt.graph.subgraph import Evidence
from agentopt.graph.trainable import Parameter
from agentopt.llm.base import Capability
from agentopt.proposal import Proposal, checked_proposal
from agentopt.proposers.base import Context

REDRAWS = 100
"""How often values are drawn again that were tried before, or that are refused."""


class PerturbProposer:
    """Adds Gaussian noise to numbers and redraws choices; prompts, code and json stay as they are.

    Args:
        candidates: proposals at a time.
        scale: standard deviation of the noise, as a share of the bounds' width (of `1 + |value|` where
            there are no bounds). It doubles after a child that was better than its parent and falls by
            2^(-1/4) after one that was not: Rechenberg's one-fifth rule, read off the archive.
    """

    name = "perturb"
    needs: frozenset[Capability | str] = frozenset()

    def __init__(self, *, candidates: int = 1, scale: float = 0.2) -> None:
        self.candidates = candidates
        self.scale = scale

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        """Proposals for children of `parents[0]`; empty where chance finds no values that are new."""
        parent = parents[0]
        scale = self._adapted(context, [e.instance for e in evidence])
        proposals: list[Proposal] = []
        tried: set[str] = set()
        for _ in range(self.candidates):
            proposals += self._unseen(context, parent, scale, tried)
        return proposals

    def _unseen(self, context: Context, parent: Candidate, scale: float, tried: set[str]) -> list[Proposal]:
        """One proposal for values that are neither in the archive nor in `tried`; none, where chance finds none."""
        for _ in range(REDRAWS):
            moved = {
                name: _moved(parameter, parent.values[name], scale, context.rng)
                for name, parameter in context.space.parameters.items()
                if parameter.kind in ("number", "integer", "choice")
            }
            try:
                proposal = checked_proposal(context.space, parent.values, moved, origin=self.name)
            except ProposalError:  # rounding brought every value back to the parent's, or a check refused
                continue
            values = {**parent.values, **proposal.changes}
            is_known = context.archive.candidate(values).id < len(context.archive.candidates)
            if proposal.changes and not is_known and (key := digest(values)) not in tried:
                tried.add(key)
                return [proposal]
        return []

    def _adapted(self, context: Context, instances: Sequence[str]) -> float:
        scale = self.scale
        for candidate in context.archive.candidates[1:]:
            own = context.archive.mean(candidate.id, instances)
            of_parent = context.archive.mean(candidate.parents[0], instances) if candidate.parents else None
            if own is not None and of_parent is not None:
                scale *= 2.0 if own > of_parent else 2.0**-0.25
        return min(scale, 0.5)


def _moved(parameter: Parameter, value: Any, scale: float, rng: Random) -> Any:
    if parameter.kind == "choice":
        return rng.choice(parameter.choices) if rng.random() < 0.5 else value
    low, high = parameter.bounds or (None, None)
    width = high - low if low is not None and high is not None else 1 + abs(value)
    moved = value + rng.gauss(0, scale * width)
    moved = max(moved, low) if low is not None else moved
    moved = min(moved, high) if high is not None else moved
    if parameter.step:
        origin = low or 0
        moved = origin + round((moved - origin) / parameter.step) * parameter.step
    return round(moved) if parameter.kind == "integer" else moved

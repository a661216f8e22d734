"""No search: measures the start on every train and dev instance."""

from __future__ import annotations

from agentopt.candidate import Candidate, Trial
from agentopt.llm.base import Capability
from agentopt.proposers.base import Context


class Measure:
    """Measures the start and stops; for a table of how a workflow does as it is."""

    name = "measure"
    needs: frozenset[Capability | str] = frozenset()

    def ask(self, context: Context, n: int) -> list[Trial]:
        """One trial with all instances, then nothing."""
        start = context.archive.candidates[0]
        instances = context.instances["train"] + context.instances["dev"]
        return [] if context.archive.is_measured(start.id, instances) else [Trial(candidate=start, instances=instances)]

    def best(self, context: Context) -> Candidate:
        """The start."""
        return context.archive.candidates[0]

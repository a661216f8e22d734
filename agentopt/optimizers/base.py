"""What every optimizer is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from agentopt.candidate import Candidate, Trial
from agentopt.llm.base import Capability
from agentopt.proposers.base import Context


@runtime_checkable
class Optimizer(Protocol):
    """A search. Holds settings only: what it knows is in the archive, so any run can stop and resume."""

    @property
    def needs(self) -> frozenset[Capability | str]:
        """What it cannot do without: `llm`, and capabilities of the model."""
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

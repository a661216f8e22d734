"""What is said of a cost: its score, the constraints that are broken, and where it falls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentopt.adapters.hints import Hints
from agentopt.feedback import Feedback


@dataclass(frozen=True, kw_only=True)
class CostFeedback:
    """The score of a cost, what broken constraints add to it, and what its slopes say.

    Args:
        hints: in the feedback's channels, which a rendering shows beside the text; without them the text has the cost,
            as with the channel `r`.
        violations: by how much the constraints are broken, by name, as a function of the values.
        penalty: cost of one unit of violation.
    """

    hints: Hints | None = None
    violations: Callable[..., Mapping[str, float]] | None = None
    penalty: float = 0.0

    @property
    def needs_values(self) -> bool:
        """Whether the output must say where the cost was measured."""
        return self.hints is not None or self.violations is not None

    def broken(self, values: Mapping[str, Any]) -> dict[str, float]:
        """The constraints that do not hold, with their violation."""
        found = {} if self.violations is None else self.violations(**values)
        return {name: amount for name, amount in found.items() if amount > 0}

    def total(self, cost: float, values: Mapping[str, Any]) -> float:
        """The cost with what broken constraints add."""
        return cost + self.penalty * sum(self.broken(values).values())

    def __call__(self, output: Any, _fields: Mapping[str, Any]) -> Feedback:
        """Feedback on the output of the workflow."""
        if not self.needs_values:
            return Feedback(-float(output), f"The cost is {float(output):.6g}; lower is better.")
        cost, values = float(output["cost"]), output["at"]
        is_told = self.hints is None or "r" in self.hints.given(values)
        said = [f"The cost is {cost:.6g}; lower is better."] if is_told else []
        if broken := self.broken(values):
            amounts = ", ".join(f"`{name}` by {amount:.4g}" for name, amount in broken.items())
            said.append(f"Broken: {amounts}; each unit of that counts as {self.penalty:g} of cost.")
        elif self.violations is not None:
            said.append("All constraints hold.")
        channels = {} if self.hints is None else self.hints.at(values)
        return Feedback(-self.total(cost, values), " ".join(said), channels=channels)

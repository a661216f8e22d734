"""McCormick's function."""

import math
from typing import Any

import agentopt as ao


@ao.bundle
def sin(angle: float) -> float:
    """Sine of an angle in radians."""
    return math.sin(angle)


def cost(x: Any, y: Any) -> Any:
    """sin(x + y) + (x - y)^2 - 1.5 x + 2.5 y + 1."""
    return sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


def slopes(x: float, y: float) -> dict[str, float]:
    """Partial derivatives of the cost."""
    common = math.cos(x + y)
    return {"x": common + 2 * (x - y) - 1.5, "y": common - 2 * (x - y) + 2.5}

"""Branin's function, with the parameters of Dixon and Szego."""

import math
from typing import Any

import agentopt as ao


@ao.bundle
def cos(angle: float) -> float:
    """Cosine of an angle in radians."""
    return math.cos(angle)


def cost(x: Any, y: Any) -> Any:
    """(y - b x^2 + c x - 6)^2 + 10 (1 - t) cos x + 10."""
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x**2 + c * x - 6) ** 2 + 10 * (1 - t) * cos(x) + 10

"""Rosenbrock's valley with a = 1 and b = 1, which is less steep than the customary one with b = 100."""

from typing import Any


def cost(x: Any, y: Any) -> Any:
    """(y - x^2)^2 + (1 - x)^2."""
    return (y - x * x) ** 2 + (1 - x) ** 2


def slopes(x: float, y: float) -> dict[str, float]:
    """Partial derivatives of the cost."""
    return {"x": -4 * x * (y - x * x) - 2 * (1 - x), "y": 2 * (y - x * x)}

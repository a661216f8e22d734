"""Rosenbrock's valley."""

from typing import Any


def cost(x: Any, y: Any) -> Any:
    """100 (y - x^2)^2 + (1 - x)^2."""
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2

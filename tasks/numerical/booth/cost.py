"""Booth's function."""

from typing import Any


def cost(x: Any, y: Any) -> Any:
    """(x + 2 y - 7)^2 + (2 x + y - 5)^2."""
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def slopes(x: float, y: float) -> dict[str, float]:
    """Partial derivatives of the cost."""
    return {"x": 10 * x + 8 * y - 34, "y": 8 * x + 10 * y - 38}

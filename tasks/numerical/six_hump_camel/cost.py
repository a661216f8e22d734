"""The six-hump camel back."""

from typing import Any


def cost(x: Any, y: Any) -> Any:
    """(4 - 2.1 x^2 + x^4 / 3) x^2 + x y + (4 y^2 - 4) y^2."""
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def slopes(x: float, y: float) -> dict[str, float]:
    """Partial derivatives of the cost."""
    return {"x": 8 * x - 8.4 * x**3 + 2 * x**5 + y, "y": x - 8 * y + 16 * y**3}

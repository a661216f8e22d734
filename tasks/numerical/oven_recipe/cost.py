"""A bake whose settings are met with an error that nobody knows: a noisy cost with a known expectation."""

from random import Random
from typing import Any

import agentopt as ao

HEAT_ERROR_C, CLOCK_ERROR_MINUTES = 12.0, 4.0


def deviation(heat_c: float, minutes: float) -> float:
    """How far the bake is from the wanted one; a quadratic form with its lowest value, 1, at 216 C and 34 minutes."""
    h, m = (heat_c - 216) / 24, (minutes - 34) / 10
    return 1 + h * h + 0.9375 * m * m + 0.8 * h * m


@ao.bundle
def bake(heat_c: float, minutes: float, draw: int | None = None) -> float:
    """Deviation of one bake from the wanted one, as a taster marks it; 0 would be perfect."""
    if draw is None:  # the errors are independent: each adds its variance times the square's coefficient
        return deviation(heat_c, minutes) + (HEAT_ERROR_C / 24) ** 2 + 0.9375 * (CLOCK_ERROR_MINUTES / 10) ** 2
    errors = Random(f"bake:{draw}")
    return deviation(heat_c + errors.gauss(0, HEAT_ERROR_C), minutes + errors.gauss(0, CLOCK_ERROR_MINUTES))


def cost(heat_c: Any, minutes: Any, draw: Any = None) -> Any:
    """The marked deviation of one bake, or the expected one."""
    return bake(heat_c, minutes, draw)

"""Energy of a pump whose inside a model does not get to see: one opaque bundle."""

import math
from typing import Any

import agentopt as ao


@ao.bundle
def measured_energy(speed_hz: float, pressure_bar: float) -> float:
    """Energy per cubic metre pumped at these set-points, in kWh, as measured."""
    s, p = (speed_hz - 37.4) / 20, (pressure_bar - 5.3) / 4
    return 0.31 + 0.8 * s * s + 0.5 * p * p - 0.6 * s * p + 0.02 * (1 - math.cos(9 * s))


def cost(speed_hz: Any, pressure_bar: Any) -> Any:
    """The measured energy."""
    return measured_energy(speed_hz, pressure_bar)

"""Hartmann's function of six variables."""

import math
from typing import Any

import agentopt as ao

HEIGHTS = (1.0, 1.2, 3.0, 3.2)
WIDTHS = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
CENTRES = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


@ao.bundle
def exp(exponent: float) -> float:
    """e to the power of the exponent."""
    return math.exp(exponent)


def cost(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
    """- sum_i h_i exp(-sum_j w_ij (x_j - c_ij)^2)."""
    total: Any = 0.0
    for height, widths, centres in zip(HEIGHTS, WIDTHS, CENTRES):
        distance: Any = 0.0
        for x, width, centre in zip((x1, x2, x3, x4, x5, x6), widths, centres):
            distance = distance + width * (x - centre) ** 2
        total = total - height * exp(-distance)
    return total

"""Sheet metal of a closed round tin of 750 cubic cm, for a shelf of 8 cm."""

import math
from typing import Any


def cost(radius_cm: Any, height_cm: Any) -> Any:
    """Two lids and the side, in square cm."""
    return 2 * math.pi * radius_cm**2 + 2 * math.pi * radius_cm * height_cm


def violations(radius_cm: float, height_cm: float) -> dict[str, float]:
    """Missing volume in cubic cm, and height above the shelf in cm."""
    missing = 750 - math.pi * radius_cm**2 * height_cm
    return {"volume": max(0.0, missing), "height": max(0.0, height_cm - 8)}

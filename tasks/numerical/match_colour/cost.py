"""A mixture of three paints: something to look at and to rank, without a score."""

import math
from typing import Any

import agentopt as ao

ABSORBED = {"ochre": (0.15, 0.55, 2.1), "madder": (0.3, 1.9, 1.2), "indigo": (2.2, 1.3, 0.5)}
"""How much of red, green and blue a full measure of the paint takes away, as exponents."""
WANTED = {"ochre": 0.62, "madder": 0.35, "indigo": 0.18}


def mixture(**measures: float) -> list[float]:
    """Red, green and blue of the mixture, 0 to 255."""
    return [255 * math.exp(-sum(measures[paint] * ABSORBED[paint][band] for paint in ABSORBED)) for band in range(3)]


@ao.bundle
def painted(ochre: float, madder: float, indigo: float) -> str:
    """The colour of the mixture, as `#RRGGBB`."""
    return "#" + "".join(f"{round(band):02X}" for band in mixture(ochre=ochre, madder=madder, indigo=indigo))


def swatch(ochre: Any, madder: Any, indigo: Any) -> Any:
    """The mixture's colour, and nothing that says how good it is."""
    return painted(ochre, madder, indigo)


def cost(ochre: float, madder: float, indigo: float) -> float:
    """Distance of the mixture from the wanted colour in red, green and blue; for verification only."""
    return math.dist(mixture(ochre=ochre, madder=madder, indigo=indigo), mixture(**WANTED))

"""Yearly cost of an insulated pipe: a choice, an integer and a number."""

from typing import Any

import agentopt as ao

HEAT_PRICE = 90.0
"""What the bare pipe loses in a year, times its resistance."""
BARE = 0.4
LAYER_GAP = 0.12
"""Resistance of the air under each layer."""
LAYER_WORK = 5.5
"""What it costs to put a layer on."""
MATERIALS = {"felt": (24.0, 0.26), "glass wool": (15.0, 0.52), "foam": (11.0, 0.66), "cork": (19.0, 0.35)}
"""Millimetres for one unit of resistance, and price of one millimetre."""


@ao.bundle
def yearly_cost(material: str, layers: int, thickness_mm: float) -> float:
    """Heat lost in a year, and a year's share of material and work, in euros."""
    mm_per_unit, price = MATERIALS[material]
    resistance = BARE + layers * (thickness_mm / mm_per_unit + LAYER_GAP)
    return HEAT_PRICE / resistance + layers * (price * thickness_mm + LAYER_WORK)


def cost(material: Any, layers: Any, thickness_mm: Any) -> Any:
    """The yearly cost."""
    return yearly_cost(material, layers, thickness_mm)

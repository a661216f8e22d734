"""Documents that several tests start from."""

from __future__ import annotations

from typing import Any


def data(name: str, values: Any, over: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "over": over, "values": values, "unit": None, "quote": None, **more}


def variable(name: str, over: str = "", **more: Any) -> dict[str, Any]:
    given = {"name": name, "over": over, "type": "continuous", "lower": 0, "upper": None, "unit": None, "meaning": ""}
    return {**given, **more}


def row(name: str, expression: str, over: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "over": over, "expression": expression, "quote": None, **more}


def document(
    variables: list[dict[str, Any]],
    objective: str = "0",
    constraints: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    goal = {"sense": "minimize", "expression": objective, "unit": None, "quote": None}
    given = {"sets": [], "parameters": [], "variables": variables, "objective": goal, "constraints": constraints or []}
    return {**given, **more}


def transport() -> dict[str, Any]:
    """Two plants, three stores; the optimum is 250 (checked by hand: 10·4 + 20·3 + 15·6 + 12·5)."""
    return document(
        [variable("ship", "p in plants, s in stores", unit="tons")],
        "sum(cost[p, s] * ship[p, s] for p in plants for s in stores)",
        [
            row("supply_limit", "sum(ship[p, s] for s in stores) <= supply[p]", "p in plants"),
            row("demand_met", "sum(ship[p, s] for p in plants) >= demand[s]", "s in stores"),
        ],
        sets=[{"name": "plants", "members": ["A", "B"]}, {"name": "stores", "members": [1, 2, 3]}],
        parameters=[
            data("cost", [[4, 3, 9], [8, 6, 5]], "p in plants, s in stores", unit="$/ton"),
            data("supply", [30, 40], "p in plants", unit="tons"),
            data("demand", [10, 35, 12], "s in stores", unit="tons"),
        ],
    )

"""General constraints as rows: maximum, minimum, absolute value, and, or, and piecewise-linear functions.

Every one is written exactly, with binary columns, implied rows (indicators) and ordered sets. Which variables are an
extreme of others is noted, so that their bounds can be cut to those of the others when the model is captured: without
them `linearized` would find no constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentopt.modeling.capture.gurobi.attributes import GurobiError
from agentopt.modeling.capture.gurobi.constants import GRB
from agentopt.modeling.capture.gurobi.expressions import GenExpr, LinExpr, TempConstr, Var, expression, quicksum

if TYPE_CHECKING:
    from agentopt.modeling.capture.gurobi.building import Building


def add_general(model: Building, result: Any, general: GenExpr, name: str) -> list[Any]:
    """Adds `result == general` to `model`, and returns the rows that say so."""
    operands = [_as_variable(model, operand) for operand in general.operands]
    target = _as_variable(model, result)
    if not operands and general.constant is None:
        raise GurobiError(f"`{general.kind}_` needs at least one operand")
    if general.kind in ("and", "or"):
        return _add_logic(model, target, operands, general.kind, name)
    if general.kind == "abs":
        operands = [operands[0], -operands[0]]
    if general.constant is not None:
        operands.append(expression(general.constant))
    return _add_extreme(model, target, operands, "min" if general.kind == "min" else "max", name)


def add_piecewise(model: Building, x: Var, y: Any, points: Sequence[tuple[float, float]], name: str) -> list[Any]:
    """Adds `y = f(x)` for the function through `points`, its first and last pieces going on to the bounds of `x`."""
    places = [place for place, _ in points]
    if len(points) < 2 or places != sorted(places):
        raise GurobiError("a piecewise-linear function needs at least two points, `x` not descending")
    points = _extended(model, x, list(points))
    weights = [model._add_auxiliary(f"{name}.{number}", upper=1.0) for number in range(1, len(points) + 1)]
    model._add_set(2, weights, list(range(1, len(points) + 1)), name)
    sums = [quicksum(point[axis] * weight for point, weight in zip(points, weights)) for axis in (0, 1)]
    return [
        model._add_row(TempConstr(quicksum(weights) - 1.0, "="), f"{name} weights"),
        model._add_row(TempConstr(sums[0] - x, "="), f"{name} x"),
        model._add_row(TempConstr(sums[1] - y, "="), f"{name} y"),
    ]


def _add_logic(model: Building, result: LinExpr, operands: list[LinExpr], kind: str, name: str) -> list[Any]:
    for operand in (result, *operands):
        for variable in operand._linear:
            if variable.VType != GRB.BINARY:
                variable.VType = GRB.BINARY
    sign = 1.0 if kind == "and" else -1.0
    rows = [
        model._add_row(TempConstr((result - operand) * sign, "<"), f"{name} {number}")
        for number, operand in enumerate(operands, 1)
    ]
    last = quicksum(operands) - result - (len(operands) - 1 if kind == "and" else 0)
    return [*rows, model._add_row(TempConstr(last * sign, "<"), f"{name} all")]


def _add_extreme(model: Building, result: LinExpr, operands: list[LinExpr], kind: str, name: str) -> list[Any]:
    """The largest (`max`) or smallest operand: on one side of all, and on the other side of a chosen one."""
    sign = 1.0 if kind == "max" else -1.0
    if len(result._linear) == 1 and not result._constant and next(iter(result._linear.values())) == 1.0:
        model._extremes.append((next(iter(result._linear)), operands, kind))
    choices = [model._add_auxiliary(f"{name}.{number}", kind=GRB.BINARY) for number in range(1, len(operands) + 1)]
    rows = [model._add_row(TempConstr(quicksum(choices) - 1.0, "="), f"{name} choice")]
    for number, (operand, choice) in enumerate(zip(operands, choices), 1):
        rows.append(model._add_row(TempConstr((operand - result) * sign, "<"), f"{name} {number}"))
        chosen = TempConstr((result - operand) * sign, "<")
        chosen.condition = (choice, 1)
        rows.append(model._add_row(chosen, f"{name} {number} chosen"))
    return rows


def _as_variable(model: Building, value: Any) -> LinExpr:
    """`value` as a linear expression; what is quadratic gets a variable that equals it."""
    operand = expression(value)._copy()  # the program may go on adding to its own
    if not operand._products:
        return operand
    variable = model._add_auxiliary("product", lower=-GRB.INFINITY)
    model._add_row(TempConstr(operand - variable, "="), "product")
    return expression(variable)


def _extended(model: Building, x: Var, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """`points` with the outer pieces drawn to the bounds of `x`."""
    for place, neighbour, bound in ((0, 1, x.LB), (-1, -2, x.UB)):
        (end, value), (inner, inner_value) = points[place], points[neighbour]
        if (place == 0 and bound >= end) or (place == -1 and bound <= end):
            continue
        if abs(bound) >= 1e20:
            raise model._refuse(f"a piecewise-linear function of `{x.VarName}`, which has no bound beyond {end:g}")
        slope = 0.0 if end == inner else (value - inner_value) / (end - inner)
        new = (bound, value + slope * (bound - end))
        points = [new, *points] if place == 0 else [*points, new]
    return points

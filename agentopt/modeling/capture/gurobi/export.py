"""A model of the dialect as a `Model`, and a solution of that back in its variables and constraints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from agentopt.errors import UsageError
from agentopt.modeling.capture.gurobi.attributes import GurobiError
from agentopt.modeling.capture.gurobi.constants import STATUSES
from agentopt.modeling.capture.gurobi.expressions import LinExpr, Var
from agentopt.modeling.capture.naming import bound_names
from agentopt.modeling.capture.solving import Answer
from agentopt.modeling.exact import exact
from agentopt.modeling.linearization import Bounds, implied_bounds
from agentopt.modeling.model import Column, ColumnType, Indicator, Objective, Row, SpecialOrderedSet, unique_names
from agentopt.modeling.model import Model as CapturedModel

if TYPE_CHECKING:
    from agentopt.modeling.capture.gurobi.constraints import Constr
    from agentopt.modeling.capture.gurobi.model import Model

_INFINITE_BOUND = 1e20  # from here on a bound is none, says gurobipy's documentation
_TYPES: Mapping[str, ColumnType] = {
    "C": "continuous", "B": "integer", "I": "integer", "S": "semicontinuous", "N": "semiinteger",
}  # fmt: skip
_STATUSES: Mapping[str, str] = {
    "optimal": "OPTIMAL",
    "infeasible": "INFEASIBLE",
    "unbounded": "UNBOUNDED",
    "feasible": "TIME_LIMIT",
    "time_limit": "TIME_LIMIT",
}


def captured(model: Model, namespaces: Sequence[Mapping[str, Any]]) -> CapturedModel:
    """What `model` says, by the names it gave, else by those of the program's variables.

    Raises:
        GurobiError: a number in it is none.
    """
    variables = model._variables
    derived = bound_names(namespaces, Var, lambda variable: variable._index if variable._model is model else None)
    names = unique_names((v.__dict__.get("VarName") or derived.get(v._index, f"C{v._index}") for v in variables), "C")
    name_of = dict(zip(variables, names))
    linear = {name_of[variable]: variable.Obj for variable in variables if variable.Obj}
    try:
        made = CapturedModel(
            name=model.ModelName,
            columns=tuple(_column(variable, name_of[variable]) for variable in variables),
            rows=_rows(model._constraints, name_of),
            objective=Objective(
                sense="maximize" if model.ModelSense == -1 else "minimize",
                coefficients=linear,
                constant=model.ObjCon,
                quadratic=_products(model._objective_products, name_of),
            ),
            sets=tuple(
                SpecialOrderedSet(name=name, type=one.kind, weights={name_of[v]: w for v, w in one.members})
                for name, one in zip(unique_names((one.name for one in model._sets), "sos"), model._sets)
            ),
        )
    except UsageError as error:
        raise GurobiError(str(error)) from error
    except KeyError as error:
        raise GurobiError(f"`{error.args[0].VarName}` belongs to another model, or was removed") from error
    return _with_cut_bounds(made, model, name_of) if model._extremes else made


def _with_cut_bounds(made: CapturedModel, model: Model, name_of: Mapping[Var, str]) -> CapturedModel:
    """The same model, with the bounds of a maximum or minimum cut to those of its operands."""
    ranges = implied_bounds(made)
    for result, operands, kind in model._extremes:
        extreme = max if kind == "max" else min
        ends = [_ends(operand, ranges, name_of) for operand in operands]
        lower, upper = ranges[name_of[result]]
        least, most = [one[0] for one in ends], [one[1] for one in ends]
        if None not in least:
            cut = extreme(end for end in least if end is not None)
            lower = cut if lower is None else max(lower, cut)
        if None not in most:
            cut = extreme(end for end in most if end is not None)
            upper = cut if upper is None else min(upper, cut)
        ranges[name_of[result]] = (lower, upper)
    cut_ones = {name_of[result] for result, _, _ in model._extremes}
    columns = tuple(
        _cut_to(column, ranges[column.name]) if column.name in cut_ones else column for column in made.columns
    )
    return replace(made, columns=columns)


def _cut_to(column: Column, bounds: Bounds) -> Column:
    """`column` with the bounds it lacks; a bound that no decimal holds exactly is rounded outwards."""
    lower, upper = (None if end is None else float(end) for end in bounds)
    if lower is not None and math.isinf(column.lower):
        column = replace(column, lower=lower if exact(lower) <= (bounds[0] or 0) else math.nextafter(lower, -math.inf))
    if upper is not None and math.isinf(column.upper):
        column = replace(column, upper=upper if exact(upper) >= (bounds[1] or 0) else math.nextafter(upper, math.inf))
    return column


def _ends(operand: LinExpr, ranges: Mapping[str, Bounds], name_of: Mapping[Var, str]) -> Bounds:
    """Least and largest value of a linear expression."""
    ends: list[Fraction | None] = [exact(operand._constant)] * 2
    for variable, value in operand._linear.items():
        for side in (0, 1):
            bound, so_far = ranges[name_of[variable]][side if value > 0 else 1 - side], ends[side]
            ends[side] = None if bound is None or so_far is None else so_far + exact(value) * bound
    return ends[0], ends[1]


def take_solution(model: Model, answer: Answer) -> None:
    """Makes status, values and duals of `answer` what the program reads."""
    solution = answer.solution
    values, costs = answer.values, answer.reduced_costs
    for place, variable in enumerate(model._variables):
        variable.__dict__["_x"] = None if values is None else _rounded(values[place], variable)
        variable.__dict__["_rc"] = None if costs is None else costs[place]
    for place, constraint in enumerate(model._constraints):
        constraint.__dict__["_pi"] = None if answer.row_duals is None else answer.row_duals[place]
    code = STATUSES[_STATUSES.get(solution.status, "NUMERIC")]
    objective = None if values is None else answer.objective
    bound = solution.bound if solution.bound is not None else objective
    model._result = {"Status": code, "ObjVal": objective, "ObjBound": bound, "Runtime": solution.time_s}


def _rounded(value: float, variable: Var) -> float:
    """A whole number where the variable must be one, as the answers of gurobipy nearly are."""
    return float(round(value)) if variable.VType in "BIN" else value + 0.0  # no -0.0


def _column(variable: Var, name: str) -> Column:
    lower, upper = variable.LB, variable.UB
    if variable.VType == "B":
        lower, upper = max(lower, 0.0), min(upper, 1.0)
    return Column(name=name, lower=_bound(lower), upper=_bound(upper), type=_TYPES[variable.VType])


def _rows(constraints: Sequence[Constr], name_of: Mapping[Var, str]) -> tuple[Row, ...]:
    rows = []
    names = unique_names((one.__dict__.get("ConstrName") or f"R{place}" for place, one in enumerate(constraints)), "R")
    for name, one in zip(names, constraints):
        lower, upper = one._bounds()
        indicator = (
            None if one._condition is None else Indicator(column=name_of[one._condition[0]], value=one._condition[1])
        )
        rows.append(
            Row(
                name=name,
                lower=_bound(lower),
                upper=_bound(upper),
                coefficients={name_of[variable]: value for variable, value in one._linear.items() if value},
                quadratic=_products(one._products, name_of),
                indicator=indicator,
            )
        )
    return tuple(rows)


def _products(products: Mapping[tuple[Var, Var], float], name_of: Mapping[Var, str]) -> dict[tuple[str, str], float]:
    return {(name_of[one], name_of[two]): value for (one, two), value in products.items() if value}


def _bound(bound: float) -> float:
    return math.copysign(math.inf, bound) if abs(bound) >= _INFINITE_BOUND else float(bound)

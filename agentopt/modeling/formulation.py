"""Looks at a formulation without its text: what a person who reviews models would ask about.

All of it is evidence. A correct model may have a row that never binds; a wrong one may pass every look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from agentopt.modeling.exact import ExactProgram, shown
from agentopt.modeling.model import Column, Model
from agentopt.modeling.proofs import agree
from agentopt.modeling.propagation import activity_range
from agentopt.modeling.report import Evidence
from agentopt.modeling.solvers import highs
from agentopt.modeling.solvers.base import Solution

_HUGE_FACTOR = 1e6  # coefficients of one row this far apart leave too few digits between a solver's tolerances


def audit(model: Model, solution: Solution) -> list[Evidence]:
    """All looks that need only a model and its solution."""
    return [
        audit_columns(model),
        audit_rows(model),
        audit_big_m(model, solution),
        audit_integrality(model, solution),
    ]


def audit_columns(model: Model) -> Evidence:
    """Columns that nothing ties to the rest: in no row, and in the objective or not."""
    in_rows = {name for row in model.rows for name in row.coefficients} | {
        name for row in model.rows for pair in row.quadratic for name in pair
    }
    in_rows |= {row.indicator.column for row in model.rows if row.indicator} | {
        n for s in model.sets for n in s.weights
    }
    in_goal = {name for name, a in model.objective.coefficients.items() if a} | {
        name for pair in model.objective.quadratic for name in pair
    }
    unused = [c.name for c in model.columns if c.name not in in_rows and c.name not in in_goal]
    alone = [c.name for c in model.columns if c.name in in_goal and c.name not in in_rows and c.lower != c.upper]
    alone = [] if not model.rows else alone
    parts = []
    if unused:
        parts.append(f"in no row and not in the objective: {_list(unused)}")
    if alone:
        parts.append(f"in the objective, but in no row: {_list(alone)}")
    return _evidence("columns", parts, [*unused, *alone], "every column is in a row")


def audit_rows(model: Model) -> Evidence:
    """Rows that another one repeats: a warning; rows that the bounds of their columns imply are only told.

    Of 50 correct models, 7 have rows that can never bind, so those alone are no reason to doubt a model.
    """
    program = ExactProgram.of(model)
    idle, repeated, names = [], [], []
    seen: dict[tuple[object, ...], str] = {}
    for row, terms, low, high in zip(model.rows, program.rows, program.row_lower, program.row_upper):
        if row.quadratic or row.indicator:
            continue
        least, most = activity_range(terms, list(program.lower), list(program.upper))
        is_low_free = low is None or (least is not None and least >= low)
        is_high_free = high is None or (most is not None and most <= high)
        if is_low_free and is_high_free:
            idle.append(f"row `{row.name}` can never bind: {_reach(least, most)} whatever the columns do")
        key = (frozenset(terms.items()), low, high)
        if terms and key in seen:
            repeated.append(f"row `{row.name}` repeats row `{seen[key]}`")
            names.append(row.name)
        seen.setdefault(key, row.name)
    return _evidence("rows", repeated, names, _cut(idle) or "every row can bind")


def audit_big_m(model: Model, solution: Solution) -> Evidence:
    """Coefficients of binary columns that are far larger than the rest of their row, or that cut off the optimum.

    A round number such as 1000 on a binary column is taken for a big-M; if its row binds at the optimum in the state
    that should switch it off, it limits what it should not.
    """
    values = solution.by_name(model)
    parts, names = [], []
    for row in model.rows:
        for name, a in row.coefficients.items():
            if not model.columns[model.column_index[name]].is_binary or len(row.coefficients) < 2:
                continue
            others = [abs(b) for other, b in row.coefficients.items() if other != name and b]
            scale = max(
                [*others, *(abs(s) for s in (row.lower, row.upper) if math.isfinite(s) and s != a)], default=1.0
            )
            if abs(a) > _HUGE_FACTOR * max(1.0, scale):
                parts.append(f"row `{row.name}`: the coefficient {a:g} of binary `{name}` dwarfs the rest ({scale:g})")
                names.append(row.name)
            elif values and _looks_round(a) and abs(a) > 10 * max(others, default=0.0):
                activity = sum(b * values[other] for other, b in row.coefficients.items())
                side = row.upper if a < 0 else row.lower
                if math.isfinite(side) and values[name] > 0.5 and abs(activity - side) <= 1e-6 * max(1.0, abs(side)):
                    parts.append(f"row `{row.name}`: {a:g} `{name}` should switch it off, and it binds at the optimum")
                    names.append(row.name)
    return _evidence("big-M", parts, names, "no coefficient of a binary column looks wrong")


def audit_integrality(model: Model, solution: Solution, *, time_limit_s: float = 10.0) -> Evidence:
    """The optimum as written, with every column continuous, and with every column integer.

    A warning only for a model that mixes nothing: whose columns are all continuous, and where whole ones would change
    the optimum, though every number in it is whole.
    """
    name = "integrality"
    if solution.status != "optimal" or solution.objective is None:
        return Evidence(name=name, result="not checked", detail=f"the model is {solution.status}")
    relaxed = highs.solve(highs.relaxation(model), time_limit_s=time_limit_s) if model.is_linear else None
    whole = _solved_whole(model, time_limit_s)
    readings = {"as written": solution.objective}
    for reading, found in (("all continuous", relaxed), ("all integer", whole)):
        if found is not None and found.status == "optimal" and found.objective is not None:
            readings[reading] = found.objective
    told = ", ".join(f"{reading} {value:.10g}" for reading, value in readings.items())
    written = Fraction(repr(solution.objective))
    is_open = any(not agree(written, value) for value in readings.values())
    if not is_open:
        return Evidence(
            name=name, result="fine", detail=f"whole or not, the optimum is the same: {told}", numbers=readings
        )
    detail = f"the optimum depends on which columns are whole: {told}"
    is_doubtful = not model.is_mixed_integer and _has_whole_numbers(model)
    return Evidence(name=name, result="warning" if is_doubtful else "fine", detail=detail, numbers=readings)


def _solved_whole(model: Model, time_limit_s: float) -> Solution | None:
    columns = tuple(_whole(column) for column in model.columns)
    whole = Model(columns=columns, rows=model.rows, objective=model.objective)
    return highs.solve(whole, time_limit_s=time_limit_s) if model.is_linear else None


def _whole(column: Column) -> Column:
    kind = "semiinteger" if column.is_semi else "integer"
    return Column(name=column.name, lower=column.lower, upper=column.upper, type=kind)  # type: ignore[arg-type]  # both are types


def _has_whole_numbers(model: Model) -> bool:
    numbers = [a for row in model.rows for a in (*row.coefficients.values(), row.lower, row.upper)]
    numbers += [*model.objective.coefficients.values(), *(b for c in model.columns for b in (c.lower, c.upper))]
    return all(math.isinf(a) or a == round(a) for a in numbers)


def _looks_round(value: float) -> bool:
    """A power of ten from a hundred on."""
    size = abs(value)
    return size >= 100 and math.log10(size) == round(math.log10(size))


def _reach(least: Fraction | None, most: Fraction | None) -> str:
    if least is None or most is None:
        return f"its sum is at {'most ' + shown(most) if most is not None else 'least ' + shown(least or Fraction(0))}"
    return f"its sum lies between {shown(least)} and {shown(most)}"


def _evidence(name: str, parts: Sequence[str], names: Sequence[str], otherwise: str) -> Evidence:
    if not parts:
        return Evidence(name=name, result="fine", detail=otherwise)
    return Evidence(name=name, result="warning", detail=_cut(parts), names=tuple(dict.fromkeys(names)))


def _cut(parts: Sequence[str]) -> str:
    return "; ".join(parts[:6]) + (f"; and {len(parts) - 6} more" if len(parts) > 6 else "")


def _list(names: Sequence[str]) -> str:
    shown_names = ", ".join(f"`{name}`" for name in names[:8])
    return shown_names + (f" and {len(names) - 8} more" if len(names) > 8 else "")

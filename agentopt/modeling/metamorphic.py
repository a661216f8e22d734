"""Relations that any right solver keeps between the optima of a model and of what is made from it.

They find mistakes of solvers, and of our own translations to them, not of the formulation: the model is taken as it is.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agentopt.modeling.checks import TOLERANCE, Check
from agentopt.modeling.exact import exact
from agentopt.modeling.model import Column, Model, Objective, Row, Sense, unique_names
from agentopt.modeling.proofs import agree
from agentopt.modeling.solvers import highs
from agentopt.modeling.solvers.base import Solution, Solver

Expectation = Literal["equal", "no better", "no worse", "infeasible"]


@dataclass(frozen=True, kw_only=True)
class Relative:
    """A model made from another one, and how its optimum must relate to `value`.

    Args:
        expected: `no better` and `no worse` are said in the sense of the first model's objective.
        value: in units of `model`'s objective; `None` where the first model has no optimum.
    """

    name: str
    model: Model
    expected: Expectation
    value: float | None


def check_relations(
    model: Model, solution: Solution, solver: Solver = highs.solve, *, time_limit_s: float = 10.0
) -> list[Check]:
    """One check per relation; `proved` says that the numbers relate as they must, within 1e-6 relative.

    Args:
        solution: of `model`, optimal, infeasible or unbounded; for other statuses nothing is known to compare with.
        solver: what solves the models made from it.
        time_limit_s: for each of them; one that does not finish is not checked.
    """
    if solution.status not in ("optimal", "infeasible", "unbounded"):
        detail = f"a solve that ended with `{solution.status}` has nothing to compare with"
        return [Check(name="relations", verdict="not checked", detail=detail)]
    return [_checked(model, solution, relative, solver, time_limit_s) for relative in relatives(model, solution)]


def relatives(model: Model, solution: Solution, *, seed: int = 0) -> Iterator[Relative]:
    """Models made from `model`, with what must hold for each; `solution` is taken to be right."""
    rng = random.Random(seed)
    value = solution.objective if solution.status == "optimal" else None
    yield Relative(name="rows permuted", model=_shuffled_rows(model, rng), expected="equal", value=value)
    yield Relative(name="columns permuted", model=_shuffled_columns(model, rng), expected="equal", value=value)
    yield Relative(
        name="rows twice", model=_with_rows(model, [*model.rows, *model.rows]), expected="equal", value=value
    )
    if not model.is_linear:
        return
    yield Relative(name="rows scaled", model=_scaled_rows(model, rng), expected="equal", value=value)
    for name, factor in (("objective doubled", 2.0), ("objective negated", -1.0)):
        scaled = None if value is None else factor * value
        yield Relative(name=name, model=_scaled_objective(model, factor), expected="equal", value=scaled)
    shifted = replace(model, objective=replace(model.objective, constant=model.objective.constant + 1.0))
    yield Relative(
        name="objective shifted", model=shifted, expected="equal", value=None if value is None else value + 1.0
    )
    yield Relative(name="slacks", model=with_slacks(model), expected="equal", value=value)
    yield Relative(name="sides apart", model=_split(model), expected="equal", value=value)
    if value is not None and solution.values is not None:
        yield from _of_optimum(model, solution, value)


def _of_optimum(model: Model, solution: Solution, value: float) -> Iterator[Relative]:
    """Relations that start from the optimum."""
    row = _binding(model, solution)
    if row is not None:
        step = max(1.0, 0.1 * abs(_side(row)))
        looser, tighter = ([_moved(r, by) if r.name == row.name else r for r in model.rows] for by in (step, -step))
        yield Relative(name="a row loosened", model=_with_rows(model, looser), expected="no worse", value=value)
        yield Relative(name="a row tightened", model=_with_rows(model, tighter), expected="no better", value=value)
    if model.is_mixed_integer:
        yield Relative(name="relaxed", model=highs.relaxation(model), expected="no worse", value=value)
        yield Relative(name="integers fixed", model=_fixed(model, solution), expected="equal", value=value)
    elif not any(column.is_semi for column in model.columns):
        yield Relative(name="dual", model=dual(model), expected="equal", value=value)
    scale = max(1.0, abs(value))
    yield Relative(name="optimum as a row", model=_capped(model, value, 1e-7 * scale), expected="equal", value=value)
    better = _capped(model, value, -1e-2 * scale)
    yield Relative(name="better than the optimum", model=better, expected="infeasible", value=None)


def _checked(model: Model, solution: Solution, relative: Relative, solver: Solver, time_limit_s: float) -> Check:
    name = f"relation: {relative.name}"
    found = solver(relative.model, time_limit_s=time_limit_s)
    if found.status not in ("optimal", "infeasible", "unbounded"):
        return Check(name=name, verdict="not checked", detail=f"the solve ended with `{found.status}` {found.message}")
    said = found.status if found.objective is None else f"{found.status} {found.objective:.10g}"
    numbers = {} if found.objective is None else {"found": found.objective}
    if relative.value is not None:
        numbers["expected"] = relative.value
    wanted = f"{relative.expected} {'' if relative.value is None else f'{relative.value:.10g}'}".strip()
    if relative.value is None and relative.expected == "equal":
        wanted = solution.status
    if _holds(model, solution, relative, found):
        return Check(name=name, verdict="proved", detail=f"{said}, as it must be ({wanted})", numbers=numbers)
    return Check(name=name, verdict="refuted", detail=f"{said}, where it must be {wanted}", numbers=numbers)


def _holds(model: Model, solution: Solution, relative: Relative, found: Solution) -> bool:
    value, got = relative.value, found.objective
    if relative.expected == "infeasible" or value is None:
        return found.status == ("infeasible" if relative.expected == "infeasible" else solution.status)
    if relative.expected == "equal":
        return found.status == "optimal" and got is not None and agree(exact(value), got)
    if found.status != "optimal" or got is None:
        return found.status == ("unbounded" if relative.expected == "no worse" else "infeasible")
    loss = got - value if model.objective.sense == "minimize" else value - got
    slack = TOLERANCE * max(1.0, abs(value))
    return loss <= slack if relative.expected == "no worse" else loss >= -slack


def _with_rows(model: Model, rows: Sequence[Row]) -> Model:
    names = unique_names([row.name for row in rows], "r")
    return replace(model, rows=tuple(replace(row, name=name) for row, name in zip(rows, names)))


def _shuffled_rows(model: Model, rng: random.Random) -> Model:
    return replace(model, rows=tuple(rng.sample(model.rows, len(model.rows))))


def _shuffled_columns(model: Model, rng: random.Random) -> Model:
    return replace(model, columns=tuple(rng.sample(model.columns, len(model.columns))))


def _scaled_rows(model: Model, rng: random.Random) -> Model:
    """Rows times powers of two, which a float holds exactly."""
    return replace(model, rows=tuple(scaled(row, 2.0 ** rng.randint(-2, 3)) for row in model.rows))


def scaled(row: Row, factor: float) -> Row:
    """The same constraint, both sides times `factor`, which may be negative."""
    ends = sorted((row.lower * factor, row.upper * factor))
    coefficients = {name: a * factor for name, a in row.coefficients.items()}
    return replace(row, lower=ends[0], upper=ends[1], coefficients=coefficients)


def _scaled_objective(model: Model, factor: float) -> Model:
    sense = model.objective.sense
    if factor < 0:
        sense = "maximize" if sense == "minimize" else "minimize"
    coefficients = {name: a * factor for name, a in model.objective.coefficients.items()}
    constant = model.objective.constant * factor
    return replace(model, objective=Objective(sense=sense, coefficients=coefficients, constant=constant))


def with_slacks(model: Model) -> Model:
    """Every row that is no equation as an equation with a column of its own that has the bounds of the row."""
    columns, rows = list(model.columns), []
    names = unique_names([*model.column_index, *(f"slack of {row.name}" for row in model.rows)], "c")
    for row, name in zip(model.rows, names[len(columns) :]):
        if row.lower == row.upper:
            rows.append(row)
            continue
        columns.append(Column(name=name, lower=row.lower, upper=row.upper))
        rows.append(replace(row, lower=0.0, upper=0.0, coefficients={**row.coefficients, name: -1.0}))
    return replace(model, columns=tuple(columns), rows=tuple(rows))


def _split(model: Model) -> Model:
    """Every side of a row as a row of its own."""
    rows = []
    for row in model.rows:
        rows += [replace(row, upper=math.inf)] if math.isfinite(row.lower) else []
        rows += [replace(row, lower=-math.inf)] if math.isfinite(row.upper) else []
    return _with_rows(model, rows)


def dual(model: Model) -> Model:
    """The dual linear program of a continuous model; its optimum is the same number."""
    sign = 1.0 if model.objective.sense == "minimize" else -1.0
    columns: list[Column] = []
    worth: dict[str, float] = {}
    balance: dict[str, dict[str, float]] = {column.name: {} for column in model.columns}

    def price(name: str, bound: float, side: float, coefficients: dict[str, float]) -> None:
        if math.isinf(bound):
            return
        columns.append(Column(name=name))
        worth[name] = sign * side * bound
        for column, a in coefficients.items():
            balance[column][name] = side * a

    for i, row in enumerate(model.rows):
        price(f"row {i} lower", row.lower, 1.0, dict(row.coefficients))
        price(f"row {i} upper", row.upper, -1.0, dict(row.coefficients))
    for j, column in enumerate(model.columns):
        price(f"column {j} lower", column.lower, 1.0, {column.name: 1.0})
        price(f"column {j} upper", column.upper, -1.0, {column.name: 1.0})
    costs = {name: sign * model.objective.coefficients.get(name, 0.0) for name in balance}
    rows = tuple(
        Row(name=f"balance {j}", lower=costs[name], upper=costs[name], coefficients=terms)
        for j, (name, terms) in enumerate(balance.items())
    )
    sense: Sense = "maximize" if model.objective.sense == "minimize" else "minimize"
    objective = Objective(sense=sense, coefficients=worth, constant=model.objective.constant)
    return Model(columns=tuple(columns), rows=rows, objective=objective)


def _fixed(model: Model, solution: Solution) -> Model:
    values = solution.by_name(model)
    columns = tuple(
        replace(c, lower=float(round(values[c.name])), upper=float(round(values[c.name]))) if c.type == "integer" else c
        for c in model.columns
    )
    return replace(model, columns=columns)


def _capped(model: Model, value: float, slack: float) -> Model:
    """`model` with a row that keeps the objective from being worse than `value`, by more than `slack`."""
    right = value - model.objective.constant
    coefficients = dict(model.objective.coefficients)
    row = Row(name="objective", coefficients=coefficients)
    if model.objective.sense == "minimize":
        row = replace(row, upper=right + slack)
    else:
        row = replace(row, lower=right - slack)
    return _with_rows(model, [*model.rows, row])


def _binding(model: Model, solution: Solution) -> Row | None:
    """The first inequality that holds with equality at the optimum."""
    values = solution.by_name(model)
    for row in model.rows:
        if row.lower == row.upper or math.isfinite(row.lower) == math.isfinite(row.upper):
            continue
        activity = sum(a * values[name] for name, a in row.coefficients.items())
        if abs(activity - _side(row)) <= TOLERANCE * max(1.0, abs(_side(row))):
            return row
    return None


def _side(row: Row) -> float:
    """The one finite side."""
    return row.upper if math.isfinite(row.upper) else row.lower


def _moved(row: Row, step: float) -> Row:
    """The finite side moved outwards by `step`, inwards where that is negative."""
    return replace(row, lower=row.lower - step, upper=row.upper + step)

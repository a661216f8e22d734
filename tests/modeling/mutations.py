"""Typical modeling errors, injected one at a time, and rewritings that are none."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from agentopt.modeling.metamorphic import scaled, with_slacks
from agentopt.modeling.model import Column, Model, Row, Sense

Mutation = Callable[[Model, random.Random], Model | None]
"""The model with one error, or `None` where it has no place for this one."""


def _pick(rng: random.Random, places: list[int]) -> int | None:
    return rng.choice(places) if places else None


def _with_row(model: Model, index: int, row: Row | None) -> Model:
    rows = [*model.rows[:index], *([] if row is None else [row]), *model.rows[index + 1 :]]
    return replace(model, rows=tuple(rows))


def _with_column(model: Model, index: int, column: Column) -> Model:
    return replace(model, columns=(*model.columns[:index], column, *model.columns[index + 1 :]))


def _inequalities(model: Model) -> list[int]:
    return [i for i, row in enumerate(model.rows) if math.isfinite(row.lower) != math.isfinite(row.upper)]


def missing_constraint(model: Model, rng: random.Random) -> Model | None:
    i = _pick(rng, list(range(len(model.rows))))
    return None if i is None else _with_row(model, i, None)


def flipped_sense(model: Model, rng: random.Random) -> Model | None:
    i = _pick(rng, _inequalities(model))
    if i is None:
        return None
    row = model.rows[i]
    side = row.upper if math.isfinite(row.upper) else row.lower
    is_upper = math.isfinite(row.upper)
    flipped = replace(row, lower=side if is_upper else -math.inf, upper=math.inf if is_upper else side)
    return _with_row(model, i, flipped)


def wrong_big_m(model: Model, rng: random.Random) -> Model | None:
    """The coefficient of a binary column, beside others, a tenth of what it was."""
    places = [
        (i, name)
        for i, row in enumerate(model.rows)
        for name, a in row.coefficients.items()
        if a and len(row.coefficients) > 1 and model.columns[model.column_index[name]].is_binary
        if abs(a) > max((abs(b) for other, b in row.coefficients.items() if other != name), default=0.0)
    ]
    if not places:
        return None
    i, name = rng.choice(places)
    row = model.rows[i]
    return _with_row(model, i, replace(row, coefficients={**row.coefficients, name: row.coefficients[name] / 10}))


def integer_relaxed(model: Model, rng: random.Random) -> Model | None:
    """One kind of columns (those called alike up to an index) that must be whole need not."""
    stems = {re.split(r"[\[\d(]", column.name)[0] for column in model.columns if column.type == "integer"}
    if not stems:
        return None
    chosen = rng.choice(sorted(stems))
    columns = tuple(
        replace(column, type="continuous")
        if column.type == "integer" and re.split(r"[\[\d(]", column.name)[0] == chosen
        else column
        for column in model.columns
    )
    return replace(model, columns=columns)


def unit_error(model: Model, rng: random.Random) -> Model | None:
    """One row has its left side in minutes and its right side in hours."""
    places = [i for i, row in enumerate(model.rows) if any(s and math.isfinite(s) for s in (row.lower, row.upper))]
    i = _pick(rng, places)
    if i is None:
        return None
    row = model.rows[i]
    return _with_row(model, i, replace(row, coefficients={name: a * 60 for name, a in row.coefficients.items()}))


def off_by_one(model: Model, rng: random.Random) -> Model | None:
    """The coefficients of one row belong to the columns next to theirs."""
    names = [column.name for column in model.columns]
    i = _pick(rng, [i for i, row in enumerate(model.rows) if len(row.coefficients) > 0])
    if i is None or len(names) < 2:
        return None
    row = model.rows[i]
    moved = {names[(model.column_index[name] + 1) % len(names)]: a for name, a in row.coefficients.items()}
    return None if moved == dict(row.coefficients) else _with_row(model, i, replace(row, coefficients=moved))


def inequality_for_equation(model: Model, rng: random.Random) -> Model | None:
    i = _pick(rng, [i for i, row in enumerate(model.rows) if row.lower == row.upper])
    if i is None:
        return None
    row = model.rows[i]
    loosened = replace(row, lower=-math.inf) if rng.random() < 0.5 else replace(row, upper=math.inf)
    return _with_row(model, i, loosened)


def swapped_coefficients(model: Model, rng: random.Random) -> Model | None:
    places = [i for i, row in enumerate(model.rows) if len({*row.coefficients.values()}) > 1]
    i = _pick(rng, places)
    if i is None:
        return None
    coefficients = dict(model.rows[i].coefficients)
    first = rng.choice(sorted(coefficients))
    others = [name for name, a in coefficients.items() if a != coefficients[first]]
    second = rng.choice(sorted(others))
    coefficients[first], coefficients[second] = coefficients[second], coefficients[first]
    return _with_row(model, i, replace(model.rows[i], coefficients=coefficients))


def missing_non_negativity(model: Model, rng: random.Random) -> Model | None:
    j = _pick(rng, [j for j, column in enumerate(model.columns) if column.lower == 0 and not column.is_semi])
    return None if j is None else _with_column(model, j, replace(model.columns[j], lower=-math.inf))


def flipped_objective(model: Model, rng: random.Random) -> Model | None:
    sense: Sense = "maximize" if model.objective.sense == "minimize" else "minimize"
    return replace(model, objective=replace(model.objective, sense=sense)) if model.objective.coefficients else None


def missing_objective_term(model: Model, rng: random.Random) -> Model | None:
    names = [name for name, a in model.objective.coefficients.items() if a]
    if not names:
        return None
    dropped = rng.choice(names)
    kept = {name: a for name, a in model.objective.coefficients.items() if name != dropped}
    return replace(model, objective=replace(model.objective, coefficients=kept))


def misread_number(model: Model, rng: random.Random) -> Model | None:
    """One coefficient is 30 % larger."""
    i = _pick(rng, [i for i, row in enumerate(model.rows) if len(row.coefficients) > 1])
    if i is None:
        return None
    coefficients = dict(model.rows[i].coefficients)
    name = rng.choice(sorted(coefficients))
    coefficients[name] *= 1.3
    return _with_row(model, i, replace(model.rows[i], coefficients=coefficients))


MUTATIONS: Mapping[str, Mutation] = {
    "missing constraint": missing_constraint,
    "flipped sense": flipped_sense,
    "wrong big-M": wrong_big_m,
    "integer relaxed": integer_relaxed,
    "unit error": unit_error,
    "off-by-one index": off_by_one,
    "inequality for equation": inequality_for_equation,
    "swapped coefficients": swapped_coefficients,
    "missing non-negativity": missing_non_negativity,
    "flipped objective": flipped_objective,
    "missing objective term": missing_objective_term,
    "misread number": misread_number,
}


def permuted(model: Model, rng: random.Random) -> Model:
    """Rows and columns in another order, with names that say nothing."""
    order = rng.sample(range(len(model.columns)), len(model.columns))
    new = {model.columns[j].name: f"v{place}" for place, j in enumerate(order)}

    def renamed(coefficients: Mapping[str, float]) -> dict[str, float]:
        return {new[name]: a for name, a in coefficients.items()}

    rows = rng.sample(model.rows, len(model.rows))
    return Model(
        columns=tuple(replace(model.columns[j], name=new[model.columns[j].name]) for j in order),
        rows=tuple(replace(row, name=f"k{i}", coefficients=renamed(row.coefficients)) for i, row in enumerate(rows)),
        objective=replace(model.objective, coefficients=renamed(model.objective.coefficients)),
    )


def scaled_rows(model: Model, rng: random.Random) -> Model:
    """Every row times a number, negative ones among them."""
    return replace(model, rows=tuple(scaled(row, rng.choice((-2.0, 0.5, 4.0, -1.0, 8.0))) for row in model.rows))


def slack_rows(model: Model, rng: random.Random) -> Model:
    """Every inequality as an equation with a slack."""
    return with_slacks(model)


REWRITINGS: Mapping[str, Callable[[Model, random.Random], Model]] = {
    "permuted and renamed": permuted,
    "rows scaled": scaled_rows,
    "slacks": slack_rows,
    "permuted, scaled, slacks": lambda model, rng: permuted(with_slacks(scaled_rows(model, rng)), rng),
}

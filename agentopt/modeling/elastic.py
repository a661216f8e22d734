"""The least a model must give up to become feasible, as a model of its own."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from agentopt.modeling.model import Column, Model, Objective, Row

Kind = Literal["row", "column"]
Side = Literal["below", "above"]


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What a column of an elastic model measures: how far a row or column of the first model is outside a bound.

    Args:
        side: `below` its lower bound or `above` its upper one.
        index: of the row or column, in the first model.
    """

    kind: Kind
    side: Side
    index: int


def elastic_model(model: Model, *, rows: Collection[int] | None = None, with_bounds: bool = False) -> Model:
    """`model` with soft rows; its objective is the least sum of the amounts by which they are broken.

    Each amount counts in the row's own unit. A column `amount_of` can read measures each, and a row
    of the same name holds it; other columns are called `x<j>`, other rows `r<i>`.

    Args:
        rows: which rows are soft; all where `None`.
        with_bounds: make the bounds of columns soft too, except of semicontinuous ones and those of indicators.
    """
    amounts: list[str] = []
    built: list[Row] = []
    new_name = {column.name: f"x{j}" for j, column in enumerate(model.columns)}

    def soften(kind: Kind, index: int, own: Row) -> None:
        """One row per side, since a row whose bounds cross could not be softened as a whole."""
        for side, sign, bound in (("below", 1.0, own.lower), ("above", -1.0, own.upper)):
            if not math.isinf(bound):
                amounts.append(f"{kind} {side} {index}")
                coefficients = {**own.coefficients, amounts[-1]: sign}
                row = replace(own, name=amounts[-1], lower=-math.inf, upper=math.inf, coefficients=coefficients)
                built.append(replace(row, lower=bound) if side == "below" else replace(row, upper=bound))

    for i, row in enumerate(model.rows):
        own = _renamed(row, new_name)
        if rows is None or i in rows:
            soften("row", i, own)
        else:
            built.append(replace(own, name=f"r{i}"))
    switches = {row.indicator.column for row in model.rows if row.indicator is not None}
    columns = []
    for j, column in enumerate(model.columns):
        renamed = replace(column, name=f"x{j}")
        if with_bounds and not column.is_semi and column.name not in switches:
            own = Row(name="", lower=column.lower, upper=column.upper, coefficients={renamed.name: 1.0})
            soften("column", j, own)
            renamed = replace(renamed, lower=-math.inf, upper=math.inf)
        columns.append(renamed)
    return Model(
        columns=(*columns, *(Column(name=name) for name in amounts)),
        rows=tuple(built),
        objective=Objective(coefficients=dict.fromkeys(amounts, 1.0)),
        sets=tuple(replace(s, weights={new_name[name]: w for name, w in s.weights.items()}) for s in model.sets),
    )


def _renamed(row: Row, new_name: Mapping[str, str]) -> Row:
    indicator = row.indicator and replace(row.indicator, column=new_name[row.indicator.column])
    coefficients = {new_name[name]: a for name, a in row.coefficients.items()}
    quadratic = {(new_name[one], new_name[two]): a for (one, two), a in row.quadratic.items()}
    return replace(row, coefficients=coefficients, quadratic=quadratic, indicator=indicator)


def amount_of(name: str) -> Amount | None:
    """What the column or row called `name` of an elastic model measures; `None` if it is one of the first model's."""
    match name.split():
        case ["row" | "column" as kind, "below" | "above" as side, index]:
            return Amount(kind=kind, side=side, index=int(index))
    return None

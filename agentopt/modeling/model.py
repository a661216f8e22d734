"""A linear optimization model with integrality, as data: columns, rows and an objective, by name.

Everything a solver is told, and nothing a solver found. It is what `capture` takes out of a program,
what every solver is given, and what `verify` trusts instead of the program.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from agentopt.canonical import Json
from agentopt.errors import UsageError
from agentopt.modeling import text

ColumnType = Literal["continuous", "integer", "semicontinuous", "semiinteger"]
Sense = Literal["minimize", "maximize"]
INFINITY = math.inf
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Column:
    """A decision variable.

    Args:
        lower, upper: bounds, both included; ±inf where there is none. `lower > upper` is allowed: it
            makes the model infeasible.
        type: as in HiGHS. A binary variable is `integer` with bounds 0 and 1. `semicontinuous` and
            `semiinteger` are 0 or within the bounds.
    """

    name: str
    lower: float = 0.0
    upper: float = INFINITY
    type: ColumnType = "continuous"

    @property
    def is_integer(self) -> bool:
        """It must take a whole value."""
        return self.type in ("integer", "semiinteger")

    @property
    def is_semi(self) -> bool:
        """It may be 0 although 0 is outside its bounds."""
        return self.type in ("semicontinuous", "semiinteger")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A constraint: `lower <= sum of coefficient * column <= upper`.

    Args:
        coefficients: by column name; columns that are absent have coefficient 0.
    """

    name: str
    lower: float = -INFINITY
    upper: float = INFINITY
    coefficients: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is minimized or maximized: `constant + sum of coefficient * column`."""

    sense: Sense = "minimize"
    coefficients: Mapping[str, float] = field(default_factory=dict)
    constant: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Model:
    """Columns, rows and an objective. Order is kept: a solution lists its values in column order.

    Raises:
        UsageError: two columns or two rows share a name, a name is empty, a coefficient is not finite
            or belongs to no column, a bound is NaN or infinite on the wrong side.
    """

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    objective: Objective = Objective()
    name: str = ""

    def __post_init__(self) -> None:
        _check_names("column", [column.name for column in self.columns])
        _check_names("row", [row.name for row in self.rows])
        for column in self.columns:
            _check_bounds(f"column `{column.name}`", column.lower, column.upper)
            if column.type not in get_args(ColumnType):
                raise UsageError(f"column `{column.name}` has type {column.type!r}, not one of {get_args(ColumnType)}")
        for row in self.rows:
            _check_bounds(f"row `{row.name}`", row.lower, row.upper)
            self._check_coefficients(f"row `{row.name}`", row.coefficients)
        self._check_coefficients("the objective", self.objective.coefficients)
        if not math.isfinite(self.objective.constant):
            raise UsageError(f"the objective's constant is {self.objective.constant}, not a finite number")
        if self.objective.sense not in get_args(Sense):
            raise UsageError(f"the objective's sense is {self.objective.sense!r}, not one of {get_args(Sense)}")

    def _check_coefficients(self, where: str, coefficients: Mapping[str, float]) -> None:
        for name, coefficient in coefficients.items():
            if name not in self.column_index:
                raise UsageError(f"{where} has a coefficient for `{name}`, which is not a column")
            if not math.isfinite(coefficient):
                raise UsageError(f"{where} has coefficient {coefficient} for `{name}`, not a finite number")

    @cached_property
    def column_index(self) -> Mapping[str, int]:
        """Position of every column, by name."""
        return {column.name: index for index, column in enumerate(self.columns)}

    @property
    def is_mixed_integer(self) -> bool:
        """Some column is not simply continuous, so a linear program does not describe the model."""
        return any(column.type != "continuous" for column in self.columns)

    def to_text(self, *, max_rows: int = 60, max_terms: int = 30) -> str:
        """The model as algebra, for people and prompts.

        Numbers have at most 10 significant digits. What is too long is cut, and the text says how
        much was left out.

        Args:
            max_rows: rows shown, and likewise lines of bounds.
            max_terms: terms shown of one sum.
        """
        return text.render_model(self, max_rows=max_rows, max_terms=max_terms)

    def to_json(self) -> Json:
        """Plain JSON data, `schema` 1; an infinite bound is `"inf"` or `"-inf"`, any other a number."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "columns": [
                {"name": c.name, "lower": bound_to_json(c.lower), "upper": bound_to_json(c.upper), "type": c.type}
                for c in self.columns
            ],
            "rows": [
                {
                    "name": row.name,
                    "lower": bound_to_json(row.lower),
                    "upper": bound_to_json(row.upper),
                    "coefficients": dict(row.coefficients),
                }
                for row in self.rows
            ],
            "objective": {
                "sense": self.objective.sense,
                "coefficients": dict(self.objective.coefficients),
                "constant": self.objective.constant,
            },
        }

    @classmethod
    def from_json(cls, data: Json) -> Model:
        """The model that `to_json` wrote.

        Raises:
            UsageError: the data are not of schema 1, or describe no model.
        """
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            got = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise UsageError(f"a model has `schema` {SCHEMA}, got {got!r}")
        try:
            return cls(
                name=data.get("name", ""),
                columns=tuple(Column(**_with_bounds(column)) for column in data["columns"]),
                rows=tuple(Row(**_with_bounds(row)) for row in data["rows"]),
                objective=Objective(**data["objective"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"this JSON is not a model: {type(error).__name__}: {error}") from error


def bound_to_json(bound: float) -> float | str:
    """A bound as JSON: a number, `"inf"` or `"-inf"`."""
    return bound if math.isfinite(bound) else str(bound)


def unique_names(names: Iterable[str], prefix: str) -> list[str]:
    """`names` made unique: an empty one becomes `prefix` and its position, a repeated one gets `#2`, `#3`, …

    Args:
        prefix: `c` for columns and `r` for rows, as in HiGHS.
    """
    wanted = [name or f"{prefix}{index}" for index, name in enumerate(names)]
    taken = set(wanted)
    seen: set[str] = set()
    unique = []
    for name in wanted:
        chosen, count = name, 1
        while chosen in seen or (count > 1 and chosen in taken):
            count += 1
            chosen = f"{name}#{count}"
        seen.add(chosen)
        unique.append(chosen)
    return unique


def _with_bounds(fields: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {side: float(fields[side]) for side in ("lower", "upper") if side in fields}
    return {**fields, **bounds}


def _check_names(kind: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageError(f"a {kind} has the name {name!r}: expected a text that is not empty")
        if name in seen:
            raise UsageError(f"two {kind}s are called `{name}`")
        seen.add(name)


def _check_bounds(where: str, lower: float, upper: float) -> None:
    if math.isnan(lower) or math.isnan(upper):
        raise UsageError(f"{where} has bounds {lower} and {upper}: a bound is not NaN")
    if lower == INFINITY or upper == -INFINITY:
        raise UsageError(f"{where} has bounds {lower} and {upper}: no number lies between them")

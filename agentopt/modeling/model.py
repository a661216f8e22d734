"""An optimization model as data: columns, rows and an objective, by name.

Sums are linear or quadratic, columns may be integer, rows may depend on a binary column, and special
ordered sets limit what is not 0. Everything a solver is told, and nothing a solver found: it is what
`capture` takes out of a program, what every solver is given, and what `verify` trusts instead of the
program.
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
Products = Mapping[tuple[str, str], float]
INFINITY = math.inf
SCHEMA = 2


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

    @property
    def is_binary(self) -> bool:
        """It takes the values 0 and 1, or only one of them."""
        return self.type == "integer" and self.lower >= 0 and self.upper <= 1


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """The condition under which a row must hold: the binary `column` has `value`, 0 or 1."""

    column: str
    value: int = 1


@dataclass(frozen=True, kw_only=True)
class Row:
    """A constraint: `lower <= sum of coefficient * column + sum of coefficient * product <= upper`.

    Args:
        coefficients: by column name; columns that are absent have coefficient 0.
        quadratic: coefficients of products of two columns, `("x", "x")` for a square; a product is
            there once, its two names in either order.
        indicator: when the row must hold; `None` for always.
    """

    name: str
    lower: float = -INFINITY
    upper: float = INFINITY
    coefficients: Mapping[str, float] = field(default_factory=dict)
    quadratic: Products = field(default_factory=dict)
    indicator: Indicator | None = None


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is minimized or maximized: a constant, and a sum as in a `Row`."""

    sense: Sense = "minimize"
    coefficients: Mapping[str, float] = field(default_factory=dict)
    constant: float = 0.0
    quadratic: Products = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SpecialOrderedSet:
    """Columns of which at most `type` are not 0; with type 2, those are neighbours in the order of the weights.

    Args:
        weights: by column name, all different.
    """

    name: str
    type: Literal[1, 2]
    weights: Mapping[str, float]

    @property
    def members(self) -> tuple[str, ...]:
        """Column names in the order of the weights."""
        return tuple(sorted(self.weights, key=lambda name: self.weights[name]))


@dataclass(frozen=True, kw_only=True)
class Model:
    """Columns, rows, sets and an objective. Order is kept: a solution lists its values in column order.

    Raises:
        UsageError: two columns, rows or sets share a name, a name is empty, a coefficient is not finite
            or belongs to no column, a product is there twice, a bound is NaN or infinite on the wrong
            side, an indicator is not a binary column with 0 or 1, two weights of a set are equal.
    """

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    objective: Objective = Objective()
    name: str = ""
    sets: tuple[SpecialOrderedSet, ...] = ()

    def __post_init__(self) -> None:
        _check_names("column", [column.name for column in self.columns])
        _check_names("row", [row.name for row in self.rows])
        _check_names("set", [ordered.name for ordered in self.sets])
        for column in self.columns:
            _check_bounds(f"column `{column.name}`", column.lower, column.upper)
            if column.type not in get_args(ColumnType):
                raise UsageError(f"column `{column.name}` has type {column.type!r}, not one of {get_args(ColumnType)}")
        for row in self.rows:
            _check_bounds(f"row `{row.name}`", row.lower, row.upper)
            self._check_coefficients(f"row `{row.name}`", row.coefficients)
            self._check_products(f"row `{row.name}`", row.quadratic)
            if row.indicator is not None:
                self._check_indicator(f"row `{row.name}`", row.indicator)
        for ordered in self.sets:
            self._check_set(ordered)
        self._check_coefficients("the objective", self.objective.coefficients)
        self._check_products("the objective", self.objective.quadratic)
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

    def _check_products(self, where: str, products: Products) -> None:
        for pair, coefficient in products.items():
            if len(pair) != 2 or not set(pair) <= self.column_index.keys():
                raise UsageError(f"{where} has a product {pair!r}, which is not a pair of columns")
            if pair[0] != pair[1] and (pair[1], pair[0]) in products:
                raise UsageError(f"{where} has the product of `{pair[0]}` and `{pair[1]}` twice")
            if not math.isfinite(coefficient):
                raise UsageError(f"{where} has coefficient {coefficient} for {pair!r}, not a finite number")

    def _check_indicator(self, where: str, indicator: Indicator) -> None:
        index = self.column_index.get(indicator.column)
        if index is None or not self.columns[index].is_binary:
            raise UsageError(f"{where} has the indicator `{indicator.column}`, which is not a binary column")
        if indicator.value not in (0, 1):
            raise UsageError(f"{where} has an indicator for the value {indicator.value!r}, expected 0 or 1")

    def _check_set(self, ordered: SpecialOrderedSet) -> None:
        where = f"set `{ordered.name}`"
        if ordered.type not in (1, 2):
            raise UsageError(f"{where} has type {ordered.type!r}, expected 1 or 2")
        self._check_coefficients(where, ordered.weights)
        if len(set(ordered.weights.values())) < len(ordered.weights):
            raise UsageError(f"{where} has two equal weights, so that its order is open")

    @cached_property
    def column_index(self) -> Mapping[str, int]:
        """Position of every column, by name."""
        return {column.name: index for index, column in enumerate(self.columns)}

    @property
    def is_mixed_integer(self) -> bool:
        """Some column is not simply continuous, or some set or indicator makes a choice among columns and rows."""
        return any(column.type != "continuous" for column in self.columns) or self.has_logic

    @property
    def is_quadratic(self) -> bool:
        """Some product of columns is in the objective or in a row; convex or not is another question."""
        return bool(self.objective.quadratic) or any(row.quadratic for row in self.rows)

    @property
    def has_logic(self) -> bool:
        """There are indicator rows or special ordered sets; `linearized` replaces them where it can."""
        return bool(self.sets) or any(row.indicator is not None for row in self.rows)

    @property
    def is_linear(self) -> bool:
        """Bounds, types and linear sums say it all: no product, no indicator row, no special ordered set."""
        return not self.is_quadratic and not self.has_logic

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
        """Plain JSON data; an infinite bound is `"inf"` or `"-inf"`, any other a number.

        `schema` is 1 for a linear model, as it was before there were others, and 2 for the rest.
        """
        data = {
            "schema": 1 if self.is_linear else SCHEMA,
            "name": self.name,
            "columns": [
                {"name": c.name, "lower": bound_to_json(c.lower), "upper": bound_to_json(c.upper), "type": c.type}
                for c in self.columns
            ],
            "rows": [_row_to_json(row) for row in self.rows],
            "objective": {
                "sense": self.objective.sense,
                "coefficients": dict(self.objective.coefficients),
                "constant": self.objective.constant,
                **_products_to_json(self.objective.quadratic),
            },
        }
        if self.sets:
            data["sets"] = [{"name": s.name, "type": s.type, "weights": dict(s.weights)} for s in self.sets]
        return data

    @classmethod
    def from_json(cls, data: Json) -> Model:
        """The model that `to_json` wrote, in this release or an earlier one.

        Raises:
            UsageError: the data are not of schema 1 or 2, or describe no model.
        """
        if not isinstance(data, Mapping) or data.get("schema") not in range(1, SCHEMA + 1):
            got = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise UsageError(f"a model has `schema` 1 or {SCHEMA}, got {got!r}")
        try:
            return cls(
                name=data.get("name", ""),
                columns=tuple(Column(**_with_bounds(column)) for column in data["columns"]),
                rows=tuple(_row_from_json(row) for row in data["rows"]),
                objective=Objective(**_with_products(data["objective"])),
                sets=tuple(SpecialOrderedSet(**ordered) for ordered in data.get("sets", ())),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(f"this JSON is not a model: {type(error).__name__}: {error}") from error


def _row_to_json(row: Row) -> Json:
    data = {
        "name": row.name,
        "lower": bound_to_json(row.lower),
        "upper": bound_to_json(row.upper),
        "coefficients": dict(row.coefficients),
        **_products_to_json(row.quadratic),
    }
    if row.indicator is not None:
        data["indicator"] = {"column": row.indicator.column, "value": row.indicator.value}
    return data


def _row_from_json(data: Json) -> Row:
    fields = _with_products(_with_bounds(data))
    if "indicator" in fields:
        fields["indicator"] = Indicator(**fields["indicator"])
    return Row(**fields)


def _products_to_json(products: Products) -> dict[str, Json]:
    return {"quadratic": [[first, second, value] for (first, second), value in products.items()]} if products else {}


def _with_products(fields: Mapping[str, Any]) -> dict[str, Any]:
    if "quadratic" not in fields:
        return dict(fields)
    return {**fields, "quadratic": {(first, second): value for first, second, value in fields["quadratic"]}}


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

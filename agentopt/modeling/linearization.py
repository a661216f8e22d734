"""An equivalent model without indicator rows, ordered sets and products with a binary column, where bounds allow it.

Every replacement is exact: big-M constants come from the bounds in rational arithmetic, and a point of the one model is
feasible exactly when it can be completed to one of the other, with the same objective.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from functools import cached_property

from agentopt.modeling.exact import exact
from agentopt.modeling.model import Column, Model, Products, Row, SpecialOrderedSet

Bounds = tuple[Fraction | None, Fraction | None]
_DIGITS = (15, 12, 9, 6, 3, 1)  # roundings of a big-M that are tried until the row is exact in decimals


@dataclass(frozen=True, kw_only=True)
class Linearization:
    """What `linearized` made of a model.

    Args:
        original: the model that was given.
        model: the equivalent one; the columns of `original` come first and keep their order.
        changes: what was replaced and by what, one sentence each.
        kept: what could not be replaced and why, one sentence each; empty exactly when `model` is linear.
    """

    original: Model
    model: Model
    changes: tuple[str, ...]
    kept: tuple[str, ...]

    def restored(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """The point of `original` that a point of `model` stands for."""
        return values[: len(self.original.columns)]


def linearized(model: Model) -> Linearization:
    """`model` with its indicator rows, ordered sets and products with binary columns written as linear rows.

    An indicator row with a finite largest activity becomes a big-M row; an ordered set over bounded columns gets binary
    columns; a product of a binary column and a bounded one becomes a column of its own. The rest is kept.
    """
    draft = _Draft(original=model)
    for row in model.rows:
        quadratic = draft.without_products(row.name, row.quadratic)
        _add_row(draft, replace(row, coefficients=_sum(row.coefficients, quadratic.linear), quadratic=quadratic.left))
    for ordered in model.sets:
        _add_set(draft, ordered)
    goal = draft.without_products("the objective", model.objective.quadratic)
    objective = replace(
        model.objective, coefficients=_sum(model.objective.coefficients, goal.linear), quadratic=goal.left
    )
    made = Model(
        name=model.name,
        columns=tuple(draft.columns.values()),
        rows=tuple(draft.rows.values()),
        objective=objective,
        sets=tuple(draft.sets),
    )
    return Linearization(original=model, model=made, changes=tuple(draft.changes), kept=tuple(draft.kept))


def implied_bounds(model: Model, *, passes: int = 3) -> dict[str, Bounds]:
    """Least and largest value of every column that its bounds and the linear rows allow, `None` where there is none.

    Rows are read one at a time, `passes` times over, so what only several rows together imply is not found.
    """
    ranges = {column.name: _range(column) for column in model.columns}
    rows = [row for row in model.rows if row.indicator is None and not row.quadratic]
    terms = [{name: exact(value) for name, value in row.coefficients.items() if value} for row in rows]
    for _ in range(passes):
        before = dict(ranges)
        for row, own in zip(rows, terms):
            if not math.isinf(row.upper):
                _tighten(ranges, own, exact(row.upper))
            if not math.isinf(row.lower):
                _tighten(ranges, {name: -value for name, value in own.items()}, -exact(row.lower))
        if ranges == before:
            break
    return ranges


def _tighten(ranges: dict[str, Bounds], terms: Mapping[str, Fraction], right: Fraction) -> None:
    """Cuts the ranges to what `terms <= right` allows for each column, the others at their least."""
    least = {name: ranges[name][0 if value > 0 else 1] for name, value in terms.items()}
    unbounded = [name for name, bound in least.items() if bound is None]
    if len(unbounded) > 1:
        return
    total = sum((terms[name] * bound for name, bound in least.items() if bound is not None), Fraction(0))
    for name in unbounded or terms:
        bound = least[name]
        limit = (right - (total if bound is None else total - terms[name] * bound)) / terms[name]
        lower, upper = ranges[name]
        if terms[name] > 0 and (upper is None or limit < upper):
            ranges[name] = (lower, limit)
        if terms[name] < 0 and (lower is None or limit > lower):
            ranges[name] = (limit, upper)


@dataclass(frozen=True, kw_only=True)
class _Replaced:
    """Products: those that became terms of columns, and those that stay."""

    linear: Mapping[str, float]
    left: Products


@dataclass(kw_only=True)
class _Draft:
    """The equivalent model while it grows."""

    original: Model
    columns: dict[str, Column] = field(init=False)
    rows: dict[str, Row] = field(default_factory=dict)
    sets: list[SpecialOrderedSet] = field(default_factory=list)
    products: dict[tuple[str, str], str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @cached_property
    def implied(self) -> Mapping[str, Bounds]:
        """Bounds that the rows of the original imply; only asked for where a column has none of its own."""
        return implied_bounds(self.original)

    def range_of(self, name: str) -> Bounds:
        """Least and largest value of a column in any feasible point, 0 included if it is semicontinuous."""
        lower, upper = _range(self.columns[name])
        if (lower is None or upper is None) and name in self.original.column_index:
            return self.implied[name]
        return lower, upper

    def __post_init__(self) -> None:
        self.columns = {column.name: column for column in self.original.columns}
        self._taken = {row.name for row in self.original.rows}

    def add_column(self, column: Column) -> str:
        """Its name, changed where another column has it."""
        name = _free(column.name, self.columns)
        self.columns[name] = replace(column, name=name)
        return name

    def add_row(self, row: Row) -> None:
        """Adds a row that stands for something else, its name changed where another row has it."""
        name = _free(row.name, self._taken)
        self._taken.add(name)
        self.rows[name] = replace(row, name=name)

    def without_products(self, where: str, products: Products) -> _Replaced:
        linear: dict[str, float] = {}
        left: dict[tuple[str, str], float] = {}
        for pair, coefficient in products.items():
            column = self._column_of(pair)
            if column is None:
                left[pair] = coefficient
            else:
                linear = _sum(linear, {column: coefficient})
        if left:
            shown = "*".join(next(iter(left)))
            self.kept.append(f"{where}: {len(left)} products, such as {shown}, of no binary column with a bounded one")
        return _Replaced(linear=linear, left=left)

    def _column_of(self, pair: tuple[str, str]) -> str | None:
        """A column that equals the product in every feasible point."""
        first, second = sorted(pair, key=lambda name: not self.columns[name].is_binary)
        binary, factor = self.columns[first], self.columns[second]
        lower, upper = self.range_of(second)
        if not binary.is_binary or lower is None or upper is None:
            return None
        if first == second:
            return first
        if (first, second) not in self.products:
            low, up = float(lower), float(upper)
            kind = factor.type if factor.type in ("integer", "continuous") else "continuous"
            name = self.add_column(Column(name=f"{first}*{second}", lower=min(low, 0.0), upper=max(up, 0.0), type=kind))
            self.products[first, second] = name
            # low * z <= w <= up * z, and x - up * (1 - z) <= w <= x - low * (1 - z)
            self.add_row(Row(name=f"{name} off", upper=0.0, coefficients={name: 1.0, first: -up}))
            self.add_row(Row(name=f"{name} off", lower=0.0, coefficients={name: 1.0, first: -low}))
            self.add_row(Row(name=f"{name} on", upper=-low, coefficients={name: 1.0, second: -1.0, first: -low}))
            self.add_row(Row(name=f"{name} on", lower=-up, coefficients={name: 1.0, second: -1.0, first: -up}))
            self.changes.append(f"product {first}*{second}: column `{name}` with four rows")
        return self.products[first, second]


def _add_row(draft: _Draft, row: Row) -> None:
    """Adds a row of the original; an indicator row as one big-M row per finite side."""
    indicator = row.indicator
    if indicator is None:
        draft.rows[row.name] = row
        return
    parts = []
    if row.quadratic:
        draft.rows[row.name] = row
        draft.kept.append(f"row {row.name}: an indicator on a row with products")
        return
    for side, bound in (("upper", row.upper), ("lower", row.lower)):
        if math.isinf(bound):
            continue
        sign = 1.0 if side == "upper" else -1.0
        coefficients = {name: sign * value for name, value in row.coefficients.items()}
        part = _with_big_m(draft, replace(row, lower=-math.inf, upper=sign * bound, coefficients=coefficients))
        if part is None:
            draft.rows[row.name] = row
            draft.kept.append(f"row {row.name}: no finite bound on its activity, so no big-M for its {side} side")
            return
        parts.append(part)
    for number, part in enumerate(parts):
        if number == 0:
            draft.rows[row.name] = part
        else:
            draft.add_row(part)
    draft.changes.append(f"row {row.name}: big-M instead of the indicator `{indicator.column}` = {indicator.value}")


def _with_big_m(draft: _Draft, row: Row) -> Row | None:
    """The row `a x <= u`, which holds if the indicator says so, as a row that always holds; `None` without bounds."""
    indicator = row.indicator
    assert indicator is not None
    most = _largest(draft, row.coefficients)
    if most is None:
        return None
    right = exact(row.upper)
    if most <= right:
        return replace(row, indicator=None)
    column = indicator.column
    for digits in _DIGITS:
        big = _rounded_up(most - right, digits)
        # With value 1: a x + M z <= u + M; with value 0: a x - M z <= u.
        sign = 1.0 if indicator.value == 1 else -1.0
        bound = row.upper + big if indicator.value == 1 else row.upper
        coefficients = _sum(row.coefficients, {column: sign * big})
        added = exact(coefficients[column]) - exact(row.coefficients.get(column, 0.0))
        if added == exact(sign * big) and (indicator.value == 0 or exact(bound) == right + exact(big)):
            return replace(row, upper=bound, coefficients=coefficients, indicator=None)
    return None


def _add_set(draft: _Draft, ordered: SpecialOrderedSet) -> None:
    members = ordered.members
    if len(members) <= ordered.type:
        draft.changes.append(f"set {ordered.name}: says nothing about {len(members)} columns")
        return
    if any(None in draft.range_of(name) for name in members):
        draft.sets.append(ordered)
        draft.kept.append(f"set {ordered.name}: a member has no finite bounds")
        return
    # Type 1: one binary per member; type 2: one per pair of neighbours, either of which may be chosen.
    choices = [(name,) for name in members] if ordered.type == 1 else list(itertools.pairwise(members))
    allowing: dict[str, list[str]] = {name: [] for name in members}
    chosen = []
    for number, choice in enumerate(choices, 1):
        if ordered.type == 1 and draft.columns[choice[0]].is_binary:
            binary = choice[0]
        else:
            binary = draft.add_column(Column(name=f"{ordered.name}.{number}", upper=1.0, type="integer"))
            for name in choice:
                allowing[name].append(binary)
        chosen.append(binary)
    for name in members:
        if allowing[name]:
            _link(draft, ordered.name, draft.columns[name], allowing[name])
    draft.add_row(Row(name=ordered.name, upper=1.0, coefficients=dict.fromkeys(chosen, 1.0)))
    draft.changes.append(f"set {ordered.name}: a binary choice between {len(choices)} possibilities")


def _link(draft: _Draft, where: str, column: Column, binaries: list[str]) -> None:
    """The column is 0 unless one of the binaries is 1."""
    lower, upper = draft.range_of(column.name)
    for word, bound, limits in (("most", upper, (-math.inf, 0.0)), ("least", lower, (0.0, math.inf))):
        assert bound is not None
        if bound != 0:
            coefficients = {column.name: 1.0, **dict.fromkeys(binaries, -float(bound))}
            name = f"{where} {column.name} {word}"
            draft.add_row(Row(name=name, lower=limits[0], upper=limits[1], coefficients=coefficients))


def _largest(draft: _Draft, coefficients: Mapping[str, float]) -> Fraction | None:
    """Largest value of a linear sum within the bounds of its columns."""
    total = Fraction(0)
    for name, coefficient in coefficients.items():
        if coefficient == 0:
            continue
        lower, upper = draft.range_of(name)
        bound = upper if coefficient > 0 else lower
        if bound is None:
            return None
        total += exact(coefficient) * bound
    return total


def _range(column: Column) -> Bounds:
    """Bounds of a column, 0 included if it is semicontinuous; `None` = no bound."""
    lower, upper = column.lower, column.upper
    if column.is_semi:
        lower, upper = min(lower, 0.0), max(upper, 0.0)
    return (None if math.isinf(lower) else exact(lower)), (None if math.isinf(upper) else exact(upper))


def _rounded_up(value: Fraction, digits: int) -> float:
    """The least decimal of at most 15 significant `digits` that is not below `value`; a float shows it exactly."""
    rounding = Context(prec=digits, rounding=ROUND_CEILING)
    return float(rounding.divide(Decimal(value.numerator), Decimal(value.denominator)))


def _sum(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Sum by name, added as decimals."""
    total = dict(first)
    for name, value in second.items():
        total[name] = float(exact(total[name]) + exact(value)) if name in total else value
    return total


def _free(name: str, taken: Container[str]) -> str:
    """`name`, or with the first number that makes it another than those taken."""
    chosen, count = name, 1
    while chosen in taken:
        count += 1
        chosen = f"{name}#{count}"
    return chosen

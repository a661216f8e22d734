"""A normal form of models: different ways to write the same rows and bounds become one, in exact arithmetic.

Every step keeps the feasible points (those of columns that are left decide those that are not) and their
objective. The form is not canonical: two models of the same points may keep different forms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from agentopt.modeling.exact import ExactProgram, exact
from agentopt.modeling.model import ColumnType, Sense

_MOST_PASSES = 50
Terms = frozenset[tuple[str, Fraction]]


@dataclass(kw_only=True)
class NormalColumn:
    """A column; `cost` is its coefficient in the objective, in the model's own sense."""

    type: ColumnType
    lower: Fraction | None
    upper: Fraction | None
    cost: Fraction

    @property
    def is_semi(self) -> bool:
        """It may be 0 outside its bounds."""
        return self.type in ("semicontinuous", "semiinteger")

    @property
    def key(self) -> tuple[str, Fraction | None, Fraction | None, Fraction]:
        """What is equal for equal columns."""
        return (self.type, self.lower, self.upper, self.cost)


@dataclass(frozen=True, kw_only=True)
class NormalForm:
    """Columns, and rows `terms <= right`, each once.

    Args:
        rows: the smallest right side by the terms, which are whole numbers without a common factor.
        contradiction: why no point is feasible, if that was found; the rest means nothing then.
    """

    sense: Sense
    constant: Fraction
    columns: Mapping[str, NormalColumn]
    rows: Mapping[Terms, Fraction]
    contradiction: str = ""


@dataclass(kw_only=True)
class _Row:
    name: str
    terms: dict[str, Fraction]
    lower: Fraction | None
    upper: Fraction | None


@dataclass(kw_only=True)
class _Work:
    """A model on its way to the normal form, changed in place."""

    constant: Fraction
    columns: dict[str, NormalColumn]
    rows: list[_Row]
    contradiction: str = ""


def normal_form(program: ExactProgram) -> NormalForm:
    """The normal form of a model.

    Fixed columns, empty rows, rows of one column, rows and sides that the bounds imply, slacks of one row and free
    columns that an equation defines are gone; rows that only differ by a factor are one; right sides of
    whole sums are rounded.
    """
    model = program.model
    names = [column.name for column in model.columns]
    bounds = ((_end(column.lower), _end(column.upper)) for column in model.columns)
    work = _Work(
        constant=program.constant,
        columns={
            column.name: NormalColumn(
                type=column.type, lower=low, upper=high, cost=program.sign * program.cost.get(j, Fraction(0))
            )
            for j, (column, (low, high)) in enumerate(zip(model.columns, bounds))
        },
        rows=[
            _Row(name=row.name, terms={names[j]: a for j, a in terms.items()}, lower=low, upper=high)
            for row, terms, low, high in zip(model.rows, program.rows, program.row_lower, program.row_upper)
        ],
    )
    for _ in range(_MOST_PASSES):
        # Equations first define columns: bounds may later make one side of them needless.
        if not (_tidy_columns(work) | _drop_defined(work) | _tidy_rows(work)) or work.contradiction:
            break
    rows = {} if work.contradiction else _unique_rows(work)
    return NormalForm(
        sense=model.objective.sense,
        constant=work.constant,
        columns=work.columns,
        rows=rows,
        contradiction=work.contradiction,
    )


def whole_row(
    terms: Mapping[str, Fraction], right: Fraction, columns: Mapping[str, NormalColumn]
) -> tuple[Terms, Fraction]:
    """`terms <= right` with whole coefficients without a common factor; `right` rounded down where the sum is whole."""
    denominator = math.lcm(*(a.denominator for a in terms.values()))
    factor = Fraction(denominator, math.gcd(*(int(a * denominator) for a in terms.values())))
    right *= factor
    if all(columns[name].type in ("integer", "semiinteger") for name in terms):
        right = Fraction(math.floor(right))
    return frozenset((name, a * factor) for name, a in terms.items()), right


def _end(bound: float) -> Fraction | None:
    return None if math.isinf(bound) else exact(bound)


def _tidy_columns(work: _Work) -> bool:
    """Rounds bounds of whole columns, and puts the value of fixed columns into the rows."""
    fixed: dict[str, Fraction] = {}
    for name, column in work.columns.items():
        if column.type == "integer":
            column.lower = None if column.lower is None else Fraction(math.ceil(column.lower))
            column.upper = None if column.upper is None else Fraction(math.floor(column.upper))
        if column.is_semi or column.lower is None or column.upper is None:
            continue
        if column.lower > column.upper:
            work.contradiction = f"no value lies between the bounds of column `{name}`"
        if column.lower == column.upper:
            fixed[name] = column.lower
    for name, value in fixed.items():
        work.constant += work.columns.pop(name).cost * value
    if fixed:
        for row in work.rows:
            for name in row.terms.keys() & fixed.keys():
                _shift(row, row.terms.pop(name) * fixed[name])
    return bool(fixed)


def _shift(row: _Row, amount: Fraction) -> None:
    """Takes a constant part of the sum over to the bounds."""
    row.lower = None if row.lower is None else row.lower - amount
    row.upper = None if row.upper is None else row.upper - amount


def _tidy_rows(work: _Work) -> bool:
    """Drops empty rows and what the bounds imply; a row of one column becomes its bounds."""
    kept = []
    has_changed = False
    for row in work.rows:
        if len(row.terms) == 1:
            (name, a), *_ = row.terms.items()
            if not work.columns[name].is_semi:
                low, high = (row.lower, row.upper) if a > 0 else (row.upper, row.lower)
                _narrow(work.columns[name], None if low is None else low / a, None if high is None else high / a)
                has_changed = True
                continue
        least, most = _reach(work, row.terms)
        if row.lower is not None and least is not None and least >= row.lower:
            row.lower, has_changed = None, True
        if row.upper is not None and most is not None and most <= row.upper:
            row.upper, has_changed = None, True
        is_below = row.upper is not None and least is not None and least > row.upper
        if is_below or (row.lower is not None and most is not None and most < row.lower):
            work.contradiction = f"the bounds of the columns rule out row `{row.name}`"
        if row.lower is not None or row.upper is not None:
            kept.append(row)
    work.rows = kept
    return has_changed


def _reach(work: _Work, terms: Mapping[str, Fraction]) -> tuple[Fraction | None, Fraction | None]:
    """The least and the largest value that the bounds allow a sum; `None` = no end."""
    least: Fraction | None = Fraction(0)
    most: Fraction | None = Fraction(0)
    for name, a in terms.items():
        column = work.columns[name]
        low, high = column.lower, column.upper
        if column.is_semi:
            low = None if low is None else min(low, Fraction(0))
            high = None if high is None else max(high, Fraction(0))
        if a < 0:
            low, high = high, low
        least = None if least is None or low is None else least + a * low
        most = None if most is None or high is None else most + a * high
    return least, most


def _narrow(column: NormalColumn, low: Fraction | None, high: Fraction | None) -> None:
    if low is not None and (column.lower is None or low > column.lower):
        column.lower = low
    if high is not None and (column.upper is None or high < column.upper):
        column.upper = high


def _drop_defined(work: _Work) -> bool:
    """Solves equations for a column that they define: a slack of this row alone, or a free column."""
    uses: dict[str, list[_Row]] = {}
    for row in work.rows:
        for name in row.terms:
            uses.setdefault(name, []).append(row)
    has_changed = False
    for row in work.rows:
        if row.lower is None or row.lower != row.upper or len(row.terms) < 2:
            continue
        candidates = {name: len(uses[name]) for name in row.terms if _is_defined(work, row, name, uses[name])}
        chosen = _clear_choice({name: (count, *_preference(work, row, name)) for name, count in candidates.items()})
        if chosen is None:
            continue
        others = [other for other in row.terms if other != chosen]
        _substitute(work, row, chosen, uses[chosen])
        for other in others:
            users = {id(user): user for user in (*uses[other], *uses[chosen])}
            uses[other] = [user for user in users.values() if other in user.terms]
        has_changed = True
    work.rows = [row for row in work.rows if row.terms]
    return has_changed


def _clear_choice(preferences: Mapping[str, tuple[object, ...]]) -> str | None:
    """The most preferred name; `None` without one, or where equals are preferred, since names must not decide."""
    if not preferences:
        return None
    best = min(preferences.values())
    first, *others = (name for name, preference in preferences.items() if preference == best)
    return None if others else first


def _preference(work: _Work, row: _Row, name: str) -> tuple[object, ...]:
    """Which column of an equation goes first; without regard to names or order, as far as possible."""
    column, a = work.columns[name], row.terms[name]
    low, high = column.lower, column.upper
    return (
        column.cost != 0,
        column.type,
        abs(a),
        (low is not None, low or 0, high is not None, high or 0, column.cost),
    )


def _is_defined(work: _Work, row: _Row, name: str, users: list[_Row]) -> bool:
    column = work.columns[name]
    is_free = column.lower is None and column.upper is None
    if column.is_semi:
        return False
    if not is_free and (len(users) > 1 or column.cost != 0):
        return False
    if is_free and len(users) > 2:
        return False
    if column.type == "continuous":
        return True
    a, right = row.terms[name], row.lower
    assert right is not None  # it is an equation
    others = [(other, b / a) for other, b in row.terms.items() if other != name]
    is_whole = all(work.columns[other].type == "integer" and b.denominator == 1 for other, b in others)
    return is_whole and (right / a).denominator == 1


def _substitute(work: _Work, row: _Row, name: str, users: list[_Row]) -> None:
    """Puts `name = (right - others) / a` everywhere; what is left of the row are the bounds of `name`."""
    column, a, right = work.columns.pop(name), row.terms.pop(name), row.lower
    assert right is not None  # it is an equation
    others = dict(row.terms)
    work.constant += column.cost * right / a
    for other, b in others.items():
        work.columns[other].cost -= column.cost * b / a
    for user in users:
        if user is row:
            continue
        weight = user.terms.pop(name) / a
        _shift(user, weight * right)
        for other, b in others.items():
            value = user.terms.get(other, Fraction(0)) - weight * b
            if value:
                user.terms[other] = value
            else:
                user.terms.pop(other, None)
    ends = [None if end is None else right - a * end for end in (column.upper, column.lower)]
    row.lower, row.upper = ends if a > 0 else ends[::-1]
    if row.lower is None and row.upper is None:
        row.terms = {}


def _unique_rows(work: _Work) -> dict[Terms, Fraction]:
    rows: dict[Terms, Fraction] = {}
    for row in work.rows:
        sides = []
        if row.upper is not None:
            sides.append((row.terms, row.upper))
        if row.lower is not None:
            sides.append(({name: -a for name, a in row.terms.items()}, -row.lower))
        for terms, right in sides:
            key, bound = whole_row(terms, right, work.columns)
            rows[key] = min(bound, rows.get(key, bound))
    return rows

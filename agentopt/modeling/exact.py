"""Exact rational arithmetic on a model: what holds here holds without any tolerance.

A float stands for the decimal number a person reads, so 0.1 is 1/10, not its binary neighbour.
Everything is kept in minimization form, where a maximized objective has its signs turned.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from agentopt.modeling.model import Model, Products, Row, SpecialOrderedSet

Sparse = dict[int, Fraction]
SparseProducts = dict[tuple[int, int], Fraction]
_WORK = 400_000  # multiplications, of numbers of up to 64 bits, after which an exact solve is given up; about a second
_LARGEST_WHOLE = 2**53  # from here on a float's decimals and its value may differ


@lru_cache(maxsize=4096)  # models repeat their numbers
def exact(value: float) -> Fraction:
    """The decimal number that `repr(value)` shows."""
    value = float(value)
    if value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return Fraction(int(value))
    return Fraction(repr(value))


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken bound, row or integrality; `amount` > 0, absolute, in the unit of what is broken."""

    what: str
    amount: Fraction


@dataclass(frozen=True, kw_only=True)
class ExactProgram:
    """The linear relaxation of a model in rationals: minimize `cost` x within bounds; a bound `None` is none.

    What is proved without `cost` holds for the model too; `violations` and `objective` are the model's own.

    Args:
        sign: 1, or -1 when the model maximizes; `cost` and `products` have it applied, `constant` has not.
        lower, upper: those of a semicontinuous column include 0.
        row_lower, row_upper: `None` for rows with products or an indicator.
        products: what the objective has of them; no bound on a cost with products follows from `cost`.
    """

    model: Model
    sign: int
    constant: Fraction
    cost: Sparse
    lower: Sequence[Fraction | None]
    upper: Sequence[Fraction | None]
    rows: Sequence[Sparse]
    row_lower: Sequence[Fraction | None]
    row_upper: Sequence[Fraction | None]
    products: SparseProducts

    @classmethod
    def of(cls, model: Model) -> ExactProgram:
        """The program that `model` says, its decimals taken literally."""
        sign = -1 if model.objective.sense == "maximize" else 1
        return cls(
            model=model,
            sign=sign,
            constant=exact(model.objective.constant),
            cost={j: sign * a for j, a in _by_index(model, model.objective.coefficients).items()},
            lower=[_bound(min(column.lower, 0.0) if column.is_semi else column.lower) for column in model.columns],
            upper=[_bound(max(column.upper, 0.0) if column.is_semi else column.upper) for column in model.columns],
            rows=[_by_index(model, row.coefficients) for row in model.rows],
            row_lower=[_bound(row.lower) if _is_linear(row) else None for row in model.rows],
            row_upper=[_bound(row.upper) if _is_linear(row) else None for row in model.rows],
            products={pair: sign * a for pair, a in _products(model, model.objective.quadratic).items()},
        )

    def objective(self, x: Sequence[Fraction]) -> Fraction:
        """Value at `x` in the model's own sense, constant included."""
        total = sum((a * x[j] for j, a in self.cost.items() if x[j]), Fraction(0))
        return self.own_sense(total + sum((a * x[j] * x[k] for (j, k), a in self.products.items()), Fraction(0)))

    def own_sense(self, cost: Fraction) -> Fraction:
        """A value of the minimized `cost` as the model states its objective."""
        return self.sign * cost + self.constant

    def activity(self, row: int, x: Sequence[Fraction]) -> Fraction:
        """Left-hand side of a row at `x`, products aside."""
        return sum((a * x[j] for j, a in self.rows[row].items() if x[j]), Fraction(0))

    def violations(self, x: Sequence[Fraction]) -> list[Violation]:
        """Everything that `x` breaks, worst first; empty exactly when `x` is feasible."""
        broken = []
        for j, column in enumerate(self.model.columns):
            lower, upper = self.lower[j], self.upper[j]
            if column.is_semi:
                lower, upper = _bound(column.lower), _bound(column.upper)
            amount = _outside(x[j], lower, upper)
            if column.is_semi:
                amount = min(amount, abs(x[j]))
            if amount:
                broken.append(Violation(what=f"bounds of column `{column.name}`", amount=amount))
            if column.is_integer and x[j].denominator != 1:
                amount = abs(x[j] - round(x[j]))
                broken.append(Violation(what=f"integrality of column `{column.name}`", amount=amount))
        for i, row in enumerate(self.model.rows):
            if row.indicator is not None and x[self.model.column_index[row.indicator.column]] != row.indicator.value:
                continue
            activity = self.activity(i, x)
            if row.quadratic:
                products = _products(self.model, row.quadratic)
                activity += sum((a * x[j] * x[k] for (j, k), a in products.items()), Fraction(0))
            lower, upper = self.row_lower[i], self.row_upper[i]
            if not _is_linear(row):
                lower, upper = _bound(row.lower), _bound(row.upper)
            amount = _outside(activity, lower, upper)
            if amount:
                broken.append(Violation(what=f"row `{row.name}`", amount=amount))
        for ordered in self.model.sets:
            amount = _crowding(ordered, [x[self.model.column_index[name]] for name in ordered.members])
            if amount:
                broken.append(Violation(what=f"set `{ordered.name}`", amount=amount))
        return sorted(broken, key=lambda violation: -violation.amount)

    def dual_bound(self, y: Sequence[Fraction], cost: Mapping[int, Fraction] | None = None) -> Fraction | None:
        """A number that no feasible point's `cost` goes below, by weak duality; `None` = no bound follows.

        Any multipliers `y`, one per row, give a valid bound. With `cost` {} a bound above 0 proves that
        there is no feasible point at all (Farkas). Integrality is not used.
        """
        if cost is None and self.products:
            return None
        cost = self.cost if cost is None else cost
        total = Fraction(0)
        reduced = dict(cost)
        for i, weight in enumerate(y):
            if not weight:
                continue
            side = self.row_lower[i] if weight > 0 else self.row_upper[i]
            if side is None:
                return None
            total += weight * side
            for j, a in self.rows[i].items():
                reduced[j] = reduced.get(j, Fraction(0)) - weight * a
        for j, weight in reduced.items():
            if not weight:
                continue
            side = self.lower[j] if weight > 0 else self.upper[j]
            if side is None:
                return None
            total += weight * side
        return total

    def is_improving_ray(self, ray: Sequence[Fraction]) -> bool:
        """From any feasible point, going along `ray` stays feasible forever and lowers the cost forever."""
        if not self.model.is_linear:
            return False
        for j, step in enumerate(ray):
            if (step < 0 and self.lower[j] is not None) or (step > 0 and self.upper[j] is not None):
                return False
            if step and self.model.columns[j].is_semi:
                return False
        for i in range(len(self.rows)):
            change = self.activity(i, ray)
            if (change < 0 and self.row_lower[i] is not None) or (change > 0 and self.row_upper[i] is not None):
                return False
        return sum((a * ray[j] for j, a in self.cost.items()), Fraction(0)) < 0


def solve_exactly(rows: Sequence[Sparse], right: Sequence[Fraction], *, work: int = _WORK) -> list[Fraction] | None:
    """The solution of a square sparse system, `None` if it is singular or needs more than `work` multiplications.

    Gaussian elimination, each pivot in a shortest row and there in a shortest column (Markowitz).
    """
    system = [dict(row) for row in rows]
    values = list(right)
    users: dict[int, set[int]] = {}
    for i, row in enumerate(system):
        for j in row:
            users.setdefault(j, set()).add(i)
    active, pivots = set(range(len(system))), []
    shortest = [(len(row), i) for i, row in enumerate(system)]
    heapq.heapify(shortest)
    while active:
        length, i = heapq.heappop(shortest)
        if i not in active or length != len(system[i]):
            continue  # an entry from before the row changed
        if not system[i]:
            return None
        j = min(system[i], key=lambda column: (len(users[column]), column))
        active.remove(i)
        pivots.append((i, j))
        for k in [k for k in users[j] if k in active]:
            factor = system[k].pop(j) / system[i][j]
            work -= len(system[i]) * (1 + factor.denominator.bit_length() // 64 + factor.numerator.bit_length() // 64)
            values[k] -= factor * values[i]
            for column, a in system[i].items():
                if column == j:
                    continue
                entry = system[k].get(column, Fraction(0)) - factor * a
                if entry:
                    system[k][column] = entry
                    users[column].add(k)
                elif column in system[k]:
                    del system[k][column]
                    users[column].discard(k)
            heapq.heappush(shortest, (len(system[k]), k))
        if work < 0:
            return None
    solution: dict[int, Fraction] = {}
    for i, j in reversed(pivots):
        rest = sum((a * solution[column] for column, a in system[i].items() if column != j), Fraction(0))
        solution[j] = (values[i] - rest) / system[i][j]
    return [solution[j] for j in range(len(system))]


def shown(value: Fraction) -> str:
    """A rational for people: exact where it is short (`7`, `0.25`, `1/3`), else 15 significant digits with `~`."""
    if value.denominator == 1:
        return str(value.numerator)
    near = float(value)
    if exact(near) == value:
        return repr(near)
    return str(value) if len(str(value)) <= 12 else f"~{near:.15g}"


def _by_index(model: Model, coefficients: Mapping[str, float]) -> Sparse:
    return {model.column_index[name]: exact(value) for name, value in coefficients.items() if value != 0}


def _products(model: Model, products: Products) -> SparseProducts:
    index = model.column_index
    return {(index[one], index[two]): exact(value) for (one, two), value in products.items() if value != 0}


def _is_linear(row: Row) -> bool:
    return not row.quadratic and row.indicator is None


def _crowding(ordered: SpecialOrderedSet, values: Sequence[Fraction]) -> Fraction:
    """The least that must become 0 for the members of a set, in its order, to satisfy it."""
    spans = range(max(1, len(values) - ordered.type + 1))
    kept = ({*range(start, start + ordered.type)} for start in spans)
    outside = (max((abs(v) for k, v in enumerate(values) if k not in span), default=Fraction(0)) for span in kept)
    return min(outside, default=Fraction(0))


def _bound(bound: float) -> Fraction | None:
    return None if math.isinf(bound) else exact(bound)


def _outside(value: Fraction, lower: Fraction | None, upper: Fraction | None) -> Fraction:
    below = lower - value if lower is not None and value < lower else Fraction(0)
    above = value - upper if upper is not None and value > upper else Fraction(0)
    return max(below, above) if below and above else below or above

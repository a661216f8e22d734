"""Exact rational arithmetic on a model: what holds here holds without any tolerance.

A float stands for the decimal number a person reads, so 0.1 is 1/10, not its binary neighbour.
Everything is kept in minimization form, where a maximized objective has its signs turned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agentopt.modeling.model import Model

Sparse = dict[int, Fraction]
_WORK = 400_000  # multiplications after which an exact solve is given up; about two seconds


def exact(value: float) -> Fraction:
    """The decimal number that `repr(value)` shows."""
    return Fraction(repr(float(value)))


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken bound, row or integrality; `amount` > 0, absolute, in the unit of what is broken."""

    what: str
    amount: Fraction


@dataclass(frozen=True, kw_only=True)
class ExactProgram:
    """A model in rationals: minimize `cost` x, with bounds on columns and rows; `None` = no bound.

    Args:
        sign: 1, or -1 when the model maximizes; `cost` has it applied, `constant` has not.
        lower, upper: bounds of the linear relaxation, so those of a semicontinuous column include 0.
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
            row_lower=[_bound(row.lower) for row in model.rows],
            row_upper=[_bound(row.upper) for row in model.rows],
        )

    def objective(self, x: Sequence[Fraction]) -> Fraction:
        """Value at `x` in the model's own sense, constant included."""
        return self.own_sense(sum((a * x[j] for j, a in self.cost.items()), Fraction(0)))

    def own_sense(self, cost: Fraction) -> Fraction:
        """A value of the minimized `cost` as the model states its objective."""
        return self.sign * cost + self.constant

    def activity(self, row: int, x: Sequence[Fraction]) -> Fraction:
        """Left-hand side of a row at `x`."""
        return sum((a * x[j] for j, a in self.rows[row].items()), Fraction(0))

    def violations(self, x: Sequence[Fraction]) -> list[Violation]:
        """Everything that `x` breaks, worst first; empty exactly when `x` is feasible."""
        broken = []
        for j, column in enumerate(self.model.columns):
            amount = _outside(x[j], _bound(column.lower), _bound(column.upper))
            if column.is_semi:
                amount = min(amount, abs(x[j]))
            if amount:
                broken.append(Violation(what=f"bounds of column `{column.name}`", amount=amount))
            if column.is_integer and x[j].denominator != 1:
                amount = abs(x[j] - round(x[j]))
                broken.append(Violation(what=f"integrality of column `{column.name}`", amount=amount))
        for i, row in enumerate(self.model.rows):
            amount = _outside(self.activity(i, x), self.row_lower[i], self.row_upper[i])
            if amount:
                broken.append(Violation(what=f"row `{row.name}`", amount=amount))
        return sorted(broken, key=lambda violation: -violation.amount)

    def dual_bound(self, y: Sequence[Fraction], cost: Mapping[int, Fraction] | None = None) -> Fraction | None:
        """A number that no feasible point's `cost` goes below, by weak duality; `None` = no bound follows.

        Any multipliers `y`, one per row, give a valid bound. With `cost` {} a bound above 0 proves that
        there is no feasible point at all (Farkas). Integrality is not used.
        """
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
    while active:
        i = min(active, key=lambda row: (len(system[row]), row))
        if not system[i]:
            return None
        j = min(system[i], key=lambda column: (len(users[column]), column))
        active.remove(i)
        pivots.append((i, j))
        for k in [k for k in users[j] if k in active]:
            factor = system[k].pop(j) / system[i][j]
            work -= len(system[i])
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


def _bound(bound: float) -> Fraction | None:
    return None if math.isinf(bound) else exact(bound)


def _outside(value: Fraction, lower: Fraction | None, upper: Fraction | None) -> Fraction:
    below = lower - value if lower is not None else Fraction(0)
    above = value - upper if upper is not None else Fraction(0)
    return max(below, above, Fraction(0))

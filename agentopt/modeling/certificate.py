"""Certificates: rational vectors that prove what a solver said, found with floats and checked without.

How a vector was found does not matter, since `ExactProgram` checks it: a simplex basis names a vertex
and its multipliers, which are solved for in rationals; Farkas weights and rays come from the solver,
or from a small linear program of our own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agentopt.modeling.elastic import amount_of, elastic_model
from agentopt.modeling.exact import ExactProgram, Sparse, exact, solve_exactly
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers.base import BasisStatus, Solution
from agentopt.modeling.solvers.highs import relaxation, solve

_DENOMINATORS = (1, 1000, 10**6, 10**9)


@dataclass(frozen=True, kw_only=True)
class Vertex:
    """The point and the row multipliers that a simplex basis stands for, in rationals.

    Args:
        x: one value per column.
        y: one multiplier per row, in minimization form (see `ExactProgram.dual_bound`).
    """

    x: Sequence[Fraction]
    y: Sequence[Fraction]


def vertex(program: ExactProgram, solution: Solution) -> Vertex | None:
    """The vertex of the solution's basis; `None` without a basis, or where it is singular or too large."""
    if solution.column_basis is None or solution.row_basis is None or not program.model.is_linear:
        return None
    if (len(solution.column_basis), len(solution.row_basis)) != (len(program.lower), len(program.rows)):
        return None
    basic = [j for j, status in enumerate(solution.column_basis) if status == "basic"]
    tight = [i for i, status in enumerate(solution.row_basis) if status != "basic"]
    if len(basic) != len(tight):
        return None
    place = {j: k for k, j in enumerate(basic)}
    x = [_resting(status, low, up) for status, low, up in zip(solution.column_basis, program.lower, program.upper)]
    right, matrix, transposed = [], [], [Sparse() for _ in basic]
    for k, i in enumerate(tight):
        goal = _resting(solution.row_basis[i], program.row_lower[i], program.row_upper[i])
        matrix.append({place[j]: a for j, a in program.rows[i].items() if j in place})
        right.append(goal - sum((a * x[j] for j, a in program.rows[i].items() if j not in place), Fraction(0)))
        for j, a in matrix[-1].items():
            transposed[j][k] = a
    values = solve_exactly(matrix, right)
    if values is None:
        return None
    multipliers = solve_exactly(transposed, [program.cost.get(j, Fraction(0)) for j in basic])
    if multipliers is None:
        return None
    for j, value in zip(basic, values):
        x[j] = value
    y = [Fraction(0)] * len(program.rows)
    for i, value in zip(tight, multipliers):
        y[i] = value
    return Vertex(x=x, y=y)


def _resting(status: BasisStatus, lower: Fraction | None, upper: Fraction | None) -> Fraction:
    if status == "basic":
        return Fraction(0)
    first, second = (upper, lower) if status == "upper" else (lower, upper)
    if first is not None:
        return first
    return second if second is not None else Fraction(0)


def farkas_weights(program: ExactProgram, solution: Solution | None = None) -> Sequence[Fraction] | None:
    """Row weights that prove the linear relaxation of the program's model infeasible; `None` if none were found.

    Args:
        solution: may bring a `farkas_ray`, which is tried first.
    """

    def proves(y: Sequence[Fraction]) -> bool:
        bound = program.dual_bound(y, {})
        return bound is not None and bound > 0

    if solution is not None and solution.farkas_ray is not None and len(solution.farkas_ray) == len(program.rows):
        for sign in (1, -1):
            found = _first(_rationalised(solution.farkas_ray, sign), proves)
            if found is not None:
                return found
    elastic = elastic_model(relaxation(program.model))
    corner = vertex(ExactProgram.of(elastic), solve(elastic))
    if corner is None:
        return None
    weights = [Fraction(0)] * len(program.rows)
    for row, weight in zip(elastic.rows, corner.y):
        amount = amount_of(row.name)
        if amount is not None:
            weights[amount.index] += weight
    return weights if proves(weights) else None


def improving_ray(program: ExactProgram, solution: Solution | None = None) -> Sequence[Fraction] | None:
    """A direction along which the objective improves without end, proved so; `None` if none was found.

    The ray of our own is a sparse one: the least sum of absolute steps per unit of improvement.

    Args:
        solution: may bring a `primal_ray`, which is tried when our own program gives none.
    """
    forward = [j for j, column in enumerate(program.model.columns) if _is_open(program.upper[j], column)]
    backward = [j for j, column in enumerate(program.model.columns) if _is_open(program.lower[j], column)]
    steps = [(f"+{j}", j, 1) for j in forward] + [(f"-{j}", j, -1) for j in backward]
    by_column: dict[int, list[tuple[str, int]]] = {}
    for name, j, direction in steps:
        by_column.setdefault(j, []).append((name, direction))

    def along(coefficients: Sparse) -> dict[str, float]:
        return {name: direction * float(a) for j, a in coefficients.items() for name, direction in by_column.get(j, [])}

    if not program.model.is_linear:
        return None
    rows = [Row(name="improvement", lower=-1.0, upper=-1.0, coefficients=along(program.cost))]
    for i, row in enumerate(program.rows):
        has_lower, has_upper = program.row_lower[i] is not None, program.row_upper[i] is not None
        if has_lower or has_upper:
            lower, upper = 0.0 if has_lower else -math.inf, 0.0 if has_upper else math.inf
            rows.append(Row(name=f"r{i}", lower=lower, upper=upper, coefficients=along(row)))
    columns = tuple(Column(name=name) for name, _, _ in steps)
    least = Objective(coefficients={name: 1.0 for name, _, _ in steps})
    directions = Model(columns=columns, rows=tuple(rows), objective=least)
    corner = vertex(ExactProgram.of(directions), solve(directions))
    if corner is not None:
        ray = [Fraction(0)] * len(program.lower)
        for (_, j, direction), length in zip(steps, corner.x):
            ray[j] += direction * length
        if program.is_improving_ray(ray):
            return ray
    if solution is not None and solution.primal_ray is not None and len(solution.primal_ray) == len(program.lower):
        return _first(_rationalised(solution.primal_ray, 1), program.is_improving_ray)
    return None


def _is_open(bound: Fraction | None, column: Column) -> bool:
    return bound is None and not column.is_semi


def _rationalised(vector: Sequence[float], sign: int) -> Iterator[list[Fraction]]:
    yield [sign * exact(value) for value in vector]
    largest = max((abs(value) for value in vector), default=0.0) or 1.0
    for most in _DENOMINATORS:
        yield [sign * (exact(value) / exact(largest)).limit_denominator(most) for value in vector]


def _first(
    candidates: Iterator[list[Fraction]], is_right: Callable[[Sequence[Fraction]], bool]
) -> Sequence[Fraction] | None:
    return next((candidate for candidate in candidates if is_right(candidate)), None)

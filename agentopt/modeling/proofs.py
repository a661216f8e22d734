"""One function per claim of a solution: what can be proved about it in exact arithmetic.

HiGHS is asked for bases and rays along the way; whatever it answers is only a candidate that
`ExactProgram` checks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from agentopt.modeling import branching
from agentopt.modeling.certificate import Vertex, farkas_weights, improving_ray, vertex
from agentopt.modeling.checks import TOLERANCE, Check
from agentopt.modeling.exact import ExactProgram, exact, shown
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers import highs
from agentopt.modeling.solvers.base import Solution

_FEW_ROWS = 1000  # up to here a basis that gave no vertex is worth another solve


@dataclass(frozen=True, kw_only=True)
class Point:
    """The solution's point in rationals, and what the basis next to it says.

    Args:
        x: exactly feasible where `check` is exact.
        fixed: the program with its integers fixed at `x`; the program itself if it has none.
        corner: an optimal vertex of `fixed`, where one was found.
        weights: multipliers of the rows for a bound on the cost, where the solver gave any: rounded, but any are valid.
    """

    check: Check
    x: Sequence[Fraction]
    fixed: ExactProgram
    corner: Vertex | None
    weights: Sequence[Fraction] | None = None


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a branching proof may cost; see `branching.prove`."""

    max_nodes: int = 300
    time_limit_s: float = 60.0

    def prove(self, program: ExactProgram, cutoff: Fraction | None) -> branching.Branching:
        """A branching proof within this effort."""
        return branching.prove(program, cutoff, max_nodes=self.max_nodes, time_limit_s=self.time_limit_s)


def check_feasibility(program: ExactProgram, solution: Solution) -> Point:
    """Every row, bound and integrality at the solution's point.

    Integers are snapped to the whole numbers they mean. Where continuous columns leave rounding errors,
    an exact vertex next to the point, or else one with the same objective, takes its place.
    """
    x = [exact(value) for value in solution.values or ()]
    for j, column in enumerate(program.model.columns):
        if column.is_integer and abs(x[j] - round(x[j])) <= exact(TOLERANCE):
            x[j] = Fraction(round(x[j]))
        if column.is_semi and abs(x[j]) <= exact(TOLERANCE):
            x[j] = Fraction(0)
    fixed, corner = _corner(program, solution, x)
    broken = program.violations(x)
    numbers = {"violation": float(broken[0].amount)} if broken else {}
    if broken and broken[0].amount > exact(TOLERANCE):
        detail = f"{broken[0].what} is broken by {shown(broken[0].amount)}"
        if len(broken) > 1:
            detail += f"; {len(broken) - 1} more are broken by no more than that"
        check = Check(name="feasibility", verdict="refuted", detail=detail, numbers=numbers)
        return Point(check=check, x=x, fixed=fixed, corner=corner, weights=_weights(program, solution))
    elsewhere = ""
    if corner is not None and list(corner.x) != x and not program.violations(corner.x):
        value, best = program.objective(x), program.objective(corner.x)
        if (broken or value != best) and agree(value, float(best)):
            numbers["distance"] = float(max(abs(a - b) / _scale(a) for a, b in zip(x, corner.x)))
            elsewhere = _elsewhere(numbers["distance"], numbers.get("violation", 0.0))
            x, broken = list(corner.x), []
    if broken:
        detail = (
            f"within tolerance {TOLERANCE:g}, not exactly: {broken[0].what} is broken by {numbers['violation']:.1g}"
        )
        check = Check(name="feasibility", verdict="proved", detail=detail, numbers=numbers)
        return Point(check=check, x=x, fixed=fixed, corner=corner, weights=_weights(program, solution))
    detail = f"every row, bound and integrality holds{elsewhere}"
    check = Check(name="feasibility", verdict="proved", is_exact=True, detail=detail, numbers=numbers)
    return Point(check=check, x=x, fixed=fixed, corner=corner, weights=_weights(program, solution))


def _weights(program: ExactProgram, solution: Solution) -> Sequence[Fraction] | None:
    if solution.row_duals is None or not all(math.isfinite(value) for value in solution.row_duals):
        return None
    return [program.sign * exact(value) for value in solution.row_duals]


def _elsewhere(distance: float, violation: float) -> str:
    """Where the exact point lies that took the place of the solver's."""
    if distance <= TOLERANCE:
        return f" at the exact vertex next to the solver's point (relative distance {distance:.1g})"
    return " at an exact vertex with the same objective within tolerance; the solver's own point is another one, " + (
        f"which breaks something by {violation:.1g}" if violation else "which is feasible too"
    )


def _corner(program: ExactProgram, solution: Solution, x: Sequence[Fraction]) -> tuple[ExactProgram, Vertex | None]:
    """The program with the integers of `x` fixed, and its optimal vertex, where there is one."""
    model = program.model
    if not model.is_mixed_integer:
        corner = vertex(program, solution)
        if corner is None and model.is_linear and (solution.column_basis is None or len(model.rows) <= _FEW_ROWS):
            corner = vertex(program, highs.solve(model))
        return program, corner
    decided = _decided(model, x) if model.has_logic else model
    columns = tuple(_fixed(column, value) for column, value in zip(decided.columns, x))
    fixed = ExactProgram.of(replace(decided, columns=columns))
    return fixed, vertex(fixed, highs.solve(fixed.model)) if fixed.model.is_linear else None


def _fixed(column: Column, value: Fraction) -> Column:
    if column.is_integer or (column.is_semi and value == 0):
        return replace(column, type="continuous", lower=float(value), upper=float(value))
    return replace(column, type="continuous")


def _decided(model: Model, x: Sequence[Fraction]) -> Model:
    """`model` with the choices of `x` made: which indicator rows hold, and which members of sets are 0."""
    at = {column.name: value for column, value in zip(model.columns, x)}
    tiny = exact(TOLERANCE)
    zero = {name for ordered in model.sets for name in ordered.weights if abs(at[name]) <= tiny}
    columns = tuple(replace(c, lower=0.0, upper=0.0) if c.name in zero else c for c in model.columns)
    rows = []
    for row in model.rows:
        if row.indicator is None or at[row.indicator.column] == row.indicator.value:
            rows.append(replace(row, indicator=None))
        else:
            rows.append(Row(name=row.name))
    return replace(model, columns=columns, rows=tuple(rows), sets=())


def check_objective(value: Fraction, solution: Solution) -> Check:
    numbers = {"exact": float(value)}
    if solution.objective is None:
        detail = f"{shown(value)} at the point; the solver states none"
        return Check(name="objective", verdict="not checked", detail=detail, numbers=numbers)
    numbers["stated"] = solution.objective
    if agree(value, solution.objective):
        detail = f"{shown(value)}, recomputed; the solver states the same within {TOLERANCE:g} relative"
        return Check(name="objective", verdict="proved", is_exact=True, detail=detail, numbers=numbers)
    detail = f"{shown(value)} at the point, but the solver states {solution.objective!r}"
    return Check(name="objective", verdict="refuted", detail=detail, numbers=numbers)


def check_linear_optimality(name: str, program: ExactProgram, point: Point, value: Fraction) -> Check:
    """Weak duality: multipliers of the basis bound the objective of every feasible point."""
    weights = point.corner.y if point.corner is not None else point.weights
    bound = None if weights is None else program.dual_bound(weights)
    if bound is None:
        detail = "no basis gave an exact bound on the objective"
        return Check(name=name, verdict="not checked", detail=detail)
    limit = program.own_sense(bound)
    gap = abs(value - limit)
    numbers = {"bound": float(limit), "gap": float(gap)}
    if gap == 0 and point.check.is_exact:
        detail = f"the dual certificate gives exactly {shown(limit)}"
        return Check(name=name, verdict="proved", is_exact=True, detail=detail, numbers=numbers)
    if agree(value, float(limit)):
        detail = f"within tolerance: no point is better than {shown(limit)}, {float(gap):.1g} from the point's value"
        return Check(name=name, verdict="proved", detail=detail, numbers=numbers)
    if point.corner is not None and not program.violations(point.corner.x):
        better = program.objective(point.corner.x)
        if is_better(program, better, value):
            detail = f"another feasible point has the objective {shown(better)}"
            return Check(name=name, verdict="refuted", detail=detail, numbers={**numbers, "better": float(better)})
    detail = f"it is only proved that no point is better than {shown(limit)}"
    return Check(name=name, verdict="not checked", detail=detail, numbers=numbers)


def check_integer_optimality(program: ExactProgram, point: Point, value: Fraction, effort: Effort) -> Check:
    """A branching proof that nothing is better: exactly, or else by no more than the tolerance."""
    name = "optimality"
    cost = program.sign * (value - program.constant)
    proof = effort.prove(program, cost)
    is_exact = point.check.is_exact
    if proof.point is not None and agree(value, float(program.objective(proof.point))):
        is_exact = False
        slack = exact(TOLERANCE) * _scale(value)
        proof = effort.prove(program, cost - slack)
    numbers = {"nodes": float(proof.nodes)}
    if proof.outcome == "proved":
        how = "exact dual bounds close" if is_exact else "within tolerance: dual bounds close"
        detail = f"{how} every branch ({proof.nodes} linear programs)"
        return Check(name=name, verdict="proved", is_exact=is_exact, detail=detail, numbers=numbers)
    if proof.point is not None:
        better = program.objective(proof.point)
        detail = f"another feasible point has the objective {shown(better)}"
        return Check(name=name, verdict="refuted", detail=detail, numbers={**numbers, "better": float(better)})
    return Check(name=name, verdict="not checked", detail=proof.reason, numbers=numbers)


def check_infeasibility(program: ExactProgram, solution: Solution, effort: Effort) -> Check:
    name = "infeasibility"
    why = branching.contradiction(program)
    if why is not None:
        return Check(name=name, verdict="proved", is_exact=True, detail=why)
    weights = farkas_weights(program, solution)
    if weights is not None:
        used = [row.name for row, weight in zip(program.model.rows, weights) if weight]
        rows = f"{len(used)} row{'' if len(used) == 1 else 's'}"
        detail = f"a weighted sum of {rows} contradicts the bounds of the columns (Farkas)"
        return Check(name=name, verdict="proved", is_exact=True, detail=detail)
    proof = effort.prove(_without_objective(program), None)
    numbers = {"nodes": float(proof.nodes)}
    if proof.outcome == "proved":
        detail = f"every branch is contradictory ({proof.nodes} linear programs)"
        return Check(name=name, verdict="proved", is_exact=True, detail=detail, numbers=numbers)
    if proof.point is not None:
        detail = f"a feasible point exists, with the objective {shown(program.objective(proof.point))}"
        return Check(name=name, verdict="refuted", detail=detail, numbers=numbers)
    return Check(name=name, verdict="not checked", detail=proof.reason, numbers=numbers)


def check_unboundedness(program: ExactProgram, solution: Solution) -> list[Check]:
    """A feasible point and a ray: the two together prove it, for integers too, since a rational ray can be scaled."""
    still = _without_objective(program)
    if solution.values is None:
        solution = replace(solution, values=highs.solve(still.model).values)
    if solution.values is None:
        return [Check(name="feasibility", verdict="not checked", detail="no feasible point was found")]
    checks = [check_feasibility(still, replace(solution, column_basis=None)).check]
    name = "unboundedness"
    ray = improving_ray(program, solution)
    if ray is not None:
        along = sum(1 for step in ray if step)
        detail = f"a ray of {along} column{'' if along == 1 else 's'} stays feasible and improves the objective forever"
        return [*checks, Check(name=name, verdict="proved", is_exact=True, detail=detail)]
    relaxed = highs.relaxation(program.model)
    corner = vertex(program, highs.solve(relaxed))
    bound = None if corner is None else program.dual_bound(corner.y)
    if bound is not None:
        detail = f"no feasible point is better than {shown(program.own_sense(bound))}"
        return [*checks, Check(name=name, verdict="refuted", detail=detail)]
    return [*checks, Check(name=name, verdict="not checked", detail="no ray could be certified")]


def _without_objective(program: ExactProgram) -> ExactProgram:
    model = replace(program.model, objective=Objective())
    return replace(program, model=model, sign=1, cost={}, constant=Fraction(0))


def _scale(value: Fraction) -> Fraction:
    return max(Fraction(1), abs(value))


def agree(value: Fraction, stated: float) -> bool:
    return math.isfinite(stated) and abs(value - exact(stated)) <= exact(TOLERANCE) * _scale(value)


def is_better(program: ExactProgram, found: Fraction, value: Fraction) -> bool:
    """`found` improves on `value` by more than the tolerance, in the model's own sense."""
    return program.sign * (value - found) > exact(TOLERANCE) * _scale(value)

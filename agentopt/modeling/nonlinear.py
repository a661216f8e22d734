"""What can be proved about models with products, indicator rows and ordered sets.

Indicators and sets are proved on an equivalent linear model. A convex objective lies above its tangent
planes, so a linear program over the same rows bounds it. For other products nothing is proved here but the point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from agentopt.modeling.certificate import vertex
from agentopt.modeling.checks import TOLERANCE, Check
from agentopt.modeling.convexity import is_convex
from agentopt.modeling.exact import ExactProgram, Sparse, shown
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Model, Objective
from agentopt.modeling.proofs import Point, agree
from agentopt.modeling.solvers import highs

_DENOMINATORS = (10, 1000, 10**6)


def provable(program: ExactProgram) -> ExactProgram:
    """The program to prove statuses of: an equivalent linear one, where there is one; else `program` itself."""
    if program.model.is_linear:
        return program
    linear = linearized(program.model)
    return ExactProgram.of(linear.model) if linear.model.is_linear else program


def check_convex_optimality(program: ExactProgram, point: Point, value: Fraction) -> Check:
    """A bound from the tangent plane at a point near the optimum; the objective is convex, which is checked exactly."""
    name = "optimality"
    reason = _why_no_bound(program)
    if reason:
        return Check(name=name, verdict="not checked", detail=reason)
    bounds = [bound for at in _points(point.x) if (bound := tangent_bound(program, at)) is not None]
    if not bounds:
        return Check(name=name, verdict="not checked", detail="no tangent plane gave a bound on the objective")
    limit = program.own_sense(max(bounds))
    numbers = {"bound": float(limit), "gap": float(abs(value - limit))}
    if value == limit and point.check.is_exact:
        detail = f"the objective is convex, and a tangent plane gives exactly {shown(limit)}"
        return Check(name=name, verdict="proved", is_exact=True, detail=detail, numbers=numbers)
    if agree(value, float(limit)):
        detail = f"within tolerance {TOLERANCE:g}: the objective is convex, and no point is better than {shown(limit)}"
        return Check(name=name, verdict="proved", detail=detail, numbers=numbers)
    detail = f"it is only proved that no point is better than {shown(limit)}"
    return Check(name=name, verdict="not checked", detail=detail, numbers=numbers)


def tangent_bound(program: ExactProgram, at: Sequence[Fraction]) -> Fraction | None:
    """A number that no feasible point's cost goes below, for a convex cost: the least of its tangent plane at `at`."""
    slope: Sparse = dict(program.cost)
    curved = Fraction(0)
    for (j, k), a in program.products.items():
        slope[j] = slope.get(j, Fraction(0)) + a * at[k]
        slope[k] = slope.get(k, Fraction(0)) + a * at[j]
        curved += a * at[j] * at[k]
    slope = {j: a for j, a in slope.items() if a}
    names = [column.name for column in program.model.columns]
    objective = Objective(coefficients={names[j]: float(a) for j, a in slope.items()})
    model: Model = highs.relaxation(replace(program.model, objective=objective))
    plane = replace(program, model=model, sign=1, cost=slope, constant=Fraction(0), products={})
    corner = vertex(plane, highs.solve(model))
    bound = None if corner is None else plane.dual_bound(corner.y)
    return None if bound is None else bound - curved


def _why_no_bound(program: ExactProgram) -> str:
    """Why the tangent plane proves nothing, in words; empty if it does."""
    model = program.model
    if any(row.quadratic for row in model.rows):
        return "rows with products: that no other point is better is not proved here"
    if model.is_mixed_integer:
        return "products in the objective of a model with choices: that no other point is better is not proved here"
    if not is_convex(program.products):
        return "the objective is not convex, or not shown to be: a local optimum need not be global"
    return ""


def _points(x: Sequence[Fraction]) -> Iterator[Sequence[Fraction]]:
    """The point, and simpler ones near it: the optimum is often one of them, and there the bound is exact."""
    yield x
    for most in _DENOMINATORS:
        yield [value.limit_denominator(most) for value in x]

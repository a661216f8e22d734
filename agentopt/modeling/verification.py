"""Checks a solution without believing the solver that found it.

"Proved" means rational arithmetic on the model's own decimals, no tolerance, unless the line says
"within tolerance". A number that a program printed is compared like any other claim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

from agentopt.errors import MissingDependency, UsageError
from agentopt.modeling.checks import TOLERANCE, Check, Verification
from agentopt.modeling.exact import ExactProgram, exact, shown
from agentopt.modeling.metamorphic import check_relations
from agentopt.modeling.model import Model
from agentopt.modeling.nonlinear import check_convex_optimality, provable
from agentopt.modeling.proofs import (
    Effort,
    agree,
    check_feasibility,
    check_infeasibility,
    check_integer_optimality,
    check_linear_optimality,
    check_objective,
    check_unboundedness,
    is_better,
)
from agentopt.modeling.solvers import scip
from agentopt.modeling.solvers.base import SecondSolver, Solution

Level = Literal["fast", "standard", "rigorous"]
_NODES: Mapping[Level, int] = {"fast": 20, "standard": 300, "rigorous": 3000}
_DECIDED = ("optimal", "infeasible", "unbounded")


def verify(
    model: Model,
    solution: Solution,
    *,
    claim: float | None = None,
    level: Level = "standard",
    second_solver: SecondSolver | None = scip.solve,
    max_nodes: int | None = None,
    time_limit_s: float = 60.0,
) -> Verification:
    """Checks every claim of `solution` about `model`, most of them in exact arithmetic.

    Args:
        claim: a number that somebody, such as the program that built the model, says is the optimum.
        level: `fast` tries a short branching proof and asks no second solver; `standard` tries a longer one, and asks
            about what it could not prove; `rigorous` tries a long one, asks in any case, and adds the relations of
            `metamorphic`.
        second_solver: `None` to ask nobody, whatever the level.
        max_nodes: effort of the branching proof for integer models (see `branching.prove`), if not the level's.
        time_limit_s: for the branching proof, and again for the second solver.

    Raises:
        UsageError: `solution` has not one value per column of `model`.
    """
    if solution.values is not None and len(solution.values) != len(model.columns):
        raise UsageError(f"the solution has {len(solution.values)} values, the model {len(model.columns)} columns")
    if level not in _NODES:
        raise UsageError(f"there is no level {level!r}: expected one of {', '.join(_NODES)}")
    program = ExactProgram.of(model)
    effort = Effort(max_nodes=_NODES[level] if max_nodes is None else max_nodes, time_limit_s=time_limit_s)
    objective: Fraction | None = None
    if solution.status in ("optimal", "feasible") and solution.values is not None:
        checks, objective = _check_point(program, solution, effort)
    elif solution.status == "infeasible":
        checks = [check_infeasibility(provable(program), solution, effort)]
    elif solution.status == "unbounded":
        checks = check_unboundedness(provable(program), _without_point(solution, program))
    else:
        detail = f"the solver ended with `{solution.status}` {solution.message}".strip()
        checks = [Check(name="status", verdict="not checked", detail=detail)]
    if solution.status in _DECIDED and level == "rigorous":
        checks.append(_asked(program, solution, objective, second_solver, time_limit_s))
        checks += check_relations(model, solution)
    elif solution.status in _DECIDED:
        second_solver = None if level == "fast" else second_solver
        checks.append(_second_opinion(program, solution, objective, checks, second_solver, time_limit_s))
    if claim is not None:
        checks.append(_claim(claim, objective, solution.status))
    value = None if objective is None else float(objective)
    return Verification(status=solution.status, objective=value, checks=tuple(checks))


def _without_point(solution: Solution, program: ExactProgram) -> Solution:
    """`solution` for the program that its unboundedness is proved of, which may have more columns."""
    return solution if program.model.is_linear else replace(solution, values=None, primal_ray=None)


def _check_point(program: ExactProgram, solution: Solution, effort: Effort) -> tuple[list[Check], Fraction | None]:
    if not all(math.isfinite(value) for value in solution.values or ()):
        return [Check(name="feasibility", verdict="refuted", detail="a value is not a finite number")], None
    point = check_feasibility(program, solution)
    value = program.objective(point.x)
    checks = [point.check, check_objective(value, solution)]
    if solution.status == "feasible":
        reason = "the search was a local one" if solution.is_local else "a limit stopped the solver before it was done"
        detail = f"{reason}; {_solver_bound(solution)}"
        return [*checks, Check(name="optimality", verdict="not checked", detail=detail)], value
    if point.check.verdict == "refuted":
        detail = "a point that is not feasible is not optimal"
        return [*checks, Check(name="optimality", verdict="refuted", detail=detail)], value
    if program.products or not provable(program).model.is_linear:
        return [*checks, check_convex_optimality(program, point, value), _bound_and_gap(solution)], value
    if not program.model.is_mixed_integer:
        return [*checks, check_linear_optimality("optimality", program, point, value)], value
    if any(not column.is_integer for column in program.model.columns):
        checks.append(check_linear_optimality("integers fixed", point.fixed, point, value))
    checks.append(check_integer_optimality(provable(program), point, value, effort))
    return [*checks, _bound_and_gap(solution)], value


def _second_opinion(
    program: ExactProgram,
    solution: Solution,
    objective: Fraction | None,
    checks: Sequence[Check],
    second_solver: SecondSolver | None,
    time_limit_s: float,
) -> Check:
    name = "second solver"
    if all(check.verdict != "not checked" or check.name == "bound and gap" for check in checks):
        return Check(name=name, verdict="not checked", detail="not asked, the checks above decide")
    return _asked(program, solution, objective, second_solver, time_limit_s)


def _asked(
    program: ExactProgram,
    solution: Solution,
    objective: Fraction | None,
    second_solver: SecondSolver | None,
    time_limit_s: float,
) -> Check:
    name = "second solver"
    if second_solver is None:
        return Check(name=name, verdict="not checked", detail="not asked")
    try:
        other = second_solver(program.model, time_limit_s=time_limit_s)
    except MissingDependency as error:
        return Check(name=name, verdict="not checked", detail=str(error))
    return _compared(program, solution, objective, other)


def _compared(program: ExactProgram, solution: Solution, objective: Fraction | None, other: Solution) -> Check:
    name = "second solver"
    said = other.status if other.objective is None else f"{other.status} {other.objective!r}"
    if other.values is not None and _is_feasible(program, other):
        found = program.objective([exact(value) for value in other.values])
        if solution.status == "infeasible" or (objective is not None and is_better(program, found, objective)):
            detail = f"{other.solver} has a feasible point with the objective {float(found)!r}"
            return Check(name=name, verdict="refuted", detail=detail, numbers={"second": float(found)})
    same_value = objective is None or (other.objective is not None and agree(objective, other.objective))
    if other.status == solution.status and same_value:
        detail = f"{other.solver} finds the same ({said}); agreement within tolerance, not a proof"
        return Check(name=name, verdict="proved", detail=detail)
    detail = f"{other.solver} does not confirm it: {said} {other.message}".strip()
    return Check(name=name, verdict="not checked", detail=detail)


def _claim(claim: float, objective: Fraction | None, status: str) -> Check:
    name = "claim"
    if objective is None:
        detail = f"{claim!r} is claimed, the model has no optimum to compare with ({status})"
        return Check(name=name, verdict="refuted", detail=detail, numbers={"claim": claim})
    numbers = {"claim": claim, "exact": float(objective)}
    if math.isfinite(claim) and agree(objective, claim):
        detail = f"{claim!r} is the recomputed objective within {TOLERANCE:g} relative"
        return Check(name=name, verdict="proved", is_exact=True, detail=detail, numbers=numbers)
    detail = f"{claim!r} is claimed, the objective is {shown(objective)}"
    return Check(name=name, verdict="refuted", detail=detail, numbers=numbers)


def _is_feasible(program: ExactProgram, solution: Solution) -> bool:
    return check_feasibility(program, solution).check.verdict == "proved"


def _bound_and_gap(solution: Solution) -> Check:
    return Check(name="bound and gap", verdict="not checked", detail=_solver_bound(solution))


def _solver_bound(solution: Solution) -> str:
    return f"the solver's word: bound {solution.bound!r}, gap {solution.gap!r}"

"""Checks a solution without believing the solver that found it.

"Proved" means rational arithmetic on the model's own decimals, no tolerance, unless the line says
"within tolerance". A number that a program printed is compared like any other claim.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from agentopt.errors import MissingDependency, UsageError
from agentopt.modeling.checks import TOLERANCE, Check, Verification
from agentopt.modeling.exact import ExactProgram, exact, shown
from agentopt.modeling.model import Model
from agentopt.modeling.proofs import (
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


def verify(
    model: Model,
    solution: Solution,
    *,
    claim: float | None = None,
    second_solver: SecondSolver | None = scip.solve,
    max_nodes: int = 300,
    time_limit_s: float = 60.0,
) -> Verification:
    """Checks every claim of `solution` about `model`, most of them in exact arithmetic.

    Args:
        claim: a number that somebody, such as the program that built the model, says is the optimum.
        second_solver: asked only about a status that could not be proved; `None` to ask nobody.
        max_nodes: effort of the branching proof for integer models (see `branching.prove`).
        time_limit_s: for the second solver.

    Raises:
        UsageError: `solution` has not one value per column of `model`.
    """
    if solution.values is not None and len(solution.values) != len(model.columns):
        raise UsageError(f"the solution has {len(solution.values)} values, the model {len(model.columns)} columns")
    program = ExactProgram.of(model)
    objective: Fraction | None = None
    if solution.status in ("optimal", "feasible") and solution.values is not None:
        checks, objective = _check_point(program, solution, max_nodes)
    elif solution.status == "infeasible":
        checks = [check_infeasibility(program, solution, max_nodes)]
    elif solution.status == "unbounded":
        checks = check_unboundedness(program, solution)
    else:
        detail = f"the solver ended with `{solution.status}` {solution.message}".strip()
        checks = [Check(name="status", verdict="not checked", detail=detail)]
    if solution.status in ("optimal", "infeasible", "unbounded"):
        checks.append(_second_opinion(program, solution, objective, checks, second_solver, time_limit_s))
    if claim is not None:
        checks.append(_claim(claim, objective, solution.status))
    value = None if objective is None else float(objective)
    return Verification(status=solution.status, objective=value, checks=tuple(checks))


def _check_point(program: ExactProgram, solution: Solution, max_nodes: int) -> tuple[list[Check], Fraction | None]:
    if not all(math.isfinite(value) for value in solution.values or ()):
        return [Check(name="feasibility", verdict="refuted", detail="a value is not a finite number")], None
    point = check_feasibility(program, solution)
    value = program.objective(point.x)
    checks = [point.check, check_objective(value, solution)]
    if solution.status == "feasible":
        detail = f"a limit stopped the solver before it was done; {_solver_bound(solution)}"
        return [*checks, Check(name="optimality", verdict="not checked", detail=detail)], value
    if point.check.verdict == "refuted":
        detail = "a point that is not feasible is not optimal"
        return [*checks, Check(name="optimality", verdict="refuted", detail=detail)], value
    if not program.model.is_mixed_integer:
        return [*checks, check_linear_optimality("optimality", program, point, value)], value
    if any(not column.is_integer for column in program.model.columns):
        checks.append(check_linear_optimality("integers fixed", point.fixed, point, value))
    checks.append(check_integer_optimality(program, point, value, max_nodes))
    checks.append(Check(name="bound and gap", verdict="not checked", detail=_solver_bound(solution)))
    return checks, value


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


def _solver_bound(solution: Solution) -> str:
    return f"the solver's word: bound {solution.bound!r}, gap {solution.gap!r}"

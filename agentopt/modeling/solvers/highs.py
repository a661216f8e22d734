"""HiGHS as a solver of `Model`: an answer with all the evidence HiGHS can give for it.

Source: https://ergo-code.github.io/HiGHS, options and `HighsModelStatus`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from agentopt.canonical import Json
from agentopt.modeling.convexity import is_convex
from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers.base import BasisStatus, Solution, Status
from agentopt.modeling.solvers.child import Options, solve_in_child
from agentopt.modeling.solvers.highs_model import to_hessian, to_highs

# A status with a point in hand, and the same status without one.
_STATUSES: Mapping[str, tuple[Status, Status]] = {
    "kOptimal": ("optimal", "unknown"),  # optimal, but its point breaks a row by more than HiGHS tolerates
    "kInfeasible": ("infeasible", "infeasible"),
    "kUnbounded": ("unbounded", "unbounded"),
    "kTimeLimit": ("feasible", "time_limit"),
    "kIterationLimit": ("feasible", "unknown"),
    "kSolutionLimit": ("feasible", "unknown"),
    "kInterrupt": ("feasible", "unknown"),
    "kHighsInterrupt": ("feasible", "unknown"),
    "kMemoryLimit": ("feasible", "error"),
    "kObjectiveBound": ("feasible", "unknown"),
    "kObjectiveTarget": ("feasible", "unknown"),
    "kUnknown": ("unknown", "unknown"),
    "kNotset": ("error", "error"),
    "kLoadError": ("error", "error"),
    "kModelError": ("error", "error"),
    "kPresolveError": ("error", "error"),
    "kSolveError": ("error", "error"),
    "kPostsolveError": ("error", "error"),
}
_BASIS: Mapping[str, BasisStatus] = {
    "kBasic": "basic",
    "kLower": "lower",
    "kUpper": "upper",
    "kZero": "zero",
    "kNonbasic": "zero",
}
_HAS_POINT = 2  # `primal_solution_status` of a feasible point


def solve(model: Model, *, time_limit_s: float = 60.0, gap: float = 0.0, seed: int = 0, threads: int = 1) -> Solution:
    """Solves `model` with HiGHS and collects the evidence: duals, basis, bound, rays.

    A status that HiGHS leaves open ("unbounded or infeasible") is settled by a second solve with the
    objective 0. Tolerances: 1e-7 on rows and bounds of linear programs, 1e-9 on everything for integer ones.

    Args:
        gap: relative gap at which a mixed-integer solve may stop; 0.0 because HiGHS's own default of
            1e-4 gives wrong optima.
        threads: where this process has solved with another number of threads, HiGHS cannot change it;
            that number is then used, and `message` says so.
    """
    asked = Options(time_limit_s=time_limit_s, gap=gap, seed=seed, threads=threads)
    if "ortools" in sys.modules and "highspy" not in sys.modules:  # where the one is loaded, the other cannot be
        return solve_in_child("highs", model, asked)
    started = time.perf_counter()
    solution = _solve(model, _options(time_limit_s, gap, seed, threads))
    if solution.status in ("infeasible", "unbounded") and model.is_linear:
        left_s = max(1.0, time_limit_s - (time.perf_counter() - started))
        solution = _with_rays(model, solution, _options(left_s, gap, seed, threads))
    return replace(solution, time_s=time.perf_counter() - started, options=asdict(asked))


def solve_here(model: Model, options: Options, choice: str = "") -> Solution:  # noqa: ARG001 - one solver only
    """`solve` in a process started for it."""
    return solve(model, **asdict(options))


def solve_json(source: str, model: Json, options: Mapping[str, Any] | None = None) -> Json:  # noqa: ARG001
    """`solve` for another process: `sandbox.call("", "agentopt.modeling.solvers.highs:solve_json", [model, options])`.

    Args:
        source: what a sandbox passes to every trusted function; not used.
        model: `Model.to_json()`.
        options: keyword arguments of `solve`.

    Returns:
        `Solution.to_json()`.
    """
    return solve(Model.from_json(model), **(options or {})).to_json()


def relaxation(model: Model) -> Model:
    """`model` as a linear program: a relaxation of its points, and the linear part of its objective.

    Integrality and sets are dropped, a semicontinuous column is widened to hold 0, and a row with products or an
    indicator loses its bounds.
    """
    columns = tuple(_relaxed(column) for column in model.columns)
    if model.is_linear:
        return replace(model, columns=columns)
    rows = tuple(Row(name=row.name) if row.quadratic or row.indicator else row for row in model.rows)
    return replace(model, columns=columns, rows=rows, objective=replace(model.objective, quadratic={}), sets=())


def _relaxed(column: Column) -> Column:
    if column.is_semi:
        return replace(column, type="continuous", lower=min(column.lower, 0.0), upper=max(column.upper, 0.0))
    return replace(column, type="continuous")


def _options(time_limit_s: float, gap: float, seed: int, threads: int) -> dict[str, Any]:
    return {
        "output_flag": False,
        "time_limit": float(time_limit_s),
        "mip_rel_gap": float(gap),
        "mip_abs_gap": 0.0 if gap == 0 else 1e-6,
        "mip_feasibility_tolerance": 1e-9,  # the default of 1e-6 lets points through that break rows by more
        "random_seed": seed,
        "threads": threads,
        "small_matrix_value": 1e-12,  # the default drops coefficients up to 1e-9, and so solves another model
        "large_matrix_value": 1e30,  # the default refuses a model with coefficients from 1e15
    }


def _solve(model: Model, options: Mapping[str, Any]) -> Solution:
    if not model.columns:
        return _without_columns(model)
    if model.has_logic:
        return _solve_linearized(model, options)
    reason = _why_not(model)
    if reason:
        return Solution(status="error", solver="HiGHS", message=reason)
    highs, message = _run(model, options)
    name = highs.getModelStatus().name
    if name == "kUnboundedOrInfeasible" or (name == "kUnbounded" and model.is_mixed_integer):
        return _settled(model, options)
    solution = _read(model, highs)
    return replace(solution, message="; ".join(filter(None, (message, solution.message))))


def _solve_linearized(model: Model, options: Mapping[str, Any]) -> Solution:
    """The answer for an equivalent model without indicators and sets, where there is one; no duals, no basis."""
    linear = linearized(model)
    if linear.model.has_logic:
        return Solution(status="error", solver="HiGHS", message=f"HiGHS cannot be told: {'; '.join(linear.kept)}")
    found = _solve(linear.model, options)
    values = None if found.values is None else linear.restored(found.values)
    return replace(found, values=values, row_duals=None, reduced_costs=None, column_basis=None, row_basis=None)


def _why_not(model: Model) -> str:
    """What of the products in `model` HiGHS does not solve; empty if it solves all."""
    rows = [row.name for row in model.rows if row.quadratic]
    if rows:
        return f"HiGHS takes no products in rows, such as in row `{rows[0]}`; SCIP does"
    if model.objective.quadratic and model.is_mixed_integer:
        return "HiGHS takes no products in the objective of a model with integer columns; SCIP does"
    if model.objective.quadratic and not is_convex(ExactProgram.of(model).products):
        return "HiGHS takes products in the objective only where they are convex, and these are not; SCIP takes them"
    return ""


def _settled(model: Model, options: Mapping[str, Any]) -> Solution:
    """The answer to a model whose objective has no limit if a feasible point exists at all."""
    feasible = _solve(replace(model, objective=Objective(sense=model.objective.sense)), options)
    if feasible.status == "optimal":
        return replace(
            feasible,
            status="unbounded",
            objective=_value(model, feasible.values or ()),
            bound=None,
            gap=None,
            row_duals=None,
            reduced_costs=None,
        )
    if feasible.status == "infeasible":
        return feasible
    return replace(feasible, status="unknown", message="no feasible point was found; if one exists, it is unbounded")


def _without_columns(model: Model) -> Solution:
    """HiGHS calls every model without columns empty, even where a row excludes 0."""
    import highspy

    solver = f"HiGHS {highspy.Highs().version()}"
    if not all(row.lower <= 0 <= row.upper for row in model.rows):
        return Solution(status="infeasible", solver=solver)
    basis: list[BasisStatus] = ["basic"] * len(model.rows)
    return Solution(
        status="optimal",
        objective=model.objective.constant,
        values=(),
        row_duals=(0.0,) * len(model.rows),
        reduced_costs=(),
        bound=model.objective.constant,
        gap=0.0,
        column_basis=(),
        row_basis=tuple(basis),
        solver=solver,
    )


def _run(model: Model, options: Mapping[str, Any]) -> tuple[Any, str]:
    """A `Highs` that has run on `model`, and what had to be changed for it to run."""
    import highspy

    message = ""
    highs = highspy.Highs()
    for name, value in options.items():
        highs.setOptionValue(name, value)
    passed = [highs.passModel(to_highs(model))]
    if model.objective.quadratic:
        passed.append(highs.passHessian(to_hessian(model)))
    if highspy.HighsStatus.kError in passed:
        return highs, "HiGHS refused the model"
    if highs.run() == highspy.HighsStatus.kError and highs.getModelStatus() == highspy.HighsModelStatus.kNotset:
        highs.setOptionValue("threads", 0)  # the scheduler of this process runs with another number
        highs.run()
        message = f"{options['threads']} threads were asked for; HiGHS kept the number this process began with"
    return highs, message


def _read(model: Model, highs: Any) -> Solution:
    info, found = highs.getInfo(), highs.getSolution()
    has_point = info.primal_solution_status == _HAS_POINT
    name = highs.getModelStatus().name
    status = _STATUSES.get(name, ("error", "error"))[0 if has_point else 1]
    solver = f"HiGHS {highs.version()}"
    message = "" if status == "optimal" else f"HiGHS status {name}"
    if not has_point or status in ("infeasible", "error"):
        return Solution(status=status, solver=solver, message=message)
    values = tuple(float(value) for value in found.col_value)
    objective = float(info.objective_function_value)
    solution = Solution(status=status, objective=objective, values=values, solver=solver, message=message)
    if model.is_mixed_integer:
        return replace(solution, bound=float(info.mip_dual_bound), gap=float(info.mip_gap))
    if status != "optimal":
        return solution
    basis = highs.getBasis()
    return replace(
        solution,
        bound=objective,
        gap=0.0,
        row_duals=tuple(float(value) for value in found.row_dual),
        reduced_costs=tuple(float(value) for value in found.col_dual),
        column_basis=tuple(_BASIS[status.name] for status in basis.col_status) if basis.valid else None,
        row_basis=tuple(_BASIS[status.name] for status in basis.row_status) if basis.valid else None,
    )


def _with_rays(model: Model, solution: Solution, options: Mapping[str, Any]) -> Solution:
    """`solution` with the ray of the linear relaxation, which HiGHS gives only from simplex without presolve."""
    if not model.columns:
        return solution
    highs, _ = _run(relaxation(model), {**options, "presolve": "off", "solver": "simplex"})
    name = highs.getModelStatus().name
    if solution.status == "infeasible" and name == "kInfeasible":
        _, exists, ray = highs.getDualRay()
        return replace(solution, farkas_ray=tuple(float(weight) for weight in ray)) if exists else solution
    if solution.status == "unbounded" and name == "kUnbounded":
        _, exists, ray = highs.getPrimalRay()
        point = solution if solution.values is not None else _with_point(model, solution, options)
        return replace(point, primal_ray=tuple(float(step) for step in ray)) if exists else point
    return solution


def _with_point(model: Model, solution: Solution, options: Mapping[str, Any]) -> Solution:
    """`solution` of an unbounded model with a feasible point to start its ray from."""
    settled = _settled(model, options)
    return replace(solution, values=settled.values, objective=settled.objective)


def _value(model: Model, values: tuple[float, ...]) -> float:
    terms = (weight * values[model.column_index[name]] for name, weight in model.objective.coefficients.items())
    return model.objective.constant + sum(terms)

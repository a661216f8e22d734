"""GLOP (simplex) and PDLP (first order) of OR-Tools, for linear programs. Needs the extra `ortools`.

Source: https://developers.google.com/optimization/lp; `ResultStatus` of `pywraplp`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentopt.errors import MissingDependency
from agentopt.modeling.model import Model, Objective
from agentopt.modeling.solvers.base import BasisStatus, Solution, Status
from agentopt.modeling.solvers.child import Options, solve_in_child

_STATUSES: Mapping[int, Status] = {
    0: "optimal",
    1: "feasible",
    2: "infeasible",
    3: "unbounded",
    4: "unknown",  # abnormal: numerical trouble
    5: "error",  # the model is not valid
    6: "unknown",  # not solved: also what a time limit gives
}
_BASIS: Mapping[int, BasisStatus] = {0: "zero", 1: "lower", 2: "upper", 3: "lower", 4: "basic"}


def solve(model: Model, *, time_limit_s: float = 60.0, gap: float = 0.0, seed: int = 0, threads: int = 1) -> Solution:
    """Solves the linear program `model` with GLOP, in a new process; its basis comes with it.

    Raises:
        MissingDependency: `ortools` is not installed.
    """
    return _solve("GLOP", model, Options(time_limit_s=time_limit_s, gap=gap, seed=seed, threads=threads))


def solve_first_order(
    model: Model, *, time_limit_s: float = 60.0, gap: float = 0.0, seed: int = 0, threads: int = 1
) -> Solution:
    """Solves the linear program `model` with PDLP, in a new process; its point is no vertex and has about six digits.

    Raises:
        MissingDependency: `ortools` is not installed.
    """
    return _solve("PDLP", model, Options(time_limit_s=time_limit_s, gap=gap, seed=seed, threads=threads))


def _solve(choice: str, model: Model, options: Options) -> Solution:
    if importlib.util.find_spec("ortools") is None:
        raise MissingDependency("ortools", "ortools", choice)
    other = next((column for column in model.columns if column.type != "continuous"), None)
    if other is not None:
        message = f"{choice} solves linear programs; column `{other.name}` is {other.type}"
        return Solution(status="error", solver=choice, message=message)
    if not model.is_linear:
        message = f"{choice} solves linear programs; the model has products, indicator rows or ordered sets"
        return Solution(status="error", solver=choice, message=message)
    return solve_in_child("glop", model, options, choice=choice)


def solve_here(model: Model, options: Options, choice: str) -> Solution:
    """Solves in this process."""
    solution = _run(model, options, choice)
    if solution.status in ("infeasible", "unbounded", "unknown"):
        # Both may say either word for "infeasible or unbounded".
        still = _run(replace(model, objective=Objective(sense=model.objective.sense)), options, choice)
        if still.status == "infeasible":
            return replace(still, solver=solution.solver)
        if still.status == "optimal" and solution.status != "unknown":
            return replace(solution, status="unbounded", values=still.values, objective=None)
    return solution


def _run(model: Model, options: Options, choice: str) -> Solution:
    import ortools
    from ortools.linear_solver import pywraplp

    name = f"{choice} {ortools.__version__}"
    solver = pywraplp.Solver.CreateSolver(choice)
    solver.SuppressOutput()
    solver.SetTimeLimit(max(1, int(options.time_limit_s * 1000)))
    columns = [solver.NumVar(column.lower, column.upper, f"c{j}") for j, column in enumerate(model.columns)]
    rows = []
    for i, row in enumerate(model.rows):
        rows.append(solver.Constraint(row.lower, row.upper, f"r{i}"))
        for column, value in row.coefficients.items():
            rows[-1].SetCoefficient(columns[model.column_index[column]], value)
    objective = solver.Objective()
    for column, value in model.objective.coefficients.items():
        objective.SetCoefficient(columns[model.column_index[column]], value)
    objective.SetOffset(model.objective.constant)
    objective.SetOptimizationDirection(model.objective.sense == "maximize")
    code = solver.Solve()
    status = _STATUSES.get(code, "unknown")
    if status == "unknown" and solver.wall_time() >= 1000 * options.time_limit_s:
        status = "time_limit"
    if status not in ("optimal", "feasible"):
        return Solution(status=status, solver=name, message=f"{choice} status {code}")
    solution = Solution(
        status=status,
        objective=objective.Value(),
        values=tuple(column.solution_value() for column in columns),
        solver=name,
    )
    if status != "optimal":
        return solution
    solution = replace(
        solution,
        bound=solution.objective,
        gap=0.0,
        row_duals=tuple(row.dual_value() for row in rows),
        reduced_costs=tuple(column.reduced_cost() for column in columns),
    )
    return _with_basis(solution, columns, rows) if choice == "GLOP" else solution


def _with_basis(solution: Solution, columns: list[Any], rows: list[Any]) -> Solution:
    return replace(
        solution,
        column_basis=tuple(_BASIS[column.basis_status()] for column in columns),
        row_basis=tuple(_BASIS[row.basis_status()] for row in rows),
    )

"""CP-SAT of OR-Tools, for models whose columns are all integer. Needs the extra `ortools`.

CP-SAT knows whole numbers only. Every row is therefore scaled to whole coefficients, exactly, and what cannot
be is refused: through other doors it takes a continuous column for an integer one and reports a wrong optimum.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from agentopt.errors import MissingDependency
from agentopt.modeling.exact import ExactProgram, Sparse
from agentopt.modeling.model import Model
from agentopt.modeling.propagation import implied_bounds
from agentopt.modeling.solvers.base import Solution, Status
from agentopt.modeling.solvers.child import Options, solve_in_child

_LARGEST = 2**53  # sums of a row stay far below the 2**63 that CP-SAT can hold, and a float holds them exactly
_STATUSES: Mapping[str, Status] = {
    "OPTIMAL": "optimal",
    "FEASIBLE": "feasible",
    "INFEASIBLE": "infeasible",
    "MODEL_INVALID": "error",
    "UNKNOWN": "time_limit",
}


def solve(model: Model, *, time_limit_s: float = 60.0, gap: float = 0.0, seed: int = 0, threads: int = 1) -> Solution:
    """Solves the pure integer `model` with CP-SAT, in a new process; status `error` where it cannot be told exactly.

    Raises:
        MissingDependency: `ortools` is not installed.
    """
    if importlib.util.find_spec("ortools") is None:
        raise MissingDependency("ortools", "ortools", "CP-SAT")
    reason = why_not(model)
    if reason:
        return Solution(status="error", solver="CP-SAT", message=reason)
    options = Options(time_limit_s=time_limit_s, gap=gap, seed=seed, threads=threads)
    return solve_in_child("cp_sat", model, options)


def why_not(model: Model) -> str:
    """Why CP-SAT cannot hold exactly this model, in words; empty if it can."""
    if not model.is_linear:
        return "products, indicator rows and ordered sets are not translated for CP-SAT"
    for column in model.columns:
        if not column.is_integer:
            return f"CP-SAT needs whole numbers; column `{column.name}` is {column.type}"
    program = ExactProgram.of(model)
    lower, upper = implied_bounds(program)
    for column, low, high in zip(model.columns, lower, upper):
        if low is None or high is None:
            return f"CP-SAT needs bounds; neither column `{column.name}` nor its rows give it both"
    for name, terms in [*zip((f"row `{row.name}`" for row in model.rows), program.rows), ("objective", program.cost)]:
        scale = _scale(terms)
        reach = sum(
            abs(a) * scale * max(abs(lower[j] or Fraction(0)), abs(upper[j] or Fraction(0))) for j, a in terms.items()
        )
        if reach > _LARGEST:
            return f"CP-SAT cannot hold the numbers of {name}: scaled to whole ones they reach {float(reach):.3g}"
    return ""


def solve_here(model: Model, options: Options, choice: str = "") -> Solution:  # noqa: ARG001 - one solver only
    """Solves in this process."""
    import ortools
    from ortools.sat.python import cp_model

    program, cp = ExactProgram.of(model), cp_model.CpModel()
    lower, upper = implied_bounds(program)
    columns: list[Any] = []
    for column, low, high in zip(model.columns, lower, upper):
        assert low is not None  # what `why_not` made sure of
        assert high is not None
        least, most = math.ceil(low), math.floor(high)
        if column.is_semi:
            inside = [max(least, math.ceil(column.lower)), min(most, _floor(column.upper))]
            spans = sorted([[0, 0], inside] if inside[0] <= inside[1] else [[0, 0]])
            columns.append(cp.new_int_var_from_domain(cp_model.Domain.from_intervals(spans), ""))
        elif least <= most:
            columns.append(cp.new_int_var(least, most, ""))
        else:
            return Solution(status="infeasible", solver=f"CP-SAT {ortools.__version__}")
    for terms, low, high in zip(program.rows, program.row_lower, program.row_upper):
        scale = _scale(terms)
        bounds = [
            -_LARGEST if low is None else max(-_LARGEST, math.ceil(low * scale)),
            _LARGEST if high is None else min(_LARGEST, math.floor(high * scale)),
        ]
        if bounds[0] > bounds[1]:
            return Solution(status="infeasible", solver=f"CP-SAT {ortools.__version__}")
        cp.add_linear_constraint(_total(terms, scale, columns), *bounds)
    scale = _scale(program.cost)
    cp.minimize(_total(program.cost, scale, columns))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = options.time_limit_s
    solver.parameters.relative_gap_limit = options.gap
    solver.parameters.random_seed = options.seed
    solver.parameters.num_workers = options.threads
    return _read(program, solver, solver.solve(cp), columns, scale)


def _read(program: ExactProgram, solver: Any, code: Any, columns: list[Any], scale: int) -> Solution:
    import ortools

    name, status = f"CP-SAT {ortools.__version__}", _STATUSES.get(solver.status_name(code), "unknown")
    if status not in ("optimal", "feasible"):
        return Solution(status=status, solver=name, message=f"CP-SAT status {solver.status_name(code)}")
    values = [solver.value(column) for column in columns]
    objective = program.objective([Fraction(value) for value in values])
    bound = program.own_sense(Fraction(round(solver.best_objective_bound)) / scale)
    return Solution(
        status=status,
        objective=float(objective),
        values=tuple(float(value) for value in values),
        bound=float(bound),
        gap=0.0 if bound == objective else float(abs(objective - bound) / max(abs(objective), Fraction(1, 10**9))),
        solver=name,
    )


def _scale(terms: Sparse) -> int:
    """The least factor that makes every coefficient whole."""
    return math.lcm(*(a.denominator for a in terms.values()))


def _total(terms: Sparse, scale: int, columns: list[Any]) -> Any:
    from ortools.sat.python import cp_model

    return cp_model.LinearExpr.weighted_sum([columns[j] for j in terms], [int(a * scale) for a in terms.values()])


def _floor(bound: float) -> int:
    return _LARGEST if math.isinf(bound) else math.floor(bound)

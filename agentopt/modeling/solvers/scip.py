"""SCIP: a solver by other people than HiGHS, so that its word counts as a second one. Needs the extra `scip`.

Source: https://www.scipopt.org/doc/html, `SCIP_STATUS`.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from typing import Any

from agentopt.errors import MissingDependency
from agentopt.modeling.model import Model, Objective, Row
from agentopt.modeling.solvers.base import Solution, Status
from agentopt.modeling.solvers.child import Options, solve_in_child

_TYPES = {"continuous": "C", "integer": "I"}
_STATUSES: Mapping[str, Status] = {
    "optimal": "optimal",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "timelimit": "time_limit",
    "gaplimit": "feasible",
}


def solve(model: Model, *, time_limit_s: float = 60.0, gap: float = 0.0, seed: int = 0, threads: int = 1) -> Solution:
    """Solves `model` with SCIP, in a new process; no duals, no basis. It uses one thread whatever `threads` says.

    Products are solved by spatial branching: `optimal` is global, within SCIP's tolerances (1e-6 on rows).

    Raises:
        MissingDependency: `pyscipopt` is not installed.
    """
    if importlib.util.find_spec("pyscipopt") is None:
        raise MissingDependency("pyscipopt", "scip", "a second solver")
    if any(column.is_semi for column in model.columns):
        return Solution(status="error", solver="SCIP", message="semicontinuous columns are not translated for SCIP")
    switched = [row.name for row in model.rows if row.indicator is not None and row.quadratic]
    if switched:
        message = f"an indicator on a row with products, as on `{switched[0]}`, is not translated for SCIP"
        return Solution(status="error", solver="SCIP", message=message)
    options = Options(time_limit_s=time_limit_s, gap=gap, seed=seed, threads=threads)
    return solve_in_child("scip", model, options)


def solve_here(model: Model, options: Options, choice: str = "") -> Solution:  # noqa: ARG001 - one solver only
    """Solves in this process."""
    import pyscipopt

    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.setParam("limits/time", options.time_limit_s)
    scip.setParam("limits/gap", options.gap)
    scip.setParam("randomization/randomseedshift", options.seed)
    columns = _translate(model, scip)
    scip.optimize()
    status = _settled(scip) if scip.getStatus() == "inforunbd" else _STATUSES.get(scip.getStatus(), "unknown")
    solver = f"SCIP {scip.version()}"
    if status not in ("optimal", "time_limit", "feasible") or scip.getNSols() == 0:
        return Solution(status=status, solver=solver, message=f"SCIP status {scip.getStatus()}")
    return Solution(
        status="optimal" if status == "optimal" else "feasible",
        objective=scip.getObjVal(),
        values=tuple(scip.getVal(column) for column in columns),
        bound=scip.getDualbound(),
        gap=scip.getGap(),
        solver=solver,
    )


def _translate(model: Model, scip: Any) -> list[Any]:
    """Puts `model` into `scip`; its columns there."""
    import pyscipopt

    columns = [
        scip.addVar(vtype=_TYPES[column.type], lb=_bound(column.lower), ub=_bound(column.upper))
        for column in model.columns
    ]

    def column(name: str) -> Any:
        return columns[model.column_index[name]]

    def total(part: Row | Objective) -> Any:
        products = (value * column(one) * column(two) for (one, two), value in part.quadratic.items())
        linear = (value * column(name) for name, value in part.coefficients.items() if value != 0)
        return pyscipopt.quicksum([*linear, *products])

    for row in model.rows:
        is_empty = not any(row.coefficients.values()) and not row.quadratic
        # pyscipopt takes a constraint without variables for a plain truth value
        left = scip.addVar(lb=0.0, ub=0.0) if is_empty else total(row)
        _add_row(scip, row, left, None if row.indicator is None else column(row.indicator.column))
    for ordered in model.sets:
        add = scip.addConsSOS1 if ordered.type == 1 else scip.addConsSOS2
        members = ordered.members
        add([column(name) for name in members], [float(place) for place in range(1, len(members) + 1)])
    goal = total(model.objective) + model.objective.constant
    if model.objective.quadratic:  # SCIP's objective is linear
        is_minimized = model.objective.sense == "minimize"
        value = scip.addVar(lb=None, ub=None)
        scip.addCons(value >= goal if is_minimized else value <= goal)
        goal = value
    scip.setObjective(goal, model.objective.sense)
    return columns


def _add_row(scip: Any, row: Row, left: Any, switch: Any) -> None:
    """Adds both sides of a row; `switch` is the column of its indicator."""
    if row.indicator is None:
        if not math.isinf(row.lower):
            scip.addCons(left >= row.lower)
        if not math.isinf(row.upper):
            scip.addCons(left <= row.upper)
        return
    is_on = bool(row.indicator.value)
    if not math.isinf(row.lower):
        scip.addConsIndicator(-left <= -row.lower, switch, activeone=is_on)
    if not math.isinf(row.upper):
        scip.addConsIndicator(left <= row.upper, switch, activeone=is_on)


def _settled(scip: Any) -> Status:
    """What "infeasible or unbounded" is, found by a solve without objective."""
    scip.freeTransform()
    scip.setObjective(0.0)
    scip.optimize()
    return "unbounded" if scip.getStatus() == "optimal" else _STATUSES.get(scip.getStatus(), "unknown")


def _bound(bound: float) -> float | None:
    return None if math.isinf(bound) else bound

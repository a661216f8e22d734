"""SCIP as a second opinion: another solver, by other people, in a process of its own.

The process keeps solvers apart that cannot share one (each brings its own copy of HiGHS, as some
do), and a crash of one of them costs an answer, not the caller. Needs the extra `scip`.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import time
from typing import Any

from agentopt.errors import MissingDependency
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.base import Solution, Status

_TYPES = {"continuous": "C", "integer": "I"}
_STARTUP_S = 20.0  # what starting Python and loading SCIP may take on a busy machine
_STATUSES: dict[str, Status] = {
    "optimal": "optimal",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "timelimit": "time_limit",
}


def solve(model: Model, *, time_limit_s: float = 60.0) -> Solution:
    """Solves `model` with SCIP, gap 0, in a new process; no duals, no basis.

    Raises:
        MissingDependency: `pyscipopt` is not installed.
    """
    if importlib.util.find_spec("pyscipopt") is None:
        raise MissingDependency("pyscipopt", "scip", "a second solver")
    if any(column.is_semi for column in model.columns):
        return Solution(status="error", solver="SCIP", message="semicontinuous columns are not translated for SCIP")
    question = json.dumps({"model": model.to_json(), "time_limit_s": time_limit_s})
    command = [sys.executable, "-m", "agentopt.modeling.solvers.scip"]
    try:
        process = subprocess.run(
            command, input=question, capture_output=True, text=True, timeout=time_limit_s + _STARTUP_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Solution(status="time_limit", solver="SCIP", message="the process did not end in time")
    if process.returncode != 0:
        return Solution(status="error", solver="SCIP", message=process.stderr.strip()[-500:])
    return Solution.from_json(json.loads(process.stdout.splitlines()[-1]))


def _solve_here(model: Model, time_limit_s: float) -> Solution:
    """Solves in this process."""
    import pyscipopt

    started = time.perf_counter()
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.setParam("limits/time", time_limit_s)
    scip.setParam("limits/gap", 0.0)
    columns = [
        scip.addVar(vtype=_TYPES[column.type], lb=_bound(column.lower), ub=_bound(column.upper))
        for column in model.columns
    ]

    def total(coefficients: Any) -> Any:
        return pyscipopt.quicksum(value * columns[model.column_index[name]] for name, value in coefficients.items())

    for row in model.rows:
        if math.isinf(row.lower) and math.isinf(row.upper):
            continue
        coefficients = {name: value for name, value in row.coefficients.items() if value != 0}
        if not coefficients:  # pyscipopt takes a constraint without variables for a plain truth value
            never = scip.addVar(lb=0.0, ub=0.0)
            scip.addCons(never >= row.lower if row.lower > 0 else never <= row.upper)
            continue
        if not math.isinf(row.lower):
            scip.addCons(total(coefficients) >= row.lower)
        if not math.isinf(row.upper):
            scip.addCons(total(coefficients) <= row.upper)
    scip.setObjective(total(model.objective.coefficients) + model.objective.constant, model.objective.sense)
    scip.optimize()
    status = _settled(scip) if scip.getStatus() == "inforunbd" else _STATUSES.get(scip.getStatus(), "unknown")
    solver = f"SCIP {scip.version()}"
    time_s = time.perf_counter() - started
    if status not in ("optimal", "time_limit") or scip.getNSols() == 0:
        return Solution(status=status, solver=solver, time_s=time_s, message=f"SCIP status {scip.getStatus()}")
    return Solution(
        status="optimal" if status == "optimal" else "feasible",
        objective=scip.getObjVal(),
        values=tuple(scip.getVal(column) for column in columns),
        bound=scip.getDualbound(),
        gap=scip.getGap(),
        solver=solver,
        time_s=time_s,
    )


def _settled(scip: Any) -> Status:
    """What "infeasible or unbounded" is, found by a solve without objective."""
    scip.freeTransform()
    scip.setObjective(0.0)
    scip.optimize()
    return "unbounded" if scip.getStatus() == "optimal" else _STATUSES.get(scip.getStatus(), "unknown")


def _bound(bound: float) -> float | None:
    return None if math.isinf(bound) else bound


if __name__ == "__main__":
    question = json.load(sys.stdin)
    answer = _solve_here(Model.from_json(question["model"]), question["time_limit_s"])
    sys.stdout.write(json.dumps(answer.to_json()) + "\n")

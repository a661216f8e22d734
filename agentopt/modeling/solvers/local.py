"""A local search of scipy (SLSQP) for continuous models with products. Needs the extra `scipy`.

What it finds is no more than a point where no small step helps: its status is `feasible`, never `optimal`.
"""

from __future__ import annotations

import importlib.util
import math
import random
from typing import Any

from agentopt.errors import MissingDependency
from agentopt.modeling.model import Model, Objective, Row
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.child import Options, solve_in_child

_STARTS = 20
_REACH = 10.0  # how far from a finite bound starts are drawn where the other one is infinite
_TOLERANCE = 1e-6


def solve(model: Model, *, time_limit_s: float = 60.0, gap: float = 0.0, seed: int = 0, threads: int = 1) -> Solution:
    """The best of several local searches, in a new process; `feasible` with the message that it is a local optimum.

    `gap` and `threads` change nothing: there is no bound, and one thread.

    Raises:
        MissingDependency: `scipy` is not installed.
    """
    if importlib.util.find_spec("scipy") is None:
        raise MissingDependency("scipy", "scipy", "a local search")
    if model.is_mixed_integer:
        message = "a local search moves in small steps; integer columns, indicators and ordered sets allow none"
        return Solution(status="error", solver="scipy SLSQP", message=message)
    options = Options(time_limit_s=time_limit_s, gap=gap, seed=seed, threads=threads)
    return solve_in_child("local", model, options)


def solve_here(model: Model, options: Options, choice: str = "") -> Solution:  # noqa: ARG001 - one solver only
    """Searches in this process, from several starting points."""
    import time

    import numpy as np
    import scipy
    from scipy.optimize import minimize

    name = f"scipy {scipy.__version__} SLSQP"
    sign = -1.0 if model.objective.sense == "maximize" else 1.0
    goal = _function(model, model.objective)
    constraints = [c for row in model.rows for c in _constraints(row, _function(model, row))]
    bounds = [(_end(column.lower), _end(column.upper)) for column in model.columns]
    rng, deadline = random.Random(options.seed), time.monotonic() + options.time_limit_s
    best: tuple[float, Any] | None = None
    for start in range(_STARTS):
        if time.monotonic() > deadline:
            break
        found = minimize(
            lambda x: sign * goal(x), _start(model, rng, start), method="SLSQP", bounds=bounds, constraints=constraints
        )
        is_feasible = all(
            abs(c["fun"](found.x)) <= _TOLERANCE if c["type"] == "eq" else c["fun"](found.x) >= -_TOLERANCE
            for c in constraints
        )
        if is_feasible and np.isfinite(found.fun) and (best is None or found.fun < best[0]):
            best = (float(found.fun), found.x)
    if best is None:
        return Solution(status="unknown", solver=name, message="no start led to a feasible point, which proves nothing")
    return Solution(
        status="feasible",
        objective=sign * best[0] + model.objective.constant,
        values=tuple(float(value) for value in best[1]),
        solver=name,
        is_local=True,
        message="a local optimum, not proved to be global",
    )


def _function(model: Model, part: Row | Objective) -> Any:
    """Value of a sum at a point, without the constant."""
    index = model.column_index
    linear = [(index[name], a) for name, a in part.coefficients.items()]
    products = [(index[one], index[two], a) for (one, two), a in part.quadratic.items()]
    return lambda x: sum(a * x[j] for j, a in linear) + sum(a * x[j] * x[k] for j, k, a in products)


def _constraints(row: Row, activity: Any) -> list[dict[str, Any]]:
    if row.lower == row.upper:
        return [{"type": "eq", "fun": lambda x: activity(x) - row.lower}]
    sides: list[dict[str, Any]] = []
    if math.isfinite(row.lower):
        sides.append({"type": "ineq", "fun": lambda x: activity(x) - row.lower})
    if math.isfinite(row.upper):
        sides.append({"type": "ineq", "fun": lambda x: row.upper - activity(x)})
    return sides


def _start(model: Model, rng: random.Random, number: int) -> list[float]:
    """The bounds nearest to 0 first, then points drawn within the bounds."""
    point = []
    for column in model.columns:
        low = column.lower if math.isfinite(column.lower) else min(0.0, column.upper) - _REACH
        high = column.upper if math.isfinite(column.upper) else max(0.0, column.lower) + _REACH
        point.append(min(max(0.0, low), high) if number == 0 else rng.uniform(low, high))
    return point


def _end(bound: float) -> float | None:
    return None if math.isinf(bound) else bound

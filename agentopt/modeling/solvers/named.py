"""Solvers by name, and the one function that calls them."""

from __future__ import annotations

from collections.abc import Mapping

from agentopt.errors import UsageError
from agentopt.modeling.model import Model
from agentopt.modeling.solvers import cp_sat, glop, highs, local, scip
from agentopt.modeling.solvers.base import Solution, Solver

SOLVERS: Mapping[str, Solver] = {
    "highs": highs.solve,
    "scip": scip.solve,
    "cp_sat": cp_sat.solve,
    "glop": glop.solve,
    "pdlp": glop.solve_first_order,
    "local": local.solve,
}


def solve(
    model: Model,
    *,
    solver: str = "highs",
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    seed: int = 0,
    threads: int = 1,
) -> Solution:
    """Solves `model`; a status, a point and the solver's evidence for it, none of which is proved: see `verify`.

    Args:
        solver: `highs` (linear, and convex products in a continuous objective); `scip` (all products, but no
            semicontinuous columns); `cp_sat` (all columns integer); `glop`, `pdlp` (linear programs); `local` (scipy,
            continuous models, a local optimum). All but HiGHS run in a process of their own. A model that is not
            theirs gives the status `error` and the reason.
        gap: relative gap at which a mixed-integer solve may stop. The default is 0.0 because the 1e-4 usual
            elsewhere gives wrong optima.

    Raises:
        UsageError: there is no solver of that name.
        MissingDependency: its package is not installed.
    """
    if solver not in SOLVERS:
        raise UsageError(f"there is no solver {solver!r}: expected one of {', '.join(SOLVERS)}")
    return SOLVERS[solver](model, time_limit_s=time_limit_s, gap=gap, seed=seed, threads=threads)

"""The solve inside the program, so that it can go on and read its solution; nobody relies on the answer."""

from __future__ import annotations

from dataclasses import dataclass

from agentopt.errors import UsageError
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A solution in the columns and rows of the model that was asked about.

    Args:
        values, reduced_costs: one per column; `None` where there is no solution, or no such numbers.
        row_duals: one per row, likewise.
        objective: its value at `values`, in the model's own sense.
    """

    solution: Solution
    values: tuple[float, ...] | None = None
    reduced_costs: tuple[float, ...] | None = None
    row_duals: tuple[float, ...] | None = None
    objective: float | None = None


def answer_to(model: Model, *, time_limit_s: float) -> Answer:
    """What HiGHS says about `model`, indicators and ordered sets written as rows where bounds allow.

    A model that HiGHS cannot take has status `error`, and `message` says why.
    """
    linear = linearized(model)
    if linear.model.has_logic:
        return Answer(solution=Solution(status="error", message="; ".join(linear.kept)))
    try:
        solution = solve(linear.model, time_limit_s=time_limit_s)
    except UsageError as error:
        return Answer(solution=Solution(status="error", message=str(error)))
    if solution.values is None or solution.status not in ("optimal", "feasible"):
        return Answer(solution=solution)
    is_same = not linear.changes
    return Answer(
        solution=solution,
        values=linear.restored(solution.values),
        objective=solution.objective,
        reduced_costs=solution.reduced_costs if is_same else None,
        row_duals=solution.row_duals if is_same else None,
    )

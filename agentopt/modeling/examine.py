"""Solving, verifying and explaining a model in one go, in a process of its own.

HiGHS lives in that process and not in the user's: it cannot share one with OR-Tools, and it sometimes prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agentopt.canonical import Json
from agentopt.errors import RunError
from agentopt.modeling.checks import Check, Verification
from agentopt.modeling.explanation import explain
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.verification import verify
from agentopt.sandbox.base import Limits, Sandbox


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was found out about a model.

    Args:
        explanation: why the solution has its status, in words.
    """

    solution: Solution
    verification: Verification
    explanation: str


def examine(model: Model, sandbox: Sandbox, *, time_limit_s: float = 60.0) -> Examination:
    """Solves, verifies (without a second solver) and explains `model`, in a process of `sandbox`.

    Raises:
        RunError: the process did not come back with an answer, which is no statement about the model.
    """
    limits = Limits(wall_s=3 * time_limit_s + 30, memory_mb=8192)
    options = {"time_limit_s": time_limit_s}
    outcome = sandbox.call("", f"{__name__}:examine_json", [model.to_json(), options], limits=limits)
    if outcome.status != "ok":
        raise RunError(f"examining a model ended with `{outcome.status}`: {outcome.error}")
    found = outcome.value
    checks = tuple(Check(**check) for check in found["verification"]["checks"])
    return Examination(
        solution=Solution.from_json(found["solution"]),
        verification=Verification(**{**found["verification"], "checks": checks}),
        explanation=found["explanation"],
    )


def examine_json(source: str, model: Json, options: Mapping[str, Any]) -> Json:  # noqa: ARG001
    """`examine` inside the sandbox's process.

    Args:
        source: what a sandbox passes to every trusted function; not used.
        model: `Model.to_json()`.
        options: keyword arguments of `solve`.
    """
    read = Model.from_json(model)
    solution = solve(read, **options)
    verification = verify(read, solution, second_solver=None)
    explanation = explain(read, solution).text
    return {"solution": solution.to_json(), "verification": asdict(verification), "explanation": explanation}

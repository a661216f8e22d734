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
from agentopt.modeling.equivalence.comparison import equiv
from agentopt.modeling.explanation import explain
from agentopt.modeling.formulation import audit_big_m, audit_columns, audit_rows
from agentopt.modeling.model import Model
from agentopt.modeling.report import Evidence
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.verification import Level, verify
from agentopt.sandbox.base import Limits, Sandbox

_RELATIONS_S = 200.0  # fifteen relations and more, each of which may take 10 s


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was found out about a model.

    Args:
        explanation: why the solution has its status, in words.
        looks: what looking at the formulation found, where that was asked for.
    """

    solution: Solution
    verification: Verification
    explanation: str
    looks: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Depth:
    """How closely a model is examined.

    Args:
        level: of `verify`.
        is_audited: the formulation is looked at too: columns, rows and big-M.
    """

    level: Level = "standard"
    is_audited: bool = False


def examine(model: Model, sandbox: Sandbox, depth: Depth = Depth(), *, time_limit_s: float = 60.0) -> Examination:
    """Solves, verifies (without a second solver) and explains `model`, in a process of `sandbox`.

    Raises:
        RunError: the process did not come back with an answer, which is no statement about the model.
    """
    relations_s = _RELATIONS_S if depth.level == "rigorous" else 0.0
    limits = Limits(wall_s=3 * time_limit_s + relations_s + 30, memory_mb=8192)
    options = {"time_limit_s": time_limit_s}
    outcome = sandbox.call("", f"{__name__}:examine_json", [model.to_json(), options, asdict(depth)], limits=limits)
    if outcome.status != "ok":
        raise RunError(f"examining a model ended with `{outcome.status}`: {outcome.error}")
    found = outcome.value
    checks = tuple(Check(**check) for check in found["verification"]["checks"])
    return Examination(
        solution=Solution.from_json(found["solution"]),
        verification=Verification(**{**found["verification"], "checks": checks}),
        explanation=found["explanation"],
        looks=tuple(Evidence(**{**look, "names": tuple(look["names"])}) for look in found["looks"]),
    )


def examine_json(source: str, model: Json, options: Mapping[str, Any], depth: Mapping[str, Any]) -> Json:  # noqa: ARG001
    """`examine` inside the sandbox's process.

    Args:
        source: what a sandbox passes to every trusted function; not used.
        model: `Model.to_json()`.
        options: keyword arguments of `solve`.
        depth: a `Depth`.
    """
    asked = Depth(**depth)
    read = Model.from_json(model)
    solution = solve(read, **options)
    verification = verify(read, solution, level=asked.level, second_solver=None)
    looks = [audit_columns(read), audit_rows(read), audit_big_m(read, solution)] if asked.is_audited else []
    return {
        "solution": solution.to_json(),
        "verification": asdict(verification),
        "explanation": explain(read, solution).text,
        "looks": [asdict(look) for look in looks],
    }


def are_equivalent(first: Model, second: Model, sandbox: Sandbox, *, time_limit_s: float = 5.0) -> bool:
    """Whether `equiv` proves two models the same, in a process of `sandbox`; what it cannot decide is not proved.

    Args:
        time_limit_s: see `equiv`.
    """
    limits = Limits(wall_s=6 * time_limit_s + 30, memory_mb=8192)
    models = [first.to_json(), second.to_json()]
    outcome = sandbox.call("", f"{__name__}:compare_json", [*models, time_limit_s], limits=limits)
    return outcome.status == "ok" and outcome.value == "equivalent"


def compare_json(source: str, first: Json, second: Json, time_limit_s: float) -> str:  # noqa: ARG001
    """The verdict of `equiv`, inside the sandbox's process."""
    return equiv(Model.from_json(first), Model.from_json(second), time_limit_s=time_limit_s).verdict

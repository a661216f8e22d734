"""Integrality audit: whether it matters which variables are integer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentopt.canonical import Json
from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.model import Column, Model
from agentopt.modeling.solvers.highs import solve
from agentopt.sandbox.base import Limits, Sandbox

_TOLERANCE = 1e-6
_MOST_NAMES = 12


def integrality_findings(model: Model, value: float, sandbox: Sandbox, *, time_limit_s: float = 10.0) -> list[Finding]:
    """The question which variables are integer, where the answer changes the optimum.

    Compared are the model as written, with its integer variables continuous, and with its continuous ones integer;
    binary ones stay. In 49 % of NL4OPT's problems this decides the number.

    Args:
        value: the model's optimum as written.
        time_limit_s: of each of the two solves, which happen in a process of `sandbox`.
    """
    readings = {
        "every variable continuous": _with_types(model, lambda c: replace(c, type="continuous")),
        "every variable integer": _with_types(model, lambda c: replace(c, type="integer")),
    }
    said = []
    for name, reading in readings.items():
        if reading == model:
            continue
        limits = Limits(wall_s=3 * time_limit_s + 10, memory_mb=4096)
        outcome = sandbox.call("", f"{__name__}:optimum_json", [reading.to_json(), time_limit_s], limits=limits)
        if outcome.status != "ok" or outcome.value["status"] not in ("optimal", "infeasible"):
            continue
        other = outcome.value["objective"]
        if other is None:
            said.append(f"with {name} there is no solution")
        elif abs(other - value) > _TOLERANCE * max(1.0, abs(value)):
            said.append(f"with {name} it is {other:.10g}")
    if not said:
        return []
    whole = _names([c for c in model.columns if c.is_integer and not _is_binary(c)])
    divided = _names([c for c in model.columns if not c.is_integer])
    text = f"The optimum as written is {value:.10g}; {', and '.join(said)}. Integer are {whole}; continuous {divided}."
    return [Finding(check="integrality", subject="types", text=text, is_question=True)]


def optimum_json(source: str, model: Json, time_limit_s: float) -> dict[str, Any]:  # noqa: ARG001
    """Status and objective of a model, inside the sandbox's process."""
    solution = solve(Model.from_json(model), time_limit_s=time_limit_s)
    return {"status": solution.status, "objective": solution.objective}


def _with_types(model: Model, change: Callable[[Column], Column]) -> Model:
    columns = tuple(c if c.is_semi or _is_binary(c) else change(c) for c in model.columns)
    return replace(model, columns=columns)


def _is_binary(column: Column) -> bool:
    return column.is_integer and (column.lower, column.upper) == (0, 1)


def _names(columns: list[Column]) -> str:
    shown = ", ".join(f"`{column.name}`" for column in columns[:_MOST_NAMES])
    return f"{shown} and {len(columns) - _MOST_NAMES} more" if len(columns) > _MOST_NAMES else shown or "none"

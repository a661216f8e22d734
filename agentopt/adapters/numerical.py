"""Numerical packs: a traced function with bounded parameters and a known optimum.

`task.toml` holds `function` (`file.py:name`), `start` and `bounds` by parameter, and `optimum` (the lowest
cost) with its `source`. The function computes a cost on nodes; the score is the negative cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentopt.adapters.base import load_function, pack_reference
from agentopt.errors import FormatError, UsageError
from agentopt.feedback import Feedback
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter
from agentopt.instance import Instance
from agentopt.prompts import load_prompt
from agentopt.space import Space
from agentopt.task import Pack, Task


def numerical_task(pack: Pack) -> Task:
    """The task of a numerical pack.

    Raises:
        FormatError: the pack lacks something, or a start value is out of bounds.
    """
    file, _, name = pack.get("function", str).partition(":")
    cost = load_function(pack, file, name)
    parameters = _parameters(pack)
    optimum = float(pack.get("optimum", float))
    tolerance = float(pack.get("tolerance", float, 1e-3))

    def workflow() -> Any:
        return cost(**parameters)

    workflow.__name__ = pack.name
    return Task(
        name=f"numerical/{pack.name}",
        workflow=trace(workflow),
        space=Space(parameters),
        instances=[Instance(id=pack.name, split="train")],
        feedback=_feedback,
        objective=load_prompt("numerical").fill(title=pack.title),
        target=-(optimum + tolerance),
        reference=pack_reference(pack),
        verifier=lambda values: _distance(cost, values, optimum, tolerance),
    )


def _parameters(pack: Pack) -> dict[str, Parameter]:
    start, bounds = pack.get("start", dict), pack.get("bounds", dict)
    path = pack.folder / "task.toml"
    if not start or not set(bounds) <= set(start):
        raise FormatError(
            f"{path}: `start` names {sorted(start)}, `bounds` names {sorted(bounds)}; bounds need a start"
        )
    parameters = {}
    for name, value in start.items():
        low_high = bounds.get(name, [None, None])
        if not (isinstance(low_high, list) and len(low_high) == 2):
            raise FormatError(f"{path}: `bounds.{name}` must be [lowest, highest], got {low_high!r}")
        try:
            parameters[name] = Parameter(float(value), name=name, kind="number", bounds=(low_high[0], low_high[1]))
        except (UsageError, TypeError, ValueError) as error:
            raise FormatError(f"{path}: `start.{name}` is {value!r} within {low_high!r}: {error}") from None
    return parameters


def _feedback(cost: Any, _fields: Mapping[str, Any]) -> Feedback:
    return Feedback(-float(cost), f"The cost is {float(cost):.6g}; lower is better.")


def _distance(cost: Any, values: Mapping[str, Any], optimum: float, tolerance: float) -> str:
    reached = float(cost(**values))
    claim = "within" if reached <= optimum + tolerance else "outside"
    return f"cost {reached:.6g}, known optimum {optimum:.6g}: {reached - optimum:.3g} above it, {claim} {tolerance:g}"

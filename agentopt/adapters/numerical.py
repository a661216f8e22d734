"""Numerical packs: a traced function with bounded parameters and a known optimum.

`task.toml` holds `function` (`file.py:name`), `start` and `bounds` by parameter, and `optimum` (the lowest
cost) with its `source`. The function computes a cost on nodes; the score is the negative cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentopt.adapters.base import load_function, pack_reference
from agentopt.errors import FormatError
from agentopt.feedback import Feedback
from agentopt.graph.node import Parameter
from agentopt.graph.tracing import trace
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
    parameters = {}
    for name, value in start.items():
        low, high = bounds.get(name, (None, None))
        if (low is not None and value < low) or (high is not None and value > high):
            raise FormatError(
                f"{pack.folder / 'task.toml'}: `start.{name}` is {value}, out of its bounds {low} to {high}"
            )
        parameters[name] = Parameter(float(value), name=name, kind="number", bounds=(low, high))
    return parameters


def _feedback(cost: Any, _fields: Mapping[str, Any]) -> Feedback:
    return Feedback(-float(cost), f"The cost is {float(cost):.6g}; lower is better.")


def _distance(cost: Any, values: Mapping[str, Any], optimum: float, tolerance: float) -> str:
    reached = float(cost(**values))
    claim = "within" if reached <= optimum + tolerance else "outside"
    return f"cost {reached:.6g}, known optimum {optimum:.6g}: {reached - optimum:.3g} above it, {claim} {tolerance:g}"

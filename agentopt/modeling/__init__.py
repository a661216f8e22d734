"""Optimization models: captured from programs, solved, verified and explained; no language model needed.

`from agentopt.modeling import Model, solve, verify, explain` loads only what is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentopt.modeling.checks import Check, Verification
    from agentopt.modeling.explanation import Explanation, explain
    from agentopt.modeling.linearization import Linearization, linearized
    from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet
    from agentopt.modeling.solvers.base import Solution
    from agentopt.modeling.solvers.highs import solve
    from agentopt.modeling.solvers.highs_model import read_model, write_model
    from agentopt.modeling.verification import verify

__all__ = [
    "Check",
    "Column",
    "Explanation",
    "Indicator",
    "Linearization",
    "Model",
    "Objective",
    "Row",
    "Solution",
    "SpecialOrderedSet",
    "Verification",
    "explain",
    "linearized",
    "read_model",
    "solve",
    "verify",
    "write_model",
]

_HOMES = {
    "Check": "checks",
    "Column": "model",
    "Explanation": "explanation",
    "Indicator": "model",
    "Linearization": "linearization",
    "Model": "model",
    "Objective": "model",
    "Row": "model",
    "Solution": "solvers.base",
    "SpecialOrderedSet": "model",
    "Verification": "checks",
    "explain": "explanation",
    "linearized": "linearization",
    "read_model": "solvers.highs_model",
    "solve": "solvers.highs",
    "verify": "verification",
    "write_model": "solvers.highs_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

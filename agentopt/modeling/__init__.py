"""Optimization models: captured from programs, solved, verified and explained; no language model needed.

`from agentopt.modeling import Model, solve, verify, explain` loads only what is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentopt.modeling.checks import Check, Verification
    from agentopt.modeling.equivalence.comparison import Equivalence, equiv
    from agentopt.modeling.equivalence.implication import Witness
    from agentopt.modeling.explanation import Explanation, explain
    from agentopt.modeling.formulation import audit
    from agentopt.modeling.linearization import Linearization, linearized
    from agentopt.modeling.metamorphic import check_relations
    from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet
    from agentopt.modeling.report import Alternative, Evidence, ModelVerdict, Report
    from agentopt.modeling.sensitivity import check_role, unused_data
    from agentopt.modeling.solvers.base import Solution
    from agentopt.modeling.solvers.highs_model import read_model, write_model
    from agentopt.modeling.solvers.named import solve
    from agentopt.modeling.verification import verify

__all__ = [
    "Alternative",
    "Check",
    "Column",
    "Equivalence",
    "Evidence",
    "Explanation",
    "Indicator",
    "Linearization",
    "Model",
    "ModelVerdict",
    "Objective",
    "Report",
    "Row",
    "Solution",
    "SpecialOrderedSet",
    "Verification",
    "Witness",
    "audit",
    "check_relations",
    "check_role",
    "equiv",
    "explain",
    "linearized",
    "read_model",
    "solve",
    "unused_data",
    "verify",
    "write_model",
]

_HOMES = {
    "Alternative": "report",
    "Check": "checks",
    "Column": "model",
    "Equivalence": "equivalence.comparison",
    "Evidence": "report",
    "Explanation": "explanation",
    "Indicator": "model",
    "Linearization": "linearization",
    "Model": "model",
    "ModelVerdict": "report",
    "Objective": "model",
    "Report": "report",
    "Row": "model",
    "Solution": "solvers.base",
    "SpecialOrderedSet": "model",
    "Verification": "checks",
    "Witness": "equivalence.implication",
    "audit": "formulation",
    "check_relations": "metamorphic",
    "check_role": "sensitivity",
    "equiv": "equivalence.comparison",
    "explain": "explanation",
    "linearized": "linearization",
    "read_model": "solvers.highs_model",
    "solve": "solvers.named",
    "unused_data": "sensitivity",
    "verify": "verification",
    "write_model": "solvers.highs_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

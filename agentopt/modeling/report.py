"""The report on one answer: how far the solve is proved, and how well the model fits the text, which is not provable.

The two verdicts are two fields and are never merged: a certified optimum of a wrong model is a wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agentopt.canonical import Json
from agentopt.modeling.checks import Check, Verification
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.base import Solution

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one look at a formulation found: a hint, never a proof that the model is right or wrong.

    Args:
        result: `warning`: something a person would ask about; `fine`: nothing found; `not checked`: could not look.
        detail: what was seen, with names of rows and columns and numbers.
        numbers: what the detail mentions, for programs.
        names: rows, columns or data that it is about.
    """

    name: str
    result: Literal["fine", "warning", "not checked"]
    detail: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelVerdict:
    """How well a model fits the text it was made from, as far as evidence goes."""

    evidence: tuple[Evidence, ...] = ()

    @property
    def score(self) -> float | None:
        """Share of the looks that found nothing, from 0 to 1; `None` without any."""
        looked = [one for one in self.evidence if one.result != "not checked"]
        return sum(one.result == "fine" for one in looked) / len(looked) if looked else None

    @property
    def warnings(self) -> tuple[Evidence, ...]:
        """What was found."""
        return tuple(one for one in self.evidence if one.result == "warning")

    def __str__(self) -> str:
        if self.score is None:
            return "The model against the text: no evidence was gathered."
        lines = [f"The model against the text: {self.score:.0%} of the looks found nothing; no proof either way."]
        return "\n".join(lines + [f"  {one.name}: {one.detail}" for one in self.warnings])


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """Another value that a defensible reading of the text gives."""

    value: float | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything known about an answer.

    Args:
        answer: the optimum, recomputed exactly; `None` where the status has none.
        assumptions: what was decided where the text does not say it.
        data, code: what the model was built from, where it was.
    """

    model: Model
    solution: Solution
    verification: Verification
    model_verdict: ModelVerdict = ModelVerdict()
    assumptions: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    data: Json = None
    code: str = ""

    @property
    def answer(self) -> float | None:
        """The number; `None` for infeasible, unbounded, or when nothing was found."""
        return self.verification.objective if self.solution.status == "optimal" else None

    @property
    def solver_verdict(self) -> str:
        """How far the answer *to this model* is proved; see `Verification.solver_verdict`."""
        return self.verification.solver_verdict

    @property
    def proof(self) -> str:
        """The check that decides the status, in words."""
        decisive = ("optimality", "infeasibility", "unboundedness")
        found = [check for check in self.verification.checks if check.name in decisive]
        return f"{found[0].name}: {found[0].verdict}: {found[0].detail}" if found else "none"

    def to_json(self) -> Json:
        """Plain JSON data, `schema` 1."""
        return {
            "schema": SCHEMA,
            "answer": self.answer,
            "status": self.solution.status,
            "proof": self.proof,
            "solver_verdict": self.solver_verdict,
            "model_verdict": {
                "score": self.model_verdict.score,
                "evidence": [
                    {"name": one.name, "result": one.result, "detail": one.detail}
                    for one in self.model_verdict.evidence
                ],
            },
            "assumptions": list(self.assumptions),
            "model": self.model.to_json(),
            "data": self.data,
            "code": self.code,
            "solve": self.solution.record(),
            "certificate": {
                name: value
                for name, value in self.solution.to_json().items()
                if name in ("values", "row_duals", "column_basis", "row_basis", "farkas_ray", "primal_ray")
            },
            "checks": [_check_to_json(check) for check in self.verification.checks],
            "alternatives": [{"value": other.value, "why": other.why} for other in self.alternatives],
        }

    def __str__(self) -> str:
        return f"{self.verification}\n{self.model_verdict}"


def _check_to_json(check: Check) -> Json:
    return {"name": check.name, "result": check.verdict, "is_exact": check.is_exact, "evidence": check.detail}

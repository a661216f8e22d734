"""What a run on benchmark problems came to: accuracy, and what its own checks are worth.

Two things are kept apart: `solved` and `proved` are about the answer to a model; `accepted` says that no check has an
objection to the model either, and its precision says how often that is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agentopt.adapters.answer import RELATIVE_TOLERANCE
from agentopt.adapters.consensus import same_value
from agentopt.adapters.grading import is_labelled
from agentopt.events import Evaluated
from agentopt.instance import Instance


@dataclass(frozen=True, kw_only=True)
class ProblemScore:
    """What became of one problem.

    Args:
        is_right: `None` without a label, or where no model answered.
        status: of the answer; `failed` where the workflow raised, `unmeasured` where no model answered.
        samples: whether each sample is right, in order; one where there was no vote.
        majority: whether the value that most samples gave is right.
        label: the label, `None` where infeasible or unbounded is right or there is none.
        findings: what the checks still say.
        cost: `llm_calls`, `tokens`, `usd`, `seconds`.
    """

    id: str
    problem_type: str
    is_right: bool | None
    status: str
    value: float | None = None
    verdict: str = "unproven"
    is_accepted: bool = False
    samples: tuple[bool, ...] = ()
    majority: bool | None = None
    label: float | None = None
    provenance: str = ""
    findings: tuple[str, ...] = ()
    cost: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_executed(self) -> bool:
        """A model was built."""
        return self.status not in ("no_program", "failed", "unmeasured")

    @property
    def is_proved(self) -> bool:
        """Its status is proved, exactly or within tolerance."""
        is_solved = self.status in ("optimal", "infeasible", "unbounded")
        return is_solved and self.verdict in ("certified", "checked")

    @property
    def is_suspect(self) -> bool:
        """The accepted answer is not the label: one of the two is wrong."""
        return self.is_accepted and self.is_right is False


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The problems of a run, and rates over some of them; a rate is `None` where there is nothing to count."""

    problems: tuple[ProblemScore, ...]

    @property
    def rates(self) -> dict[str, float | None]:
        """Rates over all problems that were measured.

        `precision` is the accuracy among the accepted; pass@1, pass@k and majority@k are given where there was a vote.
        """
        measured = [p for p in self.problems if p.status != "unmeasured"]
        labelled = [p for p in measured if p.is_right is not None]
        rates = {
            "accuracy": _rate(labelled, lambda p: bool(p.is_right)),
            "executed": _rate(measured, lambda p: p.is_executed),
            "proved": _rate(measured, lambda p: p.is_proved),
            "accepted": _rate(measured, lambda p: p.is_accepted),
            "precision": _rate([p for p in labelled if p.is_accepted], lambda p: bool(p.is_right)),
        }
        voted = [p for p in labelled if len(p.samples) > 1]
        if voted:
            k = max(len(p.samples) for p in voted)
            rates["pass@1"] = sum(sum(p.samples) / len(p.samples) for p in voted) / len(voted)
            rates[f"pass@{k}"] = _rate(voted, lambda p: any(p.samples))
            rates[f"majority@{k}"] = _rate(voted, lambda p: bool(p.majority))
        return rates

    @property
    def suspects(self) -> tuple[ProblemScore, ...]:
        """Problems whose accepted answer is not the label."""
        return tuple(p for p in self.problems if p.is_suspect)

    @property
    def cost_per_problem(self) -> dict[str, float]:
        """Mean cost, by resource."""
        names = dict.fromkeys(name for p in self.problems for name in p.cost)
        return {name: sum(p.cost.get(name, 0.0) for p in self.problems) / len(self.problems) for name in names}

    def by_type(self) -> dict[str, Scores]:
        """The problems apart by type, in order of their first one."""
        kinds = dict.fromkeys(p.problem_type for p in self.problems)
        return {kind: Scores(problems=tuple(p for p in self.problems if p.problem_type == kind)) for kind in kinds}

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON data."""
        return {
            "tolerance": {"relative": RELATIVE_TOLERANCE, "or": "half a unit of the label's last printed decimal"},
            "problems": len(self.problems),
            "rates": self.rates,
            "by_type": {kind: {"problems": len(s.problems), **s.rates} for kind, s in self.by_type().items()},
            "cost_per_problem": self.cost_per_problem,
            "label_suspects": [p.id for p in self.suspects],
            "results": [asdict(p) for p in self.problems],
        }


def scores_of(instances: Sequence[Instance], events: Iterable[Evaluated], candidate: int = 0) -> Scores:
    """The scores of one candidate, in the order of the instances; those that were not measured are left out."""
    found = {event.instance: event for event in events if event.candidate == candidate}
    return Scores(problems=tuple(_score(i, found[i.id]) for i in instances if i.id in found))


def _score(instance: Instance, event: Evaluated) -> ProblemScore:
    fields = instance.fields
    has_label = "answer" in fields
    score = event.score if isinstance(event.score, (int, float)) else None
    common: dict[str, Any] = {
        "id": instance.id,
        "problem_type": str(fields.get("problem_type") or ""),
        "label": fields.get("answer"),
        "provenance": str(fields.get("provenance") or ""),
        "cost": event.cost,
    }
    said = (event.feedback.get("channels") or {}).get("answer")
    if event.status != "ok" or said is None:
        is_right = False if event.status == "failed" and has_label else None
        return ProblemScore(**common, is_right=is_right, status=event.status)
    answer = json.loads(said)
    samples = [tuple(sample) for sample in answer["samples"]] or [(answer["status"], answer["value"])]
    right = tuple(is_labelled(s, v, fields) for s, v in samples) if has_label else ()
    said_by = [sum(same_value(s, other) for other in samples) if s[0] != "no_program" else 0 for s in samples]
    most = said_by.index(max(said_by))
    return ProblemScore(
        **common,
        is_right=score == 1.0 if has_label else None,
        status=answer["status"],
        value=answer["value"],
        verdict=answer["verdict"],
        is_accepted=answer["is_accepted"],
        samples=right,
        majority=right[most] if right else None,
        findings=tuple(answer["findings"]),
    )


def _rate(problems: Sequence[ProblemScore], holds: Any) -> float | None:
    return sum(map(holds, problems)) / len(problems) if problems else None

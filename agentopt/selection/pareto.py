"""Which candidates no other one dominates: on several objectives, or instance by instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentopt.candidate import Archive, Candidate, Evaluation

COSTS = ("llm_calls", "tokens", "usd", "seconds")
"""Objectives that are costs of an evaluation; less is better, and they enter with a minus."""


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether `a` is nowhere below `b` and somewhere above; higher is better."""
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b))


def pareto_front(rows: Sequence[Sequence[float]]) -> list[int]:
    """Places of the rows that no other row dominates, in order; of equal rows all are in.

    Source: Kung, Luccio and Preparata 1975 in its simplest form: rows are compared with the front alone, the
    largest first, in O(rows x front).
    """
    front: list[int] = []
    for place in sorted(range(len(rows)), key=lambda i: tuple(rows[i]), reverse=True):
        if not any(dominates(rows[other], rows[place]) for other in front):
            front.append(place)
    return sorted(front)


def instance_leads(scores: Sequence[Mapping[str, float]]) -> dict[int, int]:
    """On how many instances each candidate is (one of) the best, of those candidates that are needed.

    A candidate that leads nowhere alone is dropped, the one with the fewest leads first, the later of equals; what
    remains still leads everywhere.

    Args:
        scores: by candidate, then by instance; an instance that a candidate was not measured on is not led by it.

    Returns:
        Number of instances led, by place in `scores`, in order.

    Source: GEPA, arXiv:2507.19457, algorithm 2.
    """
    best: dict[str, float] = {}
    for row in scores:
        for instance, score in row.items():
            best[instance] = max(score, best.get(instance, score))
    leaders = {
        instance: {place for place, row in enumerate(scores) if row.get(instance) == top}
        for instance, top in best.items()
    }
    leads = {place: sum(place in led for led in leaders.values()) for place in range(len(scores))}
    for place in sorted(leads, key=lambda place: (leads[place], -place)):
        if all(len(led) > 1 for led in leaders.values() if place in led):
            for led in leaders.values():
                led.discard(place)
            del leads[place]
    return leads


@dataclass(frozen=True, kw_only=True)
class FrontPoint:
    """A candidate on the front.

    Args:
        objectives: mean of each over the instances, by name; costs as they are, not negated.
    """

    candidate: Candidate
    objectives: Mapping[str, float]


def front(
    archive: Archive, instances: Sequence[str], objectives: Sequence[str] = ("score", "tokens")
) -> list[FrontPoint]:
    """The candidates that no other one dominates, by their means over these instances, the highest score first.

    Args:
        objectives: `score`, names in `Feedback.objectives` (all of these higher is better), or costs: `llm_calls`,
            `tokens`, `usd`, `seconds` (lower is better). A candidate without one of them on every instance is left
            out; a cost that was not booked is 0.
    """
    found = []
    for candidate in archive.candidates:
        evaluations = [archive.evaluation(candidate.id, i) for i in instances]
        rows = [[_objective(e, name) for name in objectives] for e in evaluations if e is not None]
        if rows and len(rows) == len(instances) and not any(None in row for row in rows):
            means = [sum(x for x in column if x is not None) / len(rows) for column in zip(*rows)]
            found.append(FrontPoint(candidate=candidate, objectives=dict(zip(objectives, means))))
    keys = [[-v if name in COSTS else v for name, v in point.objectives.items()] for point in found]
    return sorted((found[i] for i in pareto_front(keys)), key=lambda p: -next(iter(p.objectives.values())))


def _objective(evaluation: Evaluation, name: str) -> float | None:
    if name == "score":
        return evaluation.score
    if name in COSTS:
        return evaluation.cost.get(name, 0.0)
    return evaluation.feedback.objectives.get(name)

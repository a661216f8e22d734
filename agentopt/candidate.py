"""What was tried and what came of it: candidates, evaluations, and the archive of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from agentopt.canonical import digest
from agentopt.errors import UsageError
from agentopt.feedback import Feedback
from agentopt.graph.subgraph import Evidence
from agentopt.instance import Split

Status = Literal["ok", "failed", "unmeasured"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One assignment of values to all parameters.

    Args:
        id: its place in the archive, from 0, the start.
        values: by parameter name.
        parents: ids of the candidates it was made from.
        origin: what made it, such as `start` or `optoprime`.
        notes: what its maker wants to remember: reasoning, the minibatch it was made on.
    """

    id: int
    values: Mapping[str, Any]
    parents: tuple[int, ...] = ()
    origin: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Digest of the values: equal for candidates that are the same."""
        return digest(self.values)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One candidate measured on one instance.

    Args:
        status: `ok`; `failed`, where the workflow or the code in it failed (the score is the task's score of
            a failure); `unmeasured`, where no model answered (there is no score, and it counts for nothing).
        score: higher is better; `None` where there is only text.
        output: the workflow's output as text.
        evidence: feedback and subgraph; `None` when read back from a record.
        cost: what it took: `llm_calls`, `tokens`, `usd`, `seconds`; nothing, where it was taken.
        taken_from: the candidate that was measured in its place, because it behaves the same.
    """

    candidate: int
    instance: str
    split: Split
    status: Status
    score: float | None
    feedback: Feedback
    output: str = ""
    evidence: Evidence | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    taken_from: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A request to measure a candidate, new or known, on some instances.

    Args:
        fidelity: share of full effort, in (0, 1]: of the instances, the first so many are measured. A measurement of
            one instance is always whole.
        group: trials with the same number are to be ranked against each other, with `Archive.ranking`; for a record's
            readers.
    """

    candidate: Candidate
    instances: tuple[str, ...]
    fidelity: float = 1.0
    group: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.fidelity <= 1:
            raise UsageError(f"`fidelity` is {self.fidelity}; expected a share above 0, of at most 1")

    @property
    def measured(self) -> tuple[str, ...]:
        """The instances that are measured at this fidelity: a beginning, of one or more where there are any."""
        return self.instances[: math.ceil(self.fidelity * len(self.instances))]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A proposal that could not be used.

    Args:
        parents: candidates it was made from.
        problem: why, in the words that went back to the proposer.
    """

    parents: tuple[int, ...]
    problem: str


class Archive:
    """All candidates and evaluations of a run. Append-only; everything an optimizer knows is here.

    Args:
        revive: makes the evidence of an evaluation that was read back from a record, when it is first asked for.
    """

    def __init__(self, *, revive: Callable[[Evaluation], Evidence | None] | None = None) -> None:
        self._revive = revive
        self.candidates: list[Candidate] = []
        self.refusals: list[Refusal] = []
        self._evaluations: dict[int, dict[str, Evaluation]] = {}
        self._by_values: dict[str, int] = {}
        self._children: dict[int, list[int]] = {}

    def candidate(
        self,
        values: Mapping[str, Any],
        *,
        parents: Sequence[int] = (),
        origin: str = "",
        notes: Mapping[str, Any] | None = None,
    ) -> Candidate:
        """The candidate with these values; a new one is not added before `add`."""
        made = Candidate(
            id=len(self.candidates), values=dict(values), parents=tuple(parents), origin=origin, notes=notes or {}
        )
        known = self._by_values.get(made.key)
        return made if known is None else self.candidates[known]

    def add(self, candidate: Candidate) -> Candidate:
        """Enters a candidate, and gives it the next id if another took its own; returns the one in the archive."""
        key, count = candidate.key, len(self.candidates)
        if key not in self._by_values:
            self._by_values[key] = count
            for parent in dict.fromkeys(candidate.parents):
                self._children.setdefault(parent, []).append(count)
            self.candidates.append(candidate if candidate.id == count else replace(candidate, id=count))
        return self.candidates[self._by_values[key]]

    def record(self, evaluation: Evaluation) -> None:
        """Enters an evaluation. One that counts is never replaced; an unmeasured one is."""
        if self.evaluation(evaluation.candidate, evaluation.instance) is None:
            self._evaluations.setdefault(evaluation.candidate, {})[evaluation.instance] = evaluation

    def evaluation(self, candidate: int, instance: str) -> Evaluation | None:
        """The measurement of that pair, if there is one that counts."""
        found = self._evaluations.get(candidate, {}).get(instance)
        return found if found is not None and found.status != "unmeasured" else None

    def evaluations(self, candidate: int) -> list[Evaluation]:
        """Everything measured of a candidate, in order."""
        return list(self._evaluations.get(candidate, {}).values())

    def scores(self, candidate: int, instances: Iterable[str]) -> dict[str, float]:
        """Scores by instance, of those instances that were measured and have one."""
        found = ((i, self.evaluation(candidate, i)) for i in instances)
        return {i: e.score for i, e in found if e is not None and e.score is not None}

    def is_measured(self, candidate: int, instances: Iterable[str]) -> bool:
        """Whether the candidate was measured on all of these."""
        return all(self.evaluation(candidate, i) is not None for i in instances)

    def mean(self, candidate: int, instances: Sequence[str]) -> float | None:
        """Mean score on these instances; `None` unless all were measured and have a score."""
        scores = self.scores(candidate, instances)
        return sum(scores.values()) / len(scores) if len(scores) == len(instances) > 0 else None

    def ranking(self, candidates: Sequence[int], instances: Sequence[str]) -> list[int]:
        """The candidates of a group by mean score on these instances, the best first, the earlier of equals first.

        One that was not measured on all of them, or has no score, is left out.
        """
        means = {candidate: self.mean(candidate, instances) for candidate in candidates}
        scored = {candidate: mean for candidate, mean in means.items() if mean is not None}
        return sorted(scored, key=lambda candidate: (-scored[candidate], candidate))

    def children(self, candidate: int) -> list[Candidate]:
        """The candidates made from this one."""
        return [self.candidates[child] for child in self._children.get(candidate, ())]

    def evidence(self, candidate: int, instances: Iterable[str]) -> list[Evidence]:
        """What the optimizer may learn from: evidence of these instances, in order. Only train instances have any."""
        found = (self.evaluation(candidate, i) for i in instances)
        known = (self._with_evidence(e) for e in found if e is not None)
        return [e.evidence for e in known if e.evidence is not None]

    def _with_evidence(self, evaluation: Evaluation) -> Evaluation:
        if evaluation.evidence is None and evaluation.split != "test" and self._revive is not None:
            evaluation = replace(evaluation, evidence=self._revive(evaluation))
            self._evaluations[evaluation.candidate][evaluation.instance] = evaluation
        return evaluation

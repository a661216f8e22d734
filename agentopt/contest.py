"""Optimizers beside each other on one task: the same budget and the same seeds for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentopt.budget import Budget
from agentopt.errors import UsageError
from agentopt.loop import optimize
from agentopt.result import Result
from agentopt.selection.statistics import Interval, mean_interval, paired_difference
from agentopt.task import Task


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What one optimizer reached.

    Args:
        score: mean over the seeds of what the best candidate scored, with its interval over the seeds.
        gain: over the first optimizer, paired by seed; `None` for the first.
        spent: mean over the seeds, by resource.
    """

    optimizer: str
    score: Interval | None
    gain: Interval | None
    spent: Mapping[str, float]


def contest(
    task: Task, optimizers: Sequence[str], *, budget: Budget, seeds: int = 5, **settings: Any
) -> list[Standing]:
    """Runs each optimizer `seeds` times, and says what each found: on test, or on dev where there is no test.

    A dev score flatters: the best was chosen for it.

    Args:
        optimizers: specs, the first is compared with.
        seeds: runs of each, with seeds from 0.
        settings: further ones of `optimize`: `llm`, `proposer`, `out`, ….

    Raises:
        UsageError: fewer than two optimizers, or no run; and as `optimize`.
    """
    if len(optimizers) < 2 or seeds < 1:
        raise UsageError(f"a comparison takes 2 optimizers or more and a seed, got {len(optimizers)} and {seeds} seeds")
    found = {
        spec: [optimize(task, optimizer=spec, budget=budget, seed=seed, **settings) for seed in range(seeds)]
        for spec in dict.fromkeys(optimizers)
    }
    base = [_score(result) for result in found[optimizers[0]]]
    standings = []
    for spec, results in found.items():
        scores = [_score(result) for result in results]
        both = [(b, s) for b, s in zip(base, scores) if b is not None and s is not None]
        names = dict.fromkeys(name for result in results for name in result.spent)
        standings.append(
            Standing(
                optimizer=spec,
                score=mean_interval([s for s in scores if s is not None]),
                gain=None if spec == optimizers[0] else paired_difference([b for b, _ in both], [s for _, s in both]),
                spent={name: sum(r.spent.get(name, 0.0) for r in results) / seeds for name in names},
            )
        )
    return standings


def _score(result: Result) -> float | None:
    return result.test_best.mean if result.test_best is not None else result.dev_best

"""Optimizers beside each other: the same budget, the same seeds, gains paired by seed."""

from __future__ import annotations

import pytest

import agentopt as ao
from agentopt.contest import contest
from agentopt.errors import UsageError
from agentopt.instance import Instance
from agentopt.selection.statistics import mean_interval
from agentopt.task import Task, as_task


def task() -> Task:
    x = ao.Parameter(0.9, name="x", bounds=(0.0, 1.0))
    scored = ao.bundle(lambda x: -abs(x - 0.3))
    return as_task(
        lambda: scored(x), instances=[Instance(id="one", split="train")], feedback=lambda s: s, parameters=[x]
    )


def test_scores_are_those_of_the_single_runs_and_gains_are_paired_by_seed() -> None:
    budget = ao.Budget(evaluations=12)
    first, second = contest(task(), ["random", "one-plus-one"], budget=budget, seeds=3, out=None)
    alone = {
        spec: [ao.optimize(task(), optimizer=spec, budget=budget, seed=s, out=None).dev_best for s in range(3)]
        for spec in ("random", "one-plus-one")
    }
    pairs = [(a, b) for a, b in zip(alone["random"], alone["one-plus-one"]) if a is not None and b is not None]
    assert first.score == mean_interval([a for a, _ in pairs])
    assert first.gain is None
    assert second.gain == mean_interval([b - a for a, b in pairs])
    assert first.spent["evaluations"] == second.spent["evaluations"] == 12


@pytest.mark.parametrize(("optimizers", "seeds"), [(["random"], 3), (["random", "sobol"], 0)])
def test_nothing_to_compare_is_a_usage_error(optimizers: list[str], seeds: int) -> None:
    with pytest.raises(UsageError, match="2 optimizers"):
        contest(task(), optimizers, budget=ao.Budget(evaluations=3), seeds=seeds)

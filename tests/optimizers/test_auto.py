"""Budgets by a word."""

from __future__ import annotations

import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.instance import Instance, Split
from agentopt.optimizers.auto import Level, auto_budget


def instances(**counts: int) -> list[Instance]:
    splits: list[Split] = ["train", "dev", "test"]
    return [Instance(id=f"{s}{n}", split=s) for s in splits for n in range(counts.get(s, 0))]


@pytest.mark.parametrize(("level", "candidates"), [("light", 10), ("medium", 30), ("heavy", 100)])
def test_a_level_pays_for_so_many_candidates_and_the_test(level: Level, candidates: int) -> None:
    budget = auto_budget(level, instances(train=20, dev=15, test=5))
    assert budget.evaluations == candidates * (6 + 6 + 15) + 2 * 5


def test_without_dev_a_candidate_is_reckoned_on_train() -> None:
    assert auto_budget("light", instances(train=2)).evaluations == 10 * (2 + 2 + 2)


def test_an_unknown_level_is_a_usage_error_that_lists_them() -> None:
    with pytest.raises(UsageError, match="light, medium, heavy"):
        ao.optimize(lambda: 1.0, parameters=ao.Parameter(1.0, name="x"), budget="huge", out=None)  # type: ignore[arg-type]


def test_a_run_takes_a_level() -> None:
    x = ao.Parameter(9.0, name="x", bounds=(0, 10))
    result = ao.optimize(lambda: x * 1.0, parameters=[x], optimizer="random", budget="light", out=None)
    assert result.spent["evaluations"] == 30

"""An estimate is the search itself, so its counts are those of a run on the same scores, and nothing is run."""

from __future__ import annotations

from typing import Any

import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.estimate import estimate
from agentopt.instance import Instance
from agentopt.optimizers.named import plugins
from agentopt.task import Task, as_task
from agentopt.testing.worlds import mixed_settings

INSTANCES = [Instance(id=f"{s}{n}", split=s) for s in ("train", "dev") for n in range(4)]


def task() -> Task:
    settings = mixed_settings(fails=True)
    return as_task(
        settings["workflow"],
        instances=INSTANCES,
        feedback=settings["feedback"],
        parameters=settings["parameters"],
    )


def test_a_search_without_a_model_buys_one_candidate_for_each_round_of_dev() -> None:
    found = estimate(task(), optimizer="random:batch=1", budget=ao.Budget(evaluations=40))
    assert found.proposals == (9, 9)  # (40 - 4 for the start) / 4
    assert found.evaluations == (40, 40)
    assert found.optimizer_calls == (0, 0)


@pytest.mark.parametrize("name", sorted(set(plugins("optimizers")) - {"halving"}))
def test_every_optimizer_can_be_estimated_within_the_budget(name: str) -> None:
    found = estimate(task(), optimizer=name, budget=ao.Budget(evaluations=30, asks=30, llm_calls=20), runs=1)
    assert found.evaluations[1] <= 30
    assert found.optimizer_calls[1] <= 20
    assert found.reasons


def test_the_model_of_a_workflow_is_reckoned_with() -> None:
    prompt = ao.Parameter("Say it.", name="prompt", kind="prompt")

    def workflow(llm: Any) -> Any:
        raise AssertionError("nothing of the task is run")

    asking = as_task(workflow, instances=INSTANCES, feedback=lambda x: 1.0, parameters=[prompt])
    found = estimate(asking, optimizer="greedy", budget=ao.Budget(llm_calls=50), runs=1)
    assert found.workflow_calls == found.evaluations
    assert found.workflow_calls[0] + found.optimizer_calls[0] <= 50
    assert found.proposals[0] > 0


def test_a_budget_of_time_alone_cannot_be_estimated_and_beside_others_is_named() -> None:
    with pytest.raises(UsageError, match="seconds"):
        estimate(task(), optimizer="random", budget=ao.Budget(seconds=5))
    found = estimate(task(), optimizer="random", budget=ao.Budget(seconds=5, evaluations=8))
    assert found.left_out == ["seconds"]

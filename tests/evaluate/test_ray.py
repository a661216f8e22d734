"""A Ray cluster of this machine: the same results as threads, each model call made once, in the driver."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

import agentopt as ao
from agentopt.evaluate.ray import RayExecutor
from agentopt.llm.base import LLM
from tests.evaluate.conftest import MakeBench, instances

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # Ray's own, of its dependencies

weight = ao.Parameter(2.0, name="weight")


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    made = RayExecutor("local")
    yield made
    made.close()


def test_it_measures_what_threads_measure(bench: MakeBench, executor: RayExecutor) -> None:
    def workflow(x: Any) -> Any:
        return x * weight

    local = bench(workflow, instances(6), parameters=weight)
    remote = bench(workflow, instances(6), parameters=weight, executor=executor)
    for made in (local, remote):
        made.measure()
    assert remote.archive.scores(0, remote.engine.instances) == local.archive.scores(0, local.engine.instances)
    (evidence,) = remote.archive.evidence(0, ["i1"])
    assert [version.parameter for version in evidence.subgraph.parameters] == [weight]


def test_models_are_asked_in_the_driver(bench: MakeBench, executor: RayExecutor) -> None:
    def asks(x: Any, llm: LLM) -> tuple[float, str]:
        return float(ao.ask(llm, f"x is {x.value}")), str(os.getpid())

    made = bench(asks, instances(4), replies=["1"] * 4, executor=executor)
    made.measure()
    assert {e.feedback.text for e in made.archive.evaluations(0)}.isdisjoint({str(os.getpid())})
    assert made.ledger.spent["llm_calls"] == 4
    assert len(made.exchanges) == 4


def test_a_worker_that_dies_each_time_is_a_failed_evaluation(bench: MakeBench, executor: RayExecutor) -> None:
    def deadly(x: Any) -> Any:
        os._exit(1)

    made = bench(deadly, instances(1), executor=executor)
    made.measure()
    (evaluation,) = made.archive.evaluations(0)
    assert evaluation.status == "failed"
    assert "its worker processes died" in evaluation.feedback.text

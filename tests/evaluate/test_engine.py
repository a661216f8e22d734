"""Measuring: input order, exact budgets, failures as data, and what a workflow is called with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.candidate import Trial
from agentopt.errors import BudgetExhausted, LLMError, MissingKey, ModelUnavailable, UsageError
from agentopt.evaluate.measurement import call_arguments
from agentopt.instance import Instance
from agentopt.llm.base import LLM
from agentopt.llm.scripted import ScriptedLLM
from agentopt.task import as_task
from tests.evaluate.conftest import Bench, MakeBench, identity, instances


def test_evaluations_are_in_input_order_although_the_first_ones_are_the_slowest(bench: MakeBench) -> None:
    def slow_first(x: Any) -> Any:
        time.sleep(0.08 if x.value == 0 else 0.04 if x.value == 1 else 0.0)
        return x

    made = bench(slow_first, instances(8))
    made.measure()
    assert [e.instance for e in made.archive.evaluations(0)] == [f"i{n}" for n in range(8)]
    assert made.said[-1].instance == "i0"  # it did end last


def test_results_belong_to_their_own_instances(bench: MakeBench) -> None:
    made = bench(identity, instances(30))
    made.measure()
    assert made.archive.scores(0, made.engine.instances) == {f"i{n}": float(n) for n in range(30)}


def test_eight_workers_never_run_the_workflow_more_often_than_the_budget_allows(bench: MakeBench) -> None:
    runs: list[int] = []

    def counted(x: Any) -> Any:
        runs.append(1)
        time.sleep(0.005)
        return x

    made = bench(counted, instances(20), budget=Budget(evaluations=7))
    with pytest.raises(BudgetExhausted, match="evaluations"):
        made.measure()
    assert len(runs) == 7
    assert made.ledger.spent["evaluations"] == 7


def test_what_could_be_afforded_is_in_the_archive(bench: MakeBench) -> None:
    made = bench(identity, instances(5), budget=Budget(evaluations=2))
    with pytest.raises(BudgetExhausted):
        made.measure()
    assert [e.instance for e in made.archive.evaluations(0)] == ["i0", "i1"]


def test_a_budget_that_just_suffices_is_spent_to_the_last(bench: MakeBench) -> None:
    made = bench(identity, instances(4), budget=Budget(evaluations=4))
    made.measure()
    assert made.ledger.left("evaluations") == 0


def test_what_is_held_for_later_is_not_spent_now(bench: MakeBench) -> None:
    made = bench(identity, instances(5), budget=Budget(evaluations=5))
    made.ledger.hold(evaluations=2)
    with pytest.raises(BudgetExhausted):
        made.measure()
    assert made.ledger.spent["evaluations"] == 3


def test_held_measurements_draw_on_what_was_held(bench: MakeBench) -> None:
    made = bench(identity, instances(2), budget=Budget(evaluations=2))
    made.ledger.hold(evaluations=2)
    made.measure(held=True)
    assert made.ledger.spent["evaluations"] == 2


def test_a_measured_pair_is_not_run_again(bench: MakeBench) -> None:
    runs: list[int] = []

    def counted(x: Any) -> Any:
        runs.append(1)
        return x

    made = bench(counted)
    made.measure()
    made.measure()
    assert len(runs) == 3


def test_a_pair_that_is_asked_for_twice_at_once_is_run_once(bench: MakeBench) -> None:
    made = bench(identity)
    trial = Trial(candidate=made.start, instances=("i0", "i0", "i1"))
    made.engine.measure([trial, trial], made.archive)
    assert sorted(e.instance for e in made.said) == ["i0", "i1"]


def test_no_trials_measure_nothing(bench: MakeBench) -> None:
    made = bench(identity)
    assert made.engine.measure([], made.archive) == []
    assert made.said == []


def test_a_workflow_that_raises_gives_a_failed_evaluation_with_the_score_of_a_failure(bench: MakeBench) -> None:
    def broken(x: Any) -> Any:
        raise ZeroDivisionError("no boxes")

    made = bench(broken, instances(1))
    made.measure()
    (evaluation,) = made.archive.evaluations(0)
    assert (evaluation.status, evaluation.score) == ("failed", float("-inf"))
    assert "ZeroDivisionError: no boxes" in evaluation.feedback.text


def test_a_workflow_that_raises_on_one_instance_does_not_spoil_the_others(bench: MakeBench) -> None:
    @ao.bundle
    def inverse(x: float) -> float:
        return 1 / x

    made = bench(lambda x: inverse(x), instances(3))
    made.measure()
    assert [e.status for e in made.archive.evaluations(0)] == ["failed", "ok", "ok"]


def test_a_judge_that_raises_is_a_failed_evaluation_that_says_so(bench: MakeBench) -> None:
    def judge(output: Any, fields: Mapping[str, Any]) -> float:
        return float(fields["nothing_of_this_name"])

    made = bench(identity, instances(1), feedback=judge)
    made.measure()
    (evaluation,) = made.archive.evaluations(0)
    assert evaluation.status == "failed"
    assert "could not be judged" in evaluation.feedback.text
    assert "KeyError" in evaluation.feedback.text


def test_the_output_of_a_judge_that_raises_is_kept(bench: MakeBench) -> None:
    def judge(output: Any) -> float:
        raise RuntimeError("broken judge")

    made = bench(lambda x: "forty-two", instances(1), feedback=judge)
    made.measure()
    assert made.archive.evaluations(0)[0].output == "'forty-two'"


def test_a_score_that_is_nan_is_a_failed_evaluation_and_not_the_end_of_the_run(bench: MakeBench) -> None:
    @ao.bundle
    def overflowing(x: float) -> float:
        return float("inf") - float("inf")

    made = bench(lambda x: overflowing(x), instances(1))
    made.measure()
    assert made.archive.evaluations(0)[0].status == "failed"


def test_an_async_workflow_is_awaited(bench: MakeBench) -> None:
    import asyncio

    async def patient(x: Any) -> Any:
        await asyncio.sleep(0.001)
        return x + 1

    made = bench(patient, instances(8))
    made.measure()
    assert made.archive.scores(0, made.engine.instances) == {f"i{n}": n + 1.0 for n in range(8)}


def test_an_async_workflow_that_raises_is_a_failed_evaluation(bench: MakeBench) -> None:
    async def broken(x: Any) -> Any:
        raise ValueError("async trouble")

    made = bench(broken, instances(1))
    made.measure()
    assert "async trouble" in made.archive.evaluations(0)[0].feedback.text


def calls_model(x: Any, llm: LLM) -> Any:
    return float(ao.ask(llm, f"x is {x.value}"))


def test_no_answer_of_the_model_is_an_unmeasured_evaluation(bench: MakeBench) -> None:
    made = bench(calls_model, instances(1), replies=[LLMError("the model is asleep")])
    unanswered = made.measure()
    assert unanswered == ["LLMError: the model is asleep\nin candidate `0`, instance `i0`"]
    assert [(e.status, e.score) for e in made.said] == [("unmeasured", None)]


def test_an_unmeasured_evaluation_costs_no_evaluation(bench: MakeBench) -> None:
    made = bench(calls_model, instances(1), replies=[LLMError("asleep")], budget=Budget(evaluations=1))
    made.measure()
    assert made.ledger.left("evaluations") == 1


def test_an_unmeasured_pair_is_measured_when_asked_again(bench: MakeBench) -> None:
    made = bench(calls_model, instances(1), replies=[LLMError("asleep"), "0.5"])
    made.measure()
    assert made.archive.evaluation(0, "i0") is None
    assert made.measure() == []
    assert made.archive.scores(0, ["i0"]) == {"i0": 0.5}


def test_what_calls_cost_is_in_the_evaluation(bench: MakeBench) -> None:
    made = bench(calls_model, instances(1), replies=["1"])
    made.measure()
    assert made.said[0].cost["llm_calls"] == 1


def test_exchanges_are_labelled_with_candidate_and_instance(bench: MakeBench) -> None:
    made = bench(calls_model, instances(2), replies=["1", "1"])
    made.measure()
    assert sorted(e.where["instance"] for e in made.exchanges) == ["i0", "i1"]
    assert {e.where["candidate"] for e in made.exchanges} == {0}


@pytest.mark.parametrize("problem", [MissingKey("no key"), ModelUnavailable("unreachable")])
def test_an_environment_problem_ends_the_measuring_but_what_was_measured_is_recorded(
    bench: MakeBench, problem: Exception
) -> None:
    made = bench(calls_model, instances(3), replies=["1", problem, "3"], workers=1)
    with pytest.raises(type(problem)):
        made.measure()
    assert made.archive.scores(0, made.engine.instances) == {"i0": 1.0}


def test_an_environment_problem_comes_before_an_exhausted_budget(bench: MakeBench) -> None:
    made = bench(calls_model, replies=[MissingKey("no key")] * 3, budget=Budget(evaluations=2), workers=1)
    with pytest.raises(MissingKey):
        made.measure()


def test_every_reservation_is_settled_after_an_environment_problem(bench: MakeBench) -> None:
    made = bench(calls_model, replies=["1", MissingKey("no key"), "3"], budget=Budget(evaluations=5), workers=1)
    with pytest.raises(MissingKey):
        made.measure()
    assert made.ledger.left("evaluations") == 4


def test_an_interrupt_in_the_workflow_is_passed_on_and_nothing_more_is_started(bench: MakeBench) -> None:
    def interrupted(x: Any) -> Any:
        if x.value == 1:
            raise KeyboardInterrupt
        return x

    made = bench(interrupted, workers=1)
    with pytest.raises(KeyboardInterrupt):
        made.measure()
    assert [e.instance for e in made.archive.evaluations(0)] == ["i0"]


def test_workers_measure_side_by_side(bench: MakeBench) -> None:
    barrier = threading.Barrier(4, timeout=5)

    def together(x: Any) -> Any:
        barrier.wait()  # raises unless four runs are under way at once
        return x

    made = bench(together, instances(4), workers=4)
    made.measure()
    assert {e.status for e in made.said} == {"ok"}


def test_test_instances_never_give_evidence(bench: MakeBench) -> None:
    examples = [*instances(1), Instance(id="t", split="test", fields={"x": 1})]
    made = bench(identity, examples)
    made.measure()
    assert [e.instance for e in made.archive.evidence(0, ["i0", "t"])] == ["i0"]


def test_dev_and_train_instances_give_evidence(bench: MakeBench) -> None:
    examples = [*instances(1), Instance(id="d", split="dev", fields={"x": 1})]
    made = bench(identity, examples)
    made.measure()
    assert [e.evidence is not None for e in made.archive.evaluations(0)] == [True, True]


def test_candidates_measured_side_by_side_do_not_see_each_others_values() -> None:
    weight = ao.Parameter(0.0, name="weight")

    def slow_copy(x: Any) -> Any:
        time.sleep(0.002)
        return weight + 0

    task = as_task(slow_copy, instances=instances(2), feedback=None, parameters=weight)
    made = Bench(task)
    candidates = [made.archive.add(made.archive.candidate({"weight": float(n)})) for n in range(10)]
    made.engine.measure([Trial(candidate=c, instances=("i0", "i1")) for c in candidates], made.archive)
    assert [made.archive.mean(c.id, ["i0", "i1"]) for c in candidates] == [float(n) for n in range(10)]
    assert weight.value == 0.0


def arguments(workflow: Callable[..., Any], fields: Mapping[str, Any], llm: LLM | None = None) -> dict[str, Any]:
    return call_arguments(ao.trace(workflow), Instance(id="one", split="train", fields=fields), llm)


def test_arguments_are_fields_by_name() -> None:
    def workflow(question: Any, context: Any) -> Any: ...

    given = arguments(workflow, {"question": "q", "context": "c", "answer": "a"})
    assert {name: node.value for name, node in given.items()} == {"question": "q", "context": "c"}


def test_the_only_parameter_gets_all_fields_as_a_dict() -> None:
    def workflow(example: Any) -> Any: ...

    assert arguments(workflow, {"a": 1, "b": 2})["example"].value == {"a": 1, "b": 2}


def test_the_only_parameter_beside_llm_gets_all_fields_as_a_dict() -> None:
    llm = ScriptedLLM([])

    def workflow(example: Any, llm: LLM) -> Any: ...

    given = arguments(workflow, {"a": 1}, llm)
    assert given["example"].value == {"a": 1}
    assert given["llm"] is llm


def test_the_only_parameter_gets_its_field_where_it_has_its_name() -> None:
    def workflow(a: Any) -> Any: ...

    assert arguments(workflow, {"a": 1, "b": 2})["a"].value == 1


def test_missing_fields_are_a_usage_error_that_names_them_and_what_there_is() -> None:
    def workflow(question: Any, passage: Any, hint: Any) -> Any: ...

    with pytest.raises(UsageError) as caught:
        arguments(workflow, {"question": "q", "answer": "a"})
    for word in ("workflow", "passage", "hint", "one", "answer"):
        assert word in str(caught.value)


def test_a_parameter_with_a_default_may_be_missing() -> None:
    def workflow(question: Any, hint: Any = "none") -> Any: ...

    assert list(arguments(workflow, {"question": "q"})) == ["question"]


def test_a_workflow_without_parameters_gets_nothing() -> None:
    assert arguments(lambda: 1, {"a": 1}) == {}


def test_variable_arguments_are_left_empty() -> None:
    def workflow(question: Any, *more: Any, **others: Any) -> Any: ...

    assert list(arguments(workflow, {"question": "q", "extra": 1})) == ["question"]


def test_an_llm_that_is_not_there_is_a_usage_error_that_says_what_to_give() -> None:
    with pytest.raises(UsageError, match="llm"):
        arguments(calls_model, {"x": 1})


def test_a_usage_error_of_the_call_ends_the_measuring(bench: MakeBench) -> None:
    def needs_two(x: Any, y: Any) -> Any: ...

    made = bench(needs_two, instances(1))
    with pytest.raises(UsageError, match="needs"):
        made.measure()

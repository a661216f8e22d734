"""The PyTorch-like handle: parameters change in place, all or none."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import agentopt as ao
from agentopt.budget import Budget
from agentopt.errors import BudgetExhausted, LLMError, UsageError
from agentopt.inspector.page import write_page
from agentopt.inspector.text import summary
from agentopt.inspector.view import view
from agentopt.llm.base import Request
from agentopt.llm.scripted import Scripted, ScriptedLLM
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.store.tracefile import read_run


class Loop:
    """Two parameters, a handle on them, and what its model was asked."""

    def __init__(self, *replies: Scripted, **settings: Any) -> None:
        self.width = ao.Parameter(9.0, name="width", bounds=(0, 20))
        self.height = ao.Parameter(2, name="height", bounds=(0, 20))
        self.requests: list[Request] = []
        self.optimizer = ao.OptoPrime(
            [self.width, self.height], llm=ScriptedLLM([self.heard(r) for r in replies], name="loop"), **settings
        )

    def heard(self, reply: Scripted) -> Scripted:
        def answer(request: Request) -> Any:
            self.requests.append(request)
            if isinstance(reply, Exception):
                raise reply
            return reply

        return answer

    @property
    def values(self) -> tuple[float, int]:
        return self.width.value, self.height.value

    def run(self, *feedback: object) -> None:
        self.optimizer.zero_feedback()
        for said in feedback or (-1.0,):
            self.optimizer.backward(self.width * self.height, said)

    def asked(self, number: int = 0) -> str:
        return self.requests[number].messages[1].content


def test_a_step_changes_the_values() -> None:
    loop = Loop('{"reasoning": "wider", "changes": {"width": 10, "height": 5}}')
    loop.run()
    step = loop.optimizer.step()
    assert loop.values == (10.0, 5)
    assert (step.changes, step.reasoning, step.problem) == ({"width": 10.0, "height": 5}, "wider", "")


def test_a_step_changes_only_what_the_model_names() -> None:
    loop = Loop('{"changes": {"width": 10}}')
    loop.run()
    loop.optimizer.step()
    assert loop.values == (10.0, 2)


def test_bad_replies_leave_the_values_and_the_step_says_why() -> None:
    loop = Loop(*['{"changes": {"width": 10, "height": 500}}'] * 3)
    loop.run()
    step = loop.optimizer.step()
    assert loop.values == (9.0, 2)
    assert step.changes == {}
    assert "from 0 to 20" in step.problem


def test_a_bad_reply_followed_by_a_good_one_changes_the_values() -> None:
    loop = Loop("no idea", '{"changes": {"width": 10}}')
    loop.run()
    assert loop.optimizer.step().changes == {"width": 10.0}


def test_a_model_that_would_change_nothing_is_a_step_without_changes_and_without_a_problem() -> None:
    loop = Loop('{"reasoning": "perfect already", "changes": {}}')
    loop.run()
    step = loop.optimizer.step()
    assert (step.changes, step.problem, step.reasoning) == ({}, "", "perfect already")


def test_no_feedback_is_a_usage_error_and_asks_nothing() -> None:
    loop = Loop('{"changes": {"width": 10}}')
    with pytest.raises(UsageError, match="backward"):
        loop.optimizer.step()
    assert loop.requests == []


def test_zeroed_feedback_is_no_feedback() -> None:
    loop = Loop('{"changes": {"width": 10}}')
    loop.run()
    loop.optimizer.zero_feedback()
    with pytest.raises(UsageError, match="no parameter has feedback"):
        loop.optimizer.step()


def test_several_outputs_before_a_step_are_one_request_with_all_of_them() -> None:
    loop = Loop('{"changes": {"width": 10}}')
    loop.run((-1.0, "too narrow"), (-2.0, "far too narrow"))
    loop.optimizer.step()
    assert len(loop.requests) == 1
    for words in ("# Run 1", "# Run 2", "too narrow", "far too narrow"):
        assert words in loop.asked()


@pytest.mark.parametrize("feedback", [-1.0, "too narrow", (-1.0, "too narrow"), ValueError("negative"), True])
def test_backward_takes_every_kind_of_feedback(feedback: object) -> None:
    loop = Loop('{"changes": {"width": 10}}')
    loop.run(feedback)
    assert loop.optimizer.step().changes


def test_feedback_on_a_plain_value_is_a_usage_error() -> None:
    loop = Loop()
    with pytest.raises(UsageError, match="float"):
        loop.optimizer.backward(3.0, -1.0)


def test_a_second_step_sees_what_was_tried_before() -> None:
    loop = Loop('{"changes": {"width": 10}}', '{"changes": {"width": 11}}')
    for score in (-5.0, -3.0):
        loop.run(score)
        loop.optimizer.step()
    assert "- score -5: width = 9.0" in loop.asked(1)


def test_a_second_step_on_a_minibatch_sees_what_was_tried_before() -> None:
    loop = Loop('{"changes": {"width": 10}}', '{"changes": {"width": 11}}')
    for score in (-5.0, -3.0):
        loop.run(score, score)
        loop.optimizer.step()
    assert "- score -5: width = 9.0" in loop.asked(1)


def test_a_step_after_a_failed_workflow_is_possible() -> None:
    loop = Loop('{"changes": {"width": 10}}')

    @ao.trace
    def workflow() -> Any:
        return loop.width / (loop.height - 2)

    trace = workflow()
    loop.optimizer.backward(trace, trace.error)
    assert loop.optimizer.step().changes == {"width": 10.0}
    assert "ZeroDivisionError" in loop.asked()


def test_the_budget_is_kept_over_all_steps() -> None:
    loop = Loop(*['{"changes": {"width": 10}}', '{"changes": {"width": 11}}'], budget=Budget(llm_calls=1))
    loop.run()
    loop.optimizer.step()
    loop.run()
    with pytest.raises(BudgetExhausted, match="llm_calls"):
        loop.optimizer.step()
    assert loop.values == (10.0, 2)


def test_a_model_that_does_not_answer_leaves_the_values() -> None:
    loop = Loop(LLMError("asleep"))
    loop.run()
    with pytest.raises(LLMError):
        loop.optimizer.step()
    assert loop.values == (9.0, 2)


def test_settings_of_the_proposer_are_the_users() -> None:
    loop = Loop("junk", '{"changes": {"width": 10}}', proposer=OptoPrimeProposer(again=0))
    loop.run()
    assert loop.optimizer.step().changes == {}


def test_nothing_to_change_is_a_usage_error_at_once() -> None:
    with pytest.raises(UsageError, match="no parameter"):
        ao.OptoPrime([], llm=ScriptedLLM([]))


def test_two_parameters_of_one_name_are_a_usage_error() -> None:
    twins: Sequence[ao.Parameter] = [ao.Parameter(1.0, name="x"), ao.Parameter(2.0, name="x")]
    with pytest.raises(UsageError, match="two parameters are called `x`"):
        ao.OptoPrime(twins, llm=ScriptedLLM([]))


def test_code_of_a_trainable_bundle_is_changed() -> None:
    @ao.bundle(trainable=True)
    def price(count: int) -> int:
        """Price of so many."""
        return count * 3

    code = "def price(count):\n    return count * 4\n"
    optimizer = ao.OptoPrime(
        price, llm=ScriptedLLM([lambda _: f'{{"changes": {{"price": {code!r}}}}}'.replace("'", '"')])
    )
    optimizer.backward(price(2), "too cheap")
    step = optimizer.step()
    assert step.changes == {"price": code}
    assert ao.detach(price(2)) == 8


def kept(folder: Path) -> tuple[Loop, Any]:
    loop = Loop("junk", '{"changes": {"width": 10}}', '{"changes": {"width": 11}}', out=folder)
    for score in (-5.0, -3.0):
        loop.run(score)
        loop.optimizer.step()
    return loop, view(read_run(loop.optimizer.run, folder / "agentopt.sqlite"))


def test_a_record_holds_exchanges_candidates_and_refusals(tmp_path: Path) -> None:
    _, run = kept(tmp_path)
    assert (len(run.exchanges), len(run.candidates), len(run.refusals)) == (3, 2, 1)


def test_no_folder_means_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Loop()
    assert list(tmp_path.iterdir()) == []


def test_a_record_can_be_inspected_in_a_terminal(tmp_path: Path) -> None:
    _, run = kept(tmp_path)
    Console(file=io.StringIO()).print(summary(run))


def test_a_record_can_be_inspected_as_a_page(tmp_path: Path) -> None:
    _, run = kept(tmp_path)
    write_page(tmp_path / "page.html", [run])

"""Requests made at once are reserved and recorded in their order, whichever reply comes first."""

from __future__ import annotations

import random
import threading

import pytest

from agentopt.budget import Budget, Ledger
from agentopt.errors import BudgetExhausted, RunStopped
from agentopt.evaluate.parallel import replies
from agentopt.llm.base import LLM, Capability, Message, Reply, Request
from agentopt.llm.failures import Transient
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.retrying import RetryingLLM


class Backwards:
    """Replies to the request that was made last first; the requests are the numbers below `count`."""

    name = answered_by = "backwards"
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, count: int, *, failing: frozenset[str] = frozenset()) -> None:
        self.over = [threading.Event() for _ in range(count + 1)]
        self.over[count].set()
        self.failing = set(failing)

    def complete(self, request: Request) -> Reply:
        text = request.messages[0].content
        if text in self.failing:
            self.failing.remove(text)
            raise Transient("busy", retry_after_s=0)
        assert self.over[int(text) + 1].wait(30)
        self.over[int(text)].set()
        return Reply(text=f"r{text}")


def numbered(count: int) -> list[Request]:
    return [Request(messages=(Message("user", str(n)),)) for n in range(count)]


def recorded(model: LLM, told: list[Exchange], budget: Budget) -> LLM:
    inner = RecordedLLM(model, ledger=Ledger(budget), on_exchange=told.append, role="optimizer")
    return RetryingLLM(inner, rng=random.Random(0), sleep=lambda _: None)


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_exchanges_are_told_in_the_order_of_the_requests(count: int) -> None:
    told: list[Exchange] = []
    found = replies(recorded(Backwards(count), told, Budget()), numbered(count))
    assert [reply.text for reply in found] == [f"r{n}" for n in range(count)]
    assert [e.request for e in told] == numbered(count)


def test_attempts_of_one_request_are_told_together() -> None:
    told: list[Exchange] = []
    replies(recorded(Backwards(4, failing=frozenset({"0", "2"})), told, Budget()), numbered(4))
    assert [(e.request.messages[0].content, e.error_kind) for e in told] == [
        ("0", "Transient"),
        ("0", ""),
        ("1", ""),
        ("2", "Transient"),
        ("2", ""),
        ("3", ""),
    ]


@pytest.mark.parametrize("repetition", range(5))
def test_the_first_requests_get_what_is_left_of_the_budget(repetition: int) -> None:
    told: list[Exchange] = []
    with pytest.raises(BudgetExhausted):
        replies(recorded(Backwards(3), told, Budget(llm_calls=3)), numbered(40))
    assert [e.request for e in told] == numbered(3)


def test_what_the_record_raises_is_raised_and_later_exchanges_are_told_all_the_same() -> None:
    told: list[str] = []

    def tell(exchange: Exchange) -> None:
        told.append(exchange.request.messages[0].content)
        if told[-1] == "1":
            raise RunStopped("enough")

    model = RecordedLLM(Backwards(4), ledger=Ledger(Budget()), on_exchange=tell, role="optimizer")
    with pytest.raises(RunStopped):
        replies(model, numbered(4))
    assert told == ["0", "1", "2", "3"]


def test_equal_requests_are_told_with_the_reply_that_each_got() -> None:
    told: list[Exchange] = []
    twice = [request for request in numbered(1) for _ in range(2)]
    found = replies(recorded(Backwards(1), told, Budget()), twice)
    assert [e.reply for e in told] == found


def test_a_model_that_keeps_no_order_is_asked_all_the_same() -> None:
    assert [reply.text for reply in replies(Backwards(3), numbered(3))] == ["r0", "r1", "r2"]

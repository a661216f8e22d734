"""Recorded exchanges are given once more, to whoever asks the same for the same, and cost nothing again."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest

from agentopt.budget import Budget, Ledger
from agentopt.errors import LLMError
from agentopt.llm.base import Message, Reply, Request, Usage
from agentopt.llm.earlier import Earlier
from agentopt.llm.failures import LostReply, Transient
from agentopt.llm.price import Price
from agentopt.llm.recorded import Exchange, RecordedLLM, booked, prompt_bound
from agentopt.llm.replayed import ReplayedLLM
from agentopt.llm.scripted import ScriptedLLM

PRICE = Price(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=2.0)
USAGE = Usage(prompt_tokens=10, completion_tokens=5, cost_usd=0.25)


def request(text: str, max_tokens: int | None = None) -> Request:
    return Request(messages=(Message("user", text),), max_tokens=max_tokens)


def said(text: str, reply: str, **where: object) -> Exchange:
    return Exchange(request=request(text), reply=Reply(text=reply, usage=USAGE), where=where)


def test_each_is_given_once_in_recorded_order() -> None:
    earlier = Earlier([said("q", "first"), said("q", "second")])
    found = [earlier.take("workflow", {}, request("q")) for _ in range(3)]
    assert [e.reply.text if e and e.reply else None for e in found] == ["first", "second", None]


@pytest.mark.parametrize(
    ("role", "where", "text"),
    [("optimizer", {"candidate": 1}, "q"), ("workflow", {"candidate": 2}, "q"), ("workflow", {"candidate": 1}, "r")],
    ids=["role", "label", "request"],
)
def test_what_was_asked_by_another_or_otherwise_is_not_given(role: str, where: dict[str, int], text: str) -> None:
    earlier = Earlier([said("q", "a", candidate=1)])
    assert earlier.take(role, where, request(text)) is None  # type: ignore[arg-type]  # roles by parametrize


def test_a_request_that_the_budget_shortened_is_the_same() -> None:
    short = Exchange(request=request("q", max_tokens=7), reply=Reply(text="a"))
    assert Earlier([short]).take("workflow", {}, request("q")) == short


def test_another_request_under_the_same_label_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Earlier([said("q", "a", candidate=1)]).take("workflow", {"candidate": 1}, request("other"))
    assert "asks something else than before" in caplog.text


def test_a_model_is_asked_where_the_earlier_ones_end() -> None:
    handed_on: list[Exchange] = []
    ledger = Ledger(Budget(llm_calls=1))
    llm = RecordedLLM(
        ScriptedLLM(["live"]),
        ledger=ledger,
        on_exchange=handed_on.append,
        role="workflow",
        earlier=Earlier([said("q", "recorded", candidate=1)]).take,
    ).labelled(candidate=1)
    assert [llm.complete(request("q")).text for _ in range(2)] == ["recorded", "live"]
    assert [e.reply.text for e in handed_on if e.reply] == ["live"]
    assert ledger.spent["llm_calls"] == 1
    assert llm.spent["llm_calls"] == 2


def test_a_recorded_failure_fails_again() -> None:
    failed = Exchange(request=request("q"), error="not now", error_kind="Transient")
    llm = RecordedLLM(
        ScriptedLLM(["live"]),
        ledger=Ledger(Budget()),
        on_exchange=lambda _: None,
        role="workflow",
        earlier=Earlier([failed]).take,
    )
    with pytest.raises(Transient, match="not now"):
        llm.complete(request("q"))


@pytest.mark.parametrize("budget", [Budget(), Budget(tokens=9999), Budget(usd=9.0), Budget(tokens=9999, usd=9.0)])
@pytest.mark.parametrize("outcome", [Reply(text="a", usage=USAGE), LLMError("no"), LostReply("lost")], ids=str)
def test_a_recorded_exchange_is_booked_as_its_ledger_booked_it(budget: Budget, outcome: Reply | Exception) -> None:
    class Model(ScriptedLLM):
        price = PRICE

    exchanges: list[Exchange] = []
    ledger = Ledger(budget)
    llm = RecordedLLM(Model([outcome]), ledger=ledger, on_exchange=exchanges.append, role="workflow")
    with suppress(LLMError):
        llm.complete(request("q", max_tokens=100))
    spent = {name: amount for name, amount in ledger.spent.items() if name != "seconds"}
    assert booked(exchanges[0], budget, PRICE) == pytest.approx(spent)
    if isinstance(outcome, LostReply) and budget.tokens:
        assert spent["tokens"] == prompt_bound(request("q")) + 100


def test_a_script_goes_on_behind_what_it_gave() -> None:
    llm = ScriptedLLM(["a", "b", "c"])
    llm.skip([said("q", "a"), said("q", "b")])
    assert llm.complete(request("q")).text == "c"


def test_a_replay_goes_on_behind_what_it_gave() -> None:
    tape = [said("q", "a"), said("r", "b"), said("q", "c")]
    llm = ReplayedLLM(tape, mode="strict", answered_by="manual")
    llm.skip(tape[:2])
    assert llm.complete(request("q")).text == "c"

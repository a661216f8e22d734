"""Partial replays: recorded replies where they fit, the live model for the rest."""

from __future__ import annotations

from dataclasses import replace

from agentopt.budget import Budget, Ledger
from agentopt.llm.base import Message, Reply, Request, Usage
from agentopt.llm.partly_replayed import PartlyReplayedLLM
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.scripted import ScriptedLLM


def ask(text: str) -> Request:
    return Request(messages=(Message("user", text),))


def said(text: str, answer: str, **where: int) -> Exchange:
    usage = Usage(prompt_tokens=3, completion_tokens=2, cost_usd=0.5)
    return Exchange(request=ask(text), reply=Reply(text=answer, usage=usage), where=where)


def opened(*exchanges: Exchange, live: int = 9) -> tuple[RecordedLLM, Ledger, list[Exchange]]:
    inner = ScriptedLLM([f"live {n}" for n in range(1, live + 1)], name="s")
    llm = PartlyReplayedLLM(inner, exchanges, recorded_by="manual", name="replay:kept.jsonl")
    ledger, happened = Ledger(Budget()), list[Exchange]()
    return RecordedLLM(llm, ledger=ledger, on_exchange=happened.append, role="workflow"), ledger, happened


def test_what_is_recorded_is_given_and_the_rest_is_asked() -> None:
    llm, ledger, happened = opened(said("a", "A"), said("b", "B"))
    assert [llm.complete(ask(t)).text for t in ("b", "new", "a")] == ["B", "live 1", "A"]
    assert [e.reply.cached for e in happened if e.reply] == [True, False, True]
    assert ledger.spent["llm_calls"] == 1
    assert ledger.spent["usd"] == 0


def test_each_recorded_reply_is_given_once_in_order() -> None:
    llm, _, _ = opened(said("a", "A1"), said("a", "A2"))
    assert [llm.complete(ask("a")).text for _ in range(3)] == ["A1", "A2", "live 1"]


def test_replies_with_the_same_label_come_first() -> None:
    llm, _, _ = opened(said("a", "of 1", candidate=1), said("a", "of 2", candidate=2))
    assert llm.labelled(candidate=2).complete(ask("a")).text == "of 2"
    assert llm.labelled(candidate=3).complete(ask("a")).text == "of 1"


def test_a_recorded_failure_is_asked_again() -> None:
    llm, _, _ = opened(Exchange(request=ask("a"), error="busy", error_kind="Transient"), said("a", "A"))
    assert [llm.complete(ask("a")).text for _ in range(2)] == ["A", "live 1"]


def test_another_setting_is_another_request() -> None:
    llm, _, _ = opened(said("a", "A"))
    assert llm.complete(replace(ask("a"), temperature=0.5)).text == "live 1"


def test_an_empty_record_asks_everything() -> None:
    llm, _, _ = opened()
    assert llm.complete(ask("a")).text == "live 1"


def test_it_says_who_answered_and_what_it_is() -> None:
    llm, _, _ = opened()
    assert (llm.answered_by, llm.name) == ("manual; script:s", "replay:kept.jsonl+scripted:s")
    inner = ScriptedLLM([], name="s")
    assert PartlyReplayedLLM(inner, (), recorded_by="script:s").answered_by == "script:s"


def test_the_price_is_that_of_the_live_model() -> None:
    llm, _, _ = opened()
    assert llm.price == ScriptedLLM([]).price

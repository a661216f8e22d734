"""A real vLLM server, on a CPU, with a model of random weights: what it is made to say is all that it says right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.events import Event, Exchanged, RunStarted
from agentopt.llm.base import LLM, Message, Request
from agentopt.llm.recorded import Exchange
from agentopt.llm.resolve import resolve
from agentopt.llm.vllm_server import VLLMServer
from agentopt.replay import replay
from agentopt.store.tracefile import read_run, write_trace

pytestmark = pytest.mark.vllm


@pytest.fixture
def llm(vllm_server: VLLMServer) -> LLM:
    return resolve(vllm_server.spec)


def asked(llm: LLM, **settings: Any) -> list[str]:
    """What the model says to one word, sample by sample."""
    request = Request(messages=(Message("user", "Hello."),), seed=1, **{"max_tokens": 64, **settings})
    return [sample.text for sample in llm.complete(request).samples]


def test_every_reply_of_an_optimization_satisfies_its_schema(vllm_server: VLLMServer, tmp_path: Path) -> None:
    events: list[Event] = []
    result = ao.optimize(
        ao.load_task("numerical/branin"),
        llm=vllm_server.spec,
        proposer="optoprime",
        budget=ao.Budget(llm_calls=12),
        out=tmp_path,
        on_event=events.append,
    )
    exchanges = [Exchange.from_json(e.exchange) for e in events if isinstance(e, Exchanged)]
    assert len(exchanges) == result.spent["llm_calls"] == 12
    for exchange in exchanges:
        assert exchange.reply is not None
        assert exchange.reply.finish == "stop"
        satisfies(json.loads(exchange.reply.text), exchange.request.schema)
    assert result.spent["tokens"] == sum(e.reply.usage.tokens for e in exchanges if e.reply)
    header = events[0]
    assert isinstance(header, RunStarted)
    assert re.fullmatch(r"model:tiny@\d{4}-\d\d-\d\d", header.answered_by)
    write_trace(tmp_path / "kept.jsonl", read_run(result.run, tmp_path / "agentopt.sqlite"))
    assert replay(tmp_path / "kept.jsonl").is_same


def satisfies(value: Any, schema: Any) -> None:
    """Asserts it, for the parts of JSON Schema that proposals use."""
    if "anyOf" in schema:
        assert any(is_satisfied(value, one) for one in schema["anyOf"]), (value, schema)
        return
    kinds: dict[str, Any] = {"object": dict, "string": str, "number": (int, float), "integer": int, "null": type(None)}
    wanted = schema.get("type", list(kinds))
    assert any(isinstance(value, kinds[k]) for k in ([wanted] if isinstance(wanted, str) else wanted)), (value, schema)
    if isinstance(value, dict):
        assert value.keys() <= schema["properties"].keys()
        assert set(schema["required"]) <= value.keys()
        for name, member in value.items():
            satisfies(member, schema["properties"][name])


def is_satisfied(value: Any, schema: Any) -> bool:
    try:
        satisfies(value, schema)
    except AssertionError:
        return False
    return True


def test_a_regular_expression_is_kept(llm: LLM) -> None:
    (text,) = asked(llm, regex=r"[a-c]{3}-[0-9]{2}")
    assert re.fullmatch(r"[a-c]{3}-[0-9]{2}", text)


def test_one_of_the_choices_is_made(llm: LLM) -> None:
    (text,) = asked(llm, choices=("yes", "no", "perhaps"))
    assert text in ("yes", "no", "perhaps")


def test_a_grammar_is_kept(llm: LLM) -> None:
    (text,) = asked(llm, grammar='root ::= "a" ("b" | "c")+ "d"')
    assert re.fullmatch(r"a[bc]+d?", text)


def test_samples_of_one_request_differ(llm: LLM) -> None:
    assert len(set(asked(llm, n=4, temperature=1.0, max_tokens=12))) > 1


def test_the_same_seed_says_the_same(llm: LLM) -> None:
    assert asked(llm, temperature=1.0, max_tokens=12) == asked(llm, temperature=1.0, max_tokens=12)


def test_log_probabilities_come_with_the_likeliest_tokens(llm: LLM) -> None:
    request = Request(messages=(Message("user", "Hello."),), max_tokens=3, logprobs=2, temperature=0.0)
    tokens = llm.complete(request).logprobs
    assert [len(token.top) for token in tokens] == [2, 2, 2]
    assert all(token.logprob == token.top[0][1] <= 0 for token in tokens)


def test_a_reply_without_room_is_cut_off(llm: LLM) -> None:
    request = Request(messages=(Message("user", "Hello."),), max_tokens=4, regex=r"[a-z]{200}")
    assert llm.complete(request).finish == "length"

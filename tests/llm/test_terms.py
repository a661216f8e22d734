"""Price, limits, cache and partial replays in whole runs, against a server on loopback that counts what it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.events import Event, Exchanged, RunStarted
from agentopt.llm.base import LLM
from agentopt.llm.cache import CachedLLM, ReplyCache
from agentopt.llm.limited import Limits
from agentopt.llm.price import Price, Priced, listed_price
from agentopt.llm.resolve import resolve
from agentopt.loop import open_model
from agentopt.replay import replay
from agentopt.store.tracefile import read_run, write_trace
from agentopt.testing.server import LoopbackServer

PRICE = Price(prompt_usd_per_mtok=1000.0, completion_usd_per_mtok=3000.0)


def answer(body: dict[str, Any]) -> str:
    """A proposal where one is asked for, and else the length of the question."""
    if "response_format" in body:
        return json.dumps({"reasoning": "longer", "changes": {"instruction": f"Count to {len(str(body))}."}})
    return str(len(body["messages"][0]["content"]) % 7)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(answer) as running:
        yield running


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A prompt task with a model in its workflow, which a trace can find again."""
    place = tmp_path / "packs" / "sums"
    place.mkdir(parents=True)
    rows = [
        {"id": f"{split}{n}", "split": split, "question": f"{n} + 1?", "answer": str(n + 1)}
        for split in ("train", "dev", "test")
        for n in range(3)
    ]
    (place / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (place / "task.toml").write_text(
        'schema = 1\nkind = "prompt"\nname = "sums"\nstart = "Guess."\nexamples = "examples.jsonl"\n'
    )
    return place


def run(pack: Path, server: LoopbackServer, out: Path | None, **settings: Any) -> tuple[ao.Result, list[Event]]:
    events: list[Event] = []
    settings = {"llm": f"openai:{server.model}@{server.url}", "budget": ao.Budget(asks=4), **settings}
    result = ao.optimize(ao.load_task(str(pack)), out=out, on_event=events.append, **settings)
    return result, events


def kept(result: ao.Result, path: Path) -> Path:
    assert result.record is not None
    write_trace(path, read_run(result.run, result.record))
    return path


def cached(events: list[Event]) -> list[bool]:
    replies = [e.exchange["reply"] for e in events if isinstance(e, Exchanged)]
    return [reply.get("cached", False) for reply in replies]


def header(events: list[Event]) -> RunStarted:
    assert isinstance(events[0], RunStarted)
    return events[0]


def test_a_run_on_known_replies_asks_nothing_finds_the_same_and_replays(
    pack: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    first, _ = run(pack, server, tmp_path, cache=True)
    asked = len(server.requests)
    again, events = run(pack, server, tmp_path, cache=True, budget=ao.Budget(asks=4, llm_calls=7))
    assert asked == first.spent["llm_calls"] > 10
    assert len(server.requests) == asked
    assert again.values == first.values
    assert "llm_calls" not in again.spent
    assert "tokens" not in again.spent
    assert all(cached(events))
    assert (tmp_path / "replies.sqlite").is_file()
    report = replay(kept(again, tmp_path / "kept.jsonl"))
    assert report.is_same
    assert {**report.result.spent, "seconds": 0} == {**again.spent, "seconds": 0}


def test_a_run_on_half_known_replies_replays(pack: Path, server: LoopbackServer, tmp_path: Path) -> None:
    run(pack, server, tmp_path, cache=tmp_path / "c.sqlite", budget=ao.Budget(asks=2))
    longer, events = run(pack, server, tmp_path, cache=tmp_path / "c.sqlite")
    assert len(set(cached(events))) == 2
    report = replay(kept(longer, tmp_path / "kept.jsonl"))
    assert report.is_same
    assert {**report.result.spent, "seconds": 0} == {**longer.spent, "seconds": 0}


def test_dollars_are_counted_by_role_candidate_and_run_and_replay(
    pack: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    result, events = run(pack, server, tmp_path, price=PRICE, budget=ao.Budget(asks=4, usd=900.0))
    usage = [e.exchange["reply"]["usage"] for e in events if isinstance(e, Exchanged)]
    dollars = [PRICE.usd(u["prompt_tokens"], u["completion_tokens"]) for u in usage]
    assert [u["cost_usd"] for u in usage] == pytest.approx(dollars)
    assert result.spent["usd"] == pytest.approx(sum(dollars))
    assert result.spent_by.keys() == {"optimizer", "workflow"}
    for resource in ("usd", "tokens", "llm_calls"):
        assert sum(spent[resource] for spent in result.spent_by.values()) == pytest.approx(result.spent[resource])
    by_candidate = sum(e.cost.get("usd", 0) for e in events if e.kind == "evaluated")
    assert by_candidate == pytest.approx(result.spent_by["workflow"]["usd"])
    price = {"prompt_usd_per_mtok": 1000.0, "completion_usd_per_mtok": 3000.0}
    assert header(events).prices == {"optimizer": price, "workflow": price}
    assert replay(kept(result, tmp_path / "kept.jsonl")).is_same


def test_dollars_without_a_known_price_are_a_usage_error_that_says_how_to_give_one(
    pack: Path, server: LoopbackServer
) -> None:
    with pytest.raises(UsageError, match="--price PROMPT,COMPLETION"):
        run(pack, server, None, budget=ao.Budget(usd=1.0))
    assert server.requests == []


def test_a_known_model_of_openai_has_its_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    llm = open_model("openai:gpt-5-mini", "optimizer")
    assert isinstance(llm, Priced)
    assert llm.price == listed_price("openai:gpt-5-mini")
    assert llm.price is not None


def test_one_model_for_both_roles_keeps_its_limits_for_both(pack: Path, tmp_path: Path) -> None:
    with LoopbackServer(answer, latency_s=0.002) as server:
        run(pack, server, None, limits=Limits(in_flight=2), workers=16)
    assert server.most_in_flight == 2


def test_a_partial_replay_asks_only_what_the_record_does_not_hold(
    pack: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    short, _ = run(pack, server, tmp_path, budget=ao.Budget(asks=2))
    trace, asked = kept(short, tmp_path / "short+1.jsonl"), len(server.requests)
    spec = f"replay:{trace}+openai:{server.model}@{server.url}"
    longer, events = run(pack, server, tmp_path, llm=spec)
    live = len(server.requests) - asked
    assert (cached(events).count(False), cached(events).count(True)) == (live, asked)
    assert longer.spent["llm_calls"] == live > 0
    model = f"model:{server.model}@"
    assert header(events).answered_by.startswith(model)
    whole, _ = run(pack, server, tmp_path)
    assert longer.values == whole.values
    assert replay(kept(longer, tmp_path / "longer.jsonl")).is_same


def test_a_partial_replay_says_who_answered(pack: Path, server: LoopbackServer, tmp_path: Path) -> None:
    trace = Path(__file__).parents[2] / "traces" / "prompt-ticket_triage.jsonl"
    spec = f"replay:{trace}+openai:{server.model}@{server.url}"
    _, events = run(pack, server, None, llm=spec, budget=ao.Budget(asks=1))
    first, second = header(events).answered_by.split("; ")
    assert first == "manual"
    assert second.startswith("model:test-model@")


def test_a_cache_beside_no_record_is_a_usage_error(pack: Path, server: LoopbackServer) -> None:
    with pytest.raises(UsageError, match="give `cache` a path"):
        run(pack, server, None, cache=True)


def test_a_workflows_own_model_may_be_the_only_one_with_a_cache(server: LoopbackServer, tmp_path: Path) -> None:
    width = ao.Parameter(3.0, name="width", bounds=(0, 10))

    @ao.bundle
    def judged(width: float, llm: LLM) -> float:
        return float(ao.ask(llm, "x" * int(width * 10)))

    def workflow(llm: LLM) -> Any:
        return judged(width, llm)  # type: ignore[arg-type]  # a parameter stands for its value

    with ReplyCache(tmp_path / "c.sqlite") as cache:
        asked = []
        for _ in range(2):
            model = CachedLLM(resolve(f"openai:{server.model}@{server.url}"), cache)
            settings: dict[str, Any] = {"proposer": "perturb", "budget": ao.Budget(asks=5), "out": None}
            ao.optimize(workflow, parameters=width, workflow_llm=model, **settings)
            asked.append(len(server.requests))
    assert asked[0] == asked[1] > 0

"""Known replies: given again exactly, sample by sample, whatever the number of processes, and never at a run's cost."""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from agentopt.budget import Budget, Ledger
from agentopt.errors import LLMError, UsageError
from agentopt.llm.base import Message, Reply, Request, Sample, Usage
from agentopt.llm.cache import CachedLLM, ReplyCache
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.scripted import ScriptedLLM

WARM = Request(messages=(Message("user", "Say a number. 🎲\udc80"),), temperature=1.0)
CERTAIN = replace(WARM, temperature=0.0, seed=7)


class Counting(ScriptedLLM):
    """Answers `1`, `2`, …; what it was asked is in `asked`."""

    def __init__(self, name: str = "dice", start: int = 1) -> None:
        numbers = count(start)
        self.asked: list[Request] = []
        super().__init__([lambda request: self._say(request, next(numbers))] * 10_000, name=name)

    def _say(self, request: Request, number: int) -> Reply:
        self.asked.append(request)
        return Reply(text=str(number), usage=Usage(prompt_tokens=5, completion_tokens=1, cost_usd=0.5), latency_s=2.0)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ReplyCache]:
    with ReplyCache(tmp_path / "some" / "replies.sqlite") as opened:
        yield opened


def run_of(llm: ScriptedLLM, cache: ReplyCache) -> tuple[RecordedLLM, Ledger, list[Exchange]]:
    """A model as a new run has it."""
    ledger, exchanges = Ledger(Budget(llm_calls=1000)), list[Exchange]()
    cached = CachedLLM(llm, cache)
    return RecordedLLM(cached, ledger=ledger, on_exchange=exchanges.append, role="workflow"), ledger, exchanges


def said(llm: RecordedLLM, request: Request, times: int = 1) -> list[str]:
    return [llm.complete(request).text for _ in range(times)]


def test_the_nth_time_a_run_asks_it_gets_the_nth_sample(cache: ReplyCache) -> None:
    model = Counting()
    assert said(run_of(model, cache)[0], WARM, 3) == ["1", "2", "3"]
    assert said(run_of(model, cache)[0], WARM, 5) == ["1", "2", "3", "4", "5"]
    assert len(model.asked) == 5


def test_a_request_with_seed_and_temperature_0_has_one_answer(cache: ReplyCache) -> None:
    model = Counting()
    assert said(run_of(model, cache)[0], CERTAIN, 3) == ["1", "1", "1"]
    assert said(run_of(model, cache)[0], replace(CERTAIN, seed=None), 2) == ["2", "3"]


def test_a_hit_is_an_event_and_costs_nothing(cache: ReplyCache) -> None:
    first, _, recorded = run_of(Counting(), cache)
    first.complete(WARM)
    again, ledger, exchanges = run_of(Counting(), cache)
    copy = again.labelled(candidate=1)
    copy.complete(WARM)
    spent = {k: v for k, v in ledger.spent.items() if k != "seconds"}
    assert (spent, ledger.spent_by, copy.spent) == ({}, {}, {"llm_calls": 0})
    assert recorded[0].reply is not None
    assert exchanges[0].reply == replace(recorded[0].reply, cached=True, latency_s=0.0)
    assert exchanges[0].where == {"candidate": 1}


def test_a_hit_needs_no_call_to_be_left(cache: ReplyCache) -> None:
    run_of(Counting(), cache)[0].complete(WARM)
    ledger = Ledger(Budget(llm_calls=0))
    llm = RecordedLLM(CachedLLM(Counting(), cache), ledger=ledger, on_exchange=lambda _: None, role="workflow")
    assert llm.complete(WARM).cached


def test_every_field_of_a_reply_comes_back(cache: ReplyCache) -> None:
    reply = Reply(
        text="a\udc80", others=(Sample(text="b", finish="length"),), refusal="no", model="m", finish="refusal"
    )
    cache.put("m", "r", 0, reply)
    assert cache.get("m", "r", 0) == replace(reply, cached=True)


@pytest.mark.parametrize(
    "other", [replace(WARM, temperature=0.9), replace(WARM, n=2), replace(WARM, max_tokens=5), replace(WARM, seed=1)]
)
def test_another_request_is_asked(cache: ReplyCache, other: Request) -> None:
    model = Counting()
    llm, _, _ = run_of(model, cache)
    assert said(llm, WARM) + said(llm, other) == ["1", "2"]


def test_another_model_is_asked(cache: ReplyCache) -> None:
    run_of(Counting("one"), cache)[0].complete(WARM)
    assert said(run_of(Counting("other", start=50), cache)[0], WARM) == ["50"]


def test_a_failure_is_not_kept_and_takes_no_sample(cache: ReplyCache) -> None:
    llm, _, _ = run_of(ScriptedLLM([LLMError("no"), "yes"], name="dice"), cache)
    with pytest.raises(LLMError):
        llm.complete(WARM)
    assert said(llm, WARM) == ["yes"]
    assert said(run_of(Counting(), cache)[0], WARM) == ["yes"]


def test_threads_of_one_run_never_share_a_sample(cache: ReplyCache) -> None:
    run_of(Counting(), cache)[0].complete(WARM)
    llm, _, _ = run_of(Counting(start=2), cache)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.extend(said(llm, WARM, 5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, answers)) == list(range(1, 41))
    assert sorted(map(int, said(run_of(Counting(), cache)[0], WARM, 40))) == list(range(1, 41))


def write_many(path: Path, writer: int) -> None:
    with ReplyCache(path) as cache:
        for number in range(50):
            cache.put("m", f"{writer}/{number}", 0, Reply(text=f"{writer}/{number}"))


def test_processes_share_a_cache_that_none_of_them_finds(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_many, args=(path, writer)) for writer in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    assert [process.exitcode for process in writers] == [0] * 3
    with ReplyCache(path) as cache:
        found = [cache.get("m", f"{w}/{n}", 0) for w in range(3) for n in range(50)]
    assert [reply.text for reply in found if reply] == [f"{w}/{n}" for w in range(3) for n in range(50)]
    assert [p.name for p in tmp_path.iterdir()] == ["replies.sqlite"]


def test_the_least_recently_used_goes_out_first(tmp_path: Path) -> None:
    with ReplyCache(tmp_path / "r.sqlite", max_bytes=4000) as cache:
        for number in range(3):
            cache.put("m", str(number), 0, Reply(text="x" * 1000))
        assert cache.get("m", "0", 0)
        cache.put("m", "3", 0, Reply(text="x" * 1000))
        assert [cache.get("m", str(n), 0) is not None for n in range(4)] == [True, False, True, True]


def test_the_bound_holds_after_many_replies(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with ReplyCache(path, max_bytes=300_000) as cache:
        for number in range(600):
            cache.put("m", str(number), 0, Reply(text="x" * (number * 7 % 2000)))
    with sqlite3.connect(path) as connection:
        (total,) = connection.execute("select sum(length(reply)) from replies").fetchone()
        (booked,) = connection.execute("select bytes from size").fetchone()
        (entries,) = connection.execute("select count(*) from replies").fetchone()
    connection.close()
    assert 150_000 < total <= booked <= 300_000
    assert booked == total + 150 * entries
    assert path.stat().st_size < 3 * 300_000


def test_a_reply_larger_than_the_bound_is_not_kept(tmp_path: Path) -> None:
    with ReplyCache(tmp_path / "r.sqlite", max_bytes=100) as cache:
        cache.put("m", "r", 0, Reply(text="x" * 1000))
        assert cache.get("m", "r", 0) is None


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00broken", b"a,b\n1,2\n" * 500])
def test_a_file_that_is_no_database_is_a_usage_error_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"notes\.txt"):
        ReplyCache(path)
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_a_usage_error_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table replies (mine text)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="something else"):
        ReplyCache(path)
    assert path.read_bytes() == before


def test_a_cache_of_a_newer_version_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    ReplyCache(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(UsageError, match="version 99"):
        ReplyCache(path)


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot use"):
        ReplyCache(tmp_path / "file" / "r.sqlite")


def test_a_full_disk_ends_the_caching_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "r.sqlite"
    with ReplyCache(path) as cache:
        said(run_of(Counting(), cache)[0], WARM)
        assert cache._connection is not None
        (pages,) = cache._connection.execute("pragma page_count").fetchone()
        cache._connection.execute(f"pragma max_page_count = {pages}")  # SQLite then says that the disk is full
        llm, _, exchanges = run_of(ScriptedLLM(["x" * 100_000, "y" * 100_000, "z"], name="dice"), cache)
        with caplog.at_level(logging.WARNING):
            assert [text[0] for text in said(llm, WARM, 4)] == ["1", "x", "y", "z"]
    assert [record.message for record in caplog.records if "full" in record.message] == [
        r.message for r in caplog.records
    ]
    assert len(caplog.records) == 1
    assert len(exchanges) == 4
    with ReplyCache(path) as again:
        assert said(run_of(Counting(), again)[0], WARM) == ["1"]


def test_an_entry_that_cannot_be_read_ends_the_caching(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "r.sqlite"
    with ReplyCache(path) as cache:
        cache.put("m", "r", 0, Reply(text="x"))
        assert cache._connection is not None
        cache._connection.execute("update replies set reply = '[]'")
        assert cache.get("m", "r", 0) is None
    assert len(caplog.records) == 1


def test_an_empty_bound_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="max_bytes"):
        ReplyCache(tmp_path / "r.sqlite", max_bytes=0)


def test_a_file_whose_rows_somebody_deleted_takes_further_ones(tmp_path: Path) -> None:
    with ReplyCache(tmp_path / "c") as cache:
        for request in "abc":
            cache.put("m", request, 0, Reply(text="x" * 600))
    connection = sqlite3.connect(tmp_path / "c", isolation_level=None)
    connection.execute("delete from replies")
    connection.close()
    with ReplyCache(tmp_path / "c", max_bytes=1000) as cache:
        cache.put("m", "d", 0, Reply(text="lost to the old count"))
        cache.put("m", "e", 0, Reply(text="kept"))
        found = cache.get("m", "e", 0)
    assert found is not None
    assert found.text == "kept"

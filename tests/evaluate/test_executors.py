"""Threads and the event loop: time limits, what is given up, and how much is under way at once."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.candidate import Evaluation
from agentopt.errors import BudgetExhausted, RunError, UsageError
from agentopt.evaluate.executors import LocalExecutor, open_executor
from agentopt.graph.tracing import Trace
from agentopt.llm.base import LLM, Request
from tests.evaluate.conftest import MakeBench, identity, instances

LIMIT_S = 0.15


@pytest.fixture
def release() -> Any:
    """Ends what hangs, when the test does."""
    event = threading.Event()
    yield event
    event.set()


def test_a_thread_that_takes_too_long_is_a_failed_evaluation_that_says_so(
    bench: MakeBench, release: threading.Event
) -> None:
    made = bench(lambda x: release.wait(10), instances(1), timeout_s=LIMIT_S)
    made.measure()
    (evaluation,) = made.archive.evaluations(0)
    assert (evaluation.status, evaluation.score) == ("failed", float("-inf"))
    assert "TimeoutError: it took longer than the 0.15 s allowed" in evaluation.feedback.text
    assert evaluation.cost["seconds"] >= LIMIT_S


def test_a_coroutine_that_takes_too_long_is_cancelled(bench: MakeBench) -> None:
    cancelled = threading.Event()

    async def slow(x: Any) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    made = bench(slow, instances(1), timeout_s=LIMIT_S)
    made.measure()
    assert "TimeoutError" in made.archive.evaluations(0)[0].feedback.text
    assert cancelled.wait(5)


def test_the_evidence_of_a_run_without_end_is_about_all_parameters(bench: MakeBench, release: threading.Event) -> None:
    made = bench(lambda x: release.wait(10), instances(1), timeout_s=LIMIT_S)
    made.measure()
    (evidence,) = made.archive.evidence(0, ["i0"])
    assert [version.parameter.name for version in evidence.subgraph.parameters] == ["weight"]


def test_threads_that_hang_do_not_make_the_run_narrower(bench: MakeBench, release: threading.Event) -> None:
    def some_hang(x: Any) -> Any:
        return release.wait(10) if x.value < 4 else x

    made = bench(some_hang, instances(8), timeout_s=LIMIT_S, workers=2)
    made.measure()
    assert [e.status for e in made.archive.evaluations(0)] == ["failed"] * 4 + ["ok"] * 4


def test_what_ends_in_time_is_not_touched_by_the_limit(bench: MakeBench) -> None:
    made = bench(identity, instances(20), timeout_s=5.0)
    made.measure()
    assert {e.status for e in made.archive.evaluations(0)} == {"ok"}


def test_an_evaluation_that_was_given_up_is_said_once(bench: MakeBench) -> None:
    def late(x: Any) -> Any:
        time.sleep(LIMIT_S * 2)
        return x

    made = bench(late, instances(1), timeout_s=LIMIT_S)
    made.measure()
    time.sleep(LIMIT_S * 2)
    assert [e.status for e in made.said] == ["failed"]


def test_a_measurement_that_was_given_up_can_ask_no_model_any_more(bench: MakeBench, release: threading.Event) -> None:
    refused: list[BaseException] = []
    done = threading.Event()

    def asks_late(x: Any, llm: LLM) -> Any:
        release.wait(10)
        try:
            return ao.ask(llm, "are you there?")
        except RunError as error:
            refused.append(error)
            raise
        finally:
            done.set()

    made = bench(asks_late, instances(1), replies=["yes"], timeout_s=LIMIT_S)
    made.measure()
    release.set()
    assert done.wait(5)
    assert "given up" in str(refused[0])
    assert made.exchanges == []
    assert "llm_calls" not in made.ledger.spent


def test_a_measurement_that_was_given_up_counts_as_one(bench: MakeBench, release: threading.Event) -> None:
    made = bench(lambda x: release.wait(10), instances(3), timeout_s=LIMIT_S, budget=Budget(evaluations=2))
    with pytest.raises(BudgetExhausted):
        made.measure()
    assert made.ledger.spent["evaluations"] == 2


def test_time_that_runs_out_starts_nothing_more(bench: MakeBench) -> None:
    def slow(x: Any) -> Any:
        time.sleep(0.05)
        return x

    made = bench(slow, instances(50), budget=Budget(seconds=0.2), workers=1)
    with pytest.raises(BudgetExhausted, match="time limit"):
        made.measure()
    assert 1 <= len(made.archive.evaluations(0)) <= 5


def test_coroutines_share_one_thread(bench: MakeBench) -> None:
    threads = set()

    async def where(x: Any) -> Any:
        await asyncio.sleep(0.01)
        threads.add(threading.current_thread().name)
        return x

    made = bench(where, instances(50), workers=50)
    made.measure()
    assert threads == {"agentopt-loop"}


def test_as_many_coroutines_are_under_way_as_there_are_workers_and_no_more(bench: MakeBench) -> None:
    now = most = 0

    async def counted(x: Any) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return x

    made = bench(counted, instances(200), workers=64)
    made.measure()
    assert most == 64


def test_blocking_calls_behind_to_thread_reach_the_limit_on_measurements(bench: MakeBench) -> None:
    barrier = threading.Barrier(48, timeout=10)

    async def asks(x: Any, llm: LLM) -> Any:
        return float(await asyncio.to_thread(ao.ask, llm, "how much?"))

    def answer(request: Request) -> str:
        barrier.wait()  # raises unless so many requests are with the model at once
        return "1"

    made = bench(asks, instances(48), replies=[answer] * 48, workers=48)
    made.measure()
    assert {e.status for e in made.said} == {"ok"}


def test_a_coroutine_sees_its_own_candidate_across_awaits(bench: MakeBench) -> None:
    weight = ao.Parameter(0.0, name="weight")

    async def read(x: Any) -> Any:
        await asyncio.sleep(0.01)
        return weight + 0

    made = bench(read, instances(1), parameters=weight)
    candidates = [made.archive.add(made.archive.candidate({"weight": float(n)})) for n in range(10)]
    made.engine.measure([ao.Trial(candidate=c, instances=("i0",)) for c in candidates], made.archive)
    assert [made.archive.mean(c.id, ["i0"]) for c in candidates] == [float(n) for n in range(10)]


def test_a_coroutine_that_cancels_itself_has_failed(bench: MakeBench) -> None:
    async def quits(x: Any) -> Any:
        raise asyncio.CancelledError

    made = bench(quits, instances(2))
    made.measure()
    assert {e.status for e in made.archive.evaluations(0)} == {"failed"}


def test_code_of_a_model_in_a_coroutine_does_not_hold_up_the_others(bench: MakeBench) -> None:
    @ao.bundle(trainable=True)
    def rule(x: int) -> int:
        return x

    async def workflow(x: Any) -> Any:
        await asyncio.sleep(0)
        assert threading.current_thread().name != "agentopt-loop"
        return rule(x)

    made = bench(workflow, instances(2), parameters=[rule])
    made.measure()
    assert {e.status for e in made.archive.evaluations(0)} == {"ok"}


def test_ten_thousand_queued_measurements_begin_only_as_there_is_room(bench: MakeBench) -> None:
    most = 0

    def counted(x: Any) -> Any:
        nonlocal most
        most = max(most, threading.active_count())
        return x

    before = threading.active_count()
    made = bench(counted, instances(10_000), workers=4)
    made.measure()
    assert len(made.archive.evaluations(0)) == 10_000
    assert most - before <= 4


@pytest.mark.parametrize("is_async", [False, True])
def test_an_interrupt_gives_up_what_is_under_way_and_keeps_what_has_ended(
    bench: MakeBench, release: threading.Event, is_async: bool
) -> None:
    def interrupt_when_done(evaluation: Evaluation, trace: Trace | None) -> None:
        made.said.append(evaluation)
        if len(made.said) == 3:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    async def waits(x: Any) -> Any:
        if x.value >= 3:
            await asyncio.sleep(30)
        return x

    def hangs(x: Any) -> Any:
        return release.wait(30) if x.value >= 3 else x

    made = bench(waits if is_async else hangs, instances(100), on_evaluation=interrupt_when_done, workers=6)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        made.measure()
    assert time.monotonic() - began < 5
    assert [e.instance for e in made.archive.evaluations(0)] == ["i0", "i1", "i2"]
    assert made.ledger.spent["evaluations"] == 3


def test_nothing_is_said_after_an_interrupt(bench: MakeBench, release: threading.Event) -> None:
    def interrupting(x: Any) -> Any:
        if x.value == 0:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        release.wait(10)
        return x

    made = bench(interrupting, instances(4), workers=2)
    with pytest.raises(KeyboardInterrupt):
        made.measure()
    release.set()
    time.sleep(0.05)
    assert made.said == []


@pytest.mark.parametrize("wrong", ["dask", "slurm:somewhere", 7, object()])
def test_an_executor_that_is_none_is_a_usage_error_that_names_what_can_be_given(wrong: Any) -> None:
    with pytest.raises(UsageError, match="dask:<address>"):
        open_executor(wrong)


def test_an_executor_is_taken_as_it_is() -> None:
    executor = LocalExecutor(1)
    assert open_executor(executor) is executor
    assert open_executor(None) is None

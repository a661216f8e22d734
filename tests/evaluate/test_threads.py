"""Daemon threads: made as needed, at most so many, and replaced where one hangs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from agentopt.evaluate.threads import DaemonThreads


@pytest.fixture
def release() -> threading.Event:
    return threading.Event()


def hang(started: threading.Event, release: threading.Event) -> None:
    started.set()
    release.wait(5)


def test_work_gives_its_result() -> None:
    assert DaemonThreads(2, "test").submit(pow, 2, 3).result(5) == 8


def test_what_work_raises_is_in_its_future() -> None:
    assert isinstance(DaemonThreads(1, "test").submit(int, "x").exception(5), ValueError)


def test_a_free_thread_is_used_again() -> None:
    threads = DaemonThreads(8, "test")
    names = {threads.submit(threading.get_ident).result(5) for _ in range(20)}
    assert len(names) <= 2  # the one that has just set its result may not wait for more yet


def test_there_are_never_more_threads_than_allowed(release: threading.Event) -> None:
    threads, before = DaemonThreads(3, "test"), threading.active_count()
    futures = [threads.submit(release.wait, 5) for _ in range(10)]
    assert threading.active_count() - before == 3
    release.set()
    assert [f.result(5) for f in futures] == [True] * 10


def test_a_thread_that_was_given_up_is_replaced(release: threading.Event) -> None:
    threads = DaemonThreads(1, "test")
    started = threading.Event()
    stuck = threads.submit(hang, started, release)
    assert started.wait(5)
    threads.give_up(stuck)
    assert threads.submit(lambda: "goes on").result(5) == "goes on"
    release.set()


def test_a_thread_that_comes_back_after_it_was_given_up_is_not_one_too_many(release: threading.Event) -> None:
    threads, before = DaemonThreads(1, "test"), threading.active_count()
    started = threading.Event()
    stuck = threads.submit(hang, started, release)
    assert started.wait(5)
    threads.give_up(stuck)
    threads.submit(lambda: None).result(5)
    release.set()
    stuck.result(5)
    for _ in range(5):
        threads.submit(lambda: None).result(5)
    assert threading.active_count() - before <= 2


def test_nothing_is_taken_after_shutdown() -> None:
    threads = DaemonThreads(1, "test")
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(print)


def test_waiting_work_can_be_cancelled(release: threading.Event) -> None:
    threads = DaemonThreads(1, "test")
    threads.submit(release.wait, 5)
    waiting = threads.submit(print)
    threads.shutdown(cancel_futures=True)
    assert waiting.cancelled()
    release.set()


def test_an_event_loop_takes_it_as_its_default_executor() -> None:
    async def run() -> str:
        asyncio.get_running_loop().set_default_executor(DaemonThreads(2, "of-the-loop"))
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    assert asyncio.run(run()) == "of-the-loop"

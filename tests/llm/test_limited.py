"""Limits hold for all threads together, first come first served; time is a number here, except where threads meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.budget import Budget, Ledger
from agentopt.errors import BudgetExhausted, UsageError
from agentopt.llm.base import Capability, Message, Reply, Request, Usage
from agentopt.llm.failures import Transient
from agentopt.llm.limited import LimitedLLM, Limits
from agentopt.llm.recorded import Exchange, RecordedLLM

ASK = Request(messages=(Message("user", "x"),), max_tokens=100)


@dataclass
class Time:
    """A clock that moves when somebody waits."""

    now: float = 1000.0

    def clock(self) -> float:
        return self.now

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        assert seconds is not None, "nobody else is there to wake us"
        self.now += seconds


@dataclass
class Server:
    """Answers, and notes when it was asked."""

    time: Time
    usage: Usage = field(default_factory=Usage)
    failures: dict[int, Exception] = field(default_factory=dict)
    asked_at: list[float] = field(default_factory=list)
    name = "openai:m"
    answered_by = "model:m@2026-11-22"
    capabilities = frozenset[Capability]()

    def complete(self, request: Request) -> Reply:
        self.asked_at.append(self.time.now)
        if failure := self.failures.get(len(self.asked_at)):
            raise failure
        return Reply(text="ok", usage=self.usage)


def limited(limits: Limits, **settings: object) -> tuple[LimitedLLM, Server, Time]:
    time = Time()
    server = Server(time, **settings)  # type: ignore[arg-type]
    return LimitedLLM(server, limits, clock=time.clock, wait=time.wait), server, time


def offsets(server: Server) -> list[float]:
    return [round(at - 1000.0, 6) for at in server.asked_at]


def test_without_limits_nobody_waits() -> None:
    llm, server, _ = limited(Limits())
    for _ in range(1000):
        llm.complete(ASK)
    assert set(offsets(server)) == {0.0}


def test_requests_of_a_minute_are_counted() -> None:
    llm, server, time = limited(Limits(requests_per_minute=3))
    for _ in range(7):
        llm.complete(ASK)
        time.now += 1
    assert offsets(server) == [0, 1, 2, 60, 61, 62, 120]


@settings(deadline=None)
@given(gaps=st.lists(st.floats(0, 90), max_size=40), limit=st.integers(1, 5))
def test_no_minute_has_more_requests_than_the_limit(gaps: list[float], limit: int) -> None:
    llm, server, time = limited(Limits(requests_per_minute=limit))
    for gap in gaps:
        time.now += gap
        llm.complete(ASK)
    starts = server.asked_at
    assert all(late - early >= 60 - 1e-6 for early, late in zip(starts, starts[limit:]))


def test_tokens_are_estimated_before_and_corrected_after() -> None:
    usage = Usage(prompt_tokens=40, completion_tokens=60)
    llm, server, _ = limited(Limits(tokens_per_minute=1000), usage=usage)
    for _ in range(12):
        llm.complete(ASK)  # estimated at about 120 tokens, used 100
    assert offsets(server) == [0] * 9 + [60] * 3


def test_a_call_that_alone_is_above_the_limit_goes_by_itself() -> None:
    llm, server, _ = limited(Limits(tokens_per_minute=50), usage=Usage(prompt_tokens=500, completion_tokens=500))
    for _ in range(3):
        llm.complete(ASK)
    assert offsets(server) == [0, 60, 120]


def test_tokens_that_the_server_does_not_count_stay_estimated() -> None:
    llm, server, _ = limited(Limits(tokens_per_minute=250), usage=Usage())
    for _ in range(3):
        llm.complete(ASK)
    assert offsets(server) == [0, 0, 60]


def test_a_wait_that_the_server_names_holds_for_everybody() -> None:
    llm, server, _ = limited(Limits(), failures={1: Transient("429", retry_after_s=7.0)})
    with pytest.raises(Transient):
        llm.complete(ASK)
    llm.complete(ASK)
    llm.complete(ASK)
    assert offsets(server) == [0, 7, 7]


@pytest.mark.parametrize("seconds", [None, 0.0, 3600.0])
def test_nobody_waits_for_a_failure_that_names_no_bearable_wait(seconds: float | None) -> None:
    llm, server, _ = limited(Limits(), failures={1: Transient("busy", retry_after_s=seconds)})
    with pytest.raises(Transient):
        llm.complete(ASK)
    llm.complete(ASK)
    assert offsets(server) == [0, 0]


def test_a_failed_call_counts_as_a_request_and_frees_its_place() -> None:
    limits = Limits(in_flight=1, requests_per_minute=2)
    llm, server, _ = limited(limits, failures={1: Transient("busy")})
    with pytest.raises(Transient):
        llm.complete(ASK)
    llm.complete(ASK)
    llm.complete(ASK)
    assert offsets(server) == [0, 0, 60]


def test_a_call_whose_turn_does_not_come_in_time_is_not_sent_and_not_booked() -> None:
    llm, server, time = limited(Limits(requests_per_minute=1))
    ledger, exchanges = Ledger(Budget(seconds=30, llm_calls=5), clock=time.clock), list[Exchange]()
    recorded = RecordedLLM(llm, ledger=ledger, on_exchange=exchanges.append, role="workflow")
    recorded.complete(ASK)
    with pytest.raises(BudgetExhausted, match="time limit"):
        recorded.complete(ASK)
    assert (len(server.asked_at), len(exchanges), ledger.spent["llm_calls"]) == (1, 1, 1)
    assert (ledger.reserved("llm_calls"), time.now) == (0, 1030)


@pytest.mark.parametrize("limit", ["in_flight", "requests_per_minute", "tokens_per_minute"])
def test_a_limit_below_1_is_a_usage_error(limit: str) -> None:
    with pytest.raises(UsageError, match=limit):
        Limits(**{limit: 0})


def in_threads(calls: Sequence[Callable[[], object]], *, started: Callable[[int], object]) -> None:
    """Makes the calls in threads of their own, one after the other as `started` returns."""
    threads = []
    for number, call in enumerate(calls):
        threads.append(threading.Thread(target=call))
        threads[-1].start()
        started(number)
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


class Held:
    """A server that answers when it is let go, and knows how many ask it."""

    name = "openai:m"
    answered_by = "model:m@2026-11-22"
    capabilities = frozenset[Capability]()

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []
        self.most = self._now = 0
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Reply:
        with self._lock:
            self.asked.append(request.messages[0].content)
            self._now += 1
            self.most = max(self.most, self._now)
        self.go.wait(30)
        with self._lock:
            self._now -= 1
        return Reply(text="ok")


def waiting(llm: LimitedLLM, count: int) -> None:
    """Returns when so many calls are waiting for their turn."""
    pause = threading.Event()
    while len(llm._queue._waiting) < count:
        pause.wait(0.0005)


def test_calls_go_in_the_order_in_which_they_came() -> None:
    server = Held()
    llm = LimitedLLM(server, Limits(in_flight=1))
    calls = [lambda n=n: llm.complete(Request(messages=(Message("user", str(n)),))) for n in range(12)]

    def started(number: int) -> None:
        waiting(llm, number)  # the first is with the server
        if number == 11:
            server.go.set()

    in_threads(calls, started=started)
    assert server.asked == [str(n) for n in range(12)]


def test_a_thousand_waiting_calls_take_no_threads_of_their_own() -> None:
    server = Held()
    llm = LimitedLLM(server, Limits(in_flight=16))
    before = threading.active_count()
    counts: list[int] = []

    def started(number: int) -> None:
        if number == 999:
            waiting(llm, 1000 - 16)
            counts.append(threading.active_count() - before)
            server.go.set()

    in_threads([lambda: llm.complete(ASK)] * 1000, started=started)
    assert counts == [1000]
    assert (server.most, len(server.asked)) == (16, 1000)


def test_copies_share_the_limits() -> None:
    llm, server, _ = limited(Limits(requests_per_minute=1))
    llm.timed(lambda: 1e9).complete(ASK)
    llm.labelled(candidate=1).complete(ASK)
    assert offsets(server) == [0, 60]


@pytest.mark.parametrize("limit", ["5", 2.5, float("nan")])
def test_a_limit_that_is_no_whole_number_is_a_usage_error_that_shows_it(limit: object) -> None:
    with pytest.raises(UsageError, match=f"limit `requests_per_minute` is {limit!r}; expected a whole number"):
        Limits(requests_per_minute=limit)  # type: ignore[arg-type]  # that is what is refused

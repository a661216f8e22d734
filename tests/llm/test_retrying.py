import random
import threading

import pytest

from agentopt.budget import Budget, Ledger
from agentopt.errors import BudgetExhausted, LLMError, ModelUnavailable, UsageError
from agentopt.llm.base import LLM, Message, Request
from agentopt.llm.failures import LostReply, Transient, Unreachable
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.retrying import RetryingLLM, stoppable_sleep
from agentopt.llm.scripted import Scripted, ScriptedLLM
from agentopt.testing.faults import Fault
from tests.llm.conftest import Serve


class Waits(list[float]):
    """A `sleep` that only writes down."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def retrying(*replies: Scripted, waits: Waits | None = None, **settings: float) -> RetryingLLM:
    sleep = Waits() if waits is None else waits
    return RetryingLLM(ScriptedLLM(replies), rng=random.Random(0), sleep=sleep, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Transient, Unreachable, LostReply])
def test_failure_that_may_pass_is_asked_again(request_: Request, kind: type[Transient]) -> None:
    assert retrying(kind("busy"), "42").complete(request_).text == "42"


@pytest.mark.parametrize("error", [LLMError("no"), ModelUnavailable("no"), BudgetExhausted("no"), KeyError("no")])
def test_other_failures_are_raised_as_they_are(request_: Request, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        retrying(error, "42").complete(request_)
    assert caught.value is error


def test_waits_double_less_at_most_a_quarter(request_: Request) -> None:
    waits = Waits()
    retrying(*[Transient("busy")] * 4, "42", waits=waits, first_wait_s=1).complete(request_)
    assert [0.75 * 2**n <= wait <= 2**n for n, wait in enumerate(waits)] == [True] * 4


def test_waits_are_reproducible_from_the_seed(request_: Request) -> None:
    first, second = Waits(), Waits()
    for waits in (first, second):
        retrying(*[Transient("busy")] * 3, "42", waits=waits).complete(request_)
    assert first == second


def test_no_wait_is_longer_than_allowed(request_: Request) -> None:
    waits = Waits()
    retrying(*[Transient("busy")] * 9, "42", waits=waits, attempts=10, longest_wait_s=3).complete(request_)
    assert max(waits) <= 3


def test_server_says_how_long_to_wait(request_: Request) -> None:
    waits = Waits()
    retrying(Transient("busy", retry_after_s=7.5), "42", waits=waits).complete(request_)
    assert waits == [7.5]


def test_wait_beyond_the_cap_is_final(request_: Request) -> None:
    waits = Waits()
    with pytest.raises(LLMError, match=r"busy \(asked once; the server wants a wait of 900 s, longer than the 60 s"):
        retrying(Transient("busy", retry_after_s=900), "42", waits=waits).complete(request_)
    assert waits == []


def test_last_failure_is_raised_with_the_number_of_tries(request_: Request) -> None:
    with pytest.raises(LLMError, match=r"third \(asked 3 times\)") as caught:
        retrying(Transient("first"), Transient("second"), Transient("third"), attempts=3).complete(request_)
    assert type(caught.value) is LLMError


def test_server_that_stays_unreachable_is_unavailable(request_: Request) -> None:
    with pytest.raises(ModelUnavailable, match="cannot reach"):
        retrying(Unreachable("cannot reach http://x"), Unreachable("cannot reach http://x"), attempts=2).complete(
            request_
        )


def test_one_attempt_is_the_least() -> None:
    with pytest.raises(UsageError, match="`attempts` is 0"):
        retrying(attempts=0)


def test_it_is_the_model_it_wraps() -> None:
    inner = ScriptedLLM([], name="s", capabilities=frozenset({"json_schema"}))
    llm = RetryingLLM(inner, rng=random.Random(0))
    assert isinstance(llm, LLM)
    assert (llm.name, llm.answered_by, llm.capabilities) == (inner.name, inner.answered_by, inner.capabilities)


def test_graph_shows_it_the_same_whoever_answers() -> None:
    assert retrying("a").to_text() == "llm"


def test_every_attempt_is_reserved_and_recorded(serve: Serve, request_: Request) -> None:
    _, llm = serve(faults={1: Fault(kind="status", status=429, headers={"Retry-After": "0.01"}), 2: Fault(kind="drop")})
    ledger, exchanges, waits = Ledger(Budget(llm_calls=3)), list[Exchange](), Waits()
    recorded = RecordedLLM(llm, ledger=ledger, on_exchange=exchanges.append, role="workflow")
    reply = RetryingLLM(recorded, rng=random.Random(0), sleep=waits).complete(request_)
    assert reply.text == "ok"
    assert ledger.spent["llm_calls"] == 3
    assert [e.error_kind for e in exchanges] == ["Transient", "LostReply", ""]
    assert waits[0] == 0.01


def test_budget_ends_the_retries(serve: Serve, request_: Request) -> None:
    server, llm = serve(faults={n: Fault(kind="status", status=500) for n in range(1, 9)})
    recorded = RecordedLLM(
        llm, ledger=Ledger(Budget(llm_calls=2)), on_exchange=list[Exchange]().append, role="workflow"
    )
    with pytest.raises(BudgetExhausted):
        RetryingLLM(recorded, rng=random.Random(0), sleep=Waits()).complete(request_)
    assert len(server.requests) == 2


@pytest.mark.parametrize("left_s", [0.0, 3.0, 7.5])
def test_wait_that_the_time_limit_cuts_is_not_begun(request_: Request, left_s: float) -> None:
    ticks, waits = iter([0.0, 10.0 - left_s]), Waits()
    ledger = Ledger(Budget(seconds=10), clock=lambda: next(ticks))
    inner = ScriptedLLM([Transient("busy", retry_after_s=7.5), "42"])
    with pytest.raises(BudgetExhausted, match=rf"due in 7\.5 s, and {left_s:g} s of the time limit .* failed: busy"):
        RetryingLLM(inner, rng=random.Random(0), sleep=waits, ledger=ledger).complete(request_)
    assert waits == []


def test_wait_that_fits_the_time_limit_is_made(request_: Request) -> None:
    ledger, waits = Ledger(Budget(seconds=10), clock=lambda: 0.0), Waits()
    inner = ScriptedLLM([Transient("busy", retry_after_s=7.5), "42"])
    assert RetryingLLM(inner, rng=random.Random(0), sleep=waits, ledger=ledger).complete(request_).text == "42"
    assert waits == [7.5]


def test_wait_ends_when_it_is_stopped(request_: Request) -> None:
    stopped, failures = threading.Event(), list[Exception]()
    inner = ScriptedLLM([Transient("busy", retry_after_s=60), "42"])
    llm = RetryingLLM(inner, rng=random.Random(0), sleep=stoppable_sleep(stopped))

    def call() -> None:
        try:
            llm.complete(request_)
        except LLMError as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    stopped.set()
    thread.join(5)
    assert [str(f) for f in failures] == ["stopped while waiting to ask the model again"]


def test_server_without_response_format_answers_the_second_attempt(serve: Serve) -> None:
    server, llm = serve(takes_response_format=False)
    waits = Waits()
    request = Request(messages=(Message("user", "hi"),), schema={"type": "object"})
    RetryingLLM(llm, rng=random.Random(0), sleep=waits).complete(request)
    assert len(server.requests) == 2
    assert waits == [0.0]

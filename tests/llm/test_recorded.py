import json
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentopt.budget import Budget, Ledger
from agentopt.errors import BudgetExhausted, LLMError, UsageError
from agentopt.llm.base import LLM, Message, Reply, Request, Sample, TokenLogprob, Usage
from agentopt.llm.failures import LostReply, Transient
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.price import FREE, Price
from agentopt.llm.recorded import Exchange, RecordedLLM, prompt_bound
from agentopt.llm.retrying import RetryingLLM
from agentopt.llm.scripted import Scripted, ScriptedLLM
from agentopt.testing.faults import Fault, FaultKind, RandomFaults
from agentopt.testing.server import LoopbackServer

DEAR = Price(prompt_usd_per_mtok=1_000_000.0, completion_usd_per_mtok=2_000_000.0)  # $1 and $2 per token


class PricedLLM(ScriptedLLM):
    """A script that costs `DEAR`."""

    @property
    def price(self) -> Price:
        return DEAR


def answer(prompt: int = 10, completion: int = 5, usd: float | None = None) -> Reply:
    return Reply(text="ok", usage=Usage(prompt_tokens=prompt, completion_tokens=completion, cost_usd=usd))


def recorded(
    budget: Budget, *replies: Scripted, llm: LLM | None = None, **settings: Any
) -> tuple[RecordedLLM, Ledger, list[Exchange]]:
    ledger, exchanges = Ledger(budget), list[Exchange]()
    inner = llm or ScriptedLLM(replies)
    settings = {"ledger": ledger, "on_exchange": exchanges.append, "role": "workflow", **settings}
    return RecordedLLM(inner, **settings), ledger, exchanges


def in_threads(n: int, call: Callable[[], object]) -> list[object]:
    """What `n` simultaneous calls return or raise."""
    outcomes: list[object] = []
    gate = threading.Barrier(n)

    def run() -> None:
        gate.wait()
        try:
            outcomes.append(call())
        except (BudgetExhausted, LLMError) as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_exchange_is_handed_on_with_role_and_label(request_: Request) -> None:
    llm, _, exchanges = recorded(Budget(), "42", role="optimizer", where={"step": 3})
    reply = llm.complete(request_)
    assert exchanges == [Exchange(request=request_, reply=reply, role="optimizer", where={"step": 3})]


def test_what_was_used_is_booked(request_: Request) -> None:
    llm, ledger, _ = recorded(Budget(tokens=10_000), answer(prompt=10, completion=5, usd=0.25))
    llm.complete(request_)
    spent = ledger.spent
    assert (spent["llm_calls"], spent["tokens"], spent["usd"]) == (1, 15, 0.25)
    assert ledger.left("tokens") == 10_000 - 15


def test_failure_is_recorded_and_raised(request_: Request) -> None:
    llm, ledger, exchanges = recorded(Budget(), Transient("busy"))
    with pytest.raises(Transient):
        llm.complete(request_)
    assert exchanges == [Exchange(request=request_, error="busy", error_kind="Transient", role="workflow")]
    assert ledger.spent["llm_calls"] == 1


@pytest.mark.parametrize(
    ("error", "is_billed"), [(Transient("429"), False), (LLMError("400"), False), (LostReply("cut"), True)]
)
def test_lost_reply_is_booked_in_full_and_a_refusal_is_free(
    request_: Request, error: Exception, is_billed: bool
) -> None:
    llm, ledger, _ = recorded(Budget(tokens=10_000), error)
    with pytest.raises(LLMError):
        llm.complete(request_)
    assert ledger.spent.get("tokens", 0) == (prompt_bound(request_) + 4096 if is_billed else 0)


def test_interrupt_gives_back_the_reservation_without_a_record(request_: Request) -> None:
    def interrupt(_: Request) -> str:
        raise KeyboardInterrupt

    llm, ledger, exchanges = recorded(Budget(llm_calls=2), interrupt)
    with pytest.raises(KeyboardInterrupt):
        llm.complete(request_)
    assert (ledger.left("llm_calls"), exchanges) == (1, [])


def test_refused_call_does_not_leave(request_: Request) -> None:
    llm, _, exchanges = recorded(Budget(llm_calls=1), "one", "two")
    llm.complete(request_)
    with pytest.raises(BudgetExhausted):
        llm.complete(request_)
    assert (len(exchanges), llm.spent["llm_calls"]) == (1, 1)


def test_sixteen_threads_make_exactly_the_ten_calls_left(request_: Request) -> None:
    llm, ledger, exchanges = recorded(Budget(llm_calls=10), *["ok"] * 16)
    outcomes = in_threads(16, lambda: llm.labelled().complete(request_))
    assert sum(isinstance(o, Reply) for o in outcomes) == 10
    assert sum(isinstance(o, BudgetExhausted) for o in outcomes) == 6
    assert (len(exchanges), ledger.spent["llm_calls"]) == (10, 10)


def test_attempts_under_way_delay_the_others_and_do_not_refuse_them(request_: Request) -> None:
    under_way = threading.Semaphore(0)

    def slow(_: Request) -> Reply:
        under_way.acquire(timeout=0.01)
        return answer(prompt=10, completion=5)

    bound = prompt_bound(request_) + 4096
    llm, ledger, exchanges = recorded(Budget(tokens=2 * bound), *[slow] * 16)
    outcomes = in_threads(16, lambda: llm.labelled().complete(request_))
    assert all(isinstance(o, Reply) for o in outcomes)
    assert {e.request.max_tokens for e in exchanges} == {4096}
    assert ledger.spent["tokens"] == 16 * 15


def test_request_is_sent_as_it_is_where_tokens_are_not_limited(request_: Request) -> None:
    llm, _, exchanges = recorded(Budget(llm_calls=1), "ok")
    llm.complete(request_)
    assert exchanges[0].request == request_


@pytest.mark.parametrize(
    ("asked", "left_for_completion", "sent"),
    [
        (None, 10_000, 4096),
        (None, 700, 700),
        (500, 10_000, 500),
        (500, 200, 200),
        (9000, 9000, 9000),
        (9000, 8000, 4096),
    ],
)
def test_max_tokens_is_what_fits(request_: Request, asked: int | None, left_for_completion: int, sent: int) -> None:
    request = Request(messages=request_.messages, max_tokens=asked)
    llm, _, exchanges = recorded(Budget(tokens=prompt_bound(request) + left_for_completion), answer())
    llm.complete(request)
    assert exchanges[0].request.max_tokens == sent


def test_prompt_that_does_not_fit_is_refused(request_: Request) -> None:
    llm, _, exchanges = recorded(Budget(tokens=prompt_bound(request_)), answer())
    with pytest.raises(BudgetExhausted, match="`tokens`"):
        llm.complete(request_)
    assert exchanges == []


def test_reply_that_does_not_count_its_tokens_is_booked_with_the_bound(request_: Request) -> None:
    llm, ledger, _ = recorded(Budget(tokens=10_000), "ok")
    llm.complete(request_)
    assert ledger.spent["tokens"] == prompt_bound(request_) + 4096


@given(st.lists(st.text()), st.none() | st.dictionaries(st.text(), st.text()))
def test_prompt_bound_is_at_least_a_token_per_byte(texts: list[str], schema: dict[str, str] | None) -> None:
    request = Request(messages=tuple(Message("user", text) for text in texts), schema=schema)
    written = "".join(texts) + (json.dumps(schema, ensure_ascii=False, separators=(",", ":")) if schema else "")
    assert prompt_bound(request) > len(written.encode())


@given(
    tokens=st.integers(0, 20_000),
    usd=st.floats(0, 20_000),
    sizes=st.lists(st.tuples(st.integers(0, 90), st.none() | st.integers(1, 6000))),
)
def test_no_limit_is_exceeded_by_a_server_that_keeps_max_tokens(
    tokens: int, usd: float, sizes: list[tuple[int, int | None]]
) -> None:
    def all_it_may(request: Request) -> Reply:
        assert request.max_tokens is not None
        prompt, completion = prompt_bound(request), request.max_tokens
        return answer(prompt, completion, DEAR.usd(prompt, completion))

    llm, ledger, _ = recorded(Budget(tokens=tokens, usd=usd), llm=PricedLLM([all_it_may] * len(sizes)))
    for size, max_tokens in sizes:
        try:
            llm.complete(Request(messages=(Message("user", "x" * size),), max_tokens=max_tokens))
        except BudgetExhausted:
            continue
    assert ledger.spent.get("tokens", 0) <= tokens
    assert ledger.spent.get("usd", 0) <= usd * (1 + 1e-9)


def test_dollars_limit_max_tokens(request_: Request) -> None:
    llm, _, exchanges = recorded(Budget(usd=prompt_bound(request_) + 2 * 101.0), llm=PricedLLM([answer(usd=1.0)]))
    llm.complete(request_)
    assert exchanges[0].request.max_tokens == 100


def test_dollars_cannot_be_limited_without_a_price(request_: Request) -> None:
    class Unpriced:
        name = "openai:m"
        answered_by = "model:m@2026-11-21"
        capabilities = frozenset[Any]()

        def complete(self, request: Request) -> Reply:
            raise AssertionError

    with pytest.raises(UsageError, match="the price of `openai:m` is not known; give it: price="):
        recorded(Budget(usd=1.0), llm=Unpriced())


def test_reply_without_its_cost_is_an_error_where_dollars_are_limited(request_: Request) -> None:
    llm, ledger, exchanges = recorded(Budget(usd=100_000.0), llm=PricedLLM([answer()]))
    with pytest.raises(UsageError, match="does not say what it cost"):
        llm.complete(request_)
    assert len(exchanges) == 1
    assert ledger.spent["usd"] == DEAR.usd(prompt_bound(request_), 4096)


def test_free_model_fits_a_budget_of_no_dollars(request_: Request) -> None:
    llm, ledger, _ = recorded(Budget(usd=0.0), "ok")
    assert llm.complete(request_).text == "ok"
    assert ledger.spent["usd"] == 0.0


def test_held_budget_is_drawn_on_only_where_asked(request_: Request) -> None:
    ledger = Ledger(Budget(llm_calls=1))
    ledger.hold(llm_calls=1)
    with pytest.raises(BudgetExhausted):
        recorded(Budget(), "ok", ledger=ledger)[0].complete(request_)
    assert recorded(Budget(), "ok", ledger=ledger, held=True)[0].complete(request_).text == "ok"


def test_labelled_copy_adds_to_the_label_and_counts_for_itself(request_: Request) -> None:
    llm, _, exchanges = recorded(Budget(), answer(prompt=10, completion=5), where={"step": 1})
    copy = llm.labelled(candidate=2)
    copy.complete(request_)
    assert exchanges[0].where == {"step": 1, "candidate": 2}
    assert (llm.spent, copy.spent) == ({"llm_calls": 0}, {"llm_calls": 1, "tokens": 15})


def test_retries_inside_are_refused() -> None:
    with pytest.raises(UsageError, match="swap them"):
        recorded(Budget(), llm=RetryingLLM(ScriptedLLM([]), rng=random.Random(0)))


def test_failing_recorder_is_heard(request_: Request) -> None:
    def full(_: Exchange) -> None:
        raise OSError("disk full")

    llm, ledger, _ = recorded(Budget(llm_calls=2), "ok", on_exchange=full)
    with pytest.raises(OSError, match="disk full"):
        llm.complete(request_)
    assert ledger.left("llm_calls") == 1


logprobs_ = st.lists(
    st.builds(
        TokenLogprob,
        token=st.text(),
        logprob=st.floats(-9999, 0),
        top=st.lists(st.tuples(st.text(), st.floats(-9999, 0))).map(tuple),
    ),
    max_size=3,
).map(tuple)
exchanges_ = st.builds(
    Exchange,
    request=st.builds(
        Request,
        messages=st.lists(st.builds(Message, st.sampled_from(["system", "user"]), st.text())).map(tuple),
        schema=st.none() | st.dictionaries(st.text(), st.text()),
        temperature=st.none() | st.floats(0, 2),
        stop=st.lists(st.text()).map(tuple),
        n=st.integers(1, 9),
        logprobs=st.none() | st.integers(0, 9),
    ),
    reply=st.none()
    | st.builds(
        Reply,
        text=st.text(),
        usage=st.builds(Usage, prompt_tokens=st.none() | st.integers()),
        others=st.lists(st.builds(Sample, text=st.text(), logprobs=logprobs_), max_size=2).map(tuple),
        logprobs=logprobs_,
        cached=st.booleans(),
    ),
    error=st.text(),
    role=st.sampled_from(["optimizer", "workflow"]),
    where=st.dictionaries(st.text(), st.integers() | st.text() | st.tuples(st.integers()) | st.just(math.inf)),
)


@given(exchanges_)
def test_exchange_reads_back_from_json(exchange: Exchange) -> None:
    again = Exchange.from_json(json.loads(json.dumps(exchange.to_json())))
    assert again == exchange
    assert again.request.digest == exchange.request.digest


def test_exchange_ignores_fields_it_does_not_know(request_: Request) -> None:
    exchange = Exchange(request=request_, reply=answer())
    data = exchange.to_json()
    data["colour"] = data["reply"]["colour"] = data["reply"]["usage"]["colour"] = "blue"
    assert Exchange.from_json(data) == exchange


def test_free_costs_nothing() -> None:
    assert FREE.usd(1e9, 1e9) == 0.0


def test_roles_on_one_ledger_wait_for_each_others_attempts(request_: Request) -> None:
    under_way, ledger = threading.Event(), Ledger(Budget(tokens=prompt_bound(request_) + 4096))

    def slow(_: Request) -> Reply:
        under_way.set()
        time.sleep(0.05)
        return answer(prompt=10, completion=5)

    optimizer, _, _ = recorded(Budget(), slow, ledger=ledger, role="optimizer")
    workflow, _, exchanges = recorded(Budget(), answer(prompt=10, completion=5), ledger=ledger, role="workflow")
    first = threading.Thread(target=optimizer.complete, args=(request_,))
    first.start()
    under_way.wait(10)
    workflow.complete(request_)
    first.join()
    assert exchanges[0].request.max_tokens == 4096 - 15
    assert ledger.spent_by == {
        "optimizer": {"llm_calls": 1, "tokens": 15},
        "workflow": {"llm_calls": 1, "tokens": 15},
    }


@pytest.mark.parametrize("attempts_under_way", [0, 1, 5])
def test_what_others_have_reserved_does_not_shorten_a_request(request_: Request, attempts_under_way: int) -> None:
    bound = prompt_bound(request_) + 4096
    ledger = Ledger(Budget(tokens=6 * bound))
    for _ in range(attempts_under_way):
        ledger.reserve(llm_calls=1, tokens=bound)
    llm, _, exchanges = recorded(Budget(), answer(), ledger=ledger)
    llm.complete(request_)
    assert exchanges[0].request.max_tokens == 4096


def test_every_sample_may_be_as_long_as_the_first(request_: Request) -> None:
    llm, _, exchanges = recorded(Budget(tokens=prompt_bound(request_) + 900), answer())
    llm.complete(replace(request_, n=3))
    assert exchanges[0].request.max_tokens == 300


@pytest.mark.parametrize("constraint", [{"regex": "a" * 99}, {"grammar": "a" * 99}, {"choices": ("a" * 99,)}])
def test_what_constrains_a_reply_counts_as_prompt(request_: Request, constraint: dict[str, Any]) -> None:
    assert prompt_bound(replace(request_, **constraint)) >= prompt_bound(request_) + 512 + 99


# Not `hang_up`: a request sent while the server is closing its connection was sent, and never gets there.
KINDS: tuple[FaultKind, ...] = ("status", "drop", "truncate", "malformed", "no_choices", "length")
FAULTS = RandomFaults(rate=0.4, kinds=tuple(Fault(kind=kind) for kind in KINDS), seed=1)


@pytest.mark.parametrize("faults", [{}, FAULTS], ids=["well", "faults"])
def test_64_workers_send_exactly_the_calls_of_the_budget(request_: Request, faults: Any) -> None:
    with LoopbackServer(faults=faults, latency_s=0.005) as server:
        client = OpenAILLM(server.model, base_url=server.url)
        llm, ledger, exchanges = recorded(Budget(llm_calls=150), llm=client)

        def ask_again_and_again() -> object:
            patient = RetryingLLM(llm.labelled(), rng=random.Random(0), attempts=150, longest_wait_s=0.001)
            return [patient.complete(request_) for _ in range(100)]

        outcomes = in_threads(64, ask_again_and_again)
        client.close()
    assert all(isinstance(outcome, BudgetExhausted) for outcome in outcomes)
    assert len(server.requests) == len(exchanges) == ledger.spent["llm_calls"] == 150

"""The gateway: only with its token, each call once, the same answers to whoever is run again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from agentopt.errors import BudgetExhausted, LLMError, MissingDependency, ModelUnavailable, RunError, UsageError
from agentopt.evaluate.gateway import Address, Desk, Gateway, RemoteLLM, ask_driver, described, raised
from agentopt.llm.base import LLM, Message, Request
from agentopt.llm.failures import LostReply
from agentopt.llm.scripted import ScriptedLLM


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


def desk_of(gateway: Gateway, llm: LLM | None) -> Desk:
    return gateway.open_desk(llm, lambda: None)


def ask(llm: LLM, text: str) -> str:
    return llm.complete(Request(messages=(Message("user", text),))).text


def test_an_answer_comes_from_the_drivers_model(gateway: Gateway) -> None:
    remote = RemoteLLM(desk_of(gateway, ScriptedLLM(["forty-two"])))
    assert ask(remote, "how much?") == "forty-two"


def test_it_says_of_itself_what_the_drivers_model_does(gateway: Gateway) -> None:
    inner = ScriptedLLM(["x"], name="abc")
    remote = RemoteLLM(desk_of(gateway, inner))
    assert (remote.name, remote.answered_by, remote.capabilities) == (inner.name, inner.answered_by, inner.capabilities)


def test_a_second_run_gets_the_first_ones_answers_without_a_call(gateway: Gateway) -> None:
    desk = desk_of(gateway, ScriptedLLM(["first", "second", "third"]))
    one, again = RemoteLLM(desk), RemoteLLM(desk)
    assert [ask(one, "same"), ask(one, "same")] == ["first", "second"]
    assert [ask(again, "same"), ask(again, "same"), ask(again, "same")] == ["first", "second", "third"]


def test_a_second_run_may_ask_in_another_order(gateway: Gateway) -> None:
    desk = desk_of(gateway, ScriptedLLM([lambda r: r.messages[0].content.upper()] * 2))
    one, again = RemoteLLM(desk), RemoteLLM(desk)
    assert [ask(one, "a"), ask(one, "b")] == ["A", "B"]
    assert [ask(again, "b"), ask(again, "a")] == ["B", "A"]


def test_a_call_under_way_is_waited_for_and_not_made_again(gateway: Gateway) -> None:
    asked, release = threading.Event(), threading.Event()

    def slow(request: Request) -> str:
        asked.set()
        release.wait(5)
        return "once"

    desk = desk_of(gateway, ScriptedLLM([slow]))
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(RemoteLLM(desk), "same"))) for _ in range(2)]
    threads[0].start()
    assert asked.wait(5)
    threads[1].start()
    release.set()
    for thread in threads:
        thread.join(5)
    assert answers == ["once", "once"]


def test_a_failure_is_given_again_too(gateway: Gateway) -> None:
    desk = desk_of(gateway, ScriptedLLM([LLMError("asleep"), "awake"]))
    for _ in range(2):
        with pytest.raises(LLMError, match="asleep"):
            ask(RemoteLLM(desk), "same")


def test_a_closed_desk_refuses(gateway: Gateway) -> None:
    desk = desk_of(gateway, ScriptedLLM(["x"]))
    gateway.close_desk(desk)
    with pytest.raises(RunError, match="given up"):
        ask(RemoteLLM(desk), "x")


def test_a_measurement_without_a_model_has_none(gateway: Gateway) -> None:
    with pytest.raises(UsageError, match="no `llm`"):
        ask(RemoteLLM(desk_of(gateway, None)), "x")


def test_a_wrong_token_is_refused_and_reaches_no_model(gateway: Gateway) -> None:
    llm = ScriptedLLM(["x"])
    desk = desk_of(gateway, llm)
    address = Address(host=desk.address.host, port=desk.address.port, token="guessed")
    with pytest.raises(RunError, match="401"):
        ask_driver(address, f"/ask/{desk.id}", b"{}")
    assert gateway.address.token not in repr(desk)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/nothing", b"{}", 404), ("/packed/unknown", b"", 404), ("/began/unknown", b"", 404), ("/ask/x", b"no", 400)],
)
def test_what_makes_no_sense_is_refused(gateway: Gateway, path: str, body: bytes, status: int) -> None:
    with pytest.raises(RunError, match=str(status)):
        ask_driver(gateway.address, path, body)


def test_a_worker_tells_when_it_begins(gateway: Gateway) -> None:
    begun: list[str] = []
    desk = gateway.open_desk(None, lambda: begun.append("yes"))
    ask_driver(gateway.address, f"/began/{desk.id}", b"")
    assert begun == ["yes"]


def test_a_gateway_that_is_gone_is_a_run_error() -> None:
    gone = Gateway()
    gone.close()
    with pytest.raises(RunError, match="cannot be reached"):
        ask_driver(gone.address, "/ask/x", b"{}")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BudgetExhausted("no more"), BudgetExhausted),
        (ModelUnavailable("down"), ModelUnavailable),
        (LostReply("broken"), LLMError),
        (MissingDependency("torch", "torch", "this"), ModelUnavailable.__base__),
    ],
)
def test_errors_cross_by_the_nearest_class_of_the_tree(error: Any, kind: type[Exception]) -> None:
    back = raised(json.loads(json.dumps(described(error))))
    assert type(back) is kind
    assert str(back) == str(error)

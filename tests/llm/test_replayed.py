import logging
import threading

import pytest

from agentopt.budget import Budget, Ledger
from agentopt.errors import LLMError, MissingKey, ModelUnavailable, ReplayMismatch
from agentopt.llm.base import LLM, Message, Reply, Request
from agentopt.llm.failures import LostReply, Transient, Unreachable
from agentopt.llm.recorded import Exchange, ExchangeRole, RecordedLLM
from agentopt.llm.replayed import ReplayedLLM, ReplayMode


def asks(text: str, **settings: float) -> Request:
    return Request(messages=(Message("system", "Be brief."), Message("user", text)), **settings)  # type: ignore[arg-type]


def said(request: Request, text: str, role: ExchangeRole = "workflow", **where: object) -> Exchange:
    return Exchange(request=request, reply=Reply(text=text), role=role, where=where)


def replay(*exchanges: Exchange, mode: ReplayMode = "strict", role: ExchangeRole | None = None) -> ReplayedLLM:
    return ReplayedLLM(exchanges, mode=mode, answered_by="model:m@2026-11-21", role=role)


A, B = asks("a"), asks("b")


def test_strict_answers_by_request_in_any_order() -> None:
    llm = replay(said(A, "1"), said(B, "2"))
    assert (llm.complete(B).text, llm.complete(A).text) == ("2", "1")


def test_strict_gives_the_nth_answer_to_the_nth_same_request() -> None:
    llm = replay(said(A, "1"), said(B, "2"), said(A, "3"))
    assert [llm.complete(A).text, llm.complete(A).text] == ["1", "3"]


def test_strict_shows_the_nearest_request_and_the_first_line_that_differs() -> None:
    near, far = asks("line one\nline two\nline three"), asks("something else")
    with pytest.raises(ReplayMismatch) as caught:
        replay(said(far, "1"), said(near, "2")).complete(asks("line one\nline 2\nline three"))
    assert "the nearest is number 2 of 2: line 3 was recorded as `user: line two`, is asked as `user: line 2`" in str(
        caught.value
    )


def test_strict_shows_a_setting_that_differs() -> None:
    with pytest.raises(ReplayMismatch, match=r"recorded as `temperature = 0\.5`, is asked as `temperature = 0\.7`"):
        replay(said(asks("a", temperature=0.5), "1")).complete(asks("a", temperature=0.7))


def test_long_lines_are_shown_around_the_difference() -> None:
    with pytest.raises(ReplayMismatch) as caught:
        replay(said(asks("x" * 5000 + "a" + "y" * 5000), "1")).complete(asks("x" * 5000 + "b" + "y" * 5000))
    assert "xxay" in str(caught.value)
    assert "xxby" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_strict_says_when_a_request_is_repeated_too_often() -> None:
    llm = replay(said(A, "1"))
    llm.complete(A)
    with pytest.raises(ReplayMismatch, match="holds this request 1 times, and it was asked once more"):
        llm.complete(A)


def test_empty_record_answers_nothing() -> None:
    with pytest.raises(ReplayMismatch, match="holds 0 exchanges"):
        replay().complete(A)


def test_only_the_role_asked_for_is_given() -> None:
    llm = replay(said(A, "theirs", "workflow"), said(A, "mine", "optimizer"), role="optimizer")
    assert (llm.complete(A).text, llm.left) == ("mine", 0)


def test_loose_answers_in_order_and_logs_the_difference(caplog: pytest.LogCaptureFixture) -> None:
    llm = replay(said(A, "1"), said(B, "2"), mode="loose")
    with caplog.at_level(logging.WARNING):
        assert [llm.complete(asks("A")).text, llm.complete(B).text] == ["1", "2"]
    assert [r.getMessage() for r in caplog.records] == [
        "`replay`: the request is not the recorded one: line 2 was recorded as `user: a`, is asked as `user: A`"
    ]


def test_loose_ends_with_its_record() -> None:
    llm = replay(said(A, "1"), mode="loose")
    llm.complete(B)
    with pytest.raises(ReplayMismatch, match="holds 1 exchanges, and one more was asked for"):
        llm.complete(B)


@pytest.mark.parametrize("mode", ["strict", "loose"])
def test_labelled_copies_get_the_answers_of_their_label(mode: ReplayMode) -> None:
    llm = replay(said(A, "1", instance="i"), said(A, "2", instance="j"), mode=mode)
    assert llm.labelled(instance="j").complete(A).text == "2"
    assert llm.labelled(instance="i").complete(A).text == "1"


def test_answer_given_to_a_label_is_not_given_again() -> None:
    llm = replay(said(A, "1", instance="i"), said(A, "2", instance="j"))
    llm.labelled(instance="i").complete(A)
    assert llm.complete(A).text == "2"


def test_unknown_label_gets_what_is_next() -> None:
    assert replay(said(A, "1", instance="i")).labelled(instance="k").complete(A).text == "1"


def test_recorded_replay_gets_the_answers_of_its_label() -> None:
    inner = replay(said(A, "1", step=1, instance="i"), said(A, "2", step=1, instance="j"))
    llm = RecordedLLM(
        inner, ledger=Ledger(Budget()), on_exchange=list[Exchange]().append, role="workflow", where={"step": 1}
    )
    assert llm.labelled(instance="j").complete(A).text == "2"


@pytest.mark.parametrize("kind", [Transient, Unreachable, LostReply, LLMError, ModelUnavailable, MissingKey])
def test_recorded_failure_is_raised_again(kind: type[Exception]) -> None:
    failed = Exchange(request=A, error="it said no", error_kind=kind.__name__)
    with pytest.raises(kind, match="it said no") as caught:
        replay(failed).complete(A)
    assert type(caught.value) is kind


def test_failure_of_a_foreign_class_is_an_llm_error_that_names_it() -> None:
    with pytest.raises(LLMError, match="SocketError: broken"):
        replay(Exchange(request=A, error="broken", error_kind="SocketError")).complete(A)


def test_replay_does_not_wait() -> None:
    with pytest.raises(Transient) as caught:
        replay(Exchange(request=A, error="busy", error_kind="Transient")).complete(A)
    assert caught.value.retry_after_s == 0.0


def test_each_exchange_is_given_once_to_many_threads() -> None:
    llm = replay(*[said(A, str(i)) for i in range(200)])
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.extend(llm.complete(A).text for _ in range(25))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=int) == [str(i) for i in range(200)]


def test_it_says_who_answered_when_it_was_recorded() -> None:
    llm = replay()
    assert isinstance(llm, LLM)
    assert llm.answered_by == "model:m@2026-11-21"


def test_what_was_recorded_replays_to_the_same_exchanges() -> None:
    def run(*held: Exchange) -> list[Exchange]:
        made: list[Exchange] = []
        llm = RecordedLLM(replay(*held), ledger=Ledger(Budget()), on_exchange=made.append, role="workflow")
        llm.labelled(instance="i").complete(A)
        with pytest.raises(Transient):
            llm.complete(B)
        llm.complete(B)
        return made

    first = run(said(A, "1"), Exchange(request=B, error="busy", error_kind="Transient"), said(B, "2"))
    assert run(*first) == first

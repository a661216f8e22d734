"""Every fault of the loopback server, through the whole chain that a run uses and both transports."""

import json
import logging
import traceback
from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import get_args

import pytest

from agentopt.budget import Budget, Ledger
from agentopt.errors import LLMError
from agentopt.llm.base import Request
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.retrying import RetryingLLM
from agentopt.testing.faults import Fault, FaultKind
from tests.llm.conftest import KEY, Serve

TIMEOUT_S = 0.3
TIMED: set[FaultKind] = {"slow", "drip", "huge"}
"""Faults that end a call by its time; under the others a busy machine gets as long as it needs."""


@dataclass(frozen=True)
class Outcome:
    """What becomes of a call whose two attempts both meet a fault.

    Args:
        kinds: class of each recorded failure, empty for a reply.
        words: what the final error says, or the reply's text.
        finish: of the reply, empty where there is none.
    """

    kinds: tuple[str, ...]
    words: str
    finish: str = ""


def lost(words: str) -> Outcome:
    return Outcome(("LostReply", "LostReply"), words)


def given(text: str, finish: str = "stop") -> Outcome:
    return Outcome(("",), text, finish)


OUTCOMES: dict[FaultKind, Outcome] = {
    "status": Outcome(("Transient", "Transient"), "answered 500: no, <key> (asked 2 times)"),
    "redirect": Outcome(("LLMError",), "answered 307, a redirect"),
    "error_object": Outcome(("Transient", "Transient"), "answered 500: no, <key> (asked 2 times)"),
    "drop": lost("the connection broke"),
    "truncate": lost("the connection broke"),
    "hang_up": given("forty two"),
    "malformed": lost("no answer of /chat/completions"),
    "html": lost("no answer of /chat/completions: '<html>Sign in"),
    "broken_gzip": lost("the connection broke"),
    "huge": lost(""),  # its size or its time is up, whichever comes first
    "no_choices": lost("no answer of /chat/completions"),
    "null_content": given(""),
    "refusal": given("", "refusal"),
    "content_filter": given("", "content_filter"),
    "length": given("fort", "length"),
    "wrong_schema": given('{"unexpected": true}'),
    "slow": lost("no reply within"),
    "drip": lost("no whole reply within"),
}


def test_every_fault_has_an_outcome() -> None:
    assert set(OUTCOMES) == set(get_args(FaultKind))


@pytest.mark.parametrize("kind", OUTCOMES)
def test_fault_becomes_a_reply_or_a_clear_error(
    serve: Serve, request_: Request, kind: FaultKind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outcome, exchanges = OUTCOMES[kind], list[Exchange]()
    fault = Fault(kind=kind, message=f"no, {KEY}", delay_s=0.02 if kind == "drip" else 2 * TIMEOUT_S)
    timeout_s = TIMEOUT_S if kind in TIMED else 60.0
    server, model = serve(
        lambda _: "forty two", faults=defaultdict(lambda: fault, {1: fault, 2: fault}), llm={"timeout_s": timeout_s}
    )
    recorded = RecordedLLM(model, ledger=Ledger(Budget()), on_exchange=exchanges.append, role="workflow")
    llm = RetryingLLM(recorded, rng=Random(0), attempts=2, sleep=lambda _: None)
    shown = ""
    if outcome.finish:
        reply = llm.complete(request_)
        assert (reply.text, reply.finish) == (outcome.words, outcome.finish)
    else:
        with pytest.raises(LLMError) as caught:
            llm.complete(request_)
        assert outcome.words in str(caught.value)
        shown = "".join(traceback.format_exception(caught.value))
    assert tuple(e.error_kind for e in exchanges) == outcome.kinds
    assert len(server.requests) == len(outcome.kinds)
    assert KEY not in shown + caplog.text + json.dumps([e.to_json() for e in exchanges])

import email.utils
import json
import logging
import socket
import subprocess
import sys
import threading
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentopt.budget import Budget, Ledger
from agentopt.errors import AgentoptError, LLMError, MissingKey, ModelUnavailable, UsageError
from agentopt.llm.base import LLM, Capability, Message, Request, TokenLogprob
from agentopt.llm.failures import LostReply, Transient, Unreachable
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.price import Price
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.testing.faults import Fault
from tests.llm.conftest import KEY, Serve

SCHEMA = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"], "additionalProperties": False}


def failing(serve: Serve, **fault: Any) -> OpenAILLM:
    return serve(faults={1: Fault(**fault)})[1]


def test_reply_is_what_the_server_wrote(serve: Serve, request_: Request) -> None:
    _, llm = serve(lambda _: "forty two ✓")
    reply = llm.complete(request_)
    assert (reply.text, reply.finish, reply.model) == ("forty two ✓", "stop", "test-model")


def test_usage_and_latency_are_filled_in(serve: Serve, request_: Request) -> None:
    ticks = iter([10.0, 12.5])
    price = Price(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=10.0)
    _, llm = serve(lambda _: "forty two", llm={"clock": lambda: next(ticks), "price": price})
    reply = llm.complete(request_)
    assert reply.latency_s == 2.5
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (7, 2)
    assert reply.usage.cost_usd == pytest.approx(27e-6)  # 7 · $1 + 2 · $10 per million


def test_cost_is_unknown_without_a_price(serve: Serve, request_: Request) -> None:
    assert serve()[1].complete(request_).usage.cost_usd is None


def test_only_what_the_request_says_is_sent(serve: Serve) -> None:
    server, llm = serve()
    llm.complete(Request(messages=(Message("user", "hi"),), temperature=0.0, max_tokens=9, seed=3, stop=("END",)))
    assert server.requests[0].body == {
        "model": "test-model",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.0,
        "max_tokens": 9,
        "seed": 3,
        "stop": ["END"],
    }


def test_samples_and_logprobs_are_asked_for_and_read(serve: Serve) -> None:
    texts = iter(["red", "green blue", "red"])
    server, llm = serve(lambda _: next(texts), llm={"capabilities": frozenset({"n", "logprobs"})})
    reply = llm.complete(Request(messages=(Message("user", "hi"),), n=3, logprobs=2))
    sent = server.requests[0].body
    assert (sent["n"], sent["logprobs"], sent["top_logprobs"]) == (3, True, 2)
    assert [s.text for s in reply.samples] == ["red", "green blue", "red"]
    assert [t.token for t in reply.others[0].logprobs] == ["green", "blue"]
    assert reply.logprobs == (TokenLogprob(token="red", logprob=-0.5, top=(("red", -0.5), ("other1", -1.5))),)
    assert reply.usage.completion_tokens == 4


@pytest.mark.parametrize(
    ("settings", "capability"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": 0}, "logprobs"),
        ({"regex": "a"}, "regex"),
        ({"grammar": "a"}, "grammar"),
        ({"choices": ("a",)}, "choices"),
    ],
)
def test_what_the_server_cannot_do_is_named_before_anything_is_sent(
    serve: Serve, settings: dict[str, Any], capability: str
) -> None:
    server, llm = serve()
    with pytest.raises(UsageError, match=f"has `{capability}`, which `openai:test-model.* has json_schema, seed"):
        llm.complete(Request(messages=(Message("user", "hi"),), **settings))
    assert server.requests == []


def test_capabilities_are_those_of_the_server() -> None:
    assert OpenAILLM("m", api_key=KEY).capabilities == {"json_schema", "seed", "n", "logprobs"}
    assert OpenAILLM("m", base_url="http://127.0.0.1:1/v1").capabilities == {"json_schema", "seed"}
    assert OpenAILLM("m", api_key=KEY, api="responses").capabilities == {"json_schema", "logprobs"}
    own: frozenset[Capability] = frozenset({"n"})
    assert OpenAILLM("m", api_key=KEY, capabilities=own).capabilities == own


def test_request_that_cannot_be_sent_costs_nothing(serve: Serve) -> None:
    ledger = Ledger(Budget(tokens=1000))
    llm = RecordedLLM(serve()[1], ledger=ledger, on_exchange=list[Exchange]().append, role="workflow")
    with pytest.raises(UsageError):
        llm.complete(Request(messages=(Message("user", "hi"),), n=2))
    assert ledger.spent.get("tokens", 0) == 0


def test_organization_in_the_environment_is_for_openai_only(
    serve: Serve, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    server, llm = serve()
    llm.complete(request_)
    assert "openai-organization" not in server.requests[0].headers


def test_schema_goes_out_as_strict_response_format(serve: Serve, request_: Request) -> None:
    server, llm = serve()
    llm.complete(Request(messages=request_.messages, schema=SCHEMA, schema_name="point"))
    assert server.requests[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "point", "schema": SCHEMA, "strict": True},
    }


class TestServerWithoutResponseFormat:
    words = "Satisfy:\n{{schema}}\n"

    def test_first_rejection_is_to_be_tried_again_at_once(self, serve: Serve, request_: Request) -> None:
        _, llm = serve(takes_response_format=False)
        with pytest.raises(Transient) as caught:
            llm.complete(Request(messages=request_.messages, schema=SCHEMA))
        assert caught.value.retry_after_s == 0.0

    def test_schema_is_then_in_the_system_message(self, serve: Serve, request_: Request) -> None:
        server, llm = serve(takes_response_format=False, llm={"schema_words": self.words})
        request = Request(messages=request_.messages, schema={"type": "object"})
        with pytest.raises(Transient):
            llm.complete(request)
        llm.complete(request)
        assert server.requests[1].body["messages"] == [
            {"role": "system", "content": 'Be brief.\n\nSatisfy:\n{"type":"object"}'},
            {"role": "user", "content": "What is 6 times 7?"},
        ]

    def test_system_message_is_added_where_there_is_none(self, serve: Serve) -> None:
        server, llm = serve(takes_response_format=False)
        request = Request(messages=(Message("user", "hi"),), schema={"type": "object"})
        with pytest.raises(Transient):
            llm.complete(request)
        llm.complete(request)
        assert server.requests[1].body["messages"][0] == {"role": "system", "content": '{"type":"object"}'}

    def test_it_is_remembered(self, serve: Serve, request_: Request) -> None:
        server, llm = serve(takes_response_format=False)
        request = Request(messages=request_.messages, schema=SCHEMA)
        with pytest.raises(Transient):
            llm.complete(request)
        llm.complete(request)
        llm.complete(request)
        assert ["response_format" in r.body for r in server.requests] == [True, False, False]
        assert "json_schema" not in llm.capabilities

    def test_another_400_is_final(self, serve: Serve, request_: Request) -> None:
        _, llm = serve(faults={1: Fault(kind="status", status=400, message="context too long")})
        with pytest.raises(LLMError, match="answered 400: context too long") as caught:
            llm.complete(Request(messages=request_.messages, schema=SCHEMA))
        assert not isinstance(caught.value, Transient)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_status_that_may_pass_is_transient(serve: Serve, request_: Request, status: int) -> None:
    with pytest.raises(Transient, match=f"answered {status}: busy") as caught:
        failing(serve, kind="status", status=status, message="busy").complete(request_)
    assert caught.value.retry_after_s is None


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_status_that_stays_is_final(serve: Serve, request_: Request, status: int) -> None:
    with pytest.raises(LLMError, match=f"answered {status}: no") as caught:
        failing(serve, kind="status", status=status, message="no").complete(request_)
    assert not isinstance(caught.value, Transient)


def test_retry_after_in_seconds_is_read(serve: Serve, request_: Request) -> None:
    with pytest.raises(Transient) as caught:
        failing(serve, kind="status", status=429, headers={"Retry-After": "2.5"}).complete(request_)
    assert caught.value.retry_after_s == 2.5


def test_retry_after_as_a_date_is_read_against_the_servers_clock(serve: Serve, request_: Request) -> None:
    in_an_hour = email.utils.format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    with pytest.raises(Transient) as caught:
        failing(serve, kind="status", status=503, headers={"Retry-After": in_an_hour}).complete(request_)
    assert caught.value.retry_after_s == pytest.approx(3600, abs=60)


@pytest.mark.parametrize("said", ["soon", "0", "-5", "nan", "inf", "Fri, 01 Jan 2021 00:00:00 GMT"])
def test_retry_after_that_is_no_time_to_come_is_ignored(serve: Serve, request_: Request, said: str) -> None:
    with pytest.raises(Transient) as caught:
        failing(serve, kind="status", status=429, headers={"Retry-After": said}).complete(request_)
    assert caught.value.retry_after_s is None


def test_retry_after_in_milliseconds_wins(serve: Serve, request_: Request) -> None:
    headers = {"retry-after-ms": "250", "Retry-After": "1"}
    with pytest.raises(Transient) as caught:
        failing(serve, kind="status", status=429, headers=headers).complete(request_)
    assert caught.value.retry_after_s == 0.25


@pytest.mark.parametrize(
    ("status", "error"), [(429, Transient), (503, Transient), (400, LLMError), (404, ModelUnavailable), (0, LostReply)]
)
def test_error_in_a_body_of_success_is_the_failure_it_says(
    serve: Serve, request_: Request, status: int, error: type[AgentoptError]
) -> None:
    with pytest.raises(error, match="upstream") as caught:
        failing(serve, kind="error_object", status=status, message="upstream is down").complete(request_)
    assert type(caught.value) is error


def test_redirect_is_refused_since_the_key_would_follow(serve: Serve, request_: Request) -> None:
    server, llm = serve(faults={1: Fault(kind="redirect")})
    with pytest.raises(LLMError, match="answered 307, a redirect, which is not followed") as caught:
        llm.complete(request_)
    assert not isinstance(caught.value, Transient)
    assert len(server.requests) == 1


def test_null_content_is_an_empty_text(serve: Serve, request_: Request) -> None:
    reply = failing(serve, kind="null_content").complete(request_)
    assert (reply.text, reply.finish) == ("", "stop")


@pytest.mark.parametrize("kind", ["drop", "truncate", "malformed", "no_choices", "html", "broken_gzip"])
def test_reply_that_does_not_arrive_whole_is_lost(serve: Serve, request_: Request, kind: str) -> None:
    with pytest.raises(LostReply):
        failing(serve, kind=kind).complete(request_)


def test_silence_longer_than_the_timeout_is_a_lost_reply(serve: Serve, request_: Request) -> None:
    _, llm = serve(faults={1: Fault(kind="slow", delay_s=5)}, llm={"timeout_s": 0.1})
    with pytest.raises(LostReply, match=r"no reply within 0\.1 s"):
        llm.complete(request_)


def test_slow_reply_within_the_timeout_arrives(serve: Serve, request_: Request) -> None:
    _, llm = serve(faults={1: Fault(kind="slow", delay_s=0.05)})
    assert llm.complete(request_).text == "ok"


def test_refusal_is_a_finish_with_the_models_words(serve: Serve, request_: Request) -> None:
    reply = failing(serve, kind="refusal", message="I will not.").complete(request_)
    assert (reply.text, reply.finish, reply.refusal) == ("", "refusal", "I will not.")


def test_length_is_a_finish_with_what_there_is(serve: Serve, request_: Request) -> None:
    _, llm = serve(lambda _: "forty two", faults={1: Fault(kind="length")})
    reply = llm.complete(request_)
    assert (reply.text, reply.finish) == ("fort", "length")


def test_content_filter_is_a_finish(serve: Serve, request_: Request) -> None:
    reply = failing(serve, kind="content_filter").complete(request_)
    assert (reply.text, reply.finish) == ("", "content_filter")


def test_reply_of_another_schema_is_returned_as_text(serve: Serve, request_: Request) -> None:
    assert failing(serve, kind="wrong_schema").complete(request_).text == '{"unexpected": true}'


def test_unknown_model_is_named_with_those_that_are_served(serve: Serve, request_: Request) -> None:
    _, llm = serve(llm={"model": "gpt-none"})
    with pytest.raises(ModelUnavailable, match=r"does not serve the model `gpt-none` .*; it serves `test-model`"):
        llm.complete(request_)


def test_unreachable_server_is_named(request_: Request) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        llm = OpenAILLM("m", base_url=url)
        with pytest.raises(Unreachable, match=f"cannot reach {url}"):
            llm.complete(request_)
        llm.close()


def test_no_key_names_the_environment_variable() -> None:
    with pytest.raises(MissingKey, match="set OPENAI_API_KEY"):
        OpenAILLM("gpt-5-mini")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1"])
def test_no_key_is_needed_on_loopback(url: str) -> None:
    assert OpenAILLM("m", base_url=url).name == f"openai:m@{url}"


def test_loopback_server_that_wants_a_key_says_so(serve: Serve, request_: Request) -> None:
    _, llm = serve(faults={1: Fault(kind="status", status=401, message="no key")}, llm={"api_key": None})
    with pytest.raises(MissingKey, match="no key; set OPENAI_API_KEY"):
        llm.complete(request_)


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "ftp://host/v1", "http://user:secret@host/v1", "http://h/v1?key=secret", "user:secret@host"],
)
def test_address_that_is_no_plain_one_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        OpenAILLM("m", base_url=url, api_key=KEY)
    assert "secret" not in str(caught.value)


def test_key_that_fits_in_no_header_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be sent") as caught:
        OpenAILLM("m", api_key="sk-tést")
    assert "tést" not in str(caught.value)


def test_key_from_a_file_with_a_line_end_works(serve: Serve, request_: Request) -> None:
    server, llm = serve(llm={"api_key": KEY + "\n"})
    llm.complete(request_)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_text_that_is_no_unicode_is_a_failure_of_the_model_call(serve: Serve) -> None:
    with pytest.raises(LLMError, match="no valid Unicode"):
        serve()[1].complete(Request(messages=(Message("user", "\ud800"),)))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 401, "message": f"Incorrect API key provided: {KEY}"},
        {"kind": "status", "status": 429, "message": f"slow down, {KEY}"},
        {"kind": "status", "status": 404, "message": f"{KEY} has no such model"},
        {"kind": "malformed"},
        {"kind": "drop"},
        {"kind": "error_object", "status": 0, "message": f"{KEY} is out of credit"},
        {"kind": "truncate"},
    ],
)
def test_key_leaks_nowhere(
    serve: Serve, request_: Request, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    exchanges: list[Exchange] = []
    llm = RecordedLLM(failing(serve, **fault), ledger=Ledger(Budget()), on_exchange=exchanges.append, role="optimizer")
    with pytest.raises(AgentoptError) as caught:
        llm.complete(request_)
    seen = [
        repr(llm._inner),
        llm.name,
        llm.answered_by,
        "".join(traceback.format_exception(caught.value)),
        json.dumps([e.to_json() for e in exchanges]),
        caplog.text,
    ]
    assert exchanges
    assert KEY not in "".join(seen)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_calls_from_many_threads_each_get_their_own_reply(serve: Serve) -> None:
    _, llm = serve(lambda body: body["messages"][0]["content"] * 2)
    replies: dict[int, str] = {}

    def call(i: int) -> None:
        replies[i] = llm.complete(Request(messages=(Message("user", str(i)),))).text

    threads = [threading.Thread(target=call, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == {i: str(i) * 2 for i in range(16)}


def test_names_say_model_and_server(serve: Serve) -> None:
    server, llm = serve()
    assert isinstance(llm, LLM)
    assert llm.name == f"openai:test-model@{server.url}"
    assert llm.answered_by.startswith("model:test-model@20")
    assert OpenAILLM("m", api_key=KEY).name == "openai:m"


def test_sdk_is_not_imported_before_the_first_call() -> None:
    script = (
        "import sys, agentopt.llm.resolve as r; "
        "r.resolve('openai:m@http://127.0.0.1:1/v1'); "
        "sys.exit('openai' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

import json
from typing import Any

import pytest

from agentopt.errors import LLMError, UsageError
from agentopt.llm.base import Message, Request, TokenLogprob
from agentopt.llm.failures import LostReply, Transient
from agentopt.llm.responses import ResponsesAPI
from agentopt.testing.faults import Fault
from tests.llm.conftest import Serve

API = {"api": "responses"}
SCHEMA = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"], "additionalProperties": False}


def test_only_what_the_request_says_is_sent(serve: Serve, request_: Request) -> None:
    server, llm = serve(llm=API)
    llm.complete(Request(messages=request_.messages, temperature=0.0, max_tokens=9))
    assert server.requests[0].path == "/v1/responses"
    assert server.requests[0].body == {
        "model": "test-model",
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 6 times 7?"}],
        "store": False,
        "temperature": 0.0,
        "max_output_tokens": 9,
    }


def test_reply_is_what_stands_after_the_reasoning(serve: Serve, request_: Request) -> None:
    reply = serve(lambda _: "forty two ✓", llm=API)[1].complete(request_)
    assert (reply.text, reply.finish, reply.model) == ("forty two ✓", "stop", "test-model")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (7, 3)


def test_schema_goes_out_as_strict_text_format(serve: Serve, request_: Request) -> None:
    server, llm = serve(llm=API)
    llm.complete(Request(messages=request_.messages, schema=SCHEMA, schema_name="point"))
    assert server.requests[0].body["text"] == {
        "format": {"type": "json_schema", "name": "point", "schema": SCHEMA, "strict": True}
    }


def test_server_without_text_format_gets_the_schema_as_words(serve: Serve, request_: Request) -> None:
    server, llm = serve(takes_response_format=False, llm=API)
    request = Request(messages=request_.messages, schema={"type": "object"})
    with pytest.raises(Transient, match="the schema goes as text from here on"):
        llm.complete(request)
    llm.complete(request)
    assert server.requests[1].body["input"][0]["content"] == 'Be brief.\n\n{"type":"object"}'


def test_logprobs_are_asked_for_and_read(serve: Serve) -> None:
    server, llm = serve(lambda _: "red", llm=API)
    reply = llm.complete(Request(messages=(Message("user", "hi"),), logprobs=1))
    assert server.requests[0].body["include"] == ["message.output_text.logprobs"]
    assert reply.logprobs == (TokenLogprob(token="red", logprob=-0.5, top=(("red", -0.5),)),)


@pytest.mark.parametrize("settings", [{"seed": 1}, {"n": 2}, {"regex": "a"}, {"stop": ("END",)}])
def test_what_the_protocol_lacks_is_named_before_anything_is_sent(serve: Serve, settings: dict[str, Any]) -> None:
    server, llm = serve(llm=API)
    with pytest.raises(UsageError, match=f"`{next(iter(settings))}`"):
        llm.complete(Request(messages=(Message("user", "hi"),), **settings))
    assert server.requests == []


@pytest.mark.parametrize(
    ("kind", "text", "finish", "refusal"),
    [
        ("refusal", "", "refusal", "I will not."),
        ("length", "fort", "length", ""),
        ("content_filter", "", "content_filter", ""),
        ("no_choices", "", "stop", ""),
    ],
)
def test_what_the_model_did_not_say_is_a_finish(
    serve: Serve, request_: Request, kind: Any, text: str, finish: str, refusal: str
) -> None:
    faults = {1: Fault(kind=kind, message="I will not.")}
    reply = serve(lambda _: "forty two", faults=faults, llm=API)[1].complete(request_)
    assert (reply.text, reply.finish, reply.refusal) == (text, finish, refusal)


@pytest.mark.parametrize("kind", ["drop", "truncate", "malformed", "html"])
def test_what_is_no_response_is_a_lost_reply(serve: Serve, request_: Request, kind: Any) -> None:
    with pytest.raises(LostReply):
        serve(faults={1: Fault(kind=kind)}, llm=API)[1].complete(request_)


def test_error_object_is_the_failure_it_says(serve: Serve, request_: Request) -> None:
    _, llm = serve(faults={1: Fault(kind="error_object", status=400, message="no credit")}, llm=API)
    with pytest.raises(LLMError, match="answered 400: no credit"):
        llm.complete(request_)


@pytest.mark.parametrize("status", ["queued", "in_progress", "failed", "cancelled"])
def test_unfinished_response_is_none(status: str) -> None:
    with pytest.raises(ValueError, match=status):
        ResponsesAPI().read({"status": status, "output": []})


def test_several_messages_are_one_text() -> None:
    def message(text: str) -> dict[str, Any]:
        return {"type": "message", "content": [{"type": "output_text", "text": text}]}

    answer = {"status": "completed", "output": [message("a"), {"type": "reasoning"}, message("b")]}
    assert ResponsesAPI().read(json.loads(json.dumps(answer))).text == "ab"

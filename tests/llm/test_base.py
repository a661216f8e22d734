import json
from typing import Any

import pytest

from agentopt.errors import UsageError
from agentopt.llm.base import Message, Reply, Request, Sample, TokenLogprob, Usage

ASKED = (Message("user", "hi"),)


def test_request_without_further_fields_is_written_without_them() -> None:
    assert json.dumps(Request(messages=ASKED).to_json()) == (
        '{"messages": [{"role": "user", "content": "hi"}], "schema_name": "reply", "stop": []}'
    )


def test_reply_without_further_fields_is_written_without_them() -> None:
    assert json.dumps(Reply(text="ok").to_json()) == (
        '{"text": "ok", "finish": "stop", "model": "", "refusal": "", '
        '"usage": {"prompt_tokens": null, "completion_tokens": null, "cost_usd": null}, "latency_s": 0.0}'
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"n": 3, "logprobs": 0},
        {"regex": "[0-9]+"},
        {"grammar": 'root ::= "a" | "b"'},
        {"choices": ("yes", "no")},
        {"schema": {"type": "object"}, "stop": ("END",)},
    ],
)
def test_request_reads_back_from_json(settings: dict[str, Any]) -> None:
    request = Request(messages=ASKED, **settings)
    again = Request.from_json(json.loads(json.dumps(request.to_json())))
    assert again == request
    assert again.digest != Request(messages=ASKED).digest


def test_reply_with_samples_reads_back_from_json() -> None:
    logprobs = (TokenLogprob(token="é", logprob=-0.5, top=(("é", -0.5), ("e", -1.25))),)
    others = (Sample(text="", finish="refusal", refusal="no"), Sample(text="b", logprobs=logprobs))
    reply = Reply(text="a", others=others, logprobs=logprobs, usage=Usage(prompt_tokens=1), cached=True)
    data = reply.to_json()
    assert Reply.from_json(json.loads(json.dumps(data))) == reply == Reply.from_json(data)


def test_samples_begin_with_the_text() -> None:
    reply = Reply(text="a", finish="length", others=(Sample(text="b"),))
    assert reply.samples == (Sample(text="a", finish="length"), Sample(text="b"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schema": {}, "regex": "a"}, "`schema` and `regex`; expected one"),
        ({"grammar": "g", "choices": ("a",)}, "`grammar` and `choices`"),
        ({"n": 0}, "`n` is 0"),
        ({"logprobs": -1}, "`logprobs` is -1"),
    ],
)
def test_request_that_cannot_be_meant_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Request(messages=ASKED, **settings)

"""Prompt tokens that the server had in its own cache: read, discounted, and left out where nobody says."""

from __future__ import annotations

import pytest

from agentopt.llm.base import Reply, Usage
from agentopt.llm.chat import ChatAPI


@pytest.mark.parametrize(
    ("details", "cached"),
    [({"cached_tokens": 64}, 64), ({}, None), (None, None), ([], None), ({"cached_tokens": "x"}, None)],
)
def test_cached_tokens_are_read_where_the_server_counts_them(details: object, cached: int | None) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": details}
    answer = {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}], "usage": usage}
    assert ChatAPI().read(answer).usage.cached_prompt_tokens == cached


def test_a_reply_without_cached_tokens_is_written_as_ever() -> None:
    assert "cached_prompt_tokens" not in Reply(text="ok").to_json()["usage"]


def test_cached_tokens_read_back() -> None:
    reply = Reply(text="ok", usage=Usage(prompt_tokens=100, cached_prompt_tokens=64))
    assert Reply.from_json(reply.to_json()) == reply

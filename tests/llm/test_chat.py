"""What an answer of a server may say, and what is not taken from it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agentopt.llm.base import Usage
from agentopt.llm.chat import ChatAPI


@pytest.mark.parametrize("wrong", [-1, -math.inf, math.inf, math.nan, "7", None], ids=repr)
def test_usage_that_cannot_be_is_unknown_and_gives_no_budget_back(wrong: Any) -> None:
    usage = {"prompt_tokens": wrong, "completion_tokens": wrong, "cost": wrong}
    reply = ChatAPI().read({"choices": [{"message": {"content": "yes"}}], "usage": usage})
    assert reply.usage == Usage()

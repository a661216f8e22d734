"""What the tests of models share: one request, and servers that are closed again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agentopt.llm.base import Message, Request
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.pooled import PooledTransport
from agentopt.llm.sdk import SDKTransport
from agentopt.testing.server import LoopbackServer

KEY = "sk-test-0123456789abcdef"

Serve = Callable[..., tuple[LoopbackServer, OpenAILLM]]


@pytest.fixture
def request_() -> Request:
    return Request(messages=(Message("system", "Be brief."), Message("user", "What is 6 times 7?")))


@pytest.fixture(params=[PooledTransport, SDKTransport])
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Starts a `LoopbackServer` with the arguments given, and connects an `OpenAILLM` to it, by each transport."""
    with ExitStack() as stack:

        def start(*args: Any, llm: dict[str, Any] | None = None, **settings: Any) -> tuple[LoopbackServer, OpenAILLM]:
            server = stack.enter_context(LoopbackServer(*args, **settings))
            settings = {"model": server.model, "base_url": server.url, "api_key": KEY, "transport": request.param}
            client = OpenAILLM(**{**settings, **(llm or {})})
            stack.callback(client.close)
            return server, client

        yield start

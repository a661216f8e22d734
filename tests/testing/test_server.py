"""`agentopt.testing.server`, as a client sees it; its faults are tested through `OpenAILLM`."""

import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from agentopt.testing.faults import Fault
from agentopt.testing.server import LoopbackServer


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", "X-Trace": "t"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


BODY = {"model": "test-model", "messages": [{"role": "user", "content": "one two"}]}


def test_it_records_what_it_received() -> None:
    with LoopbackServer() as server:
        post(f"{server.url}/chat/completions", BODY)
    assert [(r.path, r.headers["x-trace"], r.body) for r in server.requests] == [("/v1/chat/completions", "t", BODY)]


def test_it_counts_words_as_tokens() -> None:
    with LoopbackServer(lambda _: "a b c") as server:
        usage = post(f"{server.url}/chat/completions", BODY)["usage"]
    assert usage == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_fault_befalls_its_call_only() -> None:
    with LoopbackServer(faults={2: Fault(kind="no_choices")}) as server:
        counts = [len(post(f"{server.url}/chat/completions", BODY)["choices"]) for _ in range(3)]
    assert counts == [1, 0, 1]


def test_other_path_is_not_found() -> None:
    with LoopbackServer() as server, pytest.raises(urllib.error.HTTPError, match="404") as caught:
        post(f"{server.url}/embeddings", BODY)
    caught.value.close()


def test_closing_ends_calls_under_way_and_every_thread() -> None:
    before = threading.active_count()
    answers: list[dict[str, Any]] = []
    with LoopbackServer(faults={1: Fault(kind="slow", delay_s=60)}) as server:
        caller = threading.Thread(target=lambda: answers.append(post(f"{server.url}/chat/completions", BODY)))
        caller.start()
        while not server.requests:
            caller.join(0.005)
    caller.join(5)
    assert len(answers) == 1
    assert threading.active_count() <= before

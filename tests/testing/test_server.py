"""`agentopt.testing.server`, as a client sees it; its faults are tested through both transports."""

import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from agentopt.errors import UsageError
from agentopt.testing.faults import Fault, RandomFaults
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


@pytest.mark.parametrize("seed", [0, 1])
def test_chance_is_the_same_for_the_same_seed(seed: int) -> None:
    chance = RandomFaults(rate=0.3, kinds=(Fault(kind="drop"), Fault(kind="html")), seed=seed)
    drawn = [chance.get(number) for number in range(1, 1001)]
    assert drawn == [RandomFaults(rate=0.3, kinds=chance.kinds, seed=seed).get(n) for n in range(1, 1001)]
    assert drawn != [RandomFaults(rate=0.3, kinds=chance.kinds, seed=seed + 2).get(n) for n in range(1, 1001)]
    counts = [drawn.count(fault) for fault in (None, *chance.kinds)]
    assert 650 < counts[0] < 750  # 700 ± 3.5 standard deviations
    assert 110 < counts[1] < 190  # 150
    assert 110 < counts[2] < 190


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0), (1.0, 3)])
def test_no_call_or_every_call_can_fail(rate: float, share: int) -> None:
    with LoopbackServer(faults=RandomFaults(rate=rate, kinds=(Fault(kind="no_choices"),))) as server:
        counts = [len(post(f"{server.url}/chat/completions", BODY)["choices"]) for _ in range(3)]
    assert counts.count(0) == share


@pytest.mark.parametrize(("rate", "kinds"), [(1.5, (Fault(kind="drop"),)), (0.5, ()), (float("nan"), ())])
def test_chance_that_is_none_is_refused(rate: float, kinds: tuple[Fault, ...]) -> None:
    with pytest.raises(UsageError, match="expected 0 to 1"):
        RandomFaults(rate=rate, kinds=kinds)


def test_calls_in_flight_are_counted() -> None:
    with LoopbackServer(latency_s=0.2) as server:
        callers = [threading.Thread(target=post, args=(f"{server.url}/chat/completions", BODY)) for _ in range(5)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert (server.in_flight, server.connections) == (0, 5)
    assert 1 <= server.most_in_flight <= 5


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

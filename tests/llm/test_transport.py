"""Both transports, against the same faults; `test_openai.py` tests what is made of them."""

import gzip
import logging
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agentopt.errors import AgentoptError, LLMError, ModelUnavailable
from agentopt.llm.failures import LostReply, Unreachable
from agentopt.llm.openai import connect
from agentopt.llm.pooled import PooledTransport
from agentopt.llm.sdk import SDKTransport
from agentopt.llm.transport import OPENAI_URL, Endpoint, Response, Transport
from agentopt.testing.faults import Fault
from agentopt.testing.server import LoopbackServer
from tests.llm.conftest import KEY

BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hi ✓"}]}
BODY_END = b'"}]}'
CERTIFICATE = Path(__file__).parent / "localhost.pem"
"""Certificate of 127.0.0.1, signed by itself, and its key; of no use but to these tests."""
Connect = Callable[..., Transport]


@pytest.fixture(params=[PooledTransport, SDKTransport])
def connected(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a transport to an address, which is closed at the end."""
    with ExitStack() as stack:

        def make(url: str, **settings: Any) -> Transport:
            endpoint = Endpoint(**{"name": "openai:m", "url": url, "api_key": KEY, "timeout_s": 5.0, **settings})
            transport: Transport = request.param(endpoint)
            stack.callback(transport.close)
            return transport

        yield make


def post(transport: Transport) -> Response:
    return transport.post("/chat/completions", BODY)


@contextmanager
def raw_server(*answers: bytes, is_secure: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """Gives each connection the next of `answers`, after its request has arrived, and then closes it."""
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for answer in answers:
            with suppress(ssl.SSLError), listener.accept()[0] as connection:
                request = b""
                while BODY_END not in request:
                    request += connection.recv(65536)
                received.append(request)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if is_secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            listener = context.wrap_socket(listener, server_side=True)
        with listener:
            thread = threading.Thread(target=serve, args=(listener,))
            thread.start()
            yield f"http{'s' if is_secure else ''}://127.0.0.1:{port}/v1", received
            thread.join(5)


def test_default_is_the_sdk_for_openai_and_the_pool_elsewhere() -> None:
    assert isinstance(connect(Endpoint(name="m", url=OPENAI_URL)), SDKTransport)
    assert isinstance(connect(Endpoint(name="m", url="https://elsewhere.example/v1")), PooledTransport)


def test_request_and_answer_arrive_as_they_were_sent(connected: Connect) -> None:
    with LoopbackServer(lambda _: "✓") as server:
        response = post(connected(server.url))
    assert (response.status, '"\\u2713"' in response.text) == (200, True)
    assert (server.requests[0].body, server.requests[0].path) == (BODY, "/v1/chat/completions")
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_models_are_listed_by_get(connected: Connect) -> None:
    with LoopbackServer() as server:
        assert '"test-model"' in connected(server.url).get("/models").text


def test_connections_are_kept_and_shared_by_threads(connected: Connect) -> None:
    with LoopbackServer() as server:
        transport = connected(server.url)
        for _ in range(5):
            thread = threading.Thread(target=post, args=(transport,))
            thread.start()
            thread.join()
    assert (len(server.requests), server.connections) == (5, 1)


def test_as_many_requests_are_in_flight_as_there_are_threads(connected: Connect) -> None:
    together = threading.Barrier(24)

    def answer(body: dict[str, Any]) -> str:
        together.wait(10)
        return "ok"

    with LoopbackServer(answer) as server:
        transport = connected(server.url)
        threads = [threading.Thread(target=post, args=(transport,)) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.most_in_flight == 24


def test_connection_that_the_server_closed_meanwhile_is_replaced(connected: Connect) -> None:
    with LoopbackServer(faults={1: Fault(kind="hang_up")}) as server:
        transport = connected(server.url)
        post(transport)
        while server._open:
            threading.Event().wait(0.005)
        assert post(transport).status == 200
    assert (len(server.requests), server.connections) == (2, 2)


def test_request_on_a_dropped_connection_is_not_sent_again(connected: Connect) -> None:
    with LoopbackServer(faults={2: Fault(kind="drop")}) as server:
        transport = connected(server.url)
        post(transport)
        with pytest.raises(LostReply, match="the connection broke"):
            post(transport)
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", ["drop", "truncate", "broken_gzip"])
def test_broken_answer_is_a_lost_reply(connected: Connect, kind: Any) -> None:
    with LoopbackServer(faults={1: Fault(kind=kind)}) as server:
        transport = connected(server.url)
        with pytest.raises(LostReply, match="openai:m: the connection broke"):
            post(transport)
        assert post(transport).status == 200
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(kind="slow", delay_s=9), r"no reply within 0\.2 s"),
        (Fault(kind="drip", delay_s=0.05), r"no whole reply within 0\.2 s"),
    ],
)
def test_server_that_is_not_done_in_time_is_given_up(connected: Connect, fault: Fault, words: str) -> None:
    with LoopbackServer(faults={1: fault}) as server, pytest.raises(LostReply, match=words):
        post(connected(server.url, timeout_s=0.2))
    assert len(server.requests) == 1


def test_body_without_an_end_is_given_up(connected: Connect) -> None:
    with (
        LoopbackServer(faults={1: Fault(kind="huge")}) as server,
        pytest.raises(LostReply, match="more than 1,000,000 bytes"),
    ):
        post(connected(server.url, most_bytes=1_000_000))


def test_small_body_that_unpacks_to_a_huge_one_is_given_up(connected: Connect) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with raw_server(head + packed) as (url, _), pytest.raises(LostReply, match="more than 1,000,000 bytes"):
        post(connected(url, most_bytes=1_000_000))


def test_packed_body_is_unpacked(connected: Connect) -> None:
    packed = gzip.compress("packed ✓".encode())
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with raw_server(head + packed) as (url, received):
        assert post(connected(url)).text == "packed ✓"
    assert b"gzip" in received[0].lower()


def test_chunked_body_is_put_together(connected: Connect) -> None:
    chunks = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'
    with raw_server(chunks) as (url, _):
        assert post(connected(url)).text == '{"a":1}'


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTT",
        b"220 smtp.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    ],
)
def test_answer_that_breaks_the_protocol_is_a_lost_reply(connected: Connect, answer: bytes) -> None:
    with raw_server(answer) as (url, received), pytest.raises(LostReply):
        post(connected(url))
    assert len(received) == 1


def test_redirect_is_handed_on_and_not_followed(connected: Connect) -> None:
    with LoopbackServer(faults={1: Fault(kind="redirect")}) as server:
        response = post(connected(server.url))
    assert (response.status, response.headers["location"]) == (307, "/elsewhere/v1/chat/completions")
    assert len(server.requests) == 1


def test_any_status_is_an_answer(connected: Connect) -> None:
    with LoopbackServer(faults={1: Fault(kind="status", status=529, headers={"Retry-After": "3"})}) as server:
        response = post(connected(server.url))
    assert (response.status, response.headers["retry-after"]) == (529, "3")
    assert "ordered to fail" in response.text


def test_closed_port_is_unreachable(connected: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(Unreachable, match=rf"cannot reach {url} for openai:m: .*refused"):
            post(connected(url))


def test_close_is_safe_at_any_time(connected: Connect) -> None:
    with LoopbackServer() as server:
        transport = connected(server.url)
        transport.close()
        post(transport)
        transport.close()
        transport.close()
        assert post(transport).status == 200
    assert server.connections == 2


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}])
def test_body_that_is_no_json_is_refused_before_it_is_sent(connected: Connect, body: dict[str, Any]) -> None:
    with LoopbackServer() as server, pytest.raises(LLMError, match="openai:m: the request "):
        connected(server.url).post("/chat/completions", body)
    assert server.requests == []


def test_proxy_of_the_environment_is_used_beyond_loopback(connected: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (url, received):
        address = url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("http_proxy", f"http://user:p%40ss@{address}")
        assert post(connected("http://model.example/v1")).text == "{}"
    assert received[0].startswith(b"POST http://model.example/v1/chat/completions ")
    assert b"basic dXNlcjpwQHNz" in received[0].replace(b"Basic", b"basic")  # user:p@ss


def test_proxy_that_refuses_is_unreachable_and_its_password_is_not_shown(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("https_proxy", f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(Unreachable) as caught:
            post(connected("https://model.example/v1"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "proxy", ["gopher://user:secret@127.0.0.1:9", "http://user:secret@[::1", "http://user:secret@h:x"]
)
def test_proxy_that_cannot_be_read_is_an_error_without_its_password(
    connected: Connect, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(LLMError, match="openai:m: ") as caught:
        post(connected("http://model.example/v1"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_is_used_on_loopback(connected: Connect, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with LoopbackServer() as server:
        assert post(connected(server.url)).status == 200


def test_no_proxy_variable_is_respected(connected: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "model.invalid")
    with pytest.raises(Unreachable) as caught:
        post(connected("http://model.invalid/v1"))
    assert "refused" not in str(caught.value)  # the name does not resolve; the proxy was not asked


def test_certificate_that_is_not_trusted_is_final_and_nothing_is_sent(connected: Connect) -> None:
    with (
        raw_server(b"", is_secure=True) as (url, received),
        pytest.raises(ModelUnavailable, match="certificate verify failed"),
    ):
        post(connected(url))
    assert received == []


def test_certificate_of_the_system_is_trusted(connected: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", is_secure=True) as (url, _):
        assert post(connected(url)).text == "{}"


@pytest.mark.parametrize("kind", ["drop", "truncate", "huge", "broken_gzip"])
def test_key_is_in_no_failure_log_or_repr(connected: Connect, kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(lambda _: KEY, faults={1: Fault(kind=kind)}) as server:
        transport = connected(server.url, most_bytes=100_000)
        with pytest.raises(AgentoptError) as caught:
            post(transport)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(transport)
    assert KEY not in shown + repr(Endpoint(name="m", url=server.url, api_key=KEY))

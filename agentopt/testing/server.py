"""A small OpenAI-compatible server on loopback, with faults to order. No network, no model, no key."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from agentopt.testing.answers import Answer, answered, failed
from agentopt.testing.faults import Fault, RandomFaults


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """What reached the server; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class LoopbackServer:
    """Serves `/v1/chat/completions`, `/v1/responses` and `/v1/models` on 127.0.0.1 and a free port.

    ```python
    with LoopbackServer(lambda body: "42", faults={1: Fault(kind="status", status=429)}) as server:
        optimize(workflow, llm=f"openai:{server.model}@{server.url}", …)
    assert len(server.requests) == 2
    ```

    It honours `n` and log-probabilities, counts a token per word, takes any further field, and enforces no
    constraint: whether a reply satisfies a schema is what `answer` decides. Every kind of fault can be had at
    every call; those of the connection are real, so the client's own recovery is what a test sees.

    Args:
        answer: the text for a request's JSON; called once per sample, from several threads at once.
        faults: by number of the call, from 1, or by chance.
        latency_s: before every answer; ends early when the server closes.
        takes_response_format: whether it does; otherwise a request with a schema is answered 400.
        model: the only one it serves; a request for another is answered 404.

    Attributes:
        requests: the calls it received, in order; looking at `/v1/models` is none.
        connections: how many were opened.
        in_flight, most_in_flight: calls that are not answered yet, and the most there were at a time.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], str] = lambda _: "ok",
        *,
        faults: Mapping[int, Fault] | RandomFaults | None = None,
        latency_s: float = 0.0,
        takes_response_format: bool = True,
        model: str = "test-model",
    ) -> None:
        self.model = model
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self._answer = answer
        self._faults = faults or {}
        self._latency_s = latency_s
        self._takes_response_format = takes_response_format
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._http = _HTTPServer(self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """The address a client takes as `base_url`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RD)  # ends those that wait for a next call; answers still go out
        self._http.server_close()
        self._thread.join()

    def _connected(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def _disconnected(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def _begin(self, request: ReceivedRequest) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            return self._faults.get(len(self.requests))

    def _end(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def _respond(self, request: ReceivedRequest, fault: Fault | None) -> Answer:
        self._closing.wait(self._latency_s + (fault.delay_s if fault is not None and fault.kind == "slow" else 0.0))
        if fault is not None and fault.kind == "status":
            return failed(fault.status, fault.message, fault.headers)
        if fault is not None and fault.kind == "redirect":
            return failed(307, "moved", {"Location": request.path.replace("/v1", "/elsewhere/v1")})
        is_response = request.path.endswith("/v1/responses")
        if not (is_response or request.path.endswith("/v1/chat/completions")):
            return failed(404, f"no such path: {request.path}")
        if request.body.get("model") != self.model:
            return failed(404, f"the model `{request.body.get('model')}` does not exist")
        schema_field = "text" if is_response else "response_format"
        if schema_field in request.body and not self._takes_response_format:
            return failed(400, f"unknown parameter: {'text.format' if is_response else schema_field}")
        return answered(request.body, self._answer, fault, is_response=is_response)


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the calls under way
    request_queue_size = 1024

    def __init__(self, loopback: LoopbackServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.loopback = loopback


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HTTPServer

    def setup(self) -> None:
        super().setup()
        self.server.loopback._connected(self.connection)

    def finish(self) -> None:
        self.server.loopback._disconnected(self.connection)
        super().finish()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.log_message("the client went away")

    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": self.server.loopback.model, "object": "model"}]}
        is_known = self.path.endswith("/v1/models")
        answer = Answer(content=json.dumps(models).encode()) if is_known else failed(404, f"no such path: {self.path}")
        self._send(answer, None)

    def do_POST(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = json.loads(self.rfile.read(int(headers.get("content-length", 0))))
        request = ReceivedRequest(path=self.path, headers=headers, body=body)
        loopback = self.server.loopback
        fault = loopback._begin(request)
        try:
            self._send(loopback._respond(request, fault), fault)
        finally:
            loopback._end()

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        kind = fault.kind if fault is not None else ""
        self.close_connection |= kind in ("drop", "truncate", "hang_up", "huge")
        if kind == "drop":
            return
        length = 1 << 40 if kind == "huge" else len(answer.content)
        self.send_response(answer.status)
        for key, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if kind == "truncate":
            self.wfile.write(answer.content[: len(answer.content) // 2])
        elif kind == "huge":
            self._send_without_end()
        elif kind == "drip" and fault is not None:
            self._drip(answer.content, fault.delay_s)
        else:
            self.wfile.write(answer.content)

    def _send_without_end(self) -> None:
        while not self.server.loopback._closing.is_set():
            self.wfile.write(b" " * 65536)

    def _drip(self, content: bytes, delay_s: float) -> None:
        for at in range(len(content)):
            self.server.loopback._closing.wait(delay_s)
            self.wfile.write(content[at : at + 1])

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: a test server must not write to stderr."""

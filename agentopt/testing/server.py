"""A small OpenAI-compatible server on loopback, with faults to order. No network, no model, no key."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

FaultKind = Literal[
    "status",  # answers with `status` and `message`
    "drop",  # closes the connection without an answer
    "truncate",  # closes the connection in the middle of the body
    "malformed",  # status 200, a body that is not JSON
    "no_choices",  # a completion without choices
    "refusal",  # a completion whose message refuses with `message`
    "content_filter",  # an empty completion that was filtered
    "length",  # half of the answer, cut off
    "wrong_schema",  # JSON that satisfies no schema of interest
    "slow",  # the answer, after `delay_s`
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one call.

    Args:
        kind: see `FaultKind`.
        status: HTTP status of kind `status`.
        message: the server's words, of kinds `status` and `refusal`.
        headers: added to the answer, such as `Retry-After`.
        delay_s: seconds before the answer of kind `slow`; ends early when the server closes.
    """

    kind: FaultKind
    status: int = 500
    message: str = "this call was ordered to fail"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """What reached the server; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class LoopbackServer:
    """Serves `/v1/chat/completions` on 127.0.0.1 and a free port, as a context manager.

    ```python
    with LoopbackServer(lambda body: "42", faults={1: Fault(kind="status", status=429)}) as server:
        llm = OpenAILLM(server.model, base_url=server.url)
    ```

    Args:
        answer: the text for a request's JSON; called from several threads at once.
        faults: by number of the call, from 1.
        takes_response_format: whether it does; otherwise a request with one is answered 400.
        model: the only one it serves; a request for another is answered 404.

    Attributes:
        requests: what it received, in order.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], str] = lambda _: "ok",
        *,
        faults: Mapping[int, Fault] | None = None,
        takes_response_format: bool = True,
        model: str = "test-model",
    ) -> None:
        self.model = model
        self.requests: list[ReceivedRequest] = []
        self._answer = answer
        self._faults = dict(faults or {})
        self._takes_response_format = takes_response_format
        self._lock = threading.Lock()
        self._closing = threading.Event()
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
        self._http.server_close()
        self._thread.join()

    def _receive(self, request: ReceivedRequest) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            return self._faults.get(len(self.requests))

    def _respond(self, request: ReceivedRequest) -> _Response:
        fault = self._receive(request)
        body = dict(request.body)
        if fault is not None and fault.kind == "slow":
            self._closing.wait(fault.delay_s)
            fault = None
        if fault is not None and fault.kind == "status":
            return _failure(fault.status, fault.message, fault.headers)
        if not request.path.endswith("/v1/chat/completions"):
            return _failure(404, f"no such path: {request.path}")
        if body.get("model") != self.model:
            return _failure(404, f"the model `{body.get('model')}` does not exist")
        if "response_format" in body and not self._takes_response_format:
            return _failure(400, "unknown parameter: response_format")
        return self._completed(body, fault)

    def _completed(self, body: dict[str, Any], fault: Fault | None) -> _Response:
        kind = fault.kind if fault is not None else "stop"
        text = '{"unexpected": true}' if kind == "wrong_schema" else self._answer(body)
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        finish = kind if kind in ("length", "content_filter") else "stop"
        if kind == "length":
            message["content"] = text[: len(text) // 2]
        elif kind == "content_filter":
            message["content"] = ""
        elif kind == "refusal" and fault is not None:
            message |= {"content": None, "refusal": fault.message}
        completion = {
            "id": f"chatcmpl-{len(self.requests)}",
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": [] if kind == "no_choices" else [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": _usage(body, text),
        }
        content = b'{"choices": [' if kind == "malformed" else json.dumps(completion).encode()
        return _Response(content=content, sent_bytes={"drop": -1, "truncate": len(content) // 2}.get(kind))


@dataclass(frozen=True, kw_only=True)
class _Response:
    """Bytes of a response; `sent_bytes` of its content are sent, -1 is nothing at all, `None` all."""

    content: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    sent_bytes: int | None = None


def _failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> _Response:
    error = {"error": {"message": message, "type": "test", "param": None, "code": None}}
    return _Response(content=json.dumps(error).encode(), status=status, headers=headers or {})


def _usage(body: Mapping[str, Any], text: str) -> dict[str, int]:
    """One token per word, so that tests can count them."""
    prompt = sum(len(m["content"].split()) for m in body["messages"])
    completion = len(text.split())
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the calls under way
    request_queue_size = 128

    def __init__(self, loopback: LoopbackServer) -> None:
        self.loopback = loopback
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _HTTPServer

    def do_POST(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = json.loads(self.rfile.read(int(headers.get("content-length", 0))))
        response = self.server.loopback._respond(ReceivedRequest(path=self.path, headers=headers, body=body))
        if response.sent_bytes == -1:
            return
        try:
            self.send_response(response.status)
            for key, value in {"Content-Type": "application/json", **response.headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content[: response.sent_bytes])
        except ConnectionError:
            self.log_message("the client went away")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: a test server must not write to stderr."""

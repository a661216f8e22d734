"""Where workers ask models: one small HTTP server in the driver, which has the keys, the budget and the record.

A worker that died is replaced by another run of the same measurement. What the first run was told, the second is told
again: the n-th time that a measurement asks the same thing, it gets the same answer, however often it is run. So each
call is reserved, made, recorded and paid once, also one that was with the model when its worker died.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agentopt import errors
from agentopt.errors import AgentoptError, LLMError, RunError, UsageError
from agentopt.llm.base import LLM, Capability, Reply, Request
from agentopt.llm.recorded import Exchange


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a gateway is, and the token that opens it."""

    host: str
    port: int
    token: str

    def __repr__(self) -> str:
        return f"Address({self.host}:{self.port})"  # the token is in no log


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where one measurement's worker says that it begins, and asks its model, if it has one.

    `name`, `answered_by` and `capabilities` are what that model says of itself.
    """

    address: Address
    id: str
    has_llm: bool
    name: str = ""
    answered_by: str = ""
    capabilities: frozenset[Capability] = frozenset()


class _Answers:
    """The model of one measurement, and what it has been asked so far."""

    def __init__(self, llm: LLM | None, on_begin: Callable[[], None]) -> None:
        self._llm = llm
        self.on_begin = on_begin
        self._lock = threading.Lock()
        self._given: dict[tuple[str, int], Future[Reply]] = {}

    def answer(self, request: Request, number: int) -> Reply:
        if self._llm is None:
            raise UsageError("this workflow was given no `llm`")
        with self._lock:
            is_first = (request.digest, number) not in self._given
            given = self._given.setdefault((request.digest, number), Future())
        if is_first:
            try:
                given.set_result(self._llm.complete(request))
            except BaseException as error:  # noqa: BLE001  raised below, and again for whoever asks again
                given.set_exception(error)
        return given.result()


class Gateway:
    """Serves the workers of one executor.

    Args:
        host: the address it listens on: loopback, which only this machine reaches, or one of the driver's own on the
            network of the cluster. What goes over it is not encrypted.
        name: what workers call that address, where it is another (a container, a tunnel).
    """

    def __init__(self, host: str = "127.0.0.1", name: str | None = None) -> None:
        self._desks: dict[str, _Answers] = {}
        self._packed: dict[str, bytes] = {}
        self._http = _HTTPServer((host, 0), _Handler)
        self._http.gateway = self
        self.address = Address(host=name or host, port=self._http.server_address[1], token=secrets.token_urlsafe(32))
        thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="agentopt-gateway", daemon=True
        )
        thread.start()

    def open_desk(self, llm: LLM | None, on_begin: Callable[[], None]) -> Desk:
        """Lets one measurement begin and ask `llm`, until its desk is closed."""
        desk = Desk(address=self.address, id=secrets.token_hex(8), has_llm=llm is not None)
        if llm is not None:
            desk = replace(desk, name=llm.name, answered_by=llm.answered_by, capabilities=llm.capabilities)
        self._desks[desk.id] = _Answers(llm, on_begin)
        return desk

    def close_desk(self, desk: Desk) -> None:
        """Refuses what is asked there from now on."""
        self._desks.pop(desk.id, None)

    def offer(self, key: str, packed: bytes) -> None:
        """Gives `packed` to workers that ask for `key`."""
        self._packed[key] = packed

    def close(self) -> None:
        """Takes no more requests."""
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, body: bytes) -> bytes | None:
        """What is sent back; `None` for what does not exist."""
        kind, _, key = path.strip("/").partition("/")
        if kind == "packed":
            return self._packed.get(key)
        if kind == "began" and key in self._desks:
            self._desks[key].on_begin()
            return b""
        return json.dumps(self._reply(key, json.loads(body))).encode() if kind == "ask" else None

    def _reply(self, desk: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        answers = self._desks.get(desk)
        request = Request.from_json(asked["request"])
        try:
            if answers is None:
                raise RunError("this measurement was given up; it may not ask a model any more")
            return Exchange(request=request, reply=answers.answer(request, asked["number"])).to_json()
        except AgentoptError as error:
            return described(error)
        except Exception as error:  # noqa: BLE001  the worker raises it
            return described(RunError(f"{type(error).__name__}: {error}"))


def described(error: AgentoptError) -> dict[str, Any]:
    """An error as JSON data, by the nearest class of the tree in `errors`."""
    kind = next(k.__name__ for k in type(error).__mro__ if getattr(errors, k.__name__, None) is k and k not in _BUILT)
    return {"error_kind": kind, "error": str(error)}


_BUILT = (errors.MissingDependency,)
"""Made from something else than their message; their base stands for them."""


def raised(data: Mapping[str, Any]) -> AgentoptError:
    """The error that was described."""
    kind: type[AgentoptError] = getattr(errors, data["error_kind"])
    return kind(data["error"])


class RemoteLLM:
    """A worker's door to its measurement's model (an `LLM`).

    Whoever it belongs to must ask the same things when it is run again, in any order; then no call is made twice.
    """

    def __init__(self, desk: Desk) -> None:
        self.name = desk.name
        self.answered_by = desk.answered_by
        self.capabilities = desk.capabilities
        self._desk = desk
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()

    def to_text(self) -> str:
        """How a graph shows it: as the model of a local run."""
        return "llm"

    def complete(self, request: Request) -> Reply:
        """The reply that the driver got; the driver retries.

        Raises:
            AgentoptError: as the driver's model, or `RunError` where the driver cannot be reached.
        """
        with self._lock:
            number = self._asked[request.digest]
            self._asked[request.digest] += 1
        body = json.dumps({"request": request.to_json(), "number": number}).encode()
        data = json.loads(ask_driver(self._desk.address, f"/ask/{self._desk.id}", body))
        if data.get("error_kind"):
            raise raised(data)
        reply = Exchange.from_json(data).reply
        if reply is None:
            raise LLMError("the driver sent no reply")
        return reply


def ask_driver(address: Address, path: str, body: bytes) -> bytes:
    """What the gateway answers; waits as long as the model takes.

    Raises:
        RunError: it cannot be reached, or refuses.
    """
    connection = HTTPConnection(address.host, address.port)
    try:
        connection.request("POST", path, body, {"Authorization": f"Bearer {address.token}"})
        response = connection.getresponse()
        content = response.read()
    except (OSError, HTTPException) as error:
        raise RunError(f"the driver at {address.host}:{address.port} cannot be reached: {error}") from None
    finally:
        connection.close()
    if response.status != 200:
        raise RunError(f"the driver at {address.host}:{address.port} refused `{path}`: HTTP {response.status}")
    return content


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    gateway: Gateway


class _Handler(BaseHTTPRequestHandler):
    server: _HTTPServer

    def do_POST(self) -> None:
        gateway = self.server.gateway
        given = self.headers.get("Authorization", "")
        content: bytes | None = None
        if not hmac.compare_digest(given.encode(), f"Bearer {gateway.address.token}".encode()):
            status = 401
        else:
            try:
                content = gateway.answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
                status = 404 if content is None else 200
            except (ValueError, KeyError, TypeError):
                status = 400
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")
        except ConnectionError:
            self.log_message("the worker went away")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the exchanges are recorded elsewhere."""

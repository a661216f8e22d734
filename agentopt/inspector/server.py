"""The local server behind `agentopt ui`: runs as they go on, a queue of reviews, and buttons to stop and resume.

It reads the record and never writes it. Needs the extra `ui`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agentopt.errors import AgentoptError, MissingDependency, UsageError
from agentopt.inspector.guard import TOKEN_PARAMETER, Guard
from agentopt.inspector.live import LiveRecord
from agentopt.inspector.page import SCRIPTS, page_end, page_head

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_MOST_BYTES = 2_000_000
"""Of a request's body: an edited proposal may hold whole prompts and programs."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGES = {
    "/": ("elements", "words", "live", "questions", "runs"),
    "/run": (*SCRIPTS, "live", "questions", "following"),
}


def make_app(record: LiveRecord, guard: Guard) -> Starlette:
    """The server as an ASGI application.

    Raises:
        MissingDependency: `starlette` is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError:
        raise MissingDependency("starlette", "ui", "`agentopt ui`") from None
    app = Starlette(
        routes=[
            *(Route(path, _Page(path, guard).get) for path in _PAGES),
            Route("/data/runs.json", _reading(lambda _: record.runs())),
            Route("/data/{name:path}.json", _reading(lambda asked: _document(record, asked))),
            Route("/states", _reading(lambda asked: record.states(asked.query_params.get("run")))),
            Route("/stop", _changing(lambda data: record.stop(_text(data, "run"))), methods=["POST"]),
            Route("/resume", _changing(lambda data: str(record.resume(_text(data, "run")))), methods=["POST"]),
            Route("/answer", _changing(lambda data: record.answer(*_answer(data))), methods=["POST"]),
        ]
    )
    app.add_middleware(_Guarded, guard=guard)
    return app


class _Guarded:
    """Refuses what the guard refuses, before anything else looks at it."""

    def __init__(self, app: Any, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        request = Request(scope)
        refused = self._guard.refusal(request.method, request.headers, request.cookies)
        has_token = scope["path"] in _PAGES and TOKEN_PARAMETER in request.query_params  # the page looks at it
        if refused is None or (refused.status == 401 and has_token and request.method == "GET"):
            await self._app(scope, receive, send)
        else:
            response = PlainTextResponse(refused.words + "\n", refused.status, headers=_HEADERS)
            await response(scope, receive, send)


class _Page:
    """A page without data, which its script reads; it also takes the token out of the address into a cookie."""

    def __init__(self, path: str, guard: Guard) -> None:
        scripts = _PAGES[path]
        self._path = path
        self._text = page_head("agentopt", source="/data/", scripts=scripts) + page_end(scripts)
        self._guard = guard

    def get(self, request: Request) -> Response:
        """The page, or the way to it."""
        from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse

        given = request.query_params.get(TOKEN_PARAMETER)
        if given is None:
            return HTMLResponse(self._text, headers=_HEADERS)
        if not self._guard.is_token(given):
            return PlainTextResponse("this is not the token of this server\n", 403, headers=_HEADERS)
        response = RedirectResponse(self._path, 303, headers=_HEADERS)
        response.set_cookie(self._guard.cookie, self._guard.token, httponly=True, samesite="strict", path="/")
        return response


def _reading(read: Callable[[Request], Any]) -> Callable[[Request], Response]:
    """Answers with JSON of what `read` returns; what is not there is 404."""

    def get(request: Request) -> Response:
        return _replied(lambda: read(request), 404)

    return get


def _changing(change: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
    """Does what a JSON object asks for; what cannot be done is 409."""

    async def post(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import JSONResponse

        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"problem": "expected application/json"}, 415, headers=_HEADERS)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                return JSONResponse({"problem": f"more than {_MOST_BYTES} bytes"}, 413, headers=_HEADERS)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            return JSONResponse({"problem": "expected a JSON object"}, 400, headers=_HEADERS)
        return await run_in_threadpool(_replied, lambda: {"done": change(data)}, 409)

    return post


def _replied(make: Callable[[], Any], status_of_mistake: int) -> Response:
    """JSON of what `make` returns, or the problem it raises."""
    from starlette.responses import Response

    status = 200
    try:
        data = make()
    except AgentoptError as error:
        data, status = {"problem": str(error)}, status_of_mistake if isinstance(error, UsageError) else 500
    text = json.dumps(data, separators=(",", ":"))
    return Response(text, status, headers=_HEADERS, media_type="application/json")


def _document(record: LiveRecord, asked: Request) -> Any:
    after = asked.query_params.get("after", "-1")
    if not re.fullmatch(r"-1|\d{1,15}", after):
        raise UsageError(f"`after` is {after[:50]!r}; expected the serial of an event")
    return record.document(asked.path_params["name"], after=int(after))


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise UsageError(f"`{name}` is {value!r}; expected text")
    return value


def _answer(data: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    number, decision = data.get("number"), data.get("decision")
    if type(number) is not int or not 0 <= number < 2**63:
        raise UsageError(f"`number` is {number!r}; expected a whole number")
    if not isinstance(decision, dict):
        raise UsageError(f"`decision` is {decision!r}; expected an object")
    return number, decision

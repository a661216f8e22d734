"""The transport of OpenAI's own address: the `openai` SDK, which follows its service's conventions.

It takes milliseconds of CPU time per call, and seconds to import: nothing of it is loaded before the first request.
"""

from __future__ import annotations

import importlib
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from agentopt.errors import AgentoptError, LLMError, ModelUnavailable
from agentopt.llm.failures import LostReply, Transient, Unreachable
from agentopt.llm.transport import (
    CONNECT_TIMEOUT_S,
    CONNECTIONS_KEPT,
    OPENAI_URL,
    Endpoint,
    Response,
    given,
    is_distrust,
    request_bytes,
    whole_body,
)

if TYPE_CHECKING:
    import openai

_UNREAD = {"X-Stainless-Raw-Response": "stream"}
"""Makes the SDK hand out a response before its body is read."""


class SDKTransport:
    """Requests to `endpoint` through one client of the SDK, which neither retries nor follows redirects.

    The body of an answer that is no success is read whole, whatever its size. Organization and project are
    the environment's at OpenAI's own address, and not sent elsewhere.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: openai.OpenAI | None = None
        self._lock = threading.Lock()

    def post(self, path: str, body: Mapping[str, Any]) -> Response:
        """See `Transport`."""
        content = request_bytes(body, self._endpoint)
        return given(content if isinstance(content, LLMError) else self._exchange(path, dict(body)))

    def get(self, path: str) -> Response:
        """See `Transport`."""
        return given(self._exchange(path, None))

    def close(self) -> None:
        """See `Transport`. Requests under way fail."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _exchange(self, path: str, body: dict[str, Any] | None) -> Response | AgentoptError:
        import openai

        http = _http_library()
        started = time.monotonic()
        try:
            client = self._connected(http)
            if body is None:
                response = client.get(path, cast_to=http.Response, options={"headers": _UNREAD})
            else:
                response = client.post(path, cast_to=http.Response, body=body, options={"headers": _UNREAD})
            with closing(response):
                text = whole_body(response.iter_bytes(), self._endpoint, started=started)
        except openai.APIStatusError as error:
            response, text = error.response, self._endpoint.without_key(error.response.text)
        except openai.APIConnectionError as error:
            return self._failure(error.__cause__ or error)
        except (openai.OpenAIError, http.HTTPError, http.InvalidURL, ValueError, ImportError) as error:
            return self._failure(error)
        if isinstance(text, LostReply):
            return text
        return Response(status=response.status_code, headers=dict(response.headers), text=text)

    def _connected(self, http: Any) -> openai.OpenAI:
        import openai

        endpoint = self._endpoint
        with self._lock:
            if self._client is None:
                connections = openai.DefaultHttpxClient(
                    trust_env=not endpoint.is_local,
                    verify=ssl.create_default_context() if endpoint.is_local else True,
                    follow_redirects=False,
                    timeout=http.Timeout(endpoint.timeout_s, connect=min(CONNECT_TIMEOUT_S, endpoint.timeout_s)),
                    limits=http.Limits(max_connections=None, max_keepalive_connections=CONNECTIONS_KEPT),
                )
                self._client = openai.OpenAI(
                    api_key=endpoint.api_key or "none",
                    base_url=endpoint.url,
                    timeout=connections.timeout,
                    max_retries=0,
                    http_client=connections,
                )
                if endpoint.url != OPENAI_URL:
                    self._client.organization = self._client.project = None
            return self._client

    def _failure(self, error: BaseException) -> AgentoptError:
        endpoint, kind = self._endpoint, type(error).__name__
        said = endpoint.without_key(str(error) or kind)
        if is_distrust(error):
            return ModelUnavailable(f"cannot reach {endpoint.url}: {said}")
        if kind in ("ConnectError", "ConnectTimeout", "ProxyError"):
            return Unreachable(f"cannot reach {endpoint.url} for {endpoint.name}: {said}")
        if kind == "PoolTimeout":
            return Transient(f"{endpoint.name}: no free connection within {endpoint.timeout_s:g} s")
        if kind.endswith("Timeout"):
            return LostReply(f"{endpoint.name}: no reply within {endpoint.timeout_s:g} s")
        if kind.endswith("Error") and kind in dir(_http_library()):
            return LostReply(f"{endpoint.name}: the connection broke: {said}")
        return LLMError(f"{endpoint.name}: {said}")


def _http_library() -> Any:
    """The library below the SDK: `httpx2` from its version 3 on, `httpx` before."""
    import openai

    return importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__)

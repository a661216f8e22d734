"""The transport of every server but OpenAI's own: `urllib3`, for a fraction of the SDK's CPU time."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from agentopt.errors import AgentoptError, LLMError, ModelUnavailable
from agentopt.llm.failures import LostReply, Unreachable
from agentopt.llm.transport import (
    CONNECT_TIMEOUT_S,
    CONNECTIONS_KEPT,
    Endpoint,
    Response,
    given,
    is_distrust,
    request_bytes,
    whole_body,
)

_PART = 64 * 1024
_ONCE = urllib3.Retry(total=False, redirect=False)
"""No retry: the library's exception is raised as it is."""
_Pool = urllib3.HTTPConnectionPool | urllib3.PoolManager


class PooledTransport:
    """One pool of kept-alive connections to `endpoint`, shared by all threads.

    A kept connection that the server has closed is noticed before it is used, and replaced. One that closes
    just then is a `LostReply`, since nobody knows what the server has read. Proxies are those of the
    environment, read at the first request, never for loopback. Certificates are those that OpenSSL finds on
    the system; `SSL_CERT_FILE` names others (needed for Python from python.org on macOS, which has none).
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._pool: _Pool | None = None
        self._lock = threading.Lock()
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"agentopt/{version('agentopt')}",
        }
        if endpoint.api_key:
            self._headers["Authorization"] = f"Bearer {endpoint.api_key}"

    def post(self, path: str, body: Mapping[str, Any]) -> Response:
        """See `Transport`."""
        content = request_bytes(body, self._endpoint)
        return given(content if isinstance(content, LLMError) else self._exchange("POST", path, content))

    def get(self, path: str) -> Response:
        """See `Transport`."""
        return given(self._exchange("GET", path, None))

    def close(self) -> None:
        """See `Transport`. Connections in use are closed when their request is done."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.clear() if isinstance(pool, urllib3.PoolManager) else pool.close()

    def _exchange(self, method: str, path: str, content: bytes | None) -> Response | AgentoptError:
        started = time.monotonic()
        headers = self._headers if content is None else {**self._headers, "Content-Type": "application/json"}
        try:
            pool = self._connected()
            response = pool.urlopen(
                method,
                self._target(pool, path),
                body=content,
                headers=headers,
                retries=_ONCE,
                redirect=False,
                preload_content=False,
            )
            try:
                text = whole_body(_parts(response), self._endpoint, started=started)
            except BaseException:
                response.close()
                raise
            if isinstance(text, LostReply):
                response.close()
                return text
            response.release_conn()
        except (HTTPError, OSError, ValueError) as error:
            return self._failure(error)
        return Response(status=response.status, headers={k.lower(): v for k, v in response.headers.items()}, text=text)

    def _target(self, pool: _Pool, path: str) -> str:
        """What `pool` takes: an address, or, if it has only connections to this server, the path on it."""
        url = self._endpoint.url + path
        return url if isinstance(pool, urllib3.PoolManager) else "/" + url.split("/", 3)[3]

    def _connected(self) -> _Pool:
        with self._lock:
            if self._pool is None:
                self._pool = _pool(self._endpoint)
            return self._pool

    def _failure(self, error: Exception) -> AgentoptError:
        endpoint = self._endpoint
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        said = endpoint.without_key(str(cause) or type(cause).__name__)
        if is_distrust(error):
            return ModelUnavailable(f"cannot reach {endpoint.url}: {said}")
        if isinstance(error, (NewConnectionError, ConnectTimeoutError, ProxyError, ClosedPoolError)):
            return Unreachable(f"cannot reach {endpoint.url} for {endpoint.name}: {said}")
        if isinstance(error, ReadTimeoutError):
            return LostReply(f"{endpoint.name}: no reply within {endpoint.timeout_s:g} s")
        if isinstance(error, ValueError):  # an address or a proxy that cannot be read
            return LLMError(f"{endpoint.name}: {said}")
        return LostReply(f"{endpoint.name}: the connection broke: {said}")


def _parts(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    while part := response.read1(_PART, decode_content=True):
        yield part


def _pool(endpoint: Endpoint) -> _Pool:
    parts = urlsplit(endpoint.url)
    settings: dict[str, Any] = {
        "maxsize": CONNECTIONS_KEPT,
        "timeout": urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, endpoint.timeout_s), read=endpoint.timeout_s),
    }
    if parts.scheme == "https":
        settings["ssl_context"] = ssl.create_default_context()
    proxies = {} if endpoint.is_local or proxy_bypass(parts.netloc) else getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return urllib3.connection_from_url(endpoint.url, **settings)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    user, at, host = urlsplit(proxy).netloc.rpartition("@")
    proxy_headers = urllib3.make_headers(proxy_basic_auth=unquote(user)) if at else None
    address = urlunsplit((urlsplit(proxy).scheme, host, "", "", ""))
    return urllib3.ProxyManager(address, proxy_headers=proxy_headers, **settings)

"""How JSON goes to a model's server and comes back: what the transports share."""

from __future__ import annotations

import email.utils
import ipaddress
import json
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from agentopt.errors import AgentoptError, LLMError
from agentopt.llm.failures import LostReply

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_S = 10.0
CONNECTIONS_KEPT = 1024
"""Idle connections that stay open; as many as there are requests in flight are opened."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A model's server, and what is agreed with it.

    Args:
        name: how failures call the model, such as `openai:gpt-5-mini`.
        url: of the server, up to and including `/v1`.
        api_key: empty for none.
        timeout_s: longest silence of the server. A reply that comes in parts must be whole at the first part after
            this time, so that a server that drips does not hold a call.
        most_bytes: size of a reply's body, unpacked, from which on it is given up.
    """

    name: str
    url: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 120.0
    most_bytes: int = 64 * 1024 * 1024

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine's loopback, which no proxy reaches."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def without_key(self, text: str) -> str:
        """`text`, with `<key>` for the key; what a server or library says goes through here."""
        return text.replace(self.api_key, "<key>") if self.api_key else text


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a server answered, of any status; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the server asks to wait: milliseconds, seconds, or a date read against its own clock."""
        milliseconds = _number(self.headers.get("retry-after-ms"))
        said = self.headers.get("retry-after", "")
        seconds = _number(said) if milliseconds is None else milliseconds / 1000
        if seconds is None:
            try:
                now = email.utils.parsedate_to_datetime(self.headers.get("date", ""))
                seconds = (email.utils.parsedate_to_datetime(said) - now).total_seconds()
            except (ValueError, TypeError):
                return None
        return seconds if 0 < seconds < float("inf") else None


class Transport(Protocol):
    """Carries requests to one `Endpoint`, one attempt each; may be called from many threads at once.

    Nothing is sent twice, redirects are not followed, and no failure holds the key, in its message or in
    the exceptions it hangs on.
    """

    def post(self, path: str, body: Mapping[str, Any]) -> Response:
        """The answer to `body`, sent as JSON to `path` below the endpoint's address.

        Raises:
            Unreachable: no connection could be made; nothing was sent.
            LostReply: it was sent, at least in part, and no whole answer came back.
            ModelUnavailable: the server's certificate is not trusted.
            LLMError: `body` cannot be written as JSON, or the address or proxy cannot be used.
        """
        ...

    def get(self, path: str) -> Response:
        """The answer to a GET of `path`; raises as `post` does."""
        ...

    def close(self) -> None:
        """Closes the idle connections; the next request opens new ones."""
        ...


def request_bytes(body: Mapping[str, Any], endpoint: Endpoint) -> bytes | LLMError:
    """`body` as JSON, or the failure that says why it cannot be sent."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError as error:
        return LLMError(f"{endpoint.name}: the request is no valid Unicode: {error}")
    except (TypeError, ValueError) as error:
        return LLMError(f"{endpoint.name}: the request cannot be written as JSON: {error}")


def whole_body(parts: Iterable[bytes], endpoint: Endpoint, *, started: float) -> str | LostReply:
    """The text of a body that arrives in `parts`, `<key>` for the key, or why it was given up.

    Args:
        started: when the request was sent, by `time.monotonic`.
    """
    gathered, size = [], 0
    for part in parts:
        gathered.append(part)
        size += len(part)
        if size > endpoint.most_bytes:
            return LostReply(f"{endpoint.name} sent more than {endpoint.most_bytes:,} bytes")
        if time.monotonic() - started > endpoint.timeout_s:
            return LostReply(f"{endpoint.name}: no whole reply within {endpoint.timeout_s:g} s")
    try:
        return endpoint.without_key(b"".join(gathered).decode())
    except UnicodeDecodeError as error:
        return LostReply(f"{endpoint.name} sent a body that is no UTF-8: {error.reason} at byte {error.start}")


def given(answer: Response | AgentoptError) -> Response:
    """`answer`, raised if it is a failure; outside of `except`, as a library's exception may hold the key."""
    if isinstance(answer, AgentoptError):
        raise answer
    return answer


def is_distrust(error: BaseException | None) -> bool:
    """Whether a certificate was refused, below whatever a library has wrapped around it."""
    for _ in range(10):
        if error is None or isinstance(error, ssl.SSLCertVerificationError):
            return error is not None
        wrapped = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        error = wrapped or error.__cause__ or error.__context__
    return False


def _number(said: str | None) -> float | None:
    try:
        return float(said or "")
    except ValueError:
        return None

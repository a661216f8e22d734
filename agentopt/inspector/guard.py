"""Who may talk to the local server: one person's browser, on pages that the server itself sent.

A web page from elsewhere can make a browser send requests to loopback. It is kept out three times: by the `Host` header
(a name of its own that resolves to 127.0.0.1), by the `Origin` header, and by a token that it cannot know.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

TOKEN_PARAMETER = "token"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not served, as an HTTP status and a line for whoever reads it."""

    status: int
    words: str


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What the server asks of every request.

    Args:
        port: that the server listens on.
        token: whoever has it may look and change; made anew for every server.
        is_remote: whether other machines may come, by address only: a name could be anybody's.
    """

    port: int
    token: str
    is_remote: bool = False

    @property
    def cookie(self) -> str:
        """The name of the cookie with the token; browsers do not keep the cookies of two ports apart."""
        return f"agentopt_{self.port}"

    def refusal(self, method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Refusal | None:
        """Why the request is refused; `None` where it is not.

        Args:
            headers: by name in lower case.
        """
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_own(host):
            return Refusal(status=403, words=f"this server is not `{host[:100]}`")
        if origin is not None and not self._is_own_origin(origin, host):
            return Refusal(status=403, words=f"pages of `{origin[:100]}` may not ask this server")
        by = self._known_by(headers, cookies)
        if by is None:
            return Refusal(status=401, words="open the address that `agentopt ui` printed; it holds the token")
        if by == "cookie" and origin is None and method not in ("GET", "HEAD"):
            return Refusal(status=403, words="a browser that changes something says its origin, and this one does not")
        return None

    def is_token(self, text: str) -> bool:
        """Whether the text is the token; takes the same time wherever they differ."""
        return secrets.compare_digest(text.encode("utf-8", "surrogatepass"), self.token.encode("ascii"))

    def _known_by(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Literal["header", "cookie"] | None:
        """How the request shows the token: by `Authorization: Bearer …`, as no foreign page can, or by a cookie."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given):
            return "header"
        return "cookie" if self.is_token(cookies.get(self.cookie, "")) else None

    def _is_own_origin(self, origin: str, host: str) -> bool:
        return origin == f"http://{host}"

    def _is_own(self, host: str) -> bool:
        """Whether a `Host` header names this server."""
        try:
            split = urlsplit(f"//{host}")
            name, port = split.hostname or "", split.port
        except ValueError:
            return False
        if split.netloc != host or "@" in host or (port or 80) != self.port:
            return False
        if name == "localhost":
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self.is_remote

"""Who may talk to the local server: by host, by origin, by token; each of them alone keeps a stranger out."""

from __future__ import annotations

import pytest

from agentopt.inspector.guard import Guard

TOKEN = "s3cret"
GUARD = Guard(port=8765, token=TOKEN)
COOKIE = {"agentopt_8765": TOKEN}


def status(method: str = "GET", cookies: dict[str, str] | None = None, guard: Guard = GUARD, **headers: str) -> int:
    given = {"host": "127.0.0.1:8765", **headers}
    refused = guard.refusal(method, given, COOKIE if cookies is None else cookies)
    return 200 if refused is None else refused.status


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765", "127.0.0.2:8765"])
def test_its_own_names_are_served(host: str) -> None:
    assert status(host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:8765",
        "127.0.0.1.evil.example:8765",
        "localhost.evil.example:8765",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:8765:1",
        "127.0.0.1:x",
        "127.0.0.1:99999",
        "user@127.0.0.1:8765",
        "127.0.0.1:8765/",
        "127.0.0.1:8765?x",
        "192.168.1.7:8765",
        "0.0.0.0:8765",
        "[::1:8765",
        "2130706433:8765",
        "ⅼocalhost:8765",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert status(host=host) == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "https://127.0.0.1:8765",
        "http://127.0.0.1:9999",
        "http://localhost:8765",
        "http://127.0.0.1:8765.evil.example",
        "http://127.0.0.1:8765/",
    ],
)
def test_pages_from_elsewhere_are_refused(method: str, origin: str) -> None:
    assert status(method, origin=origin) == 403


@pytest.mark.parametrize(
    "cookies",
    [{}, {"agentopt_8765": ""}, {"agentopt_8765": "s3cre"}, {"agentopt_8765": "ä\ud800"}, {"agentopt_1": TOKEN}],
)
def test_without_the_token_nothing_is_shown(cookies: dict[str, str]) -> None:
    assert status(cookies=cookies) == 401
    assert status("POST", cookies, origin="http://127.0.0.1:8765") == 401


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", "Bearer wrong", f"Bearer {TOKEN} "])
def test_a_wrong_authorization_is_none(given: str) -> None:
    assert status(cookies={}, authorization=given) == 401


def test_the_token_in_a_header_needs_no_origin() -> None:
    assert status("POST", {}, authorization=f"Bearer {TOKEN}") == 200
    assert status("POST", {}, authorization=f"bearer {TOKEN}", origin="http://evil.example") == 403


def test_a_cookie_changes_something_only_from_an_own_page() -> None:
    assert status("POST") == 403
    assert status("POST", origin="http://127.0.0.1:8765") == 200
    assert [status(method) for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "post")] == [403] * 5


def test_other_machines_come_by_address_only() -> None:
    remote = Guard(port=8765, token=TOKEN, is_remote=True)
    hosts = ("192.168.1.7:8765", "[fe80::1]:8765", "evil.example:8765", "myhost:8765")
    assert [status(guard=remote, host=host) for host in hosts] == [200, 200, 403, 403]

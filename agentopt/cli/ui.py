"""`agentopt ui`: a local page of runs as they go on, and of what waits for a review."""

from __future__ import annotations

import getpass
import ipaddress
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from agentopt.cli.options import store_path
from agentopt.errors import MissingDependency, UsageError
from agentopt.inspector.guard import TOKEN_PARAMETER, Guard
from agentopt.inspector.live import LiveRecord
from agentopt.inspector.server import make_app

DEFAULT_PORT = 8765


def ui(
    runs: Annotated[Path, typer.Argument(help="Folder of the record, or the record's file.")] = Path("runs"),
    port: Annotated[int | None, typer.Option(help=f"{DEFAULT_PORT}, or any free one, where not given.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let --host be an address that other machines reach.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Who reviews, for the record; your login if not given.")] = None,
) -> None:
    """Show runs in the browser while they go on; stop and resume them; review proposals. Ends with Ctrl-C."""
    try:
        import uvicorn
    except ImportError:
        raise MissingDependency("uvicorn", "ui", "`agentopt ui`") from None
    is_remote = not _is_loopback(host)
    if is_remote and not allow_remote:
        raise UsageError(f"`{host}` may be reached from other machines; --allow-remote if that is meant")
    record = LiveRecord(runs if runs.is_file() else store_path(runs), reviewer=name or _login())
    with _listening(host, port) as listening:
        guard = Guard(port=listening.getsockname()[1], token=secrets.token_urlsafe(32), is_remote=is_remote)
        app = make_app(record, guard)
        if is_remote:
            print(
                "agentopt: WARNING: other machines can reach this server, and the connection is not encrypted: "
                "whoever reads along has the token, and with it your records and your runs",
                file=sys.stderr,
            )
        address = f"[{host}]" if ":" in host else host
        print(f"http://{address}:{guard.port}/?{TOKEN_PARAMETER}={guard.token}", flush=True)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


def _listening(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in (DEFAULT_PORT, 0) if port is None else (port,):
        try:
            return socket.create_server((host, number), family=family)
        except (OSError, OverflowError) as error:
            problem = error
    raise UsageError(f"cannot listen on {host}, port {port}: {problem}")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for the user's number
        return "somebody"

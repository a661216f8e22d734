"""Finds out what the sandbox enforces here: a child tries what it should not be able to do."""

from __future__ import annotations

import errno
import mmap
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentopt.sandbox.base import Guarantee, Limits, Outcome

PROBE_LIMITS = Limits(wall_s=5.0, memory_mb=4096)
_TOO_MUCH_MEMORY = 6 << 30
_REFUSALS = (errno.EPERM, errno.EACCES, errno.EXDEV)  # the last for links and renames

Attempt = Callable[[], object]


def attempt_escapes(
    source: str,  # noqa: ARG001 - harnesses get one
    *,
    outside: str,
    client: int,
    variables: Sequence[str],
) -> dict[Guarantee, list[str]]:
    """Tries every escape from inside a sandboxed child; by guarantee, the attempts that succeeded.

    Args:
        source: not used.
        outside: folder with a file `secret`, which should be out of reach.
        client: process id of the sandbox's user.
        variables: names of the environment variables that may be seen.
    """
    attempts: dict[Guarantee, dict[str, Attempt]] = {
        "files": _on_files(Path(outside)),
        "network": _on_network(),
        "processes": _on_processes(client),
    }
    found: dict[Guarantee, list[str]] = {
        guarantee: [name for name, attempt in tries.items() if not _is_refused(attempt)]
        for guarantee, tries in attempts.items()
    }
    found["process"] = ["same process"] if os.getpid() == client else []
    found["memory"] = [] if _is_refused(lambda: mmap.mmap(-1, _TOO_MUCH_MEMORY), (errno.ENOMEM,)) else ["mmap"]
    found["environment"] = sorted(set(os.environ) - set(variables))
    neighbour = Path(f"/proc/{client}/environ")
    if Path("/proc/self").exists() and not _is_refused(neighbour.read_bytes):
        found["environment"].append(str(neighbour))
    return found


def _is_refused(attempt: Attempt, refusals: Sequence[int] = _REFUSALS) -> bool:
    try:
        result = attempt()
    except OSError as error:
        return error.errno in refusals
    if hasattr(result, "close"):
        result.close()
    return False


def _on_files(outside: Path) -> dict[str, Attempt]:
    secret = outside / "secret"
    return {
        "read": secret.read_bytes,
        "list": lambda: os.listdir(outside),
        "overwrite": lambda: secret.write_text("x"),
        "create": lambda: (outside / "created").write_text("x"),
        "make a folder": lambda: (outside / "folder").mkdir(),
        "truncate": lambda: os.truncate(secret, 0),
        "change mode": lambda: secret.chmod(0o600),
        "change times": lambda: os.utime(secret),
        "rename": lambda: secret.rename(outside / "renamed"),
        "link": lambda: os.link(secret, "linked"),
        "remove": secret.unlink,
    }


def _on_network() -> dict[str, Attempt]:
    def connect(family: int, kind: int, address: Any) -> None:
        with socket.socket(family, kind) as end:
            end.connect(address)

    return {
        "TCP": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 9)),
        "TCP over IPv6": lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 9)),
        "UDP": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 9)),
        "Unix socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "nowhere"),
        "Unix datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0],
    }


def _on_processes(client: int) -> dict[str, Attempt]:
    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    return {
        "fork": fork,
        "exec": lambda: os.execv("/nonexistent/program", ["program"]),  # not refused, but not found, where it may exec
        "signal": lambda: os.kill(client, 0),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, client, os.getpriority(os.PRIO_PROCESS, client)),
    }


def guarantees_of(
    escapes: Mapping[Guarantee, Sequence[str]], endless: Outcome, loud: Outcome, layers: Sequence[str]
) -> dict[Guarantee, str]:
    """The guarantees that held, each with the means.

    Args:
        escapes: what `attempt_escapes` found.
        endless: outcome of a program that never ends.
        loud: outcome of a program that prints more than it may.
    """
    means: dict[Guarantee, list[str]] = {
        "process": ["fork server"],
        "time": ["wall clock"],
        "memory": ["RLIMIT_AS"],
        "output": ["capped pipe"],
        "environment": ["clean environment", *layers],
        "files": [*layers],
        "network": [*layers],
        "processes": [*layers],
    }
    held = {guarantee for guarantee, found in escapes.items() if not found}
    if endless.status == "timeout":
        held.add("time")
    if loud.status == "output":
        held.add("output")
    return {guarantee: ", ".join(how) for guarantee, how in means.items() if guarantee in held}


ENDLESS = "def run():\n    while True:\n        pass\n"
LOUD = "def run():\n    print('x' * 10_000)\n"

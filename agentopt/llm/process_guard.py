"""Runs a command, and ends it with all its processes when standard input closes: `python process_guard.py COMMAND…`.

Whoever starts this holds the other end of standard input. The kernel closes it however that process ends, so the
command never outlives it. Run as a file, so that it imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_S = 15.0
"""From the request to end until processes are killed."""


def main(command: list[str]) -> int:
    """The exit status of `command` (128 more than the signal that ended it), when none of its process group is left."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    status = process.wait()
    _signal(process.pid, signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    _signal(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # all gone
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

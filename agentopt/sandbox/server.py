"""The client's handle on one server process: start it, hold calls through it, end it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from agentopt.errors import SandboxError
from agentopt.sandbox.base import Outcome
from agentopt.sandbox.conversation import Conversation, ServerLost
from agentopt.sandbox.outcome import outcome_of
from agentopt.sandbox.program import Request
from agentopt.sandbox.scratch import remove_tree

_BOOT_S = 120.0
_END_S = 5.0
_LOG = "server.log"
# The package is found where this process found it, and nothing else of that folder becomes importable.
_PROGRAM = """
import importlib.machinery, importlib.util, sys
spec = importlib.machinery.PathFinder.find_spec("agentopt", [sys.argv[1]])
sys.modules["agentopt"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from agentopt.sandbox.zygote import main
main(sys.argv[2:])
"""


def clean_environment() -> dict[str, str]:
    """All environment variables that sandboxed code sees, besides `TMPDIR`.

    Hashing is not randomised, so that a program iterates its sets in the same order in every run.
    """
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


class Server:
    """A running server process. Collected or closed, it takes its children and folders with it.

    Raises:
        SandboxError: the process did not start, or could not import what it should preload.
    """

    def __init__(self, preload: Sequence[str]) -> None:
        if not sys.executable:
            raise SandboxError("the sandbox needs a Python executable, and `sys.executable` is empty")
        self._root = Path(tempfile.mkdtemp(prefix="agentopt-sandbox-")).resolve()
        (self._root / "calls").mkdir()
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = self._start(theirs.fileno(), preload)
        except OSError as error:
            self._control.close()
            remove_tree(self._root)
            raise SandboxError(f"the sandbox's server process did not start: {error}") from None
        self.close = weakref.finalize(self, _end, self._process, self._control, self._root, os.getpid())
        self.layers = self._greeting()

    def _start(self, control: int, preload: Sequence[str]) -> subprocess.Popen[bytes]:
        settings = {
            "root": str(self._root),
            "parent": os.getpid(),
            "preload": list(preload),
            "path": sys.path,
        }
        arguments = [str(Path(__file__).parents[2]), str(control), json.dumps(settings)]
        with (self._root / _LOG).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-s", "-B", "-X", "utf8", "-c", _PROGRAM, *arguments],
                env=clean_environment(),
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[control],
                start_new_session=True,
            )

    def _greeting(self) -> tuple[str, ...]:
        """The layers that restrict every call."""
        received = b""
        self._control.settimeout(_BOOT_S)
        try:
            while not received.endswith(b"\n"):
                part = self._control.recv(1 << 16)
                if not part:
                    raise ConnectionError(f"it ended; it wrote {self._last_words()!r}")
                received += part
            self._control.settimeout(None)
            hello = json.loads(received)
            if "error" in hello:
                raise ImportError(hello["error"])
        except (OSError, ImportError) as error:
            reason = str(error)
            self.close()
            raise SandboxError(f"the sandbox's server process did not start: {reason}") from None
        return tuple(hello["layers"])

    def _last_words(self) -> str:
        with suppress(OSError):
            return (self._root / _LOG).read_text("utf-8", "replace")[-1000:]
        return ""

    def call(self, request: Request) -> Outcome:
        """Holds one call, from any thread.

        Args:
            request: its `token` and `scratch` are set here.

        Raises:
            ServerLost: the server ended before the call did.
            SandboxError: the child could not be restricted as it should be, and did not run.
        """
        try:
            scratch = Path(tempfile.mkdtemp(dir=self._root / "calls"))
        except FileNotFoundError:
            raise ServerLost("the sandbox's folder is gone") from None
        with ExitStack() as stack:
            stack.callback(remove_tree, scratch)
            status, theirs_status = map(stack.enter_context, socket.socketpair())
            channel, theirs_channel = map(stack.enter_context, socket.socketpair())
            read, write = os.pipe()
            output = stack.enter_context(open(read, "rb", buffering=0))
            with theirs_status, theirs_channel, open(write, "wb", buffering=0) as theirs_output:
                sent = [theirs_status.fileno(), theirs_channel.fileno(), theirs_output.fileno()]
                try:
                    with self._lock:
                        socket.send_fds(self._control, [b"c"], sent)
                except OSError as error:
                    raise ServerLost(str(error)) from None
            request = replace(request, token=secrets.token_hex(16), scratch=str(scratch))
            talk = Conversation(status=status, channel=channel, output=output.fileno(), limits=request.limits)
            transcript = talk.run(request.encode())
        if transcript.failure:
            raise SandboxError(f"the sandbox could not prepare a call: {transcript.failure}")
        return outcome_of(transcript, request)


def _end(process: subprocess.Popen[bytes], control: socket.socket, root: Path, owner: int) -> None:
    """Closes the control socket, at which the server ends, and removes its folder."""
    control.close()
    if os.getpid() != owner:  # a fork of the owner; the server is not its own
        return
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    remove_tree(root)

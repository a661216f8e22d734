"""The server program: a Python process that has done its imports and forks one child per call.

Started by `server.py` with a clean environment; single-threaded, so that a fork is safe. It never
reads what a call contains. On its control socket it receives one byte per call, with three descriptors:

    status    the child writes `ready`, or `failed <reason>`, before it runs anything foreign, and
              closes it; when the child is gone, the server writes `ended <exit code> <cpu seconds>`.
              A byte from the client asks for the child's traceback (SIGABRT); end of file kills it.
    channel   the child reads the request to its end, then writes the reply
    output    standard output and error of the child

The server ends, and everything with it, when the control socket closes or its parent is gone.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import io
import json
import os
import resource
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agentopt.sandbox.layers import Layers, available_layers, become_child, is_package_folder
from agentopt.sandbox.scratch import remove_tree

_CONTROL = 3
_DESCRIPTORS = 1024


class Server:
    """The loop: new calls in, ended children out."""

    def __init__(self, control: socket.socket, layers: Layers) -> None:
        self._control = control
        self._layers = layers
        self._selector = selectors.DefaultSelector()
        self._statuses: dict[int, socket.socket] = {}  # by process id
        self._is_running = True

    def serve(self, parent: int) -> None:
        """Answers until the control socket closes or `parent` ends; then kills every child."""
        wake, woken = os.pipe()
        for end in (wake, woken):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        self._watch(wake, lambda: self._reap(wake))
        self._watch(self._control, self._accept)
        if hasattr(os, "pidfd_open"):  # a fork of the parent may hold the control socket open after it
            with suppress(OSError):
                self._watch(os.pidfd_open(parent), self._stop)
        if os.getppid() != parent:
            self._stop()
        while self._is_running:
            for key, _ in self._selector.select():
                key.data()
        for pid in self._statuses:
            _kill(pid)
            os.waitpid(pid, 0)

    def _watch(self, source: int | socket.socket, act: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, act)

    def _stop(self) -> None:
        self._is_running = False

    def _accept(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 1, 3)
        except ConnectionError:
            message, descriptors = b"", []
        if not message:
            self._stop()
        elif len(descriptors) == 3:
            self._start(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def _start(self, status: int, channel: int, output: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            os.write(status, f"failed {error}\n".encode())
            return
        if pid == 0:
            become_child(self._layers, status=status, channel=channel, output=output, descriptors=_DESCRIPTORS)
        self._statuses[pid] = socket.socket(fileno=os.dup(status))
        self._watch(self._statuses[pid], lambda: self._interrupt(pid))

    def _interrupt(self, pid: int) -> None:
        status = self._statuses.get(pid)
        if status is None:  # it ended in the same turn of the loop
            return
        try:
            asks_for_traceback = status.recv(1) != b""
        except ConnectionError:
            asks_for_traceback = False
        if asks_for_traceback:
            _kill(pid, signal.SIGABRT)
        else:
            self._selector.unregister(status)
            _kill(pid)

    def _reap(self, wake: int) -> None:
        with suppress(BlockingIOError):
            os.read(wake, 4096)
        while self._statuses:
            pid, code, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # where processes cannot be refused: those it left behind
            status = self._statuses.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(status)
            ended = f"ended {os.waitstatus_to_exitcode(code)} {usage.ru_utime + usage.ru_stime:.6f}\n"
            with suppress(ConnectionError):
                status.sendall(ended.encode())
            status.close()


def _kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Signals a child that is not reaped yet, and its process group once it has one."""
    for send in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            send(pid, number)


def main(arguments: list[str]) -> None:
    """Runs the server: `[control descriptor, JSON of root, parent, preload and path]`."""
    given = int(arguments[0])
    control = socket.socket(fileno=os.dup2(given, _CONTROL))
    if given != _CONTROL:  # a child closes descriptors below a bound, and this one may lie above it
        os.close(given)
    settings = json.loads(arguments[1])
    root = Path(settings["root"])
    ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    open_files = _DESCRIPTORS if ceiling == resource.RLIM_INFINITY else min(_DESCRIPTORS, ceiling)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, ceiling))
    sys.path += [entry for entry in settings["path"] if is_package_folder(entry) and entry not in sys.path]
    try:
        for module in settings["preload"]:
            importlib.import_module(module)
        layers = available_layers(root)
    except Exception as error:  # noqa: BLE001 - reported to the client, which raises it
        control.sendall(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        return
    faulthandler.enable(file=2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    gc.collect()
    gc.freeze()
    control.sendall(json.dumps({"layers": layers.names()}).encode() + b"\n")
    try:
        Server(control, layers).serve(settings["parent"])
    finally:
        remove_tree(root)

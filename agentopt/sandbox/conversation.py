"""The client's side of one call: feeds the child, reads what it writes, and stops it at a limit."""

from __future__ import annotations

import os
import selectors
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from agentopt.sandbox.base import Limits

Stop = Literal["time", "output", "result"]

_STEP = 1 << 16
_START_S = 60.0  # until the child is ready; only a stuck machine takes longer
_TRACEBACK_S = 0.25  # between asking for a traceback and the kill
_KILL_S = 10.0
_LONGEST_WAIT_S = 60.0
_SLACK = 1 << 16  # beside a value a reply holds an error, beside its prints a process its last traceback


class ServerLost(Exception):
    """The server ended, or is stuck, before the call did."""


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """What was seen of one call.

    Args:
        failure: why the child could not be made ready; empty if it could.
        exit_code: of the child; minus the signal that ended it.
        reply: what came over the channel; foreign code can write there.
        output: standard output and error, capped.
        stopped: which limit the client enforced.
        wall_s: seconds from `ready` to the end.
    """

    failure: str
    exit_code: int
    cpu_s: float
    wall_s: float
    reply: bytes
    output: bytes
    stopped: Stop | None


class Conversation:
    """One call under way; `run` ends with the child gone.

    Args:
        status, channel, output: this side's ends, see `zygote.py`; the caller closes them.
    """

    def __init__(self, *, status: socket.socket, channel: socket.socket, output: int, limits: Limits) -> None:
        self._status = status
        self._channel = channel
        self._output = output
        self._limits = limits
        self._unsent = memoryview(b"")
        self._notes = bytearray()
        self._read_from = {channel.fileno(): bytearray(), output: bytearray()}
        self._stopped: Stop | None = None
        self._is_killed = False
        self._is_over = False
        self._ready_at: float | None = None
        self._deadline = 0.0

    def run(self, request: bytes) -> Transcript:
        """Sends `request`, and listens until the server says that the child is gone.

        Raises:
            ServerLost: it never said so.
        """
        began = time.monotonic()
        self._deadline = began + _START_S
        self._unsent = memoryview(request)
        self._channel.setblocking(False)
        os.set_blocking(self._output, False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._status, selectors.EVENT_READ)
            selector.register(self._channel.fileno(), selectors.EVENT_READ | selectors.EVENT_WRITE)
            selector.register(self._output, selectors.EVENT_READ)
            while not self._is_over:
                wait_s = min(max(0.0, self._deadline - time.monotonic()), _LONGEST_WAIT_S)
                for key, events in selector.select(wait_s):
                    if key.fileobj is self._status:
                        self._hear()
                    elif events & selectors.EVENT_WRITE:
                        self._feed(selector)
                    elif not self._read(key.fd):
                        selector.unregister(key.fd)
                self._enforce()
            ended = time.monotonic()
            for descriptor in self._read_from:  # what the child wrote last
                while descriptor in selector.get_map() and self._read(descriptor):
                    pass
        self._stopped = self._stopped or self._excess()
        return self._transcript(ended - (self._ready_at or began))

    def _hear(self) -> None:
        try:
            heard = self._status.recv(_STEP)
        except ConnectionError:
            heard = b""
        self._notes += heard
        if not heard:
            self._is_over = True
        elif self._ready_at is None and self._notes.startswith(b"ready\n"):
            self._ready_at = time.monotonic()
            self._deadline = self._ready_at + self._limits.wall_s

    def _feed(self, selector: selectors.BaseSelector) -> None:
        try:
            self._unsent = self._unsent[self._channel.send(self._unsent[:_STEP]) :]
        except ConnectionError:  # the child is gone; its status says why
            self._unsent = self._unsent[:0]
        if not self._unsent:
            selector.modify(self._channel.fileno(), selectors.EVENT_READ)
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)

    def _read(self, descriptor: int) -> bool:
        """Reads once; False at the end, and where there is nothing."""
        try:
            part = os.read(descriptor, _STEP)
        except (BlockingIOError, ConnectionError):
            return False
        kept = self._read_from[descriptor]
        kept += part[: max(0, self._cap(descriptor) + _SLACK - len(kept))]
        return part != b""

    def _cap(self, descriptor: int) -> int:
        return (self._limits.output_kb if descriptor == self._output else self._limits.result_kb) << 10

    def _excess(self) -> Stop | None:
        if len(self._read_from[self._output]) > self._cap(self._output):
            return "output"
        channel = self._channel.fileno()
        return "result" if len(self._read_from[channel]) >= self._cap(channel) + _SLACK else None

    def _enforce(self) -> None:
        excess = self._excess()
        if excess is not None and self._stopped is None:
            self._stop(excess)
        if self._is_over or time.monotonic() < self._deadline:
            return
        if self._ready_at is None or self._is_killed:
            raise ServerLost("the sandbox's server does not answer")
        if self._stopped is None:
            self._stop("time")
        else:
            self._kill()

    def _stop(self, reason: Stop) -> None:
        self._stopped = reason
        if reason != "time":
            self._kill()
            return
        self._deadline = time.monotonic() + _TRACEBACK_S
        with suppress(ConnectionError):  # a server that is gone closes the status too
            self._status.send(b"t")

    def _kill(self) -> None:
        self._is_killed = True
        self._deadline = time.monotonic() + _KILL_S
        with suppress(OSError):
            self._status.shutdown(socket.SHUT_WR)

    def _transcript(self, wall_s: float) -> Transcript:
        notes = self._notes.decode("utf-8", "replace").splitlines()
        failure = notes[0].removeprefix("failed ") if notes and notes[0].startswith("failed ") else ""
        ended = notes[-1].split() if notes and notes[-1].startswith("ended ") else None
        if ended is None and not failure:
            raise ServerLost("the sandbox's server process ended")
        return Transcript(
            failure=failure,
            exit_code=int(ended[1]) if ended else 1,
            cpu_s=float(ended[2]) if ended else 0.0,
            wall_s=wall_s,
            reply=bytes(self._read_from[self._channel.fileno()]),
            output=bytes(self._read_from[self._output]),
            stopped=self._stopped,
        )

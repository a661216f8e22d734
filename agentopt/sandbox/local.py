"""The sandbox of this machine: one warm server process, one restricted process per call.

    client ── server (imports done, clean environment) ──fork── child (limits, Landlock, seccomp)

What a hostile program can still do: lie about its own result, also to a harness it shares the process
with (what matters is checked again outside); use its full share of time, memory and processor; fill
the disk of the temporary folder with many files until it is stopped; return a value that is slow to
read (equal hashes) within `result_kb`; read Python's own installation and packages; learn from `stat` and
`readlink` which files exist; guess at other load from timing. On systems without
Landlock and seccomp (macOS, old kernels) it can do much more; `guarantees` says what holds.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, get_args

from agentopt.canonical import to_jsonable
from agentopt.errors import SandboxError, UsageError
from agentopt.sandbox.base import Guarantee, Limits, Outcome
from agentopt.sandbox.conversation import ServerLost
from agentopt.sandbox.probe import ENDLESS, LOUD, PROBE_LIMITS, guarantees_of
from agentopt.sandbox.program import Request
from agentopt.sandbox.server import Server, clean_environment

_INSTALLED = re.compile(r"agentopt(\.[A-Za-z_]\w*)+:[A-Za-z_]\w*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class LocalSandbox:
    """Runs source text in processes of this machine (`sandbox.base.Sandbox`).

    The server starts with the first call, or here where something is required. If it dies, the calls
    it held are made again on another one, once.

    Args:
        preload: modules the server imports, so that calls find them imported, such as
            `("numpy", "highspy")`. They run unrestricted: name only what you trust.
        require: guarantees without which no sandbox is made.
        limits: what a call may use if it does not say.

    Raises:
        UsageError: a name is not one.
        SandboxError: this platform has no `fork`, or a required guarantee does not hold.
    """

    def __init__(
        self, preload: Sequence[str] = (), require: Sequence[Guarantee] = (), limits: Limits = Limits()
    ) -> None:
        if not hasattr(os, "fork"):
            raise SandboxError("the sandbox needs `fork`, which this platform lacks; on Windows, use WSL")
        for module in preload:
            if not _MODULE.fullmatch(module):
                raise UsageError(f"`preload` names {module!r}; expected a module such as `numpy`")
        for guarantee in require:
            if guarantee not in get_args(Guarantee):
                raise UsageError(f"`require` names {guarantee!r}; expected one of {', '.join(get_args(Guarantee))}")
        self._preload = tuple(preload)
        self._require = tuple(require)
        self._limits = limits
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._is_closed = False
        if require:
            self._insist_on(require)

    def _insist_on(self, require: Sequence[Guarantee]) -> None:
        try:
            missing = [guarantee for guarantee in require if guarantee not in self.guarantees]
            if missing:
                held = ", ".join(self.guarantees) or "nothing"
                raise SandboxError(f"this machine cannot guarantee {', '.join(missing)}; it guarantees {held}")
        except BaseException:
            self.close()
            raise

    @property
    def guarantees(self) -> Mapping[Guarantee, str]:
        """What held when a child tried to get around it, with the means; tried once, in about 0.2 s."""
        return self._guarantees

    @cached_property
    def _guarantees(self) -> Mapping[Guarantee, str]:
        with tempfile.TemporaryDirectory(prefix="agentopt-outside-") as outside:
            Path(outside, "secret").write_text("secret")
            escapes = self.call(
                "",
                "agentopt.sandbox.probe:attempt_escapes",
                kwargs={
                    "outside": os.path.realpath(outside),
                    "client": os.getpid(),
                    "variables": [*clean_environment(), "TMPDIR"],
                },
                limits=PROBE_LIMITS,
            )
        if escapes.status != "ok":
            raise SandboxError(f"the sandbox could not be probed: {escapes.error}")
        endless = self.call(ENDLESS, "run", limits=Limits(wall_s=0.02))
        loud = self.call(LOUD, "run", limits=Limits(output_kb=1))
        layers = self._running().layers
        return MappingProxyType(guarantees_of(escapes.value, endless, loud, layers))

    def call(
        self,
        source: str,
        function: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        filename: str = "<candidate>",
    ) -> Outcome:
        """See `Sandbox.call`. An installed function must be one of agentopt's own.

        Raises:
            UsageError: an argument is not plain data, or `function` is not a name as described.
            SandboxError: the sandbox itself could not run, twice.
        """
        if not (function.isidentifier() or _INSTALLED.fullmatch(function)):
            raise UsageError(f"`function` is {function!r}; expected a name, or `agentopt.module:name`")
        request = Request(
            token="",
            source=source,
            function=function,
            arguments=f"[{_plain(list(args), 'args')},{_plain(dict(kwargs or {}), 'kwargs')}]",
            filename=filename,
            scratch="",
            limits=limits or self._limits,
        )
        server = self._running()
        try:
            return server.call(request)
        except ServerLost:
            again = self._running(lost=server)
        try:
            return again.call(request)
        except ServerLost as error:
            self._discard(again)
            raise SandboxError(f"the sandbox's server process was lost twice during one call: {error}") from None

    def _running(self, lost: Server | None = None) -> Server:
        """The server, started if there is none, or if it is the one that was `lost`."""
        with self._lock:
            if self._is_closed:
                raise SandboxError("the sandbox is closed")
            if self._server is not None and self._server is lost:
                self._server.close()
                self._server = None
            if self._server is None:
                self._server = Server(self._preload)
            return self._server

    def _discard(self, lost: Server) -> None:
        with self._lock:
            lost.close()
            if self._server is lost:
                self._server = None

    def close(self) -> None:
        """Ends the server and every call under way; the sandbox cannot be used again."""
        with self._lock:
            self._is_closed = True
            if self._server is not None:
                self._server.close()
                self._server = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, its settings go to another machine, where it starts a server of its own."""
        return type(self), (self._preload, self._require, self._limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _plain(value: object, name: str) -> str:
    try:
        return json.dumps(to_jsonable(value, strict=True))
    except (ValueError, RecursionError) as error:  # an integer of more than 4300 digits, and nesting
        raise UsageError(f"`{name}` of a sandbox call cannot cross: {error}") from None

"""The one context variable: what is being traced here, in this thread or task."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from agentopt.errors import UsageError

if TYPE_CHECKING:
    from agentopt.graph.node import Node
    from agentopt.graph.tracing import Trace
    from agentopt.graph.trainable import Parameter, Version
    from agentopt.sandbox.base import Sandbox


class Scope:
    """What holds for operations that run now.

    Scopes are never changed after they were entered, except for the two lists of a running bundle.

    Attributes:
        trace: the workflow run being recorded, `None` outside `@trace`.
        overlay: values that parameters have here, instead of their own (a candidate being measured).
        sandbox: where code parameters run that differ from the user's own source; `None` for the default.
        is_recording: False inside `stop_tracing()`.
        reads: nodes read in the running bundle's body; `None` outside bundles.
        made: nodes made in the running bundle's body; `None` outside bundles.
    """

    __slots__ = ("is_recording", "made", "overlay", "reads", "sandbox", "trace")

    def __init__(
        self,
        trace: Trace | None,
        overlay: Mapping[Parameter, Version],
        sandbox: Sandbox | None,
        is_recording: bool = True,
        reads: list[Node] | None = None,
        made: list[Node] | None = None,
    ) -> None:
        self.trace = trace
        self.overlay = overlay
        self.sandbox = sandbox
        self.is_recording = is_recording
        self.reads = reads
        self.made = made


_COUNTING = threading.Lock()
SCOPE: ContextVar[Scope | None] = ContextVar("agentopt_scope", default=None)


def child_scope(**changes: Any) -> Scope:
    """A scope like the current one except for `changes`."""
    scope = SCOPE.get() or Scope(None, {}, None)
    settings = {name: getattr(scope, name) for name in Scope.__slots__}
    return Scope(**{**settings, **changes})


def active_sandbox() -> Sandbox:
    """The sandbox of the run that measures this workflow.

    Raises:
        UsageError: nothing is being measured here; use `agentopt.optimize`, or open a `LocalSandbox`.
    """
    scope = SCOPE.get()
    if scope is None or scope.sandbox is None:
        raise UsageError("no run is measuring this workflow, so it has no sandbox; open a LocalSandbox yourself")
    return scope.sandbox


@contextmanager
def stop_tracing() -> Iterator[None]:
    """Operations inside give plain values' nodes without history; nests, and is local to this thread or task."""
    token = SCOPE.set(child_scope(is_recording=False))
    try:
        yield
    finally:
        SCOPE.reset(token)


@contextmanager
def bound(values: Mapping[Parameter, Any], *, sandbox: Sandbox | None = None) -> Iterator[None]:
    """Gives parameters other values inside, in this thread or task only; how a candidate is measured.

    A parameter that is read meanwhile where nothing was bound has its own value, and a warning is logged: a thread
    that a workflow starts does not know its workflow's values, unless it runs in `contextvars.copy_context()`.
    """
    from agentopt.graph.trainable import Version

    scope = SCOPE.get()
    overlay = dict(scope.overlay) if scope else {}
    overlay.update({parameter: Version(value, parameter) for parameter, value in values.items()})
    changes: dict[str, Any] = {"overlay": overlay} | ({"sandbox": sandbox} if sandbox else {})
    token = SCOPE.set(child_scope(**changes))
    with _COUNTING:
        for parameter in values:
            parameter.times_bound += 1
    try:
        yield
    finally:
        SCOPE.reset(token)
        with _COUNTING:
            for parameter in values:
                parameter.times_bound -= 1

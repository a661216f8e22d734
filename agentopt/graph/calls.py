"""Calls of bundles: the body runs in a scope of its own, and becomes a node."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter_ns
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from agentopt.errors import CodeError, UsageError
from agentopt.graph.code import METHOD_CALL, METHOD_CALLER, marked_source, plain_state, surroundings
from agentopt.graph.node import Extra, Node, make, next_serial, note_failure, recorded
from agentopt.graph.scope import SCOPE, Scope
from agentopt.graph.structure import ATOMIC, nodes_in, unwrapped
from agentopt.graph.trainable import Parameter, Version

if TYPE_CHECKING:
    from agentopt.graph.bundling import Bundle

NO_KEYWORDS: Mapping[str, Any] = {}
_NO_VALUES: Mapping[Parameter, Version] = {}
_END = object()
_allocate: Callable[[type], Any] = object.__new__


class Receiver:
    """Stands in a node's inputs for the instance whose method was called; what the body read of it is hidden input."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def to_text(self) -> str:
        """How a rendering shows it."""
        return self.name


class Call(Scope):
    """One call of a bundle: runs the body in a scope of its own, and records the node."""

    __slots__ = ("around", "began_ns", "bundle", "inputs", "keywords", "version")

    bundle: Bundle[Any, Any]
    inputs: tuple[Any, ...]
    keywords: tuple[str, ...]
    version: Version | None
    around: int
    began_ns: int

    def function(self) -> Callable[..., Any]:
        """The user's own function, or what runs the source that replaces it."""
        if self.version is None or self.version._value == self.bundle._start:
            own: Callable[..., Any] = self.bundle.function
            return own
        source = self.version._value
        return self.bundle.compiled(source) if self.bundle.sandbox is None else self._sandboxed(source)

    def _sandboxed(self, source: str) -> Callable[..., Any]:
        sandbox, name = self.sandbox or self.bundle.own_sandbox, self.bundle.operation.name
        before = surroundings(self.bundle.function)
        is_method = bool(self.inputs) and isinstance(self.inputs[0], Receiver)

        def run(*args: Any, **kwargs: Any) -> Any:
            text, called = before + source, name
            if is_method:
                text, called = text + METHOD_CALL.format(name=name), METHOD_CALLER
                cast("list[Node]", self.reads).extend(n._leaf() for n in nodes_in(getattr(args[0], "__dict__", {})))
                args = (plain_state(args[0]), *args[1:])
            outcome = sandbox.call(text, called, args, kwargs, filename=f"<{name}>")
            if outcome.status == "ok":
                return outcome.value
            line = outcome.line - before.count("\n") if outcome.line else None
            raise CodeError(f"{outcome.error}\n{marked_source(source, line, outcome.error)}")

        return run

    def run(self, args: list[Any], kwargs: Mapping[str, Any]) -> Node:
        """Calls the function and returns the node."""
        bundle, version = self.bundle, self.version
        token = SCOPE.set(self)
        try:
            try:
                is_own = version is None or version._value is bundle._start
                function = bundle.function if is_own else self.function()
                value = function(*args, **kwargs) if kwargs else function(*args)
            finally:
                SCOPE.reset(token)
        except Exception as error:
            note_failure(error, self._node(None))
            raise
        if type(value) in ATOMIC and not (self.reads or self.made or self.keywords or self.began_ns):
            made: Node = _allocate(Node)  # as `_node`, for most calls
            made._value = value
            made._seen = None
            made.operation = bundle.operation
            made.inputs = self.inputs
            made.serial = next_serial()
            if version is None:
                made._extra = None
            else:
                made._extra = extra = Extra()
                extra.hidden = (version,)
            return made if SCOPE.get() is None else recorded(made)
        if type(value) is CoroutineType:
            value.close()
            raise UsageError(
                f"`{bundle.operation.name}` gave a coroutine; make the decorator below @bundle `async def`"
            )
        return recorded(self._node(value))

    async def awaited(self, args: list[Any], kwargs: Mapping[str, Any]) -> Node:
        """As `run`, for `async def`."""
        with self._inside():
            value = await self.function()(*args, **kwargs)
        return recorded(self._node(value))

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """The body runs inside: in the call's scope, its failure recorded."""
        self.began_ns = self.began_ns and perf_counter_ns()
        token = SCOPE.set(self)
        try:
            try:
                yield
            finally:
                SCOPE.reset(token)
        except Exception as error:
            note_failure(error, self._node(None))
            raise

    def generated(self, args: list[Any], kwargs: Mapping[str, Any]) -> Iterator[Node]:
        """As `run`, for a generator: each value that it yields is a node."""
        body = self.function()(*args, **kwargs)
        try:
            while True:
                with self._inside():
                    value = next(body, _END)
                if value is _END:
                    return
                yield recorded(self._node(value))
        finally:
            body.close()

    async def generated_async(self, args: list[Any], kwargs: Mapping[str, Any]) -> AsyncIterator[Node]:
        """As `generated`, for an asynchronous generator."""
        body = self.function()(*args, **kwargs)
        try:
            while True:
                with self._inside():
                    value = await anext(body, _END)
                if value is _END:
                    return
                yield recorded(self._node(value))
        finally:
            await body.aclose()

    def _node(self, value: Any) -> Node:
        is_atomic = type(value) in ATOMIC
        node = make(value if is_atomic else unwrapped(value), self.bundle.operation, self.inputs)
        reads, made = self.reads, self.made
        if self.keywords:
            node.extra().keywords = self.keywords
        if self.version is not None:
            node.extra().hidden = (self.version,)
        if not is_atomic:
            reads = [*(reads or ()), *(n._leaf() for n in nodes_in(value))]
        if reads:
            known = {id(n) for n in (*nodes_in(self.inputs), *(made or ()))}
            hidden = {id(n): n for n in reads if id(n) not in known}
            if hidden:
                node.extra().hidden += tuple(hidden.values())
        if made:
            node.extra().inside = tuple(made)
        if self.began_ns and self.trace is not None:
            self.trace.calls.append(
                (node.serial, self.bundle.operation, id(made), self.around, self.began_ns, perf_counter_ns())
            )
        return node


def begun(bundle: Bundle[Any, Any], inputs: tuple[Any, ...], keywords: tuple[str, ...], code: Parameter | None) -> Call:
    """A call in the scope that is active here; made without `__init__`, whose call is a fifth of a bundle's time."""
    call: Call = _allocate(Call)
    call.bundle = bundle
    call.inputs = inputs
    call.keywords = keywords
    call.began_ns = 0
    outer = SCOPE.get()
    if outer is None:
        call.trace = call.sandbox = None
        call.overlay = _NO_VALUES
        call.is_recording = True
    else:
        call.trace = outer.trace
        call.overlay = outer.overlay
        call.sandbox = outer.sandbox
        call.is_recording = outer.is_recording
        if outer.trace is not None and outer.is_recording:
            call.around, call.began_ns = id(outer.made), perf_counter_ns()
    call.reads = []
    call.made = []
    call.version = None if code is None else code._leaf()
    return call


def runner_of(function: Callable[..., Any]) -> Callable[[Call, list[Any], Mapping[str, Any]], Any]:
    """How a call of `function` is made."""
    if inspect.isasyncgenfunction(function):
        return Call.generated_async
    if inspect.isgeneratorfunction(function):
        return Call.generated
    return Call.awaited if inspect.iscoroutinefunction(function) else Call.run

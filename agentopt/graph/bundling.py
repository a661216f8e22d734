"""`@bundle`: one call of a function becomes one node."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from agentopt.errors import CodeError, UsageError
from agentopt.graph.code import check_source, compiled, function_source, marked_source, signature_of, surroundings
from agentopt.graph.node import Node, Parameter, Version, kept, make, note_failure, recorded
from agentopt.graph.operation import Operation, name_of
from agentopt.graph.scope import SCOPE, Scope
from agentopt.graph.structure import ATOMIC, nodes_in, unwrapped
from agentopt.sandbox.base import Sandbox

P = ParamSpec("P")
R = TypeVar("R")
_END = object()
_NO_VALUES: Mapping[Parameter, Version] = {}


class Bundle(Generic[P, R]):
    """A function whose calls are nodes. Made by `bundle`."""

    def __init__(
        self, function: Callable[P, R], *, trainable: bool, sandbox: Sandbox | Literal["default"] | None
    ) -> None:
        name = name_of(function)
        self._runner = _runner_of(function)
        if trainable and self._runner is not _Call.run:
            raise UsageError(f"`{name}` is `async def` or a generator; only plain functions can be code parameters")
        functools.update_wrapper(self, function)
        self.function = function
        self.operation = Operation(name, function, doc=inspect.getdoc(function) or "")
        self.code: Parameter | None = None
        self.sandbox = sandbox
        self._compiled: tuple[str, Callable[..., Any]] | None = None
        if trainable:
            self._become_trainable(function_source(function))

    def _become_trainable(self, source: str) -> None:
        definition = ast.parse(source).body[0]
        assert isinstance(definition, ast.FunctionDef)
        name, signature = definition.name, signature_of(definition)

        def check(proposed: object) -> None:
            check_source(proposed, name, signature)

        doc = f"defines `{name}{signature}`; the name and the arguments are fixed"
        self.code = Parameter(source, name=name, kind="code", check=check, doc=doc)
        self._start = source

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else _Method(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function on the arguments' values; the result is a node."""
        return cast(R, self.call(None, args, kwargs))

    def call(self, instance: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """As `__call__`, for a method of `instance`, which the function gets as it is."""
        inputs: list[Any] = []
        values: list[Any] = []
        if instance is not None:
            inputs.append(instance)
            values.append(instance)
        for x in args if not kwargs else (*args, *kwargs.values()):
            if type(x) is Node:
                inputs.append(x)
                values.append(x._value)
            elif type(x) in ATOMIC:
                inputs.append(x)
                values.append(x)
            else:
                inputs.append(kept(x))
                values.append(unwrapped(x))
        call = _Call(self, tuple(inputs), tuple(kwargs))
        cut = len(values) - len(kwargs)
        named = dict(zip(kwargs, values[cut:]))
        return self._runner(call, values[:cut], named)

    def compiled(self, source: str) -> Callable[..., Any]:
        """The function that `source` defines, compiled in this process; the last one is kept."""
        if self._compiled is None or self._compiled[0] != source:
            around = inspect.unwrap(self.function).__globals__
            self._compiled = (source, compiled(source, self.operation.name, f"<{self.operation.name}>", around))
        return self._compiled[1]

    @cached_property
    def own_sandbox(self) -> Sandbox:
        """Where replaced source runs outside a run that brings its own sandbox."""
        if not isinstance(self.sandbox, str):
            return cast(Sandbox, self.sandbox)
        from agentopt.sandbox.local import LocalSandbox

        return LocalSandbox()

    def __repr__(self) -> str:
        return f"<bundle {self.operation.name}{' (trainable)' if self.code is not None else ''}>"


class _Method:
    """A bundle bound to the instance it was looked up on."""

    def __init__(self, bundle: Bundle[Any, Any], instance: object) -> None:
        functools.update_wrapper(self, bundle)
        self.__self__ = instance
        self.bundle = bundle

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.bundle.call(self.__self__, args, kwargs)


class _Call:
    """One call of a bundle: runs the body in a scope of its own, and records the node."""

    __slots__ = ("bundle", "inputs", "keywords", "scope", "version")

    def __init__(self, bundle: Bundle[Any, Any], inputs: tuple[Any, ...], keywords: tuple[str, ...]) -> None:
        self.bundle = bundle
        self.inputs = inputs
        self.keywords = keywords
        outer = SCOPE.get()
        if outer is None:
            self.scope = Scope(None, _NO_VALUES, None, True, [], [])
        else:
            self.scope = Scope(outer.trace, outer.overlay, outer.sandbox, outer.is_recording, [], [])
        self.version: Version | None = None if bundle.code is None else bundle.code._leaf()

    def function(self) -> Callable[..., Any]:
        """The user's own function, or what runs the source that replaces it."""
        if self.version is None or self.version._value == self.bundle._start:
            return self.bundle.function
        source = self.version._value
        return self.bundle.compiled(source) if self.bundle.sandbox is None else self._sandboxed(source)

    def _sandboxed(self, source: str) -> Callable[..., Any]:
        sandbox, name = self.scope.sandbox or self.bundle.own_sandbox, self.bundle.operation.name
        before = surroundings(self.bundle.function)

        def run(*args: Any, **kwargs: Any) -> Any:
            outcome = sandbox.call(before + source, name, args, kwargs, filename=f"<{name}>")
            if outcome.status == "ok":
                return outcome.value
            line = outcome.line - before.count("\n") if outcome.line else None
            raise CodeError(f"{outcome.error}\n{marked_source(source, line, outcome.error)}")

        return run

    def run(self, args: list[Any], kwargs: dict[str, Any]) -> Node:
        """Calls the function and returns the node."""
        token = SCOPE.set(self.scope)
        try:
            try:
                value = self.function()(*args, **kwargs)
            finally:
                SCOPE.reset(token)
        except Exception as error:
            note_failure(error, self._node(None))
            raise
        return recorded(self._node(value))

    async def awaited(self, args: list[Any], kwargs: dict[str, Any]) -> Node:
        """As `run`, for `async def`."""
        token = SCOPE.set(self.scope)
        try:
            try:
                value = await self.function()(*args, **kwargs)
            finally:
                SCOPE.reset(token)
        except Exception as error:
            note_failure(error, self._node(None))
            raise
        return recorded(self._node(value))

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """The body runs inside: in the call's scope, its failure recorded."""
        token = SCOPE.set(self.scope)
        try:
            try:
                yield
            finally:
                SCOPE.reset(token)
        except Exception as error:
            note_failure(error, self._node(None))
            raise

    def generated(self, args: list[Any], kwargs: dict[str, Any]) -> Iterator[Node]:
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

    async def generated_async(self, args: list[Any], kwargs: dict[str, Any]) -> AsyncIterator[Node]:
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
        reads, made = self.scope.reads, self.scope.made
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
        return node


def _runner_of(function: Callable[..., Any]) -> Callable[[_Call, list[Any], dict[str, Any]], Any]:
    """How a call of `function` is made."""
    if inspect.isasyncgenfunction(function):
        return _Call.generated_async
    if inspect.isgeneratorfunction(function):
        return _Call.generated
    return _Call.awaited if inspect.iscoroutinefunction(function) else _Call.run


@overload
def bundle(function: Callable[P, R]) -> Callable[P, R]: ...
@overload
def bundle(
    *, trainable: bool = False, sandbox: Sandbox | Literal["default"] | None = "default"
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def bundle(
    function: Callable[..., Any] | None = None,
    *,
    trainable: bool = False,
    sandbox: Sandbox | Literal["default"] | None = "default",
) -> Any:
    """Makes every call of a function one node of the graph.

    The function gets plain values. Nodes that it reads by itself (through a closure, a global or
    `self`) become inputs of the node too, and operations on nodes in its body become the inside of
    the node. Works on functions, methods and `async def`; of a generator, each value it yields is a node. To type
    checkers the result is the function.

    Args:
        trainable: makes the function's source a code parameter, `bundle.code`. While the source is
            the one written here, it runs as it is; any other source runs in the sandbox.
        sandbox: where another source runs: `"default"` (a `LocalSandbox`, or the run's), a sandbox,
            or `None` to run it in this process, which trusts whoever proposes it.

    Raises:
        UsageError: trainable code without readable source, `async def`, or a generator.
    """
    if function is None:
        return functools.partial(bundle, trainable=trainable, sandbox=sandbox)
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(Bundle(function.__func__, trainable=trainable, sandbox=sandbox))
    return Bundle(function, trainable=trainable, sandbox=sandbox)

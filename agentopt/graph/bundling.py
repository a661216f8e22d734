"""`@bundle`: one call of a function becomes one node."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from time import perf_counter_ns
from types import CoroutineType, MethodType
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from agentopt.errors import CodeError, UsageError
from agentopt.graph.code import (
    METHOD_CALL,
    METHOD_CALLER,
    SourceCheck,
    compiled,
    function_source,
    marked_source,
    plain_state,
    signature_of,
    surroundings,
)
from agentopt.graph.node import Extra, Node, kept, make, next_serial, note_failure, recorded
from agentopt.graph.operation import Operation, name_of
from agentopt.graph.scope import SCOPE, Scope
from agentopt.graph.structure import ATOMIC, nodes_in, unwrapped
from agentopt.graph.tracing import TracedWorkflow
from agentopt.graph.trainable import Parameter, Version
from agentopt.sandbox.base import Sandbox

P = ParamSpec("P")
R = TypeVar("R")
_END = object()
_KEPT = 16
_NO_VALUES: Mapping[Parameter, Version] = {}
_NO_KEYWORDS: Mapping[str, Any] = {}
_allocate: Callable[[type], Any] = object.__new__
OWN_CODE = "_agentopt_code"
"""Where a module's instance keeps the code parameters of its own, by the functions' qualified names."""


class _Receiver:
    """Stands in a node's inputs for the instance whose method was called; what the body read of it is hidden input."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def to_text(self) -> str:
        """How a rendering shows it."""
        return self.name


class Bundle(Generic[P, R]):
    """A function whose calls are nodes. Made by `bundle`."""

    __name__: str
    __qualname__: str

    def __init__(
        self, function: Callable[P, R], *, trainable: bool, sandbox: Sandbox | Literal["default"] | None
    ) -> None:
        name = name_of(function)
        if isinstance(function, (Bundle, BoundBundle, TracedWorkflow)):
            made = "@trace" if isinstance(function, TracedWorkflow) else "@bundle"
            raise UsageError(
                f"`{name}` is decorated with {made} already; put @trace outermost, and @bundle once below it"
            )
        if trainable and hasattr(function, "__wrapped__"):
            raise UsageError(f"`{name}` has another decorator below @bundle, which new source would lose; put it above")
        self._runner = _runner_of(function)
        if trainable and self._runner is not _Call.run:
            raise UsageError(f"`{name}` is `async def` or a generator; only plain functions can be code parameters")
        functools.update_wrapper(self, function)
        self.function = function
        self.operation = Operation(name, function, doc=inspect.getdoc(function) or "")
        self.code: Parameter | None = None
        self.sandbox = sandbox
        self.is_async = self._runner is _Call.awaited
        self._origin: Bundle[P, R] | None = None
        self._compiled: dict[str, Callable[..., Any]] = {}
        if self.is_async and sys.version_info >= (3, 12):
            inspect.markcoroutinefunction(self)
        if trainable:
            self._become_trainable(function_source(function))

    def _become_trainable(self, source: str) -> None:
        definition = ast.parse(source).body[0]
        assert isinstance(definition, ast.FunctionDef)
        name, signature = definition.name, signature_of(definition)
        self._check = SourceCheck(name, signature)
        doc = f"defines `{name}{signature}`; the name and the arguments are fixed"
        self.code = Parameter(source, name=name, kind="code", doc=doc)
        self.code.check = self._check  # from here on: the function's own source needs none
        self._start = source

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else BoundBundle(self, instance)

    def code_of(self, instance: object) -> Parameter | None:
        """The code parameter of a module's instance, made from the class's when it is first asked for.

        Until then, and on instances of other classes or without a `__dict__`, it is the class's own.
        """
        has_own = getattr(type(instance), "__agentopt_module__", False) and hasattr(instance, "__dict__")
        if self.code is None or not has_own:
            return self.code
        own: dict[str, Parameter] = instance.__dict__.setdefault(OWN_CODE, {})
        if self.__qualname__ not in own:
            made = copy.copy(self.code)
            made.set(self.code._current._value)  # not a candidate's that is being measured
            own.setdefault(self.__qualname__, made)
        return own[self.__qualname__]

    def code_in_use(self, instance: object) -> Parameter | None:
        """The code parameter that a call on `instance` reads: its own, if it has one by now, or the class's."""
        own = getattr(instance, "__dict__", {}).get(OWN_CODE)
        return self.code if own is None else own.get(self.__qualname__, self.code)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function on the arguments' values; the result is a node."""
        made: R
        if not kwargs:  # most calls: `args` are the node's inputs as they stand
            values: list[Any] = []
            for x in args:
                if type(x) is Node:
                    values.append(x._value)
                elif type(x) in ATOMIC:
                    values.append(x)
                else:
                    break
            else:
                made = self._runner(_begun(self, args, (), self.code), values, _NO_KEYWORDS)
                return made
        made = self.call(None, args, kwargs)
        return made

    def call(self, instance: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """As `__call__`, for a method of `instance`, which the function gets as it is."""
        values: list[Any] = []
        inputs: list[Any] = []
        if instance is not None:
            inputs.append(_Receiver(type(instance).__name__))
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
        code = self.code if self.code is None or instance is None else self.code_in_use(instance)
        call = _begun(self, tuple(inputs), tuple(kwargs), code)
        cut = len(values) - len(kwargs)
        return self._runner(call, values[:cut], dict(zip(kwargs, values[cut:])))

    def compiled(self, source: str) -> Callable[..., Any]:
        """The function that `source` defines, compiled in this process; the last few are kept."""
        found = self._compiled.get(source)
        if found is None:
            around = inspect.unwrap(self.function).__globals__
            found = compiled(source, self.operation.name, f"<{self.operation.name}>", around)
            if len(self._compiled) >= _KEPT:
                self._compiled = {}
            self._compiled[source] = found
        return found

    @cached_property
    def own_sandbox(self) -> Sandbox:
        """Where replaced source runs outside a run that brings its own sandbox."""
        if not isinstance(self.sandbox, str):
            return cast(Sandbox, self.sandbox)
        from agentopt.sandbox.local import LocalSandbox

        return LocalSandbox()

    def __reduce__(self) -> str | tuple[Any, ...]:
        """By name, as functions; code that was changed stays behind, except that of a deep copy."""
        return self.__qualname__ if self._origin is None else (_with_code, (self._origin, self.code))

    def __deepcopy__(self, memo: dict[int, Any]) -> Bundle[P, R]:
        """Itself, as functions; with a code parameter of its own, if it is trainable."""
        return self if self.code is None else _with_code(self, copy.deepcopy(self.code, memo))

    def __repr__(self) -> str:
        return f"<bundle {self.operation.name}{' (trainable)' if self.code is not None else ''}>"


def _with_code(origin: Bundle[P, R], code: Parameter) -> Bundle[P, R]:
    made: Bundle[P, R] = Bundle.__new__(Bundle)
    made.__dict__.update(origin.__dict__, code=code, _origin=origin._origin or origin)
    return made


class BoundBundle:
    """A bundle bound to the instance it was looked up on."""

    def __init__(self, bundle: Bundle[Any, Any], instance: object) -> None:
        self.__self__ = instance
        self.__doc__ = bundle.__doc__
        self.__module__ = bundle.__module__
        self.bundle = bundle

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.bundle.call(self.__self__, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bundle, name)

    @property
    def __wrapped__(self) -> MethodType:
        return MethodType(self.bundle.function, self.__self__)

    @property
    def code(self) -> Parameter | None:
        """The source as a parameter: the instance's own on a module, otherwise the class's."""
        return self.bundle.code_of(self.__self__)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.__self__, self.bundle.__name__)

    def __repr__(self) -> str:
        return f"{self.bundle!r} of {self.__self__!r}"


class _Call(Scope):
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
        is_method = bool(self.inputs) and isinstance(self.inputs[0], _Receiver)

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


def _begun(
    bundle: Bundle[Any, Any], inputs: tuple[Any, ...], keywords: tuple[str, ...], code: Parameter | None
) -> _Call:
    """A call in the scope that is active here; made without `__init__`, whose call is a fifth of a bundle's time."""
    call: _Call = _allocate(_Call)
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


def _runner_of(function: Callable[..., Any]) -> Callable[[_Call, list[Any], Mapping[str, Any]], Any]:
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
            the one written here, it runs as it is; any other source runs in the sandbox. There it sees imports, plain
            constants and plain functions of its file, no classes; `self` of a
            method has the instance's parameters and plain attributes, as values, and no methods. An instance of
            a `@module` gets code of its own when its parameters are asked for; until then, and on
            other classes, instances run their class's.
        sandbox: where another source runs: `"default"` (a `LocalSandbox`, or the run's), a sandbox,
            or `None` to run it in this process, which trusts whoever proposes it.

    Raises:
        UsageError: a bundle or traced workflow again; or trainable code without readable source, with another
            decorator below, `async def`, or a generator.
    """
    if function is None:
        return functools.partial(bundle, trainable=trainable, sandbox=sandbox)
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(Bundle(function.__func__, trainable=trainable, sandbox=sandbox))
    return Bundle(function, trainable=trainable, sandbox=sandbox)

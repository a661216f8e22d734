"""`@bundle`: one call of a function becomes one node."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MethodType
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from agentopt.errors import UsageError
from agentopt.graph.calls import NO_KEYWORDS, Call, Receiver, begun, runner_of
from agentopt.graph.code import (
    SourceCheck,
    compiled,
    function_source,
    signature_of,
)
from agentopt.graph.node import Node, kept
from agentopt.graph.operation import Operation, name_of
from agentopt.graph.structure import ATOMIC, unwrapped
from agentopt.graph.tracing import TracedWorkflow
from agentopt.graph.trainable import Parameter
from agentopt.sandbox.base import Sandbox

P = ParamSpec("P")
R = TypeVar("R")
_KEPT = 16
OWN_CODE = "_agentopt_code"
"""Where a module's instance keeps the code parameters of its own, by the functions' qualified names."""


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
        self._runner = runner_of(function)
        if trainable and self._runner is not Call.run:
            raise UsageError(f"`{name}` is `async def` or a generator; only plain functions can be code parameters")
        functools.update_wrapper(self, function)
        self.function = function
        self.operation = Operation(name, function, doc=inspect.getdoc(function) or "")
        self.code: Parameter | None = None
        self.sandbox = sandbox
        self.is_async = self._runner is Call.awaited
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
                made = self._runner(begun(self, args, (), self.code), values, NO_KEYWORDS)
                return made
        made = self.call(None, args, kwargs)
        return made

    def call(self, instance: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """As `__call__`, for a method of `instance`, which the function gets as it is."""
        values: list[Any] = []
        inputs: list[Any] = []
        if instance is not None:
            inputs.append(Receiver(type(instance).__name__))
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
        call = begun(self, tuple(inputs), tuple(kwargs), code)
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

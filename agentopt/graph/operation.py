"""What made a node: a Python operator, a method, or a bundled function."""

from __future__ import annotations

import copy
import inspect
import math
import operator
import textwrap
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any


class Operation:
    """One kind of step. Nodes share it, so a node costs little.

    Args:
        name: what a rendering calls nodes that it made.
        function: computes the value from the inputs' values.
        symbol: how it is written: `"{} + {}"` for operators, empty for a call by name.
        doc: what it does, in words.
    """

    def __init__(self, name: str, function: Callable[..., Any], symbol: str = "", doc: str = "") -> None:
        self.name = name
        self.function = function
        self.symbol = symbol
        self.doc = doc

    @cached_property
    def source(self) -> str:
        """Source text of a function of the user's, without indentation; empty for operators and built-in functions."""
        if self.symbol:
            return ""
        try:
            return textwrap.dedent(inspect.getsource(self.function)).rstrip()
        except (OSError, TypeError):
            return ""

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the positional arguments, where they can be known."""
        try:
            signature = inspect.signature(self.function)
        except (ValueError, TypeError):
            return ()
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return tuple(p.name for p in signature.parameters.values() if p.kind in positional)


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: function(b, a)


_BINARY: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "add": ("+", operator.add),
    "sub": ("-", operator.sub),
    "mul": ("*", operator.mul),
    "truediv": ("/", operator.truediv),
    "floordiv": ("//", operator.floordiv),
    "mod": ("%", operator.mod),
    "pow": ("**", operator.pow),
    "matmul": ("@", operator.matmul),
    "and": ("&", operator.and_),
    "or": ("|", operator.or_),
    "xor": ("^", operator.xor),
    "lshift": ("<<", operator.lshift),
    "rshift": (">>", operator.rshift),
}
_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
}
_UNARY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "neg": ("-{}", operator.neg),
    "pos": ("+{}", operator.pos),
    "invert": ("~{}", operator.invert),
    "abs": ("abs({})", abs),
    "round": ("", round),  # written as a call, since it may have digits
    "trunc": ("trunc({})", math.trunc),
    "floor": ("floor({})", math.floor),
    "ceil": ("ceil({})", math.ceil),
}

OPERATIONS: dict[str, Operation] = {
    **{name: Operation(name, f, f"{{}} {s} {{}}") for name, (s, f) in {**_BINARY, **_COMPARISONS}.items()},
    **{f"r{name}": Operation(name, _reflected(f), f"{{1}} {s} {{0}}") for name, (s, f) in _BINARY.items()},
    **{name: Operation(name, f, s) for name, (s, f) in _UNARY.items()},
    "divmod": Operation("divmod", divmod, "divmod({}, {})"),
    "rdivmod": Operation("divmod", _reflected(divmod), "divmod({1}, {0})"),
    "getitem": Operation("item", operator.getitem, "{}[{}]"),
}
"""The operations behind Python's operators, by the special method's name without underscores."""


def name_of(function: Any) -> str:
    """What a function is called; of a `functools.partial`, what it calls."""
    while not hasattr(function, "__name__") and hasattr(function, "func"):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def attribute(name: str) -> Operation:
    """The operation `value.name`."""
    return Operation(name, operator.attrgetter(name), f"{{}}.{name}")


def method(name: str) -> Operation:
    """The operation `value.name(...)`."""
    return Operation(name, lambda value, *args, **kwargs: getattr(value, name)(*args, **kwargs), f"{{}}.{name}(*)")


@cache
def numpy_function(ufunc: Any, how: str) -> Operation:
    """The operation of a numpy ufunc, or of its method `how` (`reduce`, `outer` …)."""
    name = ufunc.__name__ if how == "__call__" else f"{ufunc.__name__}_{how}"
    return Operation(name, getattr(ufunc, how), f"numpy.{ufunc.__name__}{'' if how == '__call__' else '.' + how}(*)")


COPY = Operation("copy", copy.copy)
DEEP_COPY = Operation("deepcopy", copy.deepcopy)
POWER_MODULO = Operation("pow", pow)
CALL = Operation("call", lambda function, *args, **kwargs: function(*args, **kwargs), "{}(*)")
GATHER = Operation("gather", lambda *structure: structure[0], "{}")

"""Nodes: values that remember what they were computed from.

A node knows its inputs only. Nothing else in the library holds on to it, so dropping a workflow's
output frees its whole graph, and two runs never mix.
"""

from __future__ import annotations

import copy
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from agentopt.errors import EnvironmentProblem, RunError, StrictTraceError, UsageError
from agentopt.graph.operation import (
    CALL,
    COPY,
    DEEP_COPY,
    GATHER,
    OPERATIONS,
    POWER_MODULO,
    Operation,
    attribute,
    method,
    numpy_function,
)
from agentopt.graph.scope import SCOPE
from agentopt.graph.showing import fingerprint, is_mutable, is_small, shortened, show
from agentopt.graph.structure import ATOMIC, contains_node, nodes_in, unwrapped

if TYPE_CHECKING:
    from agentopt.graph.propagation import Propagator

next_serial = itertools.count().__next__
_allocate: Callable[[type], Any] = object.__new__


def _binary(name: str) -> Callable[[Node, Any], Node]:
    operation = OPERATIONS[name]
    function = operation.function

    def operator(self: Node, other: Any) -> Node:
        if type(self) is not Node:
            self = self._leaf()
        if type(other) is Node:
            y = other._value
        elif type(other) in ATOMIC:
            y = other
        else:
            return apply(operation, (self, other))
        try:
            value = function(self._value, y)
        except Exception as error:
            note_failure(error, make(None, operation, (self, other)))
            raise
        made: Node = _allocate(Node)
        made._value = value
        made._seen = None if type(value) in ATOMIC else fingerprint(value)
        made.operation = operation
        made.inputs = (self, other)
        made.serial = next_serial()
        made._extra = None
        return made if SCOPE.get() is None else recorded(made)

    return operator


def _unary(name: str) -> Callable[..., Node]:
    operation = OPERATIONS[name]

    def operator(self: Node, *args: Any) -> Node:
        return apply(operation, (self, *args))

    return operator


_pow = _binary("pow")


class Extra:
    """What only few nodes have. The defaults are the class's, so that making one costs little."""

    name: str | None = None
    description: str = ""
    error: Exception | None = None
    keywords: tuple[str, ...] = ()
    hidden: tuple[Node, ...] = ()
    inside: tuple[Node, ...] = ()


class Node:
    """A value in the execution graph.

    Operators, comparisons, indexing, attribute access and calls on a node compute on its value and
    make a new node. `hash` is by identity; `==` makes a node, as in PyTorch. An attribute of the
    value that has the name of one of this class's own is reached with `node.attribute("name")`.

    Args:
        value: any Python value; nodes in it become the new node's inputs, a node's value is never one.
        name: what renderings call it; otherwise they choose a name from what made it.
    """

    __slots__ = ("__weakref__", "_extra", "_seen", "_value", "inputs", "operation", "serial")

    _value: Any
    _extra: Extra | None
    _seen: int | None
    operation: Operation | None
    """What made it; `None` for values from outside."""
    inputs: tuple[Any, ...]
    """What the operation was called with: nodes, plain values, and containers of both."""
    serial: int
    """Order of creation in this process; inputs always come first."""

    def __init__(self, value: Any, *, name: str | None = None) -> None:
        self._value = unwrapped(value)
        self._seen = fingerprint(self._value)
        is_plain = self._value is value
        self.operation = None if is_plain else GATHER
        self.inputs = () if is_plain else (kept(value),)
        self.serial = next_serial()
        self._extra = None
        if name is not None:
            self.extra().name = name
        scope = SCOPE.get()
        if scope is not None and scope.made is not None:
            scope.made.append(self)

    def extra(self) -> Extra:
        """The node's rarely used fields, made when first asked for."""
        if self._extra is None:
            self._extra = Extra()
        return self._extra

    def _leaf(self) -> Node:
        """The node that stands in the graph for this one; itself, except for parameters."""
        return self

    @property
    def value(self) -> Any:
        """The plain value. Reading it outside a bundle takes it out of the graph: an escape."""
        leaf = self._leaf()
        _escaped(leaf, "value")
        return leaf._value

    @property
    def parents(self) -> tuple[Node, ...]:
        """The nodes it was computed from, hidden ones (read through a closure or `self`) last, each once."""
        found = dict.fromkeys(nodes_in(self.inputs))
        if self._extra is not None:
            found.update(dict.fromkeys(self._extra.hidden))
        return tuple(found)

    @property
    def name(self) -> str | None:
        """The name it was given, if any."""
        return self._extra.name if self._extra else None

    @property
    def description(self) -> str:
        """What it means, in words, for whoever reads the graph."""
        return self._extra.description if self._extra else ""

    @property
    def error(self) -> Exception | None:
        """The exception, where the operation failed; the value is `None` then."""
        return self._extra.error if self._extra else None

    @property
    def is_changed(self) -> bool:
        """Whether the value was changed in place after it was recorded, as far as `fingerprint` detects it."""
        leaf = self._leaf()
        return leaf._seen is not None and leaf._seen != fingerprint(leaf._value)

    def describe(self, words: str) -> Node:
        """Says what the value means; returns the node itself."""
        self.extra().description = words
        return self

    def backward(self, feedback: object, *, propagator: Propagator | None = None) -> None:
        """Propagates feedback on this value to the parameters it depends on.

        Each parameter gets one more piece of evidence: the feedback and the minimal subgraph
        between the parameters and this node. Nothing else is changed.

        Args:
            feedback: a `Feedback`, a number (score), a string, an exception, or `(score, text)`.
            propagator: makes the evidence; the minimal subgraph where not given.
        """
        from agentopt.graph.subgraph import propagate

        evidence = (propagator or propagate)(self, feedback)
        for parameter in dict.fromkeys(version.parameter for version in evidence.subgraph.parameters):
            parameter.evidence.append(evidence)

    def attribute(self, name: str) -> Node:
        """The node of `value.name`, for names that `Node` itself has."""
        return apply(attribute(name), (self,))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"`{name}` of a node's value is private; read it from `node.value`")
        leaf = self._leaf()
        try:
            found = getattr(leaf._value, name)
        except Exception as error:
            note_failure(error, make(None, attribute(name), (leaf,)))
            raise
        if callable(found):
            return Method(leaf, name)
        return recorded(make(unwrapped(found), attribute(name), (leaf,)))

    def __call__(self, *args: Any, **kwargs: Any) -> Node:
        return apply(CALL, (self, *args), kwargs)

    def __copy__(self) -> Node:
        return apply(COPY, (self,))

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return apply(DEEP_COPY, (self,))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without its graph: a value from outside, with name, description and error."""
        leaf = self._leaf()
        _escaped(leaf, "pickle")
        return _unpickled, (leaf._value, self.name, self.description, self.error)

    def __repr__(self) -> str:
        leaf = self._leaf()
        made = f" from {leaf.operation.name}" if leaf.operation else ""
        value = leaf._value
        text = shortened(repr(value), 300) if isinstance(value, str) else show(value, 300)
        shown = text if leaf.error is None else f"failed: {shortened(repr(leaf.error), 300)}"
        return f"{type(self).__name__}({shown}{f', name={self.name!r}' if self.name else ''}){made}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What notebooks show: a picture of the graph, and the text."""
        from agentopt.graph.drawing import to_svg

        return {"image/svg+xml": to_svg(self), "text/plain": repr(self)}

    # A branch, loop or conversion on a node leaves the graph; the trace notes where.

    def __bool__(self) -> bool:
        leaf = self._leaf()
        _escaped(leaf, "bool")
        return bool(leaf._value)

    def __int__(self) -> int:
        leaf = self._leaf()
        _escaped(leaf, "int")
        return int(leaf._value)

    def __float__(self) -> float:
        leaf = self._leaf()
        _escaped(leaf, "float")
        return float(leaf._value)

    def __index__(self) -> int:
        leaf = self._leaf()
        _escaped(leaf, "index")
        return cast(int, leaf._value.__index__())  # TypeError/AttributeError as Python would

    def __str__(self) -> str:
        leaf = self._leaf()
        _escaped(leaf, "str")
        return str(leaf._value)

    def __format__(self, spec: str) -> str:
        leaf = self._leaf()
        _escaped(leaf, "format")
        return format(leaf._value, spec)

    def __len__(self) -> int:
        leaf = self._leaf()
        _escaped(leaf, "len")
        return len(leaf._value)

    def __contains__(self, member: Any) -> bool:
        leaf = self._leaf()
        _escaped(leaf, "in")
        for node in nodes_in(member):
            _escaped(node._leaf(), "in")
        return unwrapped(member) in leaf._value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Node:
        return apply(numpy_function(ufunc, method), inputs, kwargs)

    def __pow__(self, other: Any, modulo: Any = None) -> Node:
        return _pow(self, other) if modulo is None else apply(POWER_MODULO, (self, other, modulo))

    def __iter__(self) -> Iterator[Node]:
        leaf = self._leaf()
        _escaped(leaf, "iter")
        value = leaf._value
        if isinstance(value, Sequence) or hasattr(value, "__array__"):
            return (apply(OPERATIONS["getitem"], (leaf, i)) for i in range(len(value)))
        members = list(value)
        return (apply(Operation("member", lambda _, m: m, "member({}, {})"), (leaf, m)) for m in members)

    __add__, __radd__ = _binary("add"), _binary("radd")
    __sub__, __rsub__ = _binary("sub"), _binary("rsub")
    __mul__, __rmul__ = _binary("mul"), _binary("rmul")
    __truediv__, __rtruediv__ = _binary("truediv"), _binary("rtruediv")
    __floordiv__, __rfloordiv__ = _binary("floordiv"), _binary("rfloordiv")
    __mod__, __rmod__ = _binary("mod"), _binary("rmod")
    __rpow__ = _binary("rpow")
    __matmul__, __rmatmul__ = _binary("matmul"), _binary("rmatmul")
    __and__, __rand__ = _binary("and"), _binary("rand")
    __or__, __ror__ = _binary("or"), _binary("ror")
    __xor__, __rxor__ = _binary("xor"), _binary("rxor")
    __lshift__, __rlshift__ = _binary("lshift"), _binary("rlshift")
    __rshift__, __rrshift__ = _binary("rshift"), _binary("rrshift")
    __divmod__, __rdivmod__ = _binary("divmod"), _binary("rdivmod")
    __lt__, __le__, __gt__, __ge__ = _binary("lt"), _binary("le"), _binary("gt"), _binary("ge")
    __eq__ = _binary("eq")  # type: ignore[assignment]  # a node, not a bool, as in PyTorch
    __ne__ = _binary("ne")  # type: ignore[assignment]
    __getitem__ = _binary("getitem")
    __neg__, __pos__, __invert__, __abs__ = _unary("neg"), _unary("pos"), _unary("invert"), _unary("abs")
    __round__, __trunc__, __floor__, __ceil__ = _unary("round"), _unary("trunc"), _unary("floor"), _unary("ceil")
    __hash__ = object.__hash__


class Method:
    """A method of a node's value, waiting to be called."""

    __slots__ = ("name", "node")

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Node:
        return apply(method(self.name), (self.node, *args), kwargs)


def _unpickled(value: Any, name: str | None, description: str, error: Exception | None) -> Node:
    made = Node(value, name=name)
    if description or error:
        made.extra().description, made.extra().error = description, error
    return made


def node(value: Any, *, name: str | None = None) -> Node:
    """`value` as a node; a node is returned as it is.

    Raises:
        UsageError: `value` is a node already and a name is given.
    """
    if isinstance(value, Node):
        if name is not None:
            raise UsageError(f"this value is a node already; it cannot be named `{name}` too")
        return value
    return Node(value, name=name)


def detach(value: Any) -> Any:
    """`value` (a node, or a container of nodes) as plain Python, outside the graph, without an escape."""
    return unwrapped(value)


def make(value: Any, operation: Operation, inputs: tuple[Any, ...]) -> Node:
    """A node that `operation` computed; the engine's fast way, nothing is checked."""
    made: Node = _allocate(Node)
    made._value = value
    made._seen = None if type(value) in ATOMIC else fingerprint(value)
    made.operation = operation
    made.inputs = inputs
    made.serial = next_serial()
    made._extra = None
    return made


def apply(operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None) -> Node:
    """Runs `operation` on values and nodes, and records it.

    Raises:
        Exception: what the operation raised; inside a trace it is recorded as a failed node first.
    """
    given = (*args, *(kwargs or {}).values())
    inputs = tuple(kept(x) for x in given)
    values = [unwrapped(x) for x in given]
    keywords = tuple(kwargs or ())
    positional = len(values) - len(keywords)
    try:
        value = operation.function(*values[:positional], **dict(zip(keywords, values[positional:])))
    except Exception as error:
        note_failure(error, _with_keywords(make(None, operation, inputs), keywords))
        raise
    return recorded(_with_keywords(make(unwrapped(value), operation, inputs), keywords))


def _with_keywords(made: Node, keywords: tuple[str, ...]) -> Node:
    if keywords:
        made.extra().keywords = keywords
    return made


def recorded(made: Node) -> Node:
    """Enters a new node into the running scope, and returns it."""
    scope = SCOPE.get()
    if scope is None:
        return made
    if not scope.is_recording:
        made.operation, made.inputs = None, ()
    elif scope.reads is not None and scope.made is not None:
        scope.made.append(made)
        scope.reads.extend(made.parents)
    return made


def note_failure(error: Exception, made: Node) -> None:
    """Enters the node of an operation that raised `error` into the running trace, if there is one.

    Errors of the run itself (no budget left, no key) are not the operation's, and are not recorded.
    """
    scope = SCOPE.get()
    if scope is not None and scope.trace is not None and not isinstance(error, (RunError, EnvironmentProblem)):
        made.extra().error = error
        recorded(made)
        scope.trace.failures.append((error, made))


def kept(x: Any) -> Any:
    """`x` as it is kept in a node's inputs.

    Parameters become the version read, and containers with nodes are copied. Of plain values that may be changed
    later, small ones are copied and large ones become nodes of their own, so that a change is noticed.
    """
    if isinstance(x, Node):
        return x._leaf()
    if type(x) in ATOMIC:
        return x
    if contains_node(x):
        return unwrapped(x, keep=lambda found: found._leaf())
    if not is_mutable(x):
        return x
    return copy.deepcopy(x) if is_small(x) else Node(x)


def _escaped(leaf: Node, how: str) -> None:
    """Notes that a value leaves the graph here: a hidden input inside a bundle, an escape in a trace."""
    scope = SCOPE.get()
    if scope is None or not scope.is_recording:
        return
    if scope.reads is not None:
        scope.reads.append(leaf)
    elif scope.trace is not None:
        frame = sys._getframe(2)
        while frame.f_globals.get("__name__", "").startswith("agentopt.graph") and frame.f_back:
            frame = frame.f_back
        scope.trace.note_escape(leaf, how, frame.f_code.co_filename, frame.f_lineno)
        if scope.trace.is_strict:
            raise StrictTraceError(
                f"a value left the graph through `{how}` at {frame.f_code.co_filename}:{frame.f_lineno}; "
                f"compute on it in a bundle, or trace without strict=True"
            )

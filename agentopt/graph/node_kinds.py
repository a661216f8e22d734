"""Which expressions of a program are nodes, found from its source and the objects its names stand for.

The answer for an expression is one of: `node`; `nodes`, a list, tuple or set of nodes; `trace`, what a traced workflow
returns; `plain`, a value with no node in it; `mixed`, one of these or another, it cannot be told; `None`, nothing
known yet, or `None` itself. Flow is not followed: a name is what any of its assignments makes it.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from agentopt.graph.bundling import BoundBundle, Bundle
from agentopt.graph.node import Node, detach
from agentopt.graph.plain_source import FUNCTIONS, MISSING, WRAPPERS, Names, is_module
from agentopt.graph.structure import contains_node
from agentopt.graph.tracing import TracedWorkflow

Kind = Literal["node", "nodes", "trace", "plain", "mixed"]
_PLAIN = (
    len,
    str,
    int,
    float,
    bool,
    repr,
    hash,
    id,
    isinstance,
    issubclass,
    callable,
    format,
    range,
    print,
    ord,
    type,
    any,
    all,
)
_SAME = (abs, round, divmod, pow)
_GATHERING = (list, tuple, set, sorted, reversed, filter, iter)
_MEMBERS = (sum, next)
_CHOOSING = (max, min)
_STARTS = ("__init__", "__post_init__", "__new__")


@dataclass(eq=False)
class Body:
    """A function of the program, with the functions inside it.

    Args:
        code: of the function as it was written.
        is_bundle: its arguments are plain.
        owner: the class whose method it is.
    """

    tree: ast.AST
    names: Names
    code: types.CodeType | None = None
    is_bundle: bool = False
    owner: type | None = None
    kinds: dict[str, Kind | None] = field(default_factory=dict)
    returns: dict[int, Kind | None] = field(default_factory=dict)

    def inner(self, name: str) -> ast.AST | None:
        """The function inside that has this name."""
        found = (x for x in ast.walk(self.tree) if isinstance(x, FUNCTIONS) and x.name == name and x is not self.tree)
        return next(found, None)


def joined(kinds: Iterable[Kind | None]) -> Kind | None:
    """The kind of a value that has one of these."""
    known = {kind for kind in kinds if kind is not None}
    return None if not known else known.pop() if len(known) == 1 else "mixed"


def kind_of(value: object) -> Kind | None:
    """The kind of an object that is there."""
    if isinstance(value, Node):
        return "node"
    if value is None or (isinstance(value, (list, set, dict)) and not value):
        return None
    if type(value) in (list, tuple, set):
        return gathered(map(kind_of, cast("Iterable[object]", value)))
    if isinstance(value, dict):
        return "plain" if {kind_of(member) for member in value.values()} <= {"plain", None} else "mixed"
    if isinstance(value, (Bundle, BoundBundle, TracedWorkflow)) or is_module(value) or contains_node(value):
        return "mixed"
    return "plain"


def member_kind(kind: Kind | None) -> Kind | None:
    """The kind of what iterating gives."""
    return "node" if kind == "nodes" else "mixed" if kind == "trace" else kind


def gathered(kinds: Iterable[Kind | None]) -> Kind | None:
    """The kind of a list of such members."""
    kind = joined(kinds)
    return "nodes" if kind == "node" else "mixed" if kind in ("nodes", "trace") else kind


class Kinds:
    """The kinds of all expressions of a program.

    Args:
        bodies: its functions, and the statements around them; see `reading.kinds_in`, which reads them.
    """

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.bodies = {body.code: body for body in bodies if body.code is not None}
        self._attributes: dict[tuple[type, str], Kind | None] = {}
        self.is_changed = False

    def note(self, kinds: dict[Any, Kind | None], key: Any, kind: Kind | None) -> None:
        """Adds to what is known of a name, an attribute or what a function returns."""
        before = kinds.get(key)
        after = joined([before, kind])
        if after != before:
            kinds[key] = after
            self.is_changed = True

    def note_attribute(self, body: Body, target: ast.Attribute, kind: Kind | None) -> None:
        """Adds what a method assigns to an attribute of `self`."""
        if body.owner is None or not is_self(body, target.value):
            return
        is_start = getattr(body.tree, "name", "") in _STARTS
        if not is_start or body.names.resolve(target) is MISSING:
            self.note(self._attributes, (body.owner, target.attr), kind)

    def body_of(self, called: Any) -> Body | None:
        """The body that runs when a plain function or method of the program is called."""
        function = inspect.unwrap(getattr(called, "__func__", called)) if callable(called) else None
        code = getattr(function, "__code__", None)
        return self.bodies.get(code) if code is not None else None

    def of(self, x: ast.AST | None, body: Body) -> Kind | None:
        """The kind of an expression in `body`."""
        match x:
            case ast.Constant(value=value):
                return None if value is None else "plain"
            case ast.Name(id=name):
                return body.kinds.get(name) if name in body.names.bound else self._resolved(body.names.resolve(x))
            case ast.Attribute():
                return self._attribute(x, body)
            case ast.Call():
                return self._call(x, body)
            case ast.Subscript(value=inner, slice=index):
                kind = self.of(inner, body)
                return kind if isinstance(index, ast.Slice) else self._item(x, kind, body)
            case ast.BinOp(left=left, right=right):
                return self._operation([self.of(left, body), self.of(right, body)])
            case ast.UnaryOp(op=op, operand=operand):
                return "plain" if isinstance(op, ast.Not) else self.of(operand, body)
            case ast.Compare(left=left, ops=ops, comparators=others):
                if isinstance(ops[0], (ast.Is, ast.IsNot, ast.In, ast.NotIn)):
                    return "plain"
                kind = self._operation([self.of(y, body) for y in (left, *others)])
                return kind if len(ops) == 1 or kind == "plain" else "mixed"
            case ast.BoolOp(values=values):
                return joined(self.of(value, body) for value in values)
            case ast.IfExp(body=yes, orelse=no):
                return joined([self.of(yes, body), self.of(no, body)])
            case ast.Await(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
                return self.of(inner, body)
            case ast.List(elts=members) | ast.Tuple(elts=members) | ast.Set(elts=members):
                return gathered(
                    member_kind(self.of(m.value, body)) if isinstance(m, ast.Starred) else self.of(m, body)
                    for m in members
                )
            case ast.ListComp(elt=member) | ast.SetComp(elt=member) | ast.GeneratorExp(elt=member):
                return gathered([self.of(member, body)])
            case ast.Dict(values=values):
                return self._all_plain([self.of(value, body) for value in values])
            case ast.DictComp(value=member):
                return self._all_plain([self.of(member, body)])
            case ast.JoinedStr() | ast.FormattedValue() | ast.Slice():
                return "plain"
        return "mixed"

    def _resolved(self, value: object) -> Kind | None:
        is_own = callable(value) and not isinstance(value, type) and self.body_of(value) is not None
        return "mixed" if value is MISSING or is_own else kind_of(value)

    def _operation(self, kinds: list[Kind | None]) -> Kind | None:
        return "node" if "node" in kinds else joined(kinds)

    def _all_plain(self, kinds: list[Kind | None]) -> Kind | None:
        return None if not any(kinds) else "plain" if set(kinds) <= {"plain", None} else "mixed"

    def _item(self, x: ast.Subscript, kind: Kind | None, body: Body) -> Kind | None:
        found = body.names.resolve(x)
        return member_kind(kind) if found is MISSING or kind in ("node", "plain") else kind_of(found)

    def _attribute(self, x: ast.Attribute, body: Body) -> Kind | None:
        found = body.names.resolve(x)
        if is_self(body, x.value) and body.owner is not None:
            related = [
                kind
                for (owner, attr), kind in self._attributes.items()
                if attr == x.attr and (issubclass(owner, body.owner) or issubclass(body.owner, owner))
            ]
            if found is MISSING:
                static = inspect.getattr_static(body.owner, x.attr, MISSING)
                return joined(related) if related else "mixed" if static is not MISSING else None
            return joined([self._resolved(found), *related])
        if found is not MISSING:
            return self._resolved(found)
        kind = self.of(x.value, body)
        if kind in ("node", "trace"):
            return "plain" if x.attr == "value" else "node" if kind == "node" else "mixed"
        return "mixed" if kind == "nodes" else kind

    def _call(self, x: ast.Call, body: Body) -> Kind | None:
        called = body.names.resolve(x.func)
        if isinstance(called, (Bundle, BoundBundle)):
            function = called.function
            is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
            return "nodes" if is_generator else "node"
        if isinstance(called, TracedWorkflow):
            return "trace"
        if called is detach:
            return "plain"
        if any(called is wrapper for wrapper in WRAPPERS):
            return "node"
        given = [self.of(argument, body) for argument in (*x.args, *(k.value for k in x.keywords))]
        values = [self.of(a, body) for a in (*x.args, *(k.value for k in x.keywords)) if not isinstance(a, ast.Lambda)]
        if (of_builtin := self._builtin(called, values)) != "unknown":
            return of_builtin
        if isinstance(x.func, ast.Name) and x.func.id in body.names.bound and (inner := body.inner(x.func.id)):
            return body.returns.get(id(inner))
        if (other := self.body_of(called)) is not None and not isinstance(called, type):
            return other.returns.get(id(other.tree))
        if isinstance(called, type) and getattr(called, "__agentopt_module__", False):
            return "mixed"
        own = self.of(x.func, body)
        if own == "node" or (own is None and isinstance(x.func, ast.Attribute)):
            return own
        return "plain" if own == "plain" and set(values or given) <= {"plain", None} else "mixed"

    def _builtin(self, called: object, given: list[Kind | None]) -> Kind | Literal["unknown"] | None:
        first = given[0] if given else None
        if is_one(called, _PLAIN):
            return "plain"
        if is_one(called, _SAME):
            return self._operation(given)
        if is_one(called, _GATHERING):
            return "nodes" if first == "node" else joined(given[:1]) if called is not filter else joined(given[-1:])
        if is_one(called, _MEMBERS):
            return joined([member_kind(first), *given[1:]])
        if is_one(called, _CHOOSING):
            return member_kind(first) if len(given) == 1 else joined(given)
        if called is asyncio.gather:
            return "nodes" if set(given) <= {"node", "nodes"} else joined(given)
        return joined(given) if called is asyncio.run else "unknown"


def is_one(called: object, functions: tuple[object, ...]) -> bool:
    return any(called is function for function in functions)  # `==` of a foreign value may give anything


def is_self(body: Body, x: ast.AST) -> bool:
    arguments = getattr(body.tree, "args", None)
    return (
        body.owner is not None
        and isinstance(arguments, ast.arguments)
        and bool(positional := (*arguments.posonlyargs, *arguments.args))
        and isinstance(x, ast.Name)
        and x.id == positional[0].arg
    )

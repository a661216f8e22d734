"""Source without agentopt: what its names stand for, what falls away, values as literals."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentopt.errors import UsageError
from agentopt.graph.bundling import BoundBundle, Bundle, bundle
from agentopt.graph.node import Node, detach, node
from agentopt.graph.tracing import TracedWorkflow, trace
from agentopt.graph.trainable import Parameter

MISSING = object()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WRAPPERS: tuple[object, ...] = (Parameter, Node, node)


def is_agentopts(value: object) -> bool:
    """Whether `value` is a part of agentopt itself, so that a name for it means nothing without agentopt."""
    while isinstance(value, functools.partial):
        value = value.func
    if isinstance(value, (Node, Bundle, BoundBundle, TracedWorkflow)):
        return False
    if isinstance(value, types.ModuleType):
        home = value.__name__
    else:
        owner = value if isinstance(value, (type, types.FunctionType)) else type(value)
        home = str(owner.__module__)
    return home.partition(".")[0] == "agentopt"


def is_decorator(value: object) -> bool:
    """Whether `value` is `bundle`, `trace` or `module`, perhaps with settings."""
    while isinstance(value, functools.partial):
        value = value.func
    return any(value is ours for ours in (bundle, trace, TracedWorkflow)) or (
        is_agentopts(value) and getattr(value, "__name__", "") == "module"
    )


def is_module(value: object) -> bool:
    """Whether `value` is an instance of a class marked with `@module`."""
    return not isinstance(value, type) and bool(getattr(type(value), "__agentopt_module__", False))


@dataclass(eq=False)
class Names:
    """What the names in one piece of source stand for.

    Args:
        around: globals and closure variables.
        bound: names that the source binds itself.
        instances: values that `self` may have, by the argument's name.
    """

    around: Mapping[str, Any]
    bound: frozenset[str] = frozenset()
    instances: Mapping[str, object] = field(default_factory=dict)

    def resolve(self, expression: ast.AST) -> Any:
        """The object that an expression of names, attributes and constant indices stands for, or `MISSING`."""
        match expression:
            case ast.Name(id=name):
                if name in self.bound:
                    return self.instances.get(name, MISSING)
                return self.around.get(name, getattr(builtins, name, MISSING))
            case ast.Attribute(value=inner, attr=attr):
                return _member(self.resolve(inner), attr)
            case ast.Subscript(value=inner, slice=ast.Constant(value=key)):
                held = self.resolve(inner)
                try:
                    return held[key] if type(held) in (list, tuple, dict) else MISSING
                except (LookupError, TypeError):
                    return MISSING
        return MISSING


def _member(holder: Any, attr: str) -> Any:
    """An attribute, without running a property."""
    if holder is MISSING or isinstance(holder, Node):
        return MISSING
    if isinstance(holder, (types.ModuleType, type)):
        return getattr(holder, attr, MISSING)
    if attr in getattr(holder, "__dict__", {}):
        return holder.__dict__[attr]
    found = inspect.getattr_static(holder, attr, MISSING)
    match found:
        case Bundle():
            return BoundBundle(found, holder)
        case types.FunctionType():
            return types.MethodType(found, holder)
        case types.MemberDescriptorType():  # a slot
            return getattr(holder, attr, MISSING)
        case staticmethod() | classmethod() if isinstance(found.__func__, Bundle):
            return found.__func__
        case TracedWorkflow():
            return found
    return MISSING if hasattr(type(found), "__get__") else found


def names_bound_in(tree: ast.AST) -> frozenset[str]:
    """Every name that a function binds anywhere in it, its own name left out."""
    declared = {name for x in ast.walk(tree) if isinstance(x, (ast.Global, ast.Nonlocal)) for name in x.names}
    return frozenset(name for x in ast.walk(tree) if x is not tree for name in _binds(x)) - declared


def _binds(x: ast.AST) -> Iterator[str]:
    match x:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.partition(".")[0]


def bound_by(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement of a module binds there, not those inside the functions and classes it defines."""
    found: list[str] = []
    pending: list[ast.AST] = [statement]
    while pending:
        x = pending.pop()
        found.extend(_binds(x))
        if not isinstance(x, (*FUNCTIONS, ast.ClassDef, ast.Lambda, ast.comprehension)):
            pending.extend(ast.iter_child_nodes(x))
    return frozenset(found)


def literal(value: Any, whose: str) -> ast.expr:
    """The expression that gives `value`, with nodes in it as their values.

    Raises:
        UsageError: it has none; `whose` value it is goes into the message.
    """
    if isinstance(value, Node):
        return literal(detach(value), whose)
    if type(value) is float and not math.isfinite(value):
        return ast.parse(f"float({str(value)!r})", mode="eval").body
    if type(value) in (int, float, complex):
        return ast.parse(repr(value), mode="eval").body
    if value is None or type(value) in (bool, str, bytes, type(...)):
        return ast.Constant(value)
    if type(value) in (list, tuple):
        members = [literal(member, whose) for member in value]
        return ast.List(members, ast.Load()) if type(value) is list else ast.Tuple(members, ast.Load())
    if type(value) is dict:
        return ast.Dict([literal(key, whose) for key in value], [literal(member, whose) for member in value.values()])
    if type(value) in (set, frozenset):
        members = [literal(member, whose) for member in sorted(value, key=repr)]
        return ast.Call(ast.Name(type(value).__name__, ast.Load()), [ast.List(members, ast.Load())], [])
    raise UsageError(f"{whose} cannot be exported: a {type(value).__name__} has no literal form")


def place_defaults(tree: Any, function: Any) -> None:
    """Writes defaults that are nodes as their values."""
    defaults = function.__defaults__ or ()
    for i, value in enumerate(defaults):
        if isinstance(value, Node) and len(tree.args.defaults) == len(defaults):
            tree.args.defaults[i] = literal(value, f"a default of `{function.__qualname__}`")
    for i, argument in enumerate(tree.args.kwonlyargs):
        value = (function.__kwdefaults__ or {}).get(argument.arg)
        if isinstance(value, Node):
            tree.args.kw_defaults[i] = literal(value, f"a default of `{function.__qualname__}`")

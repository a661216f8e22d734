"""The definitions that a module's class or a workflow uses, gathered from the files they stand in."""

from __future__ import annotations

import ast
import copy
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentopt.errors import ProposalError, UsageError
from agentopt.graph.bundling import BoundBundle, Bundle
from agentopt.graph.definitions import (
    absolute,
    around_of,
    definition_of,
    file_of,
    globals_of,
    statements_binding,
    tree_of,
    uses_agentopt,
)
from agentopt.graph.node import Node, detach
from agentopt.graph.node_kinds import Body
from agentopt.graph.parameters import attributes_of
from agentopt.graph.plain_source import (
    FUNCTIONS,
    Names,
    bound_by,
    is_agentopts,
    is_module,
    literal,
    names_bound_in,
    place_defaults,
)
from agentopt.graph.tracing import TracedWorkflow
from agentopt.graph.trainable import Parameter


@dataclass(eq=False)
class Definition:
    """One statement of the exported file.

    Args:
        names: what it binds.
        place: order in the exported file.
        trees: what is written, once agentopt is out of it.
        failure: why it cannot be written.
    """

    tree: ast.stmt
    names: frozenset[str]
    file: str
    place: tuple[int, int, int]
    value: Any = None
    bodies: list[Body] = field(default_factory=list)
    trees: list[ast.stmt] = field(default_factory=list)
    failure: UsageError | None = None


@dataclass(frozen=True)
class Held:
    """A parameter that an instance or a global holds.

    Args:
        path: the expression that reaches it.
        owner: the innermost module's instance on the way, and its attribute; `None` for a global container.
        is_fixed: a tuple on the way cannot be assigned to.
    """

    path: str
    parameter: Parameter
    owner: object
    attribute: str
    is_fixed: bool


class Program:
    """Definitions, imports and instances, gathered from what a name needs on."""

    def __init__(self) -> None:
        self.definitions: list[Definition] = []
        self.imports: dict[str, str] = {}
        self.failures: dict[str, UsageError] = {}
        self.roots: dict[str, object] = {}
        self.instances: dict[int, object] = {}
        self.held: list[Held] = []
        self._meanings: dict[str, Any] = {}
        self._files: list[str] = []

    def binding(self, name: str) -> list[Definition]:
        """The definitions that bind a name."""
        return [definition for definition in self.definitions if name in definition.names]

    def instances_of(self, cls: type) -> list[object]:
        """The modules' instances that are exported with their class."""
        return [instance for instance in self.instances.values() if isinstance(instance, cls)]

    def add_root(self, path: str, value: object) -> None:
        """Takes in the parameters and instances that a value reaches."""
        self.roots[path] = value
        self.held.extend(self._walk(value, path, None, "", False, ()))

    def _walk(
        self, x: object, path: str, owner: object, attribute: str, is_fixed: bool, above: tuple[int, ...]
    ) -> Iterator[Held]:
        if id(x) in above:
            return
        above = (*above, id(x))
        if isinstance(x, Parameter):
            yield Held(path, x, owner, attribute, is_fixed)
        elif isinstance(x, Bundle) and x._origin is not None and x.code is not None:
            raise UsageError(
                f"`{path}` is a copy of the bundle `{x.__qualname__}`, with code of its own; define it as a method"
            )
        elif isinstance(x, Mapping):
            for key, member in x.items():
                yield from self._walk(member, f"{path}[{key!r}]", owner, attribute, False, above)
        elif isinstance(x, (list, tuple)):
            for i, member in enumerate(x):
                yield from self._walk(member, f"{path}[{i}]", owner, attribute, isinstance(x, tuple), above)
        elif is_module(x):
            self.instances[id(x)] = x
            for name, member in attributes_of(x).items():
                if not isinstance(member, (Bundle, BoundBundle)) and name not in _class_parameters(type(x)):
                    yield from self._walk(member, f"{path}.{name}", x, name, False, above)

    def add(self, value: Any) -> str:
        """Takes in a function or class, and what it needs; returns its name."""
        tree = definition_of(value)
        assert isinstance(tree, (*FUNCTIONS, ast.ClassDef))
        self._meanings[tree.name] = value
        self._define(tree, value, file_of(value), around_of(value))
        return tree.name

    def _define(self, tree: ast.stmt, value: Any, file: str, around: Mapping[str, Any], name: str = "") -> None:
        if file not in self._files:
            self._files.append(file)
        rank = -self._files.index(file)
        tree = copy.deepcopy(tree)
        place = (rank, tree.lineno, 0)
        definition = Definition(tree, bound_by(tree) | {name}, file, place, value)
        self.definitions.append(definition)
        if isinstance(tree, ast.ClassDef) and isinstance(value, type):
            self._class(definition, tree, value, around)
        elif isinstance(tree, FUNCTIONS):
            self._function(definition, tree, value, around)
        else:
            definition.bodies = [Body(tree, Names(around))]
        self._need_all(definition, file)

    def _function(self, definition: Definition, tree: Any, value: Any, around: Mapping[str, Any]) -> None:
        function = inspect.unwrap(value)
        if isinstance(value, Bundle) and value.code is not None:
            tree = self._trained(definition, tree, value, [detach(value.code)])
            definition.tree = tree
        place_defaults(tree, function)
        names = Names(around, names_bound_in(tree))
        definition.bodies = [Body(tree, names, code=function.__code__, is_bundle=isinstance(value, Bundle))]

    def _class(self, definition: Definition, tree: ast.ClassDef, cls: type, around: Mapping[str, Any]) -> None:
        definition.bodies = [Body(ast.Pass(), Names(around))]
        instances = self.instances_of(cls)
        for i, member in enumerate(tree.body):
            held = vars(cls).get(member.name) if isinstance(member, FUNCTIONS) else None
            held = getattr(held, "__func__", held)
            held = getattr(held, "fget", held)
            function = inspect.unwrap(held) if callable(held) else None
            if not isinstance(member, FUNCTIONS) or not isinstance(function, types.FunctionType):
                continue
            if isinstance(held, Bundle) and held.code is not None:
                codes = [held.code_in_use(instance) for instance in instances] or [held.code]
                member = self._trained(definition, member, held, [detach(code) for code in codes])
                tree.body[i] = member
            place_defaults(member, function)
            names = Names(around_of(held), names_bound_in(member), _self_of(member, instances))
            body = Body(member, names, code=function.__code__, is_bundle=isinstance(held, Bundle), owner=cls)
            definition.bodies.append(body)

    def _trained(self, definition: Definition, tree: Any, bundle: Bundle[Any, Any], sources: list[str]) -> Any:
        """The definition in a code parameter's source; what stands around it there goes before."""
        if len(set(sources)) > 1:
            raise UsageError(
                f"`{bundle.__qualname__}` has different code in different instances; one class cannot hold both"
            )
        if sources[0] == bundle._start:
            return tree
        try:
            bundle._check(sources[0])
        except ProposalError as error:
            raise UsageError(f"the code of `{bundle.__qualname__}` cannot be exported: {error}") from None
        parsed = ast.parse(sources[0])
        found = [s for s in parsed.body if isinstance(s, ast.FunctionDef) and s.name == tree.name][-1]
        found.decorator_list = tree.decorator_list
        others = [s for s in parsed.body if s is not found and not _is_docstring(s)]
        own = frozenset(name for s in others for name in bound_by(s))
        around = bundle.function.__globals__
        for name in own & set(around) - ({tree.name} if bundle.__qualname__ != tree.name else set()):
            if not isinstance(around[name], types.ModuleType) and name in self._meanings:
                raise UsageError(
                    f"the code of `{bundle.__qualname__}` defines `{name}`, which its file has too; rename it"
                )
        for i, statement in enumerate(others):
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                for alias in statement.names:
                    self._import(alias.asname or alias.name.partition(".")[0], statement, alias, None)
                continue
            rank, line, _ = definition.place
            extra = Definition(
                statement, bound_by(statement), f"<{bundle.__qualname__}>", (rank, line, i - len(others))
            )
            names = Names({k: v for k, v in around.items() if k not in own}, names_bound_in(statement) | own)
            extra.bodies = [Body(statement, names)]
            self.definitions.append(extra)
            self._need_all(extra, definition.file)
        return found

    def _need_all(self, definition: Definition, file: str) -> None:
        for body in definition.bodies:
            for x in ast.walk(definition.tree if isinstance(body.tree, ast.Pass) else body.tree):
                if isinstance(x, ast.Name) and x.id in body.names.around:
                    self._need(x.id, body.names.around, file)

    def _need(self, name: str, around: Mapping[str, Any], file: str) -> None:
        value = around[name]
        if name in self._meanings:
            if self._meanings[name] is not value and not _is_same(self._meanings[name], value):
                self.failures[name] = UsageError(f"`{name}` means two things in what is to be exported; rename one")
            return
        if is_agentopts(value) and not is_module(value):
            return
        self._meanings[name] = value
        try:
            self._take(name, value, around, file)
        except UsageError as error:
            self.failures[name] = error

    def _take(self, name: str, value: Any, around: Mapping[str, Any], file: str) -> None:
        """Takes in the definition, the import or the value behind a name."""
        if isinstance(value, Node):
            return self._assign(name, value, file)
        if isinstance(value, types.ModuleType):
            if uses_agentopt(value.__name__):
                raise UsageError(f"the module `{value.__name__}` uses agentopt; import its names with `from` instead")
            self.imports[name] = f"import {value.__name__}" + (f" as {name}" if name != value.__name__ else "")
            return None
        is_local = name not in globals_of(around)
        statements = [] if is_local else statements_binding(tree_of(file, name), name)
        imported = [s for s in statements if isinstance(s, (ast.Import, ast.ImportFrom))]
        if imported and len(imported) == len(statements):
            return self._imported(name, value, imported[-1], around)
        if _reaches_parameters(value) and not isinstance(value, (Bundle, TracedWorkflow)):
            if not is_module(value) and (text := _literal_or_none(value, name)) is not None:
                return self._assign(name, text, file)
            self.add_root(name, value)
        for statement in statements:
            self._define(statement, value, file, around, name)
        if not statements and isinstance(
            inspect.unwrap(value) if callable(value) else None, (types.FunctionType, type)
        ):
            tree = definition_of(value)
            self._define(tree, value, file_of(value), around_of(value))
            if name not in bound_by(tree):
                self._assign(name, ast.Name(value.__name__, ast.Load()), file, line=tree.lineno + 1)
        elif not statements:
            self._assign(name, value, file)
        return None

    def _imported(self, name: str, value: Any, statement: Any, around: Mapping[str, Any]) -> None:
        alias = next(
            a for a in statement.names if name in (a.asname, a.name, a.name.partition(".")[0]) or a.name == "*"
        )
        if isinstance(statement, ast.ImportFrom):
            home = absolute(statement, globals_of(around).get("__package__"))
            if uses_agentopt(home):
                other = sys.modules[home]
                original = alias.name if alias.name != "*" else name
                del self._meanings[name]
                self._need(original, vars(other), other.__file__ or "")
                if original != name:
                    self._assign(name, ast.Name(original, ast.Load()), other.__file__ or "", line=10**9)
                return
        self._import(name, statement, alias, globals_of(around).get("__package__"))

    def _import(self, name: str, statement: Any, alias: ast.alias, package: str | None) -> None:
        self._meanings.setdefault(name, statement)
        suffix = f" as {alias.asname}" if alias.asname else ""
        if isinstance(statement, ast.ImportFrom):
            line = f"from {absolute(statement, package)} import {alias.name if alias.name != '*' else name}{suffix}"
        else:
            line = f"import {alias.name}{suffix}"
        self.imports[name] = line

    def _assign(self, name: str, value: Any, file: str, *, line: int = 0) -> None:
        """Adds `name = value`; a node is its plain value, and an expression stands for itself."""
        expression = value if isinstance(value, ast.expr) else literal(value, f"the value of `{name}`")
        if file not in self._files:
            self._files.append(file)
        tree = ast.Assign([ast.Name(name, ast.Store())], expression, lineno=line)
        place = (-self._files.index(file), line, 0)
        definition = Definition(tree, frozenset({name}), file, place)
        definition.bodies = [Body(tree, Names({}))]
        self.definitions.append(definition)


def _class_parameters(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name, member in vars(base).items() if isinstance(member, Node)}


def _self_of(member: Any, instances: list[object]) -> dict[str, object]:
    positional = [*member.args.posonlyargs, *member.args.args]
    is_static = any(isinstance(d, ast.Name) and d.id in ("staticmethod", "classmethod") for d in member.decorator_list)
    return {positional[0].arg: instances[0]} if positional and instances and not is_static else {}


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_same(a: object, b: object) -> bool:
    return type(a) is type(b) and isinstance(a, (int, float, str, bytes, tuple, frozenset)) and a == b


def _reaches_parameters(value: Any) -> bool:
    return is_module(value) or next(Program()._walk(value, "x", None, "", False, ()), None) is not None


def _literal_or_none(value: Any, name: str) -> ast.expr | None:
    try:
        return literal(value, name)
    except UsageError:
        return None

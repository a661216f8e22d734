"""Where the trained values of modules' instances are written in the source of their classes."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

from agentopt.errors import UsageError
from agentopt.graph.gathering import Definition, Held, Program
from agentopt.graph.node_kinds import Kinds
from agentopt.graph.plain_source import is_module, literal
from agentopt.graph.stripping import Stripping

_STARTS = ("__init__", "__post_init__")
_FILLING = ("append", "add", "insert", "extend", "update", "setdefault")


class Placing:
    """Values in the place of `Parameter(...)` where a class has one instance, and assignments for all others.

    The assignments of the exported instance are the last statements of its class's `__init__`; those of an
    instance that a global holds follow the global's definition.
    """

    def __init__(self, program: Program, target: Any) -> None:
        self.program = program
        self.target = target if is_module(target) else None
        self._placed: dict[int, dict[str, Any]] = {}
        self._left = list(program.held)
        for definition in program.definitions:
            if isinstance(definition.value, type):
                self._place(definition, definition.value)
        for path in program.roots:
            if path != "self" or self.target is None:
                self._follow(path)

    def _place(self, definition: Definition, cls: type) -> None:
        instances = self.program.instances_of(cls)
        if len(instances) != 1:
            return
        for start in _starts(definition.tree):
            for name in {held.attribute for held in self._left if held.owner is instances[0]}:
                values = [value for target, value in _stores(start) if target.attr == name]
                body = next(body for body in definition.bodies if body.tree is start)
                strip = Stripping(_NO_KINDS, body, definition.file)
                whole = getattr(instances[0], name)
                is_made_here = values and all(strip.makes_parameter(value) for value in values)
                if is_made_here and not _loads(start, name) and not _holds_module(whole):
                    self._placed.setdefault(id(start), {})[name] = whole
                    self._left = [h for h in self._left if h.owner is not instances[0] or h.attribute != name]

    def placed_in(self, definition: Definition, method: ast.stmt) -> dict[str, Any]:
        """The values that a method writes in place, by attribute."""
        return self._placed.get(id(method), {})

    def check(self, definition: Definition) -> None:
        """Refuses a class whose `__init__` computes with a parameter: it would compute with another value then.

        Raises:
            UsageError: naming the attribute and the line.
        """
        owned = {
            h.attribute for h in self.program.held if h.owner is not None and isinstance(h.owner, definition.value)
        }
        for start in _starts(definition.tree):
            for load in (load for name in sorted(owned) for load in _loads(start, name)):
                if not _is_filling(start, load):
                    raise UsageError(
                        f"`{ast.unparse(load)}` at {definition.file}:{load.lineno} cannot be exported: "
                        f"`{definition.value.__name__}.{start.name}` computes with a parameter; do that in a method"
                    )

    def closing(self, definition: Definition, members: list[ast.stmt]) -> list[ast.stmt]:
        """Puts the target's assignments at the end of its `__init__`; returns a method to add where it has none."""
        left = [held for held in self._left if held.path.startswith("self.")]
        if self.target is None or definition.value is not type(self.target) or not left:
            return []
        cls = type(self.target)
        if len(self.program.instances_of(cls)) > 1:
            raise UsageError(
                f"`{cls.__name__}` holds other instances of itself; one class cannot hold the values of both"
            )
        is_dataclass = "__dataclass_params__" in vars(cls) and "__init__" not in {
            getattr(m, "name", "") for m in members
        }
        if is_dataclass and vars(cls)["__dataclass_params__"].frozen:
            raise UsageError(f"`{cls.__name__}` is frozen, so that the value of `{left[0].path}` cannot be set in it")
        wanted = "__post_init__" if is_dataclass else "__init__"
        start = next((m for m in members if isinstance(m, ast.FunctionDef) and m.name == wanted), None)
        me = start.args.args[0].arg if start is not None else "self"
        assignments = [_assignment(held, me + held.path.removeprefix("self")) for held in left]
        if start is not None:
            if any(isinstance(x, ast.Return) for x in ast.walk(start)):
                raise UsageError(
                    f"`{cls.__name__}.{wanted}` returns early, before the values of `{left[0].path}` could be set"
                )
            start.body += assignments
            return []
        if not is_dataclass:
            text = "def __init__(self, *args, **kwargs): super().__init__(*args, **kwargs)"
        else:
            is_inherited = any("__post_init__" in vars(base) for base in cls.__mro__)
            text = "def __post_init__(self): " + ("super().__post_init__()" if is_inherited else "pass")
        made = ast.parse(text).body[0]
        assert isinstance(made, ast.FunctionDef)
        made.body = [*(s for s in made.body if not isinstance(s, ast.Pass)), *assignments]
        return [made]

    def _follow(self, path: str) -> None:
        """Adds the assignments of what a global holds, after its definition."""
        left = [held for held in self._left if held.path.startswith((f"{path}.", f"{path}["))]
        before = self.program.binding(path)[-1]
        for held in left:
            rank, line, _ = before.place
            added = Definition(_assignment(held, held.path), frozenset({path}), before.file, (rank, line, 1))
            added.bodies = [dataclasses.replace(before.bodies[0], tree=added.tree)]
            self.program.definitions.append(added)


def _assignment(held: Held, path: str) -> ast.stmt:
    if held.is_fixed:
        raise UsageError(
            f"`{held.path}` cannot be exported: a tuple holds the parameter, and is not written out in `__init__`"
        )
    made = ast.parse(f"{path} = None").body[0]
    assert isinstance(made, ast.Assign)
    made.value = literal(held.parameter, f"the value of `{held.path}`")
    return made


def _starts(tree: ast.stmt) -> list[ast.FunctionDef]:
    members = tree.body if isinstance(tree, ast.ClassDef) else []
    return [m for m in members if isinstance(m, ast.FunctionDef) and m.name in _STARTS and m.args.args]


def _stores(start: ast.FunctionDef) -> list[tuple[ast.Attribute, ast.expr]]:
    """The assignments to attributes of `self`."""
    found = []
    for x in ast.walk(start):
        targets = (
            x.targets
            if isinstance(x, ast.Assign)
            else [x.target]
            if isinstance(x, (ast.AnnAssign, ast.AugAssign))
            else []
        )
        value = getattr(x, "value", None)
        for target in targets:
            if isinstance(target, ast.Attribute) and _is_self(target.value, start) and value is not None:
                found.append((target, value))
    return found


def _loads(start: ast.FunctionDef, name: str) -> list[ast.Attribute]:
    return [
        x
        for x in ast.walk(start)
        if isinstance(x, ast.Attribute) and x.attr == name and isinstance(x.ctx, ast.Load) and _is_self(x.value, start)
    ]


def _is_self(x: ast.expr, start: ast.FunctionDef) -> bool:
    return isinstance(x, ast.Name) and x.id == start.args.args[0].arg


def _is_filling(start: ast.FunctionDef, load: ast.Attribute) -> bool:
    """Whether `self.x` is read only to put something into it."""
    for x in ast.walk(start):
        match x:
            case ast.Call(func=ast.Attribute(value=held, attr=attr)) if held is load and attr in _FILLING:
                return True
            case ast.Subscript(value=held, ctx=ast.Store()) if held is load:
                return True
    return False


def _holds_module(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_module, value.values()))
    return any(map(_holds_module, value)) if isinstance(value, (list, tuple)) else is_module(value)


_NO_KINDS = Kinds([])

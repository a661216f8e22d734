"""Where definitions stand in a user's files."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import linecache
import sys
import types
from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from agentopt.errors import UsageError
from agentopt.graph.plain_source import FUNCTIONS, bound_by, is_agentopts

_CHANGING = {"append", "add", "insert", "appendleft", "extend", "update", "setdefault", "sort", "reverse"}


def file_of(value: Any) -> str:
    """The file in which a function or class is defined.

    Raises:
        UsageError: there is none.
    """
    try:
        return inspect.getsourcefile(inspect.unwrap(value)) or ""
    except TypeError:
        raise UsageError(f"the source of `{_title(value)}` cannot be read; define it in a file") from None


def _title(value: Any) -> str:
    return str(getattr(value, "__qualname__", type(value).__name__))


def tree_of(file: str, name: str) -> ast.Module:
    """The parsed file; `name` is what was looked for in it."""
    text = "".join(linecache.getlines(file))
    if not text:
        raise UsageError(f"the source of `{name}` cannot be read; define it in a file")
    return _parsed(text)


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def definition_of(value: Any) -> ast.stmt:
    """The `def` or `class` statement of a function or class.

    Raises:
        UsageError: it has no readable source.
    """
    value = inspect.unwrap(value)
    title = _title(value)
    tree = tree_of(file_of(value), title)
    if isinstance(value, type):
        found = [x for x in _classes(tree, "") if x[0] == value.__qualname__.replace("<locals>.", "")]
        if found:
            return found[-1][1]
    elif isinstance(value, types.FunctionType):
        line = value.__code__.co_firstlineno
        for x in ast.walk(tree):
            first = min([x.lineno, *(d.lineno for d in x.decorator_list)]) if isinstance(x, FUNCTIONS) else 0
            if isinstance(x, FUNCTIONS) and first == line and x.name == value.__name__:
                return x
    raise UsageError(f"the source of `{title}` cannot be read; define it with `def` or `class` in a file")


def _classes(x: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(x):
        inner = prefix
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            inner = f"{prefix}{child.name}."
            if isinstance(child, ast.ClassDef):
                yield inner[:-1], child
        yield from _classes(child, inner)


def statements_binding(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The statements of a file that give `name` its value, in order: imports, definitions, assignments, changes."""
    statements = list(_top_level(tree))
    found = [s for s in statements if name in bound_by(s) or _changes(s, name)]
    if found and isinstance(found[-1], (*FUNCTIONS, ast.ClassDef)):
        return found[-1:]
    return found if any(name in bound_by(s) for s in found) else []


def _top_level(tree: ast.Module | ast.If) -> Iterator[ast.stmt]:
    for statement in tree.body:
        is_main = isinstance(statement, ast.If) and "__name__" in {
            n.id for n in ast.walk(statement.test) if isinstance(n, ast.Name)
        }
        if isinstance(statement, ast.If) and is_main:
            yield from _top_level(statement)
        else:
            yield statement


def _changes(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        return False
    for x in ast.walk(statement):
        match x:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=held), attr=attr)) if held == name and attr in _CHANGING:
                return True
            case ast.Subscript(value=ast.Name(id=held), ctx=ast.Store()) if held == name:
                return True
            case ast.Attribute(value=ast.Name(id=held), ctx=ast.Store()) if held == name:
                return True
    return False


def uses_agentopt(module: str) -> bool:
    """Whether a user's module, once imported, holds a part of agentopt or something made by it."""
    loaded = sys.modules.get(module)
    return (
        any(is_agentopts(v) or type(v).__module__.startswith("agentopt.") for v in vars(loaded).values())
        if loaded
        else False
    )


def absolute(statement: ast.ImportFrom, package: str | None) -> str:
    """The module that a `from … import` names, without leading dots."""
    return importlib.util.resolve_name("." * statement.level + (statement.module or ""), package)


def around_of(value: Any) -> Mapping[str, Any]:
    """The globals and closure variables of a function; of a class, those of its methods."""
    value = inspect.unwrap(value)
    if isinstance(value, type):
        own = [
            inspect.unwrap(getattr(m, "__func__", m))
            for m in vars(value).values()
            if callable(getattr(m, "__func__", m))
        ]
        methods = [m for m in own if isinstance(m, types.FunctionType) and m.__module__ == value.__module__]
        closures = {k: v for m in methods for k, v in around_of(m).maps[0].items()}  # type: ignore[attr-defined]
        return ChainMap(closures, vars(sys.modules[value.__module__]))
    cells = {}
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or ()):
        try:
            cells[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    cells.pop("__class__", None)
    return ChainMap(cells, value.__globals__)


def globals_of(around: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of what `around_of` gave, the globals."""
    return around.maps[-1] if isinstance(around, ChainMap) else around

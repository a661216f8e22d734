"""Functions as parameters: their source, what may replace it, and how a replacement is run."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agentopt.canonical import to_jsonable
from agentopt.errors import CodeError, ProposalError, UsageError
from agentopt.graph.structure import unwrapped


def function_source(function: Callable[..., Any]) -> str:
    """Source of `function`, without indentation and decorators.

    Raises:
        UsageError: Python cannot find the source, or it is not a `def`.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
        definition = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError) as error:
        raise UsageError(
            f"the source of `{function.__qualname__}` cannot be read ({error}); define it with `def` in a file"
        ) from None
    if not isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)) or definition.name != function.__name__:
        raise UsageError(
            f"`{function.__qualname__}` must be defined with `def`, without other decorators below, to be code"
        )
    return "".join(text.splitlines(keepends=True)[definition.lineno - 1 :]).rstrip() + "\n"


def signature_of(definition: ast.FunctionDef) -> str:
    """Argument names and kinds, as `(a, b, *, c)`; defaults and annotations do not count."""
    given = definition.args
    names = [a.arg for a in given.posonlyargs] + ["/"] * bool(given.posonlyargs) + [a.arg for a in given.args]
    if given.vararg or given.kwonlyargs:
        names.append("*" + (given.vararg.arg if given.vararg else ""))
    names += [a.arg for a in given.kwonlyargs]
    if given.kwarg:
        names.append("**" + given.kwarg.arg)
    return f"({', '.join(names)})"


def check_source(source: object, name: str, signature: str) -> None:
    """Checks source text that is to replace the function `name`; helpers and imports around it are allowed.

    Raises:
        ProposalError: it does not parse, or does not define `name` with the same arguments.
    """
    if not isinstance(source, str):
        raise ProposalError(f"code must be text, got {type(source).__name__}")
    try:
        module = ast.parse(source)
    except SyntaxError as error:
        marked = (error.text or "").rstrip()
        raise ProposalError(f"the code does not parse: {error.msg} (line {error.lineno}: `{marked.strip()}`)") from None
    found = [d for d in module.body if isinstance(d, ast.FunctionDef) and d.name == name]
    if not found:
        raise ProposalError(f"the code must define the function `{name}` with `def` at its top level")
    if _is_generator(found[-1]):
        raise ProposalError(f"`{name}` must return its result, not yield")
    if (got := signature_of(found[-1])) != signature:
        raise ProposalError(f"the arguments of `{name}` are fixed: expected `{name}{signature}`, got `{name}{got}`")


@dataclass(frozen=True)
class SourceCheck:
    """`check_source` for one function, as the check of its code parameter; it can be pickled."""

    name: str
    signature: str

    def __call__(self, proposed: object) -> None:
        """Raises what `check_source` raises."""
        check_source(proposed, self.name, self.signature)


def _is_generator(definition: ast.FunctionDef) -> bool:
    """Whether the function itself yields; functions inside it may."""
    pending: list[ast.AST] = list(definition.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            pending.extend(ast.iter_child_nodes(node))
    return False


def surroundings(function: Callable[..., Any]) -> str:
    """Source that gives a replacement what `function` reads from around it.

    Those are modules and what was imported from them, plain constants, and plain functions of the same file with what
    they read in turn. Classes of the file, and functions that a decorator replaced, are left out: code that uses them
    fails with a NameError that names them.
    """
    lines: dict[str, None] = {}
    _add_surroundings(function, lines, {function.__name__})
    return "".join(lines)


def _add_surroundings(function: Callable[..., Any], lines: dict[str, None], seen: set[str]) -> None:
    """Adds to `lines`, in an order in which they can be run."""
    closure = inspect.getclosurevars(function)
    for name, value in sorted({**closure.globals, **closure.nonlocals}.items()):
        if name in seen:
            continue
        seen.add(name)
        if isinstance(value, types.ModuleType):
            lines[f"import {value.__name__} as {name}\n"] = None
        elif isinstance(value, float):
            lines[f"{name} = float({str(value)!r})\n"] = None
        elif _is_literal(value):
            lines[f"{name} = {value!r}\n"] = None
        elif isinstance(value, types.FunctionType) and value.__globals__ is inspect.unwrap(function).__globals__:
            if value.__name__ == name and (source := _readable_source(value)):
                _add_surroundings(value, lines, seen)
                lines[source] = None
        elif _is_importable(value):
            lines[f"from {value.__module__} import {value.__name__} as {name}\n"] = None


def _readable_source(function: types.FunctionType) -> str:
    """The function's source; empty where Python cannot find it or a decorator put another function in its place."""
    try:
        return "" if hasattr(function, "__wrapped__") else function_source(function)
    except UsageError:
        return ""


def _is_importable(value: object) -> bool:
    """Whether a module that is installed with Python, or beside it, offers the function or class by its name."""
    module = sys.modules.get(str(getattr(value, "__module__", "")))
    name = getattr(value, "__name__", None)
    if module is None or not isinstance(name, str) or getattr(module, name, None) is not value:
        return False
    file = str(getattr(module, "__file__", None) or "")
    is_standard = module.__name__.partition(".")[0] in sys.stdlib_module_names and module.__name__ != "__main__"
    return is_standard or "site-packages" in Path(file).parts


METHOD_CALLER = "__agentopt_method"
METHOD_CALL = f"""

def {METHOD_CALLER}(state, *args, **kwargs):
    import types
    return {{name}}(types.SimpleNamespace(**state), *args, **kwargs)
"""
"""Source behind a replaced method: calls it with a stand-in for `self`."""


def plain_state(instance: object) -> dict[str, Any]:
    """The attributes of an instance that can cross into the sandbox, nodes and parameters as their values."""
    state = {}
    for name, value in getattr(instance, "__dict__", {}).items():
        plain = unwrapped(value)
        try:
            to_jsonable(plain, strict=True)
        except UsageError:  # a model's client, a lock: code that uses it fails with an AttributeError that names it
            continue
        state[name] = plain
    return state


def _is_literal(value: object) -> bool:
    try:
        to_jsonable(value, strict=True)
        return bool(ast.literal_eval(repr(value)) == value)
    except (UsageError, ValueError, SyntaxError):
        return False


def compiled(source: str, name: str, filename: str, around: dict[str, Any]) -> Callable[..., Any]:
    """The function `name` that `source` defines, compiled in this process, with `around` as its globals.

    Tracebacks show its lines under `filename`.

    Raises:
        CodeError: executing the definitions failed.
    """
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space = {key: value for key, value in around.items() if key != name}
    try:
        exec(compile(source, filename, "exec"), space)
    except Exception as error:
        raise CodeError(f"{type(error).__name__}: {error}") from error
    function = space.get(name)
    if not callable(function):
        raise CodeError(f"the code defines no function `{name}`")
    return cast(Callable[..., Any], function)


def marked_source(source: str, line: int | None, error: str) -> str:
    """`source` with the failing line marked by the error."""
    lines = source.rstrip().splitlines()
    if line is None or not 1 <= line <= len(lines):
        return "\n".join([*lines, f"# failed: {error}"])
    lines[line - 1] += f"   # <-- {error}"
    return "\n".join(lines)

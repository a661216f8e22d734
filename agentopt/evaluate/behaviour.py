"""What a candidate does, as a key: two candidates with the same key need only one measurement.

By source: code that differs in comments, layout, docstrings and the names of local variables is the same; so are
prompts that differ in Unicode form and outer white space. By outputs: code that gives the same results on a few
recorded inputs is the same; the idea is that of Unified Functional Hashing in Automatic Machine Learning.
"""

from __future__ import annotations

import ast
import math
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from agentopt.canonical import Json, digest, to_jsonable
from agentopt.graph.trainable import Parameter

MANTISSA_BITS = 24
"""Bits of a float that count. With more, noise of 1e-12 would split equal programs; with fewer, unlike ones meet."""
_READS_ITSELF = {
    *("__doc__", "__code__", "__annotations__", "_getframe", "inspect", "traceback", "linecache", "sys"),
    *("locals", "vars", "globals", "dir", "eval", "exec"),
}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_NOT_SIMPLE = (
    *_SCOPES,
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    *(ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.Match),
)


def value_key(parameter: Parameter, value: Any) -> str:
    """What `value` means for the workflow, by how it is written."""
    match parameter.kind:
        case "code" if isinstance(value, str):
            return normal_source(value)
        case "prompt" if isinstance(value, str):
            return unicodedata.normalize("NFC", value).strip()
        case "number":
            return repr(float(value))
        case _:
            return digest(value)


@lru_cache(maxsize=4096)
def normal_source(source: str) -> str:
    """`source` without what Python does not see; as it is, where it may look at itself or does not parse.

    Local variables are renamed in functions that hold no other function, comprehension, import, handler or `match`.
    """
    try:
        tree = ast.parse(source)
        if _READS_ITSELF & set(_names(tree)):
            return source
        for scope in list(ast.walk(tree)):
            if isinstance(scope, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                _drop_docstring(scope)
            if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
                _rename_locals(scope)
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError):
        return source


def _names(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.append(node.id)
        elif isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.alias):
            found += node.name.split(".")
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += node.module.split(".")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)  # getattr(x, "__doc__")
    return found


def _drop_docstring(scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
    match scope.body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            scope.body = rest or [ast.Pass()]


def _rename_locals(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    inside = [node for statement in function.body for node in ast.walk(statement)]
    if any(isinstance(node, _NOT_SIMPLE) for node in inside):
        return
    given = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    names = [node for node in inside if isinstance(node, ast.Name)]
    stored = dict.fromkeys(n.id for n in names if isinstance(n.ctx, ast.Store) and n.id not in given)
    renamed = {name: f"{number}" for number, name in enumerate(stored)}  # no name that code could have
    for node in names:
        node.id = renamed.get(node.id, node.id)


def outputs_key(outputs: Sequence[Any]) -> str:
    """What a function gave back, value by value: floats to `MANTISSA_BITS`, texts without outer white space.

    Sign, NaN and the infinities count, the sign of zero does not; arrays count with shape and type.
    """
    return digest([_rounded(to_jsonable(value)) for value in outputs])


def _rounded(data: Json) -> Json:
    if isinstance(data, float):
        mantissa, exponent = math.frexp(data)
        return ["float", int(mantissa * 2**MANTISSA_BITS), exponent]
    if isinstance(data, str):
        return unicodedata.normalize("NFC", data).strip()
    if isinstance(data, Mapping):
        return {key: _rounded(value) for key, value in data.items()}
    return [_rounded(value) for value in data] if isinstance(data, list) else data

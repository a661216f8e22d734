"""Names for columns and rows from the program's own variables: `x[3]`, `ship['A','B']`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

_LONGEST_KEY = 60
_DEEPEST = 4


def bound_names(
    namespaces: Iterable[Mapping[str, Any]], kind: type, index_of: Callable[[Any], int | None]
) -> dict[int, str]:
    """Name of every index whose object some variable of the program holds.

    Containers come before plain variables, which loops leave behind with the last value; otherwise
    the first binding counts. Names that start with `_` are not used.

    Args:
        namespaces: variables by name, the innermost function first.
        kind: class of the objects to look for.
        index_of: position of such an object in the model; `None` where it belongs to another.
    """
    containers: dict[int, str] = {}
    plain: dict[int, str] = {}
    for namespace in namespaces:
        for name, value in list(namespace.items()):
            if name.startswith("_"):
                continue
            names = plain if isinstance(value, kind) else containers
            for keys, member in _members(value, kind, ()):
                index = index_of(member)
                if index is not None:
                    names.setdefault(index, f"{name}[{','.join(keys)}]" if keys else name)
    return {**plain, **containers}


def _members(value: Any, kind: type, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything of `kind` inside lists, tuples, arrays and dicts, with the keys that lead to it."""
    if isinstance(value, kind):
        yield keys, value
        return
    if len(keys) >= _DEEPEST:
        return
    entries: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping):
        entries = list(value.items())
    elif isinstance(value, (list, tuple)) or type(value).__name__ in ("ndarray", "HighspyArray"):
        entries = enumerate(value) if getattr(value, "ndim", 1) else ()
    else:
        return
    for key, member in entries:
        if member is not None and not isinstance(member, (str, bytes, int, float)):
            parts = key if isinstance(key, tuple) else (key,)
            shown = tuple(repr(part)[:_LONGEST_KEY] for part in parts)
            yield from _members(member, kind, (*keys, *shown))

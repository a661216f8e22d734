"""Keys of families of variables and constraints, and the names made of them."""

from __future__ import annotations

import dis
import itertools
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from agentopt.modeling.capture.gurobi.attributes import GurobiError


def keys_of(indices: tuple[Any, ...]) -> list[Any]:
    """All combinations of the index sets of `addVars`; a number stands for `range` of it."""
    sets: list[list[Any]] = []
    for index in indices:
        if isinstance(index, (str, bytes)):
            sets.append([index])
        elif hasattr(index, "__iter__"):
            sets.append(list(index))
        else:
            sets.append(list(range(int(index))))
    if len(sets) == 1:
        return sets[0]
    return [
        tuple(part for key in keys for part in (key if isinstance(key, tuple) else (key,)))
        for keys in itertools.product(*sets)
    ]


def name_of(family: str, key: Any) -> str:
    """The name of a member, such as `x[1,2]`; empty where the family has none."""
    parts = key if isinstance(key, tuple) else (key,)
    return f"{family}[{','.join(map(str, parts))}]" if family else ""


def value_at(given: Any, key: Any, place: int) -> Any:
    """What an argument of `addVars` says about one key: by key, by place, or the same for all."""
    if isinstance(given, Mapping):
        if key not in given:
            raise GurobiError(f"`addVars`: an argument has no value for the key {key!r}")
        return given[key]
    if isinstance(given, (list, tuple)):
        return given[place]
    if getattr(given, "ndim", 0) > 0:
        return given.reshape(-1)[place] if hasattr(given, "reshape") else list(given)[place]
    return given


def keyed(generator: Any) -> Iterator[tuple[Any, Any]]:
    """What a generator expression gives, with the values of its loop variables as the key.

    Raises:
        GurobiError: it is no generator expression.
    """
    if not hasattr(generator, "gi_frame"):
        raise GurobiError(f"`addConstrs` takes a generator expression, got {type(generator).__name__}")
    loops = _loop_variables(generator.gi_code)
    for count, value in enumerate(generator):
        local = generator.gi_frame.f_locals
        key = tuple(local[name] for name in loops if name in local)
        yield (key[0] if len(key) == 1 else key or count), value


def _loop_variables(code: CodeType) -> list[str]:
    """Names that the loops assign, outermost first: a variable that an inner function reads is a cell."""
    names: list[str] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith("YIELD"):
            break
        if instruction.opname.startswith(("STORE_FAST", "STORE_DEREF")):
            stored = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            names += [name for name in stored if name not in names]
    return names

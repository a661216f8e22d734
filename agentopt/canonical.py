"""Stable JSON and digests: the same value gives the same text in every process.

JSON has no NaN, tuple, set, bytes, or dict with other keys than strings. Those are written as an
object with one key that starts with `$`, so a value reads back equal to what was written.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from agentopt.errors import UsageError

Json = Any  # foreign JSON, narrowed where it is read
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def to_jsonable(value: object, *, strict: bool = False) -> Json:
    """`value` as JSON data.

    Args:
        strict: raise on a value that would not read back equal (an object of a class of its own);
            otherwise such a value is written for people: its fields, or its `repr` without addresses.

    Raises:
        UsageError: in strict mode, naming the place, such as `$.items[3]`; and in both modes for
            data that contains itself.
    """
    return _write(value, strict, "$", ())


def _write(value: object, strict: bool, where: str, above: tuple[int, ...]) -> Json:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if id(value) in above:
        raise UsageError(f"{where} contains itself")
    above = (*above, id(value))
    if type(value) is list:
        return [_write(v, strict, f"{where}[{i}]", above) for i, v in enumerate(value)]
    if type(value) is dict:
        if all(type(k) is str and not k.startswith("$") for k in value):
            return {k: _write(v, strict, f"{where}.{k}", above) for k, v in value.items()}
        keys = [_write(k, strict, where, above) for k in value]
        values = [_write(v, strict, f"{where}[{k!r}]", above) for k, v in value.items()]
        return {"$dict": [list(pair) for pair in zip(keys, values)]}
    if type(value) is tuple:
        return {"$tuple": [_write(v, strict, f"{where}[{i}]", above) for i, v in enumerate(value)]}
    if isinstance(value, (set, frozenset)):
        members = [_write(v, strict, where, above) for v in value]
        return {"$frozenset" if isinstance(value, frozenset) else "$set": sorted(members, key=_dump)}
    if type(value) is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    return _write_object(value, strict, where, above)


def _write_object(value: object, strict: bool, where: str, above: tuple[int, ...]) -> Json:
    if hasattr(value, "tolist") and hasattr(value, "dtype"):  # numpy, without importing it
        shape = getattr(value, "shape", ())
        listed = value.tolist()
        if shape == ():
            return _write(listed, strict, where, above)
        return {"$array": _write(listed, strict, where, above), "dtype": str(value.dtype), "shape": list(shape)}
    if strict:
        kind = type(value).__name__
        raise UsageError(f"{where} is a {kind}: only plain data can cross here (JSON, tuple, set, bytes, numpy)")
    if isinstance(value, enum.Enum):
        return _write(value.value, strict, where, above)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
        return {"$object": type(value).__name__, "fields": _write(fields, strict, where, above)}
    if hasattr(value, "model_dump"):  # pydantic, without importing it
        return {"$object": type(value).__name__, "fields": _write(value.model_dump(), strict, where, above)}
    plain: Any
    for plain in (int, float, str, tuple, list, dict, set, frozenset):  # subclasses: namedtuple, IntEnum, OrderedDict
        if isinstance(value, plain):
            return _write(plain(value), strict, where, above)
    return {"$repr": _ADDRESS.sub("", repr(value))}


def from_jsonable(data: Json) -> Any:
    """The value that `to_jsonable` wrote as `data`; written-for-people objects stay dicts."""
    if isinstance(data, list):
        return [from_jsonable(v) for v in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"$float": text}:
            return float(text)
        case {"$tuple": members}:
            return tuple(from_jsonable(v) for v in members)
        case {"$set": members}:
            return {from_jsonable(v) for v in members}
        case {"$frozenset": members}:
            return frozenset(from_jsonable(v) for v in members)
        case {"$bytes": text}:
            return base64.b64decode(text)
        case {"$dict": pairs}:
            return {from_jsonable(k): from_jsonable(v) for k, v in pairs}
        case {"$array": listed, "dtype": dtype, "shape": shape}:
            import numpy as np

            return np.array(from_jsonable(listed), dtype=dtype).reshape(shape)
    return {k: from_jsonable(v) for k, v in data.items()}


def known_fields(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """The members of `data` that are fields of the dataclass `kind`; readers ignore what a newer writer added."""
    names = {f.name for f in dataclasses.fields(kind)}
    return {key: value for key, value in data.items() if key in names}


def _dump(data: Json) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: object) -> str:
    """One line of JSON for `value`: keys sorted, no spaces, the same in every process."""
    return _dump(_unordered(to_jsonable(value)))


def _unordered(data: Json) -> Json:
    """`data` with the pairs of every `$dict` in one order, as `json` sorts the keys of ordinary ones."""
    if isinstance(data, list):
        return [_unordered(v) for v in data]
    if not isinstance(data, dict):
        return data
    if "$dict" in data:
        return {"$dict": sorted(map(_unordered, data["$dict"]), key=_dump)}
    return {k: _unordered(v) for k, v in data.items()}


def digest(value: object) -> str:
    """SHA-256 of `canonical(value)`, 64 hex digits."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()

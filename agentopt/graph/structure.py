"""Nodes inside plain containers: finding them, and taking their values out.

Looked into: list, tuple, namedtuple, dict (its values), set, frozenset, slice, dataclass instances and pydantic models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentopt.graph.node import Node

ATOMIC = frozenset({type(None), bool, int, float, complex, str, bytes, range, type, type(Ellipsis)})
"""Types that cannot hold a node."""


def _members(value: Any) -> list[Any] | None:
    """The members of a container that is looked into, otherwise `None`."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, f.name, None) for f in dataclasses.fields(value)]
    fields = getattr(type(value), "model_fields", None)  # pydantic, without importing it
    return [getattr(value, name, None) for name in fields] if isinstance(fields, dict) else None


def nodes_in(value: Any) -> Iterator[Node]:
    """The nodes in `value`, depth first, in order; containers that contain themselves are entered once."""
    from agentopt.graph.node import Node

    pending = [value]
    entered: set[int] = set()
    while pending:
        x = pending.pop()
        if isinstance(x, Node):
            yield x
        elif type(x) not in ATOMIC and id(x) not in entered and (members := _members(x)) is not None:
            entered.add(id(x))
            pending.extend(reversed(members))


def contains_node(value: Any) -> bool:
    """Whether a node is anywhere in `value`."""
    return next(nodes_in(value), None) is not None


def unwrapped(value: Any, *, keep: Callable[[Node], Any] | None = None) -> Any:
    """`value` with every node in it replaced by its plain value (or by `keep(node)`).

    Containers are copied only where they hold a node; everything else is the same object.
    """
    from agentopt.graph.node import Node

    if isinstance(value, Node):
        return keep(value) if keep else value._leaf()._value
    if type(value) in ATOMIC or not contains_node(value):
        return value

    def rebuilt(member: Any) -> Any:
        return unwrapped(member, keep=keep)

    if isinstance(value, tuple) and hasattr(value, "_fields"):  # namedtuple
        return type(value)(*map(rebuilt, value))
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(map(rebuilt, value))
    if isinstance(value, dict):
        return {key: rebuilt(member) for key, member in value.items()}
    if isinstance(value, slice):
        return slice(rebuilt(value.start), rebuilt(value.stop), rebuilt(value.step))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: rebuilt(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **changes)
    changes = {name: rebuilt(getattr(value, name)) for name in type(value).model_fields}
    return value.model_copy(update=changes)

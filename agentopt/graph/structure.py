"""Nodes inside plain containers: finding them, and taking their values out.

Looked into: list, tuple, dict (its values), set, frozenset and their subclasses, slice, dataclass instances and
pydantic models; not instances of classes marked with `@module`, which hold parameters rather than data.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentopt.graph.node import Node

ATOMIC = frozenset({type(None), bool, int, float, complex, str, bytes, range, type, type(Ellipsis)})
"""Types that cannot hold a node."""


def fields_of(value: Any) -> list[str] | None:
    """Names of the fields of a dataclass instance or pydantic model that are set; `None` for anything else."""
    if isinstance(value, type) or getattr(type(value), "__agentopt_module__", False):
        return None
    if dataclasses.is_dataclass(value):
        return [f.name for f in dataclasses.fields(value) if hasattr(value, f.name)]
    fields = getattr(type(value), "model_fields", None)  # pydantic, without importing it
    return [name for name in fields if hasattr(value, name)] if isinstance(fields, dict) else None


def _members(value: Any) -> list[Any] | None:
    """The members of a container that is looked into, otherwise `None`."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=_serial)  # a set's own order is that of addresses
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    fields = fields_of(value)
    return None if fields is None else [getattr(value, name) for name in fields]


def _serial(member: Any) -> int:
    from agentopt.graph.node import Node

    return member.serial if isinstance(member, Node) else -1


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

    A value without nodes is returned as it is. Otherwise its containers are copied, without calling their
    constructors; data that contain themselves do so in the copy too.
    """
    from agentopt.graph.node import Node

    if isinstance(value, Node):
        return keep(value) if keep else value._leaf()._value
    if type(value) in ATOMIC or not contains_node(value):
        return value
    return _Rebuilding(keep).of(value)


class _Rebuilding:
    """One copy of nested containers, each container copied once."""

    def __init__(self, keep: Callable[[Node], Any] | None) -> None:
        self._keep = keep
        self._done: dict[int, Any] = {}

    def of(self, x: Any) -> Any:
        from agentopt.graph.node import Node

        if isinstance(x, Node):
            return self._keep(x) if self._keep else x._leaf()._value
        if type(x) in ATOMIC or not contains_node(x):
            return x
        if id(x) not in self._done:
            self._done[id(x)] = self._container(x)
        return self._done[id(x)]

    def _container(self, x: Any) -> Any:
        if isinstance(x, tuple):
            members = [self.of(member) for member in x]
            return tuple.__new__(type(x), members)
        if isinstance(x, slice):
            return slice(self.of(x.start), self.of(x.stop), self.of(x.step))
        if isinstance(x, frozenset):
            return frozenset.__new__(type(x), [self.of(member) for member in x])
        copied = self._done[id(x)] = copy.copy(x)
        if isinstance(x, list):
            copied[:] = [self.of(member) for member in x]
        elif isinstance(x, set):
            copied.clear()
            copied.update([self.of(member) for member in x])
        elif isinstance(x, dict):
            for key, member in x.items():
                copied[key] = self.of(member)
        else:
            for name in fields_of(x) or ():
                object.__setattr__(copied, name, self.of(getattr(x, name)))
        return copied

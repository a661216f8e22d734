"""Operations that Python's syntax would take out of the graph, as functions that stay in it."""

from __future__ import annotations

import operator
from typing import Any

from agentopt.graph.node import Node, apply
from agentopt.graph.operation import Operation

_LENGTH = Operation("length", len, "len({})")
_CONTAINS = Operation("contains", operator.contains, "{1} in {0}")


def length(x: Any) -> Node:
    """`len(x)` as a node; `len(node)` itself gives a plain number, an escape."""
    return apply(_LENGTH, (x,))


def contains(container: Any, member: Any) -> Node:
    """`member in container` as a node; `in` itself gives a plain bool, an escape."""
    return apply(_CONTAINS, (container, member))

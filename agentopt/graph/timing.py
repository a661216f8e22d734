"""When the bundles of a traced run ran.

A bundle notes its times only while a trace is active, as numbers, so that a trace keeps no value alive that its
output does not need. What is made of them here, `spans`, is put together when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from agentopt.graph.node import Node
from agentopt.graph.operation import Operation

if TYPE_CHECKING:
    from agentopt.graph.tracing import Trace


class CallTime(NamedTuple):
    """One call of a bundle in a trace, noted when it ended; as a plain tuple, which takes half the time to make.

    Attributes:
        serial: of the node that it made.
        body: identity of the body's scope; no other running body has it at the same time.
        around: that of the body that made the call, if one did.
        began_ns: `time.perf_counter_ns`, as `ended_ns`.
    """

    serial: int
    operation: Operation
    body: int
    around: int
    began_ns: int
    ended_ns: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Span:
    """One call of a bundle, in time.

    Args:
        began_ns: nanoseconds after the trace began, as `ended_ns`.
        parent: index, among the trace's spans, of the call whose body made this one; `None` for the workflow's own.
        lane: spans of one lane are one after the other or inside their parent's; calls that ran side by side have
            different ones. Lane 0 is the workflow's.
        node: what the call made, where the trace still holds it.
    """

    operation: Operation
    began_ns: int
    ended_ns: int
    parent: int | None
    lane: int
    node: Node | None


def spans(trace: Trace) -> tuple[Span, ...]:
    """Every bundle call of a trace in order of its beginning, those whose result was not used too."""
    calls = [CallTime(*call) for call in trace.calls]
    order = sorted(calls, key=lambda call: (call.began_ns, -call.ended_ns, -call.serial))
    parents = _parents(calls, {call.serial: index for index, call in enumerate(order)})
    lanes = _lanes(order, parents)
    nodes = _nodes_of(trace)
    return tuple(
        Span(
            operation=call.operation,
            began_ns=call.began_ns - trace.began_ns,
            ended_ns=call.ended_ns - trace.began_ns,
            parent=parents[index],
            lane=lanes[index],
            node=nodes.get(call.serial),
        )
        for index, call in enumerate(order)
    )


def _parents(calls: Sequence[CallTime], index: dict[int, int]) -> dict[int, int | None]:
    """Index of each call's parent, by the call's index.

    A body's identity may be used again once it has ended, and calls are noted as they end: so a parent is the next
    call noted with that identity, and must have begun earlier.
    """
    parents: dict[int, int | None] = {}
    ended: dict[int, CallTime] = {}
    for call in reversed(calls):
        above = ended.get(call.around)
        is_inside = above is not None and above.began_ns <= call.began_ns
        parents[index[call.serial]] = index[above.serial] if above is not None and is_inside else None
        ended[call.body] = call
    return parents


def _lanes(order: Sequence[CallTime], parents: dict[int, int | None]) -> list[int]:
    """A lane for each call: its parent's where that is free, or else the first that is."""
    running: list[list[int]] = [[]]
    lanes: list[int] = []
    for index, call in enumerate(order):
        above = parents[index]
        first = 0 if above is None else lanes[above]
        for lane in (first, *range(len(running)), len(running)):
            if lane == len(running):
                running.append([])
            stack = running[lane]
            while stack and order[stack[-1]].ended_ns <= call.began_ns:
                stack.pop()
            if not stack or (stack[-1] == above and call.ended_ns <= order[stack[-1]].ended_ns):
                stack.append(index)
                lanes.append(lane)
                break
    return lanes


def _nodes_of(trace: Trace) -> dict[int, Node]:
    """The nodes that a trace holds, by serial: the output's graph, what failed or escaped, and what is inside."""
    found: dict[int, Node] = {}
    starts = [trace.output, *(node for _, node in trace.failures), *(escape.node for escape in trace.escapes)]
    pending = [node for start in starts for node in (start._leaf(),)]
    while pending:
        node = pending.pop()
        if node.serial not in found:
            found[node.serial] = node
            pending.extend(node.parents)
            pending.extend(node._extra.inside if node._extra else ())
    return found

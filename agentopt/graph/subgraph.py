"""The backward pass: which part of a graph a piece of feedback is about.

The minimal subgraph of Trace (arXiv:2406.16218, section 3.2): everything between the trainable
parameters and the output. Two sweeps over the ancestors, so time and memory are linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from agentopt.errors import UsageError
from agentopt.feedback import Feedback, as_feedback
from agentopt.graph.node import Node
from agentopt.graph.structure import ATOMIC, nodes_in
from agentopt.graph.trainable import Version

_IN_GRAPH = frozenset({Node, Version})
_serial = attrgetter("serial")


@dataclass(frozen=True, kw_only=True, eq=False)
class Subgraph:
    """Part of a graph between parameters and an output.

    Args:
        output: where the feedback was given.
        nodes: operations that depend on a parameter and that the output depends on, in order of
            creation; the output is among them (alone, where it depends on no parameter).
        inputs: other values these operations used, in order of creation.
        parameters: the parameter versions that were read, in order of creation, each version once.
    """

    output: Node
    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    parameters: tuple[Version, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """One piece of feedback and the subgraph that it is about.

    Args:
        instance: which example or problem instance was run, where there are several.
    """

    feedback: Feedback
    subgraph: Subgraph
    instance: str = ""


def ancestors(output: Node) -> tuple[Node, ...]:
    """Every node that `output` was computed from, in order of creation, `output` last."""
    return tuple(_walk(output._leaf()).nodes)


def subgraph(output: Node) -> Subgraph:
    """The minimal subgraph of `output`."""
    output = output._leaf()
    walk = _walk(output)
    nested = walk.nested
    free: set[Node] = set()  # depends on no parameter; in most graphs few nodes do not, so this set stays small
    nodes: list[Node] = []
    parameters: list[Version] = []
    used: set[Node] = set()
    for node in walk.nodes:
        if isinstance(node, Version):
            parameters.append(node)
            continue
        inputs = nested.get(node, node.inputs)
        for x in inputs:
            if type(x) not in ATOMIC and x not in free:
                nodes.append(node)
                break
        else:
            free.add(node)
            continue
        if free:
            for x in inputs:
                if type(x) not in ATOMIC and x in free:
                    used.add(x)
    if output in free:
        nodes.append(output)
    return Subgraph(
        output=output,
        nodes=tuple(nodes),
        inputs=tuple(sorted(used, key=_serial)),
        parameters=tuple(parameters),
    )


@dataclass(frozen=True)
class _Walk:
    """The ancestors of a node.

    Args:
        nodes: all of them, in order of creation.
        nested: the parents of those nodes whose inputs are more than nodes and `ATOMIC` values.
    """

    nodes: list[Node]
    nested: dict[Node, list[Node]]


def _walk(output: Node) -> _Walk:
    """Looks at every input of every ancestor once.

    Written for a million nodes in a second: most nodes are made by operators, and of these the inputs are read as
    they stand, where `Node.parents` looks into containers and builds a tuple.
    """
    seen = {output}
    nodes = [output]  # grows while it is walked
    nested: dict[Node, list[Node]] = {}
    for node in nodes:
        for x in node.inputs:
            kind = type(x)
            if kind is Node or kind is Version:
                if x not in seen:
                    seen.add(x)
                    nodes.append(x)
            elif kind not in ATOMIC:
                break
        else:
            if node._extra is None:
                continue
        nested[node] = parents = _nested(node)
        for x in parents:
            if x not in seen:
                seen.add(x)
                nodes.append(x)
    nodes.sort(key=_serial)
    return _Walk(nodes, nested)


def _nested(node: Node) -> list[Node]:
    """`node.parents`, some perhaps twice, and without delay where a list holds only nodes."""
    found: list[Node] = []
    for x in node.inputs:
        if type(x) is list and _IN_GRAPH.issuperset(map(type, x)):
            found += x
        else:
            found += nodes_in(x)
    return found if node._extra is None else [*found, *node._extra.hidden]


def propagate(output: Node, feedback: object, *, instance: str = "") -> Evidence:
    """Evidence from `feedback` on `output`, without writing it to any parameter.

    Args:
        feedback: see `feedback.as_feedback`.
        instance: which example or problem instance was run.
    """
    return Evidence(feedback=as_feedback(feedback), subgraph=subgraph(output), instance=instance)


def backward(output: Any, feedback: object) -> None:
    """`output.backward(feedback)`, for outputs that type checkers take for plain values.

    Raises:
        UsageError: `output` is a plain value: it left the graph, or never was in it.
    """
    if not hasattr(type(output), "backward"):
        raise UsageError(f"feedback needs a node or a trace, got {type(output).__name__}: {output!r}")
    output.backward(feedback)

"""The backward pass: which part of a graph a piece of feedback is about.

The minimal subgraph of Trace (arXiv:2406.16218, section 3.2): everything between the trainable
parameters and the output. Two sweeps over the ancestors, so time and memory are linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentopt.errors import UsageError
from agentopt.feedback import Feedback, as_feedback
from agentopt.graph.node import Node, Version


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
    output = output._leaf()
    found = {id(output): output}
    pending = [output]
    while pending:
        for parent in pending.pop().parents:
            if id(parent) not in found:
                found[id(parent)] = parent
                pending.append(parent)
    return tuple(sorted(found.values(), key=lambda node: node.serial))


def subgraph(output: Node) -> Subgraph:
    """The minimal subgraph of `output`."""
    output = output._leaf()
    depends: dict[int, Node] = {}
    used: dict[int, Node] = {}
    parameters: list[Version] = []
    for node in ancestors(output):
        if isinstance(node, Version):
            parameters.append(node)
            depends[id(node)] = node
        elif any(id(parent) in depends for parent in node.parents):
            depends[id(node)] = node
            used.update((id(parent), parent) for parent in node.parents if id(parent) not in depends)
    nodes = [node for node in depends.values() if not isinstance(node, Version)]
    if id(output) not in depends:
        nodes.append(output)
    return Subgraph(
        output=output,
        nodes=tuple(nodes),
        inputs=tuple(sorted(used.values(), key=lambda node: node.serial)),
        parameters=tuple(parameters),
    )


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

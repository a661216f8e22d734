"""Ways for feedback to travel back: to the minimal subgraph, to everything, or node by node.

The minimal subgraph (`subgraph.propagate`) is the default. Any function of its shape is a propagator.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Protocol

from agentopt.feedback import Feedback, as_feedback
from agentopt.graph.node import Node
from agentopt.graph.parameters import named
from agentopt.graph.subgraph import Evidence, Subgraph, ancestors, subgraph
from agentopt.graph.trainable import Parameter, Version


class Propagator(Protocol):
    """Makes evidence from feedback on an output."""

    def __call__(self, output: Node, feedback: object, *, instance: str = "") -> Evidence: ...


class TotalPropagator:
    """Gives the feedback to every parameter, and shows the whole graph.

    For workflows whose dependencies the graph cannot see, because values leave it.

    Args:
        parameters: who gets it, whether the output depends on them or not; see `module.named`.
    """

    def __init__(self, parameters: object) -> None:
        self.parameters = tuple(named(parameters).values())

    def __call__(self, output: Node, feedback: object, *, instance: str = "") -> Evidence:
        """Evidence with the whole graph of `output` and all parameters."""
        every = ancestors(output)
        versions = {node.parameter: node for node in every if isinstance(node, Version)}
        unread = [parameter._leaf() for parameter in self.parameters if parameter not in versions]
        leaves = [node for node in every if node.operation is None and node is not every[-1]]
        graph = Subgraph(
            output=every[-1],
            nodes=tuple(node for node in every if node.operation is not None or node is every[-1]),
            inputs=tuple(node for node in leaves if not isinstance(node, Version)),
            parameters=(*versions.values(), *unread),
        )
        return Evidence(feedback=as_feedback(feedback), subgraph=graph, instance=instance)


Level = Sequence[tuple[Node, Sequence[Feedback]]]
"""The operations at one distance from the output, each with what was said about its result."""

Answers = Sequence[Mapping[Node, Feedback]]
"""For each operation of a level, what to say about each of its parents."""

Criticize = Callable[[Level], Answers]
Criticism = Generator[Level, Answers, dict[Parameter, list[Feedback]]]


def criticism(output: Node, feedback: object, criticize: Criticize) -> dict[Parameter, list[Feedback]]:
    """Feedback for each parameter, made step by step from the output back: textual gradients.

    Operations at the same distance from the output are given to `criticize` together, so that a model can be asked
    about them at the same time; an operation's turn comes when all that use its result have spoken.

    Args:
        criticize: gets `(operation, feedback from each use of its result)` for one distance, and returns, for each,
            feedback by parent; parents it leaves out get none. Parents that no parameter leads to are not asked for.

    Returns:
        What was said about each parameter, in the order of its uses, from the output back.

    Source: TextGrad, arXiv:2406.07496, section 2, without its repetition of a gradient per path.
    """
    levels = criticism_by_level(output, feedback)
    try:
        level = next(levels)
        while True:
            level = levels.send(criticize(level))
    except StopIteration as end:
        found: dict[Parameter, list[Feedback]] = end.value
        return found


def criticism_by_level(output: Node, feedback: object) -> Criticism:
    """`criticism` that yields each level and is sent its answers, so that several outputs are gone through abreast."""
    graph = subgraph(output)
    depends = {id(node) for node in (*graph.nodes, *graph.parameters)}
    distance = _distances(graph)
    said: dict[int, list[Feedback]] = {id(graph.output): [as_feedback(feedback)]}
    for level in range(max(distance.values()) + 1):
        here = [node for node in graph.nodes if distance[id(node)] == level and id(node) in said]
        for node, answers in zip(here, (yield [(n, said[id(n)]) for n in here]) if here else (), strict=True):
            for parent in node.parents:
                if id(parent) in depends and parent in answers:
                    said.setdefault(id(parent), []).append(answers[parent])
    found: dict[Parameter, list[Feedback]] = {}
    for version in graph.parameters:
        found.setdefault(version.parameter, []).extend(said.get(id(version), []))
    return found


def _distances(graph: Subgraph) -> dict[int, int]:
    """Operations between each node and the output, along the longest way."""
    distance = {id(graph.output): 0}
    for node in reversed(graph.nodes):  # users come after what they use
        for parent in node.parents:
            distance[id(parent)] = max(distance.get(id(parent), 0), distance[id(node)] + 1)
    return distance

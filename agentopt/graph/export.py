"""Graphs for other programs: networkx, and plain JSON for records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentopt.graph.node import Node, Version
from agentopt.graph.render import Names, call_text
from agentopt.graph.showing import failure_text, show
from agentopt.graph.subgraph import ancestors

if TYPE_CHECKING:
    import networkx


def graph_json(output: Node, *, value_chars: int = 300, max_nodes: int = 2000) -> dict[str, Any]:
    """The graph of `output` as JSON data.

    Returns:
        `{"nodes": [{"name", "kind", "text", "value", "parents"}], "output": name, "left_out": n}`, nodes in
        order of creation; `kind` is parameter, input, operation or failure; of a graph with more than
        `max_nodes` the last ones are kept.
    """
    names = Names()
    every = ancestors(output)
    kept = every[-max_nodes:]
    listed = [names.name(node) for node in kept]
    known = set(listed)
    nodes = [
        {
            "name": names.name(node),
            "kind": _kind(node),
            "text": call_text(node, names) if node.operation else "",
            "value": failure_text(node.error) if node.error else show(node._value, value_chars),
            "parents": [name for parent in node.parents if (name := names.name(parent)) in known],
        }
        for node in kept
    ]
    return {"nodes": nodes, "output": names.name(output._leaf()), "left_out": len(every) - len(kept)}


def _kind(node: Node) -> str:
    if isinstance(node, Version):
        return "parameter"
    if node.error is not None:
        return "failure"
    return "operation" if node.operation else "input"


def to_networkx(output: Node) -> networkx.DiGraph:
    """The graph of `output` as a networkx `DiGraph`, edges from inputs to results.

    Node keys are the names of `graph_json`; each has its `kind`, `text` and `value` as attributes.
    """
    import networkx

    data = graph_json(output, max_nodes=10**9)
    graph = networkx.DiGraph(output=data["output"])
    for node in data["nodes"]:
        graph.add_node(node["name"], kind=node["kind"], text=node["text"], value=node["value"])
    for node in data["nodes"]:
        graph.add_edges_from((parent, node["name"]) for parent in node["parents"])
    return graph

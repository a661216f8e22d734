"""Graphs as data: the JSON that records hold, read back, and networkx."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, get_args

from agentopt.errors import FormatError
from agentopt.graph.node import Node
from agentopt.graph.render import Names, call_text, value_text
from agentopt.graph.showing import failure_text
from agentopt.graph.subgraph import ancestors
from agentopt.graph.trainable import Version

if TYPE_CHECKING:
    import networkx

SCHEMA = 1
"""Version of the graph's JSON. Data without one are of version 1: the first records did not say it."""

_LINES_INSIDE = 200

NodeKind = Literal["parameter", "input", "operation", "failure"]


@dataclass(frozen=True, kw_only=True)
class NodeRecord:
    """One node of a graph, in words.

    Args:
        name: what a rendering calls it; unique in its graph.
        kind: of the node; an operation that raised is a failure.
        text: what was computed, such as `a + 1`; empty for parameters and inputs.
        value: its text, shortened; of a failure the exception.
        parents: names of the nodes it was computed from, those that are in the graph.
        inside: of a bundle the operations in its body, one line each, indented by how deep they lie in bundles.
    """

    name: str
    kind: NodeKind
    text: str = ""
    value: str = ""
    parents: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GraphRecord:
    """A graph in words: what can be kept, sent and drawn without the program that made it.

    Args:
        nodes: in order of creation.
        output: name of the node whose graph it is.
        left_out: how many nodes the graph had besides these.
    """

    nodes: tuple[NodeRecord, ...]
    output: str
    left_out: int = 0


def graph_record(
    output: Node, *, value_chars: int = 300, max_nodes: int = 2000, bare: Collection[int] = ()
) -> GraphRecord:
    """The graph of `output` in words; of more than `max_nodes` nodes the last ones are kept.

    Args:
        value_chars: longest value that is kept whole.
        bare: positions, among the nodes that are kept, of nodes whose text and value nobody will read.
    """
    names = Names()
    every = ancestors(output)
    kept = every[-max_nodes:] if max_nodes > 0 else ()
    known = {id(node): names.name(node) for node in kept}
    nodes = [
        NodeRecord(
            name=known[id(node)],
            kind=_kind(node),
            text="" if node.operation is None or position in bare else call_text(node, names),
            value="" if position in bare else _value_text(node, value_chars),
            parents=tuple(known[id(parent)] for parent in node.parents if id(parent) in known),
            inside=() if position in bare else tuple(islice(_inside(node, names), _LINES_INSIDE)),
        )
        for position, node in enumerate(kept)
    ]
    return GraphRecord(nodes=tuple(nodes), output=names.name(output._leaf()), left_out=len(every) - len(kept))


def _inside(node: Node, names: Names, depth: int = 0) -> Iterator[str]:
    for inner in node._extra.inside if node._extra is not None else ():
        if inner.operation is not None:
            yield f"{'    ' * depth}{names.name(inner)} = {call_text(inner, names)}  # {_value_text(inner, 80)}"
            yield from _inside(inner, names, depth + 1)


def _kind(node: Node) -> NodeKind:
    if isinstance(node, Version):
        return "parameter"
    if node.error is not None:
        return "failure"
    return "operation" if node.operation else "input"


def _value_text(node: Node, value_chars: int) -> str:
    if node.error is not None:
        return failure_text(node.error, max(2000, value_chars))
    return value_text(node, value_chars)


def as_record(graph: Node | GraphRecord) -> GraphRecord:
    """A record as it is, or that of a node's whole graph."""
    return graph if isinstance(graph, GraphRecord) else graph_record(graph, max_nodes=10**9)


def graph_json(graph: Node | GraphRecord, *, value_chars: int = 300, max_nodes: int = 2000) -> dict[str, Any]:
    """The graph of a node, or a record, as JSON data; `read_graph` reads it back.

    Args:
        value_chars: as for `graph_record`, like `max_nodes`; for nodes only.

    Returns:
        `{"schema": 1, "nodes": [{"name", "kind", "text", "value", "parents"}], "output": name, "left_out": n}`, as
        `GraphRecord` says; bundles with operations in their body have `inside` too. The same program gives the same
        data in every process; times are not in it.
    """
    if isinstance(graph, Node):
        graph = graph_record(graph, value_chars=value_chars, max_nodes=max_nodes)
    nodes = []
    for node in graph.nodes:
        data = {**asdict(node), "parents": list(node.parents), "inside": list(node.inside)}
        nodes.append(data if node.inside else {key: value for key, value in data.items() if key != "inside"})
    return {"schema": SCHEMA, "nodes": nodes, "output": graph.output, "left_out": graph.left_out}


def read_graph(data: object) -> GraphRecord:
    """The graph in JSON data that `graph_json` made; fields that are not known are ignored.

    Raises:
        FormatError: it is not such data, or of a schema that this version does not read.
    """
    graph = _mapping(data, "a graph")
    schema = graph.get("schema", SCHEMA)
    if type(schema) is not int or schema != SCHEMA:
        raise FormatError(f"a graph of schema {schema!r}; this version of agentopt reads schema {SCHEMA}")
    listed = graph.get("nodes")
    if not isinstance(listed, list):
        raise FormatError(f"`nodes` of a graph is a list, got {type(listed).__name__}")
    nodes = tuple(_read_node(node, f"node {position} of a graph") for position, node in enumerate(listed))
    names: set[str] = set()
    for node in nodes:
        if node.name in names:
            raise FormatError(f"names in a graph are unique, `{node.name}` is there twice")
        names.add(node.name)
    for node in nodes:
        if missing := [parent for parent in node.parents if parent not in names]:
            raise FormatError(f"node `{node.name}` has the parent `{missing[0]}`, which is not in the graph")
    left_out = graph.get("left_out", 0)
    if type(left_out) is not int or left_out < 0:
        raise FormatError(f"`left_out` of a graph is a number of nodes, got {left_out!r}")
    return GraphRecord(nodes=nodes, output=_text(graph, "output", "a graph"), left_out=left_out)


def _read_node(data: object, where: str) -> NodeRecord:
    node = _mapping(data, where)
    kind = node.get("kind")
    if not _is_kind(kind):
        raise FormatError(f"`kind` of {where} is one of {', '.join(get_args(NodeKind))}, got {kind!r}")
    parents = node.get("parents", [])
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise FormatError(f"`parents` of {where} is a list of names, got {parents!r}")
    return NodeRecord(
        name=_text(node, "name", where),
        kind=kind,
        text=_text(node, "text", where, ""),
        value=_text(node, "value", where, ""),
        parents=tuple(parents),
        inside=tuple(map(str, node.get("inside") or ())),
    )


def _is_kind(kind: object) -> TypeGuard[NodeKind]:
    return kind in get_args(NodeKind)


def _mapping(data: object, what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise FormatError(f"{what} is a JSON object, got {type(data).__name__}")
    return data


def _text(holder: Mapping[str, Any], field: str, where: str, default: str | None = None) -> str:
    text = holder.get(field, default)
    if not isinstance(text, str):
        raise FormatError(f"`{field}` of {where} is a string, got {text!r}")
    return text


def to_networkx(graph: Node | GraphRecord) -> networkx.DiGraph:
    """A networkx `DiGraph`, edges from inputs to results, nodes in order of creation.

    Node keys are names; every node has the attributes `kind`, `text` and `value`, as `NodeRecord` says, and
    `position`, its place in the order of creation. Every edge has `input`, the place of the input among the
    result's. The graph has `schema`, `output` and `left_out`.
    """
    import networkx

    record = as_record(graph)
    made = networkx.DiGraph(schema=SCHEMA, output=record.output, left_out=record.left_out)
    for position, node in enumerate(record.nodes):
        made.add_node(node.name, kind=node.kind, text=node.text, value=node.value, position=position)
    for node in record.nodes:
        made.add_edges_from((parent, node.name, {"input": place}) for place, parent in enumerate(node.parents))
    return made

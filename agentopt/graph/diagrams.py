"""Graphs as text that other programs draw: Graphviz DOT and Mermaid.

Nodes get numbers as identifiers, and everything that came from a program is a quoted label, so no name or value
can become markup.
"""

from __future__ import annotations

import re

from agentopt.graph.export import GraphRecord, NodeKind, NodeRecord, as_record
from agentopt.graph.node import Node
from agentopt.graph.showing import shortened

_LABEL_CHARS = 120
_FILLS: dict[NodeKind, tuple[str, str]] = {
    "parameter": ("#fff1cc", "#b7791f"),
    "input": ("#ddf4ff", "#3b82c4"),
    "operation": ("#eef1f4", "#7d8590"),
    "failure": ("#ffe3e0", "#cf222e"),
}
"""Fill and border of each kind of node, to be read with dark text."""


def to_dot(graph: Node | GraphRecord) -> str:
    """The graph in Graphviz's DOT language, inputs above results."""
    record = as_record(graph)
    number = {node.name: f"n{i}" for i, node in enumerate(record.nodes)}
    lines = ['  node [shape=box, style="rounded,filled", fontname="Helvetica", fontcolor="#1f2328"]']
    for node in record.nodes:
        fill, border = _FILLS[node.kind]
        width = 2 if node.name == record.output else 1
        about = f'label={_dot(_label(node))}, tooltip={_dot(node.value)}, fillcolor="{fill}", color="{border}"'
        lines.append(f"  {number[node.name]} [{about}, penwidth={width}]")
    lines += [f"  {number[parent]} -> {number[node.name]}" for node in record.nodes for parent in node.parents]
    return "\n".join(["digraph {", *lines, *_dot_left_out(record), "}", ""])


def _dot_left_out(record: GraphRecord) -> list[str]:
    said = f"{record.left_out} earlier nodes are not in the record"
    return [f"  label={_dot(said)}"] if record.left_out else []


def _dot(text: str) -> str:
    """A quoted string of DOT, in which backslashes and `&` have a meaning too."""
    clean = _without_controls(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{clean}"'.replace("\n", "\\n")


def to_mermaid(graph: Node | GraphRecord) -> str:
    """The graph as a Mermaid flowchart, inputs above results."""
    record = as_record(graph)
    number = {node.name: f"n{i}" for i, node in enumerate(record.nodes)}
    lines = [
        f"  {number[node.name]}([{_mermaid(_label(node))}]):::{node.kind}"
        if node.kind == "parameter"
        else f"  {number[node.name]}[{_mermaid(_label(node))}]:::{node.kind}"
        for node in record.nodes
    ]
    lines += [f"  {number[parent]} --> {number[node.name]}" for node in record.nodes for parent in node.parents]
    for kind, (fill, border) in _FILLS.items():
        lines.append(f"  classDef {kind} fill:{fill},stroke:{border},color:#1f2328")
    if record.output in number:
        lines.append(f"  style {number[record.output]} stroke-width:3px")
    if record.left_out:
        lines.append(f"  %% {record.left_out} earlier nodes are not in the record")
    return "\n".join(["flowchart TD", *lines, ""])


def _mermaid(text: str) -> str:
    """A quoted label; all ASCII characters that Mermaid, Markdown or HTML could read as their own become entities."""
    coded = re.sub(r"[^\w \n.,=()]|\.(?=\s)", _entity, _without_controls(text))
    return '"' + coded.replace("\n", "<br/>") + '"'


def _entity(found: re.Match[str]) -> str:
    return f"#{ord(found[0])};" if found[0].isascii() else found[0]


def _label(node: NodeRecord) -> str:
    """Name, what was computed, and the value, a line each."""
    lines = [f"{node.name} = {node.text}" if node.text else node.name, node.value]
    return "\n".join(shortened(line, _LABEL_CHARS) for line in lines if line)


def _without_controls(text: str) -> str:
    """`text` with line ends as `\\n`, tabs as spaces, and `�` for what no diagram can show."""
    plain = "\n".join(text.splitlines()).replace("\t", " ")
    return re.sub("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\ufffd", plain)

"""DOT and Mermaid: read back by small parsers of their own, which know nothing of how the text was made."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.graph.diagrams import to_dot, to_mermaid
from agentopt.graph.export import GraphRecord, NodeRecord, graph_record
from agentopt.graph.node import Node, node
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=100)
Draw: TypeAlias = Callable[[Node | GraphRecord], str]
DOT_STRING = r'"((?:[^"\\]|\\.)*)"'
HOSTILE = [
    '"];evil [label="x',
    'a"]\nclick n0 "javascript:alert(1)"',
    "<script>alert(1)</script>",
    "back\\slash\\N \\",
    "[brackets] {braces} (round) |pipe|",
    "`**bold**` #quot; &lt;",
    "%%{init: {}}%%",
    "漢字 ümlaut 🙂",
    "\x00\x1b[31m\u2028\ud800",
    "",
]


def one(value: str) -> GraphRecord:
    """A graph of a node with this value, and one that was computed from it."""
    first = NodeRecord(name="x", kind="input", value=value)
    return GraphRecord(
        nodes=(first, NodeRecord(name=value or "y", kind="operation", text=value, parents=("x",))), output="x"
    )


def dot_label(text: str) -> str:
    """What Graphviz shows for the inside of a quoted label."""
    shown = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)
    return html.unescape(shown)


def visible(text: str) -> str:
    """What a diagram can show of `text`."""
    lines = "\n".join(text.splitlines()).replace("\t", " ")
    return "".join("\ufffd" if c != "\n" and (ord(c) < 32 or 0xD800 <= ord(c) < 0xE000) else c for c in lines)


def dot_statements(text: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Labels by node, and edges; fails on any line that is neither."""
    assert text.startswith("digraph {\n")
    assert text.endswith("\n}\n")
    labels, edges = {}, set()
    for line in text.splitlines()[1:-1]:
        if edge := re.fullmatch(r"  (n\d+) -> (n\d+)", line):
            edges.add((edge[1], edge[2]))
        elif made := re.fullmatch(
            rf"  (n\d+) \[label={DOT_STRING}, tooltip={DOT_STRING}, [^\"]*(?:\"#\w+\"[^\"]*)+\]", line
        ):
            labels[made[1]] = dot_label(made[2])
        else:
            assert re.fullmatch(rf"  (?:node \[.*\]|label={DOT_STRING})", line), line
    return labels, edges


def mermaid_statements(text: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Labels by node, and edges; fails on any line that is neither, nor a style."""
    lines = text.splitlines()
    assert lines[0] == "flowchart TD"
    labels, edges = {}, set()
    for line in lines[1:]:
        if edge := re.fullmatch(r"  (n\d+) --> (n\d+)", line):
            edges.add((edge[1], edge[2]))
        elif made := re.fullmatch(
            r'  (n\d+)\(?\["?([^"<>`]*(?:<br/>[^"<>`]*)*)"?\]\)?:::\w+', line.replace('(["', '["')
        ):
            coded = made[2].replace("<br/>", "\n")
            labels[made[1]] = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), coded)
        else:
            assert re.fullmatch(r"  (classDef \w+ [\w#:,]+|style n\d+ stroke-width:3px|%% \d+ [a-z ]+)", line), line
    return labels, edges


def test_dot_has_the_nodes_and_edges_of_the_graph() -> None:
    x = node(3, name="x")

    labels, edges = dot_statements(to_dot((x + 1) - (x * 2)))

    assert labels == {"n0": "x\n3", "n1": "add1 = x + 1\n4", "n2": "mul1 = x * 2\n6", "n3": "sub1 = add1 - mul1\n-2"}
    assert edges == {("n0", "n1"), ("n0", "n2"), ("n1", "n3"), ("n2", "n3")}


def test_mermaid_has_the_nodes_and_edges_of_the_graph() -> None:
    x = node(3, name="x")

    labels, edges = mermaid_statements(to_mermaid((x + 1) - (x * 2)))

    assert labels == {"n0": "x\n3", "n1": "add1 = x + 1\n4", "n2": "mul1 = x * 2\n6", "n3": "sub1 = add1 - mul1\n-2"}
    assert edges == {("n0", "n1"), ("n0", "n2"), ("n1", "n3"), ("n2", "n3")}


@pytest.mark.parametrize("value", HOSTILE)
def test_dot_shows_hostile_values_as_they_are(value: str) -> None:
    labels, edges = dot_statements(to_dot(one(value)))

    assert labels["n0"] == "\n".join(["x", *visible(value).splitlines()])
    assert edges == {("n0", "n1")}


@pytest.mark.parametrize("value", HOSTILE)
def test_mermaid_shows_hostile_values_as_they_are(value: str) -> None:
    labels, edges = mermaid_statements(to_mermaid(one(value)))

    assert labels["n0"] == "\n".join(["x", *visible(value).splitlines()])
    assert edges == {("n0", "n1")}


@given(value=st.text(max_size=60))
@SETTINGS
def test_dot_of_any_text_is_its_statements_and_utf8(value: str) -> None:
    text = to_dot(one(value))

    assert len(dot_statements(text)[0]) == 2
    assert text.encode("utf-8")


@given(value=st.text(max_size=60))
@SETTINGS
def test_mermaid_of_any_text_is_its_statements_and_utf8(value: str) -> None:
    text = to_mermaid(one(value))

    assert len(mermaid_statements(text)[0]) == 2
    assert text.encode("utf-8")


@pytest.mark.parametrize("draw", [to_dot, to_mermaid])
def test_a_failure_is_told_apart(draw: Draw) -> None:
    run = trace(lambda: 1 / node(0, name="x"))()
    color = "#cf222e" if draw is to_dot else ":::failure"

    assert [color in line for line in draw(run.output).splitlines() if "ZeroDivisionError" in line] == [True]


def test_mermaid_parameters_have_round_ends() -> None:
    assert '  n0(["p<br/>1"]):::parameter' in to_mermaid(Parameter(1, name="p")).splitlines()


@pytest.mark.parametrize("draw", [to_dot, to_mermaid])
def test_what_the_record_leaves_out_is_said(draw: Draw) -> None:
    x: Node = node(0)
    for _ in range(9):
        x = x + 1

    assert "7 earlier nodes are not in the record" in draw(graph_record(x, max_nodes=3))


def test_long_values_are_shortened_in_labels() -> None:
    labels, _ = dot_statements(to_dot(node("x" * 5000, name="x")))

    assert len(labels["n0"]) < 200

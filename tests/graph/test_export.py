"""Graphs for other programs."""

from __future__ import annotations

import json
from typing import Any

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.graph.bundling import bundle
from agentopt.graph.export import graph_json, to_networkx
from agentopt.graph.node import Node, Parameter, node
from agentopt.graph.subgraph import ancestors
from agentopt.graph.tracing import trace

SETTINGS = settings(derandomize=True, deadline=None, max_examples=40)


def test_graph_as_json() -> None:
    speed = Parameter(60.0, name="speed")
    distance = speed * node(2, name="hours")

    assert graph_json(distance + distance) == {
        "nodes": [
            {"name": "speed", "kind": "parameter", "text": "", "value": "60.0", "parents": []},
            {"name": "hours", "kind": "input", "text": "", "value": "2", "parents": []},
            {
                "name": "mul1",
                "kind": "operation",
                "text": "speed * hours",
                "value": "120.0",
                "parents": ["speed", "hours"],
            },
            {"name": "add1", "kind": "operation", "text": "mul1 + mul1", "value": "240.0", "parents": ["mul1"]},
        ],
        "output": "add1",
        "left_out": 0,
    }


def test_failure_is_a_node_of_its_kind() -> None:
    run = trace(lambda: 1 / node(0, name="x"))()

    assert graph_json(run.output)["nodes"][-1] == {
        "name": "truediv1",
        "kind": "failure",
        "text": "1 / x",
        "value": "ZeroDivisionError: division by zero",
        "parents": ["x"],
    }


def test_output_that_is_a_parameter_is_a_graph_of_one() -> None:
    graph = graph_json(Parameter(1, name="p"))

    assert ([n["kind"] for n in graph["nodes"]], graph["output"]) == (["parameter"], "p")


def test_of_a_large_graph_the_last_nodes_are_kept_and_no_edge_leads_out() -> None:
    x: Node = node(0, name="x")
    for _ in range(10):
        x = x + 1

    graph = graph_json(x, max_nodes=3)

    assert [n["name"] for n in graph["nodes"]] == ["add1", "add2", "add3"]
    assert [n["parents"] for n in graph["nodes"]] == [[], ["add1"], ["add2"]]
    assert (graph["output"], graph["left_out"]) == ("add3", 8)


def test_values_are_shortened() -> None:
    graph = graph_json(node("x" * 10_000, name="x"), value_chars=50)

    assert len(graph["nodes"][0]["value"]) < 100


def test_hidden_inputs_are_parents() -> None:
    hidden = node(5, name="hidden")
    made: Any = bundle(lambda: hidden + 1)()

    assert graph_json(made)["nodes"][-1]["parents"] == ["hidden"]


@given(picks=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=15))
@SETTINGS
def test_exports_have_the_nodes_and_edges_of_the_graph(picks: list[tuple[int, int]]) -> None:
    nodes: list[Node] = [Parameter(1, name="p"), node(1, name="x"), node(1)]
    for a, b in picks:
        nodes.append(nodes[a % len(nodes)] + nodes[b % len(nodes)])
    every = ancestors(nodes[-1])

    data = graph_json(nodes[-1])
    graph = to_networkx(nodes[-1])

    assert json.loads(json.dumps(data)) == data
    assert len(data["nodes"]) == len({n["name"] for n in data["nodes"]}) == graph.number_of_nodes() == len(every)
    assert graph.number_of_edges() == sum(len(n.parents) for n in every)
    assert networkx.is_directed_acyclic_graph(graph)
    assert list(graph.nodes) == [n["name"] for n in data["nodes"]]


def test_networkx_nodes_have_kind_text_and_value() -> None:
    graph = to_networkx(node(1, name="x") + 1)

    assert graph.nodes["add1"] == {"kind": "operation", "text": "x + 1", "value": "2"}
    assert list(graph.edges) == [("x", "add1")]
    assert graph.graph["output"] == "add1"

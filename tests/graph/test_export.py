"""Graphs for other programs."""

from __future__ import annotations

import json
from typing import Any

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import FormatError
from agentopt.graph.bundling import bundle
from agentopt.graph.export import graph_json, graph_record, read_graph, to_networkx
from agentopt.graph.node import Node, node
from agentopt.graph.subgraph import ancestors
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=40)


def test_graph_as_json() -> None:
    speed = Parameter(60.0, name="speed")
    distance = speed * node(2, name="hours")

    assert graph_json(distance + distance) == {
        "schema": 1,
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


def test_networkx_nodes_have_kind_text_value_and_position() -> None:
    graph = to_networkx(node(1, name="x") + 1)

    assert graph.nodes["add1"] == {"kind": "operation", "text": "x + 1", "value": "2", "position": 1}


def test_networkx_edges_say_which_input_it_is() -> None:
    graph = to_networkx(node(1, name="x") - node(2, name="y"))

    assert list(graph.edges(data="input")) == [("x", "sub1", 0), ("y", "sub1", 1)]


def test_networkx_graph_says_schema_output_and_what_is_left_out() -> None:
    graph = to_networkx(graph_record(node(1, name="x") + 1 + 1, max_nodes=2))

    assert graph.graph == {"schema": 1, "output": "add2", "left_out": 1}


def test_value_that_changed_after_it_was_recorded_is_shown_as_changed() -> None:
    rows = list(range(100))
    made = node(rows, name="rows")
    rows.append(7)

    assert graph_json(made)["nodes"][0]["value"].endswith("(changed in place after it was recorded)")


# reading back


@bundle
def both(a: Any, b: Any) -> Any:
    return "made"


@given(picks=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=15), kept=st.integers(1, 20))
@SETTINGS
def test_json_reads_back(picks: list[tuple[int, int]], kept: int) -> None:
    nodes: list[Node] = [Parameter('é\n"<', name="p"), node(None, name="p"), node({"a": [1]})]
    for a, b in picks:
        nodes.append(both(nodes[a % len(nodes)], b=nodes[b % len(nodes)]))
    record = graph_record(nodes[-1], max_nodes=kept)

    assert read_graph(json.loads(json.dumps(graph_json(record)))) == record


def test_a_graph_of_the_first_records_that_has_no_schema_is_read() -> None:
    data = graph_json(node(1, name="x") + 1)
    del data["schema"]

    assert read_graph(data) == graph_record(node(1, name="x") + 1)


def test_unknown_fields_are_ignored() -> None:
    data = graph_json(node(1, name="x"))
    data["colour"] = "red"
    data["nodes"][0]["colour"] = "red"

    assert read_graph(data) == graph_record(node(1, name="x"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "a graph of schema 2; this version of agentopt reads schema 1"),
        ({"schema": True}, "a graph of schema True"),
        ({"schema": "1"}, "a graph of schema '1'"),
        ({"nodes": {}}, "`nodes` of a graph is a list, got dict"),
        ({"nodes": [7]}, "node 0 of a graph is a JSON object, got int"),
        ({"nodes": [{"name": "x", "kind": "thing"}]}, "`kind` of node 0 of a graph is one of .* got 'thing'"),
        ({"nodes": [{"name": "x", "kind": []}]}, r"got \[\]"),
        ({"nodes": [{"name": 7, "kind": "input"}]}, "`name` of node 0 of a graph is a string, got 7"),
        ({"nodes": [{"kind": "input"}]}, "`name` of node 0 of a graph is a string, got None"),
        ({"nodes": [{"name": "x", "kind": "input"}] * 2}, "names in a graph are unique, `x` is there twice"),
        ({"nodes": [{"name": "x", "kind": "input", "parents": "x"}]}, "`parents` of node 0 .* list of names, got 'x'"),
        ({"nodes": [{"name": "x", "kind": "input", "parents": ["y"]}]}, "parent `y`, which is not in the graph"),
        ({"output": None}, "`output` of a graph is a string, got None"),
        ({"left_out": -1}, "`left_out` of a graph is a number of nodes, got -1"),
    ],
)
def test_what_is_not_a_graph_is_a_format_error_that_says_where(change: dict[str, Any], words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read_graph({**graph_json(node(1, name="x")), **change})


def test_data_that_are_no_object_are_a_format_error() -> None:
    with pytest.raises(FormatError, match="a graph is a JSON object, got list"):
        read_graph([])


def test_operations_in_the_body_of_a_bundle_are_its_inside_and_read_back() -> None:
    @bundle
    def outer(x: Any) -> Any:
        return node(x, name="given") + 1

    data = graph_json(outer(node(1, name="a")))

    assert [n.get("inside") for n in data["nodes"]] == [None, ["add1 = given + 1  # 2"]]
    assert read_graph(json.loads(json.dumps(data))).nodes[-1].inside == ("add1 = given + 1  # 2",)

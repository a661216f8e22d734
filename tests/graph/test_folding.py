"""Large graphs made small: what is folded, and that it stays a graph."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.graph.bundling import bundle
from agentopt.graph.export import GraphRecord, NodeRecord, graph_record
from agentopt.graph.folding import Fold, folded
from agentopt.graph.node import Node, node
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)


@bundle
def ask(instruction: Any, question: Any) -> Any:
    return question


@bundle
def mean(grades: Any) -> Any:
    return sum(grades) / len(grades)


def minibatch(count: int) -> GraphRecord:
    """`count` questions, asked with one instruction, graded each, and a mean of the grades."""
    instruction = Parameter("Be brief.", name="instruction")
    graded = [ask(instruction, node(i, name=f"question{i}")) * 2 for i in range(count)]
    return graph_record(mean(graded))


def chain(count: int) -> GraphRecord:
    x: Node = node(0, name="x")
    for _ in range(count - 1):
        x = x + 1
    return graph_record(x, max_nodes=10**9)


def test_a_small_graph_is_shown_as_it_is() -> None:
    record = minibatch(8)

    assert folded(record, 100) == record.nodes


def test_instances_of_a_minibatch_are_folded_step_by_step() -> None:
    folds = [one for one in folded(minibatch(300), 100) if isinstance(one, Fold)]

    assert [(fold.like, fold.count) for fold in folds] == [("question0", 296), ("ask1", 296), ("mul1", 296)]


def test_folds_of_a_minibatch_depend_on_each_other_as_its_nodes_do() -> None:
    shown = folded(minibatch(300), 100)
    questions, asks, grades = (one for one in shown if isinstance(one, Fold))

    assert asks.parents == ("instruction", questions.name)
    assert grades.parents == (asks.name,)
    assert grades.name in shown[-1].parents


def test_of_a_long_chain_the_middle_is_folded() -> None:
    shown = folded(chain(10_000), 100)

    assert len(shown) == 100
    assert [(one.count, one.like) for one in shown if isinstance(one, Fold)] == [(9901, None)]


def test_parameters_are_never_alike() -> None:
    total: Node = node(0)
    for i in range(60):
        total = bundle(max)(total, Parameter(i, name=f"p{i}"))

    shown = folded(graph_record(total), 1000)

    assert sum(one.kind == "parameter" for one in shown if isinstance(one, NodeRecord)) == 60


def test_a_fold_has_a_name_of_its_own() -> None:
    nodes = [NodeRecord(name=f"fold{i}", kind="operation", parents=(f"fold{i - 1}",) * (i > 0)) for i in range(300)]

    shown = folded(GraphRecord(nodes=tuple(nodes), output="fold299"), 100)

    assert len({one.name for one in shown}) == len(shown)


@given(
    picks=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=30, max_size=120),
    most=st.integers(5, 60),
)
@SETTINGS
def test_a_folded_graph_counts_every_node_once_and_keeps_inputs_before_results(
    picks: list[tuple[int, int]], most: int
) -> None:
    nodes = [NodeRecord(name="n0", kind="input")]
    for i, (a, b) in enumerate(picks, 1):
        parents = tuple(dict.fromkeys((f"n{a % i}", f"n{b % i}")))
        nodes.append(NodeRecord(name=f"n{i}", kind="operation", parents=parents))

    shown = folded(GraphRecord(nodes=tuple(nodes), output=nodes[-1].name), most)

    assert sum(one.count if isinstance(one, Fold) else 1 for one in shown) == len(nodes)
    assert len(shown) <= most
    known: set[str] = set()
    for one in shown:
        assert known.issuperset(one.parents)
        known.add(one.name)


def test_the_output_stays() -> None:
    nodes = tuple(NodeRecord(name=f"n{i}", kind="input") for i in range(1000))

    assert "n500" in {one.name for one in folded(GraphRecord(nodes=nodes, output="n500"), 100)}

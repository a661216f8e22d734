"""The backward pass, against a brute-force oracle and the rules of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import UsageError
from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.node import Node, node
from agentopt.graph.subgraph import ancestors, backward, propagate, subgraph
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=150)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[tuple[int, ...]]]:
    """A random graph: its nodes (parameters, inputs, operations), and the indices of each one's parents."""
    nodes: list[Node] = []
    parents: list[tuple[int, ...]] = []
    for i in range(draw(st.integers(1, 3))):
        nodes.append(Parameter(1, name=f"p{i}") if draw(st.booleans()) else node(1))
        parents.append(())
    for _ in range(draw(st.integers(0, 12))):
        picks = draw(st.lists(st.integers(0, len(nodes) - 1), min_size=0, max_size=3))
        nodes.append(gather([nodes[i] for i in picks]))
        parents.append(tuple(picks))
    return nodes, parents


@bundle
def _gathered(values: list[Any]) -> int:
    return len(values)


def gather(members: list[Node]) -> Node:
    made: Any = _gathered(members)
    assert isinstance(made, Node)
    return made


def reaches(start: int, goal: int, parents: list[tuple[int, ...]]) -> bool:
    """Whether there is a path from `start` down to its descendant `goal`, by trying all."""
    return start == goal or any(reaches(start, p, parents) for p in parents[goal])


@given(graphs())
@SETTINGS
def test_minimal_subgraph_is_what_lies_on_a_path_from_a_parameter_to_the_output(
    graph: tuple[list[Node], list[tuple[int, ...]]],
) -> None:
    nodes, parents = graph
    last = len(nodes) - 1
    starts = [i for i, n in enumerate(nodes) if isinstance(n, Parameter)]
    on_path = {
        i for i in range(len(nodes)) if any(reaches(s, i, parents) for s in starts) and reaches(i, last, parents)
    }
    operations = sorted(on_path - set(starts)) or ([] if last in starts else [last])
    inputs = sorted({p for i in on_path for p in parents[i]} - on_path)

    found = subgraph(nodes[last])

    assert [id(n) for n in found.nodes] == [id(nodes[i]) for i in operations]
    assert [id(n) for n in found.inputs] == [id(nodes[i]) for i in inputs]
    assert [v.parameter for v in found.parameters] == [nodes[i] for i in starts if i in on_path]
    assert found.output is nodes[last]._leaf()


@given(graphs())
@SETTINGS
def test_ancestors_are_everything_that_reaches_the_output_in_order(
    graph: tuple[list[Node], list[tuple[int, ...]]],
) -> None:
    nodes, parents = graph
    last = len(nodes) - 1

    found = ancestors(nodes[last])

    assert {id(n) for n in found} == {id(nodes[i]._leaf()) for i in range(len(nodes)) if reaches(i, last, parents)}
    assert [n.serial for n in found] == sorted(n.serial for n in found)
    assert found[-1] is nodes[last]._leaf()


def test_diamond_lists_everything_once() -> None:
    parameter = Parameter(2, name="p")
    left, right = parameter + 1, parameter * 3

    found = subgraph(left + right)

    assert [n._value for n in found.nodes] == [3, 6, 9]
    assert len(found.parameters) == 1


def test_parameter_used_twice_is_named_once() -> None:
    parameter = Parameter(2, name="p")

    assert [v.parameter for v in subgraph(parameter * parameter).parameters] == [parameter]


def test_dead_branch_is_not_in_the_subgraph() -> None:
    parameter = Parameter(2, name="p")
    dead = parameter * 100
    kept = parameter + 1

    assert dead not in set(subgraph(kept).nodes)


def test_sibling_with_an_equal_value_is_not_touched() -> None:
    parameter = Parameter(1, name="p")
    first, second = parameter + 1, parameter + 1

    second.backward("second")

    assert parameter.evidence[0].subgraph.nodes == (second,)
    assert first.parents == second.parents


def test_numpy_values_go_backward_in_any_order() -> None:
    parameter = Parameter(np.ones(3), name="p", kind="json")
    first, second = parameter + 1, parameter * 2

    second.backward("second")
    first.backward("first")

    assert [e.subgraph.nodes for e in parameter.evidence] == [(second,), (first,)]


def test_output_that_depends_on_no_parameter_is_alone() -> None:
    output = node(1) + 2

    found = subgraph(output)

    assert (found.nodes, found.inputs, found.parameters) == ((output,), (), ())


def test_output_that_is_a_parameter_is_itself_the_only_parameter() -> None:
    parameter = Parameter(1, name="p")

    parameter.backward("more")

    assert [v.parameter for v in parameter.evidence[0].subgraph.parameters] == [parameter]


def test_backward_twice_adds_two_pieces_of_evidence() -> None:
    parameter = Parameter(1, name="p")
    output = parameter + 1

    output.backward("first")
    output.backward(Feedback(2.0))

    assert [(e.feedback.text, e.feedback.score) for e in parameter.evidence] == [("first", None), ("", 2.0)]


def test_different_outputs_of_one_parameter_may_get_different_feedback() -> None:
    parameter = Parameter(1, name="p")

    for i in range(3):
        (parameter + i).backward(float(i))

    assert [e.feedback.score for e in parameter.evidence] == [0.0, 1.0, 2.0]


def test_backward_writes_one_evidence_to_all_parameters_and_nothing_else() -> None:
    a, b, unused = (Parameter(1, name=name) for name in "abc")

    (a + b).backward("x")

    assert a.evidence[0] is b.evidence[0]
    assert unused.evidence == []


def test_parameter_changed_during_the_run_gets_the_evidence_once() -> None:
    parameter = Parameter(1, name="p")
    before = parameter + 1
    parameter.set(2)

    (before + parameter).backward("x")

    assert len(parameter.evidence) == 1


def test_propagate_writes_nothing() -> None:
    parameter = Parameter(1, name="p")

    evidence = propagate(parameter + 1, "x", instance="one")

    assert parameter.evidence == []
    assert (evidence.instance, evidence.feedback.text) == ("one", "x")


def test_hidden_inputs_lead_to_parameters() -> None:
    parameter = Parameter(1, name="p")

    made: Any = bundle(lambda: parameter + 1)()

    assert [v.parameter for v in subgraph(made).parameters] == [parameter]


def test_inside_of_a_bundle_is_not_in_the_subgraph() -> None:
    parameter = Parameter(1, name="p")

    made: Any = bundle(lambda x: (parameter + 1) * 2)(0)

    assert subgraph(made).nodes == (made,)


def test_backward_of_a_trace_and_of_a_node() -> None:
    parameter = Parameter(1, name="p")
    run = trace(lambda: parameter + 1)()

    backward(run, 1.0)
    backward(run.output, 2.0)

    assert [e.feedback.score for e in parameter.evidence] == [1.0, 2.0]


@pytest.mark.parametrize("plain", [3, "text", None, [1]])
def test_backward_of_a_plain_value_is_refused(plain: Any) -> None:
    with pytest.raises(UsageError, match=type(plain).__name__):
        backward(plain, "x")


def test_chain_of_100_000_goes_backward() -> None:
    parameter = Parameter(0, name="p")
    x: Node = parameter
    for _ in range(100_000):
        x = x + 1

    x.backward("more")

    assert len(parameter.evidence[0].subgraph.nodes) == 100_000


def test_wide_sum_of_20_000_goes_backward() -> None:
    parameter = Parameter(1, name="p")
    members = [parameter + i for i in range(20_000)]

    gather(members).backward("x")

    assert len(parameter.evidence[0].subgraph.nodes) == 20_001

"""Copies and pickles of nodes and parameters."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from agentopt.graph.node import detach, node
from agentopt.graph.scope import bound
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter


def small(value: Any) -> bool:
    return bool(value < 10)


COPIES = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("copied", COPIES)
def test_copied_parameter_keeps_value_and_rules_but_no_evidence(copied: Any) -> None:
    p = Parameter(2, name="p", bounds=(0, 8), step=2, check=small, doc="words").describe("more")
    assert isinstance(p, Parameter)
    p.set(4)
    p.backward("f")

    other = copied(p)

    assert [getattr(other, f) for f in ("value", "kind", "bounds", "choices", "step", "check", "doc", "name")] == [
        4, "integer", (0, 8), (), 2, small, "words", "p",
    ]  # fmt: skip
    assert (other.description, other.evidence, len(p.evidence)) == ("more", [], 1)
    other.set(6)
    assert detach(p) == 4


def test_value_of_a_deep_copied_parameter_is_its_own() -> None:
    p = Parameter([1], name="p")

    detach(copy.deepcopy(p)).append(2)

    assert detach(p) == [1]


def test_parameter_whose_check_cannot_be_pickled_is_not() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(Parameter(1, name="p", check=lambda value: None))


def test_copied_parameter_has_the_value_of_the_candidate_being_measured() -> None:
    p = Parameter(1, name="p")

    with bound({p: 5}):
        other = copy.deepcopy(p)

    assert detach(other) == 5


def test_deep_copy_of_a_node_is_an_operation_on_it() -> None:
    a = node([1])

    made = copy.deepcopy(a)
    detach(made).append(2)

    assert (made.parents, detach(made), detach(a)) == ((a,), [1, 2], [1])


def test_pickled_node_is_a_value_from_outside() -> None:
    made = node(1, name="a") + 2
    made.describe("sum")

    again = pickle.loads(pickle.dumps(made))

    assert (detach(again), again.parents, again.description, again.operation) == (3, (), "sum", None)


def test_pickling_a_node_in_a_trace_is_an_escape() -> None:
    @trace
    def workflow(x: Any) -> Any:
        return pickle.dumps(x)

    assert [e.how for e in workflow(node(1)).escapes] == ["pickle"]


def test_deep_graph_is_pickled_without_recursion() -> None:
    made = node(0)
    for _ in range(20_000):
        made = made + 1

    assert detach(pickle.loads(pickle.dumps(made))) == 20_000

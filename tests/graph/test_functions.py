"""Functions that keep in the graph what Python's syntax takes out of it."""

from __future__ import annotations

from typing import Any

import pytest

from agentopt.graph.functions import contains, length
from agentopt.graph.node import Node, detach, node
from agentopt.graph.render import Names, call_text
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter


@pytest.mark.parametrize("value", ["", "abc", [1, 2], {}, {"a": 1}])
def test_length_is_len(value: Any) -> None:
    assert detach(length(node(value))) == len(value)


@pytest.mark.parametrize(("container", "member"), [("abc", "b"), ([1], 2), ({"a": 1}, "a"), ((), None)])
def test_contains_is_in(container: Any, member: Any) -> None:
    assert detach(contains(node(container), node(member))) is (member in container)


def test_neither_is_an_escape() -> None:
    @trace(strict=True)
    def workflow() -> Node:
        p = Parameter("abc", name="p")
        return contains(p, "b") & (length(p) > 2)

    assert workflow().value is True


def test_they_are_written_as_in_python() -> None:
    a, b = node("abc", name="a"), node("b", name="b")

    assert [call_text(made, Names()) for made in (length(a), contains(a, b))] == ["len(a)", "b in a"]


def test_length_of_what_has_none_is_a_failed_node_in_a_trace() -> None:
    run = trace(lambda: length(node(5)))()

    assert isinstance(run.error, TypeError)

"""Packed graphs read back as they were, however deep; what cannot cross is shown; tasks bring the user's modules."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.evaluate.packing import pack, pack_graph, unpack_graph
from agentopt.graph.node import Node
from agentopt.graph.render import render
from agentopt.graph.subgraph import propagate
from agentopt.graph.trainable import Version

weight = ao.Parameter(2.0, name="weight")
other = ao.Parameter(3.0, name="other")


@ao.bundle
def scaled(x: Any, factor: Any = 1.0) -> Any:
    """A scaled value."""
    return x * factor


def crossed(output: Node) -> Node:
    return unpack_graph(pack_graph(output, {"weight": weight}), {"weight": weight})


def text(output: Node) -> str:
    return render([propagate(output, 1.0)])


def test_a_graph_renders_as_before() -> None:
    x = Node([1, 2], name="x").describe("two numbers")
    output = scaled(x[0] + weight, factor=weight) - len({"a": 1})
    assert text(crossed(output)) == text(output)


def test_versions_are_of_the_parameters_here() -> None:
    (version,) = propagate(crossed(weight + 1), 1.0).subgraph.parameters
    assert isinstance(version, Version)
    assert version.parameter is weight


def test_a_parameter_of_no_space_is_a_plain_value() -> None:
    back = crossed(weight + other)
    assert [p.parameter for p in propagate(back, 1.0).subgraph.parameters] == [weight]
    assert back._value == 5.0


def test_a_graph_of_100_000_nodes_in_a_row_crosses() -> None:
    node: Any = weight + 0
    for _ in range(100_000):
        node = node + 1
    assert crossed(node)._value == 100_002.0


def test_the_inside_of_a_node_crosses() -> None:
    @ao.bundle
    def outer(x: Any) -> Any:
        return scaled(x, 2)

    output: Node = outer(weight)
    assert output._extra is not None
    back = crossed(output)
    assert back._extra is not None
    assert [n.operation.name for n in back._extra.inside if n.operation] == [
        n.operation.name for n in output._extra.inside if n.operation
    ]


def test_a_failed_node_keeps_its_error() -> None:
    @ao.trace
    def workflow() -> Any:
        return scaled(weight, "x" + 1)  # type: ignore[operator]

    back = crossed(workflow().output)
    assert isinstance(back.error, TypeError)


class Stubborn(Exception):
    """An exception that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("as it was")
        self.lock = threading.Lock()


def test_an_error_that_cannot_be_pickled_keeps_name_and_message() -> None:
    @ao.bundle
    def fails(x: Any) -> Any:
        raise Stubborn

    back = crossed(ao.trace(lambda: fails(weight))().output)
    assert (type(back.error).__name__, str(back.error)) == ("Stubborn", "as it was")


def test_a_value_that_cannot_be_pickled_is_shown_and_keeps_its_edges() -> None:
    @ao.bundle
    def locked(x: Any) -> Any:
        return threading.Lock()

    @ao.bundle
    def counted(lock: Any, more: Any) -> Any:
        return 1.0

    back = crossed(counted(locked(weight), [threading.Lock(), weight * 2]))
    assert "only this text came back" in text(back)
    assert "weight" in text(back)


def test_a_value_that_was_changed_is_still_known_as_changed() -> None:
    values = Node([1, 2, 3])
    output = scaled(values, 2)
    values._value.append(4)
    (changed,) = [n for n in crossed(output).parents if n._value == [1, 2, 3, 4]]
    assert changed.is_changed
    assert not crossed(weight + 1).is_changed


def test_what_cannot_be_packed_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="cannot be sent"):
        pack(threading.Lock())


MODULE = """
import agentopt as ao

depth = ao.Parameter(1.0, name="depth")

@ao.bundle(trainable=True)
def rule(x):
    return x

@ao.bundle
def step(x):
    return rule(x) + depth

@ao.trace
def workflow(x):
    return step(x) * 2
"""
SENDER = """
import sys, pickle
import mine
from agentopt.evaluate.packing import pack
sys.stdout.buffer.write(pack((mine.workflow, mine.depth, mine.rule)))
"""
RECEIVER = """
import pickle, sys
workflow, depth, rule = pickle.load(sys.stdin.buffer)
assert "mine" not in sys.modules
from agentopt.space import Space
with Space({"depth": depth}).bound({"depth": 5.0}):
    print(workflow(1.0).value, rule.code.name, "return x" in rule.operation.source)
"""


def test_a_workflow_runs_where_its_module_is_not(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    sent = subprocess.run([sys.executable, "-c", SENDER], cwd=tmp_path, check=True, capture_output=True).stdout
    came = subprocess.run([sys.executable, "-c", RECEIVER], cwd=elsewhere, input=sent, check=True, capture_output=True)
    assert came.stdout.decode().split() == ["12.0", "rule", "True"]


def test_sending_leaves_the_way_that_others_pickle_alone() -> None:
    import cloudpickle

    before = cloudpickle.list_registry_pickle_by_value()
    pack(crossed)
    assert cloudpickle.list_registry_pickle_by_value() == before
    assert pickle.loads(pickle.dumps(crossed)) is crossed

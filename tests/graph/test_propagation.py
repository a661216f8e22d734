"""Propagators: who gets feedback, and in which order criticism travels back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentopt.feedback import Feedback
from agentopt.graph.node import Node, node
from agentopt.graph.propagation import TotalPropagator, criticism
from agentopt.graph.render import render
from agentopt.graph.trainable import Parameter

Level = Sequence[tuple[Node, Sequence[Feedback]]]


def passing_on(level: Level) -> list[Mapping[Node, Feedback]]:
    """Says to every parent what was said, in one piece, and where it came from."""
    return [
        {
            p: Feedback(text=f"{n.operation.name if n.operation else ''}({'+'.join(f.text for f in fs)})")
            for p in n.parents
        }
        for n, fs in level
    ]


def words(found: Mapping[Parameter, list[Feedback]]) -> dict[str | None, list[str]]:
    return {parameter.name: [feedback.text for feedback in said] for parameter, said in found.items()}


def test_total_gives_feedback_to_parameters_that_the_output_does_not_depend_on() -> None:
    used, unused = Parameter(1, name="used"), Parameter(2, name="unused")

    (used + 1).backward("f", propagator=TotalPropagator([used, unused]))

    assert [e.feedback.text for e in (*used.evidence, *unused.evidence)] == ["f", "f"]


def test_total_shows_operations_that_no_parameter_leads_to() -> None:
    p, a = Parameter(1, name="p"), node(2, name="a")

    evidence = TotalPropagator(p)((a * a) + p, "f")

    text = render([evidence])
    assert "mul1 = a * a" in text
    assert text.count("a = 2") == 1


def test_total_of_a_value_without_operations_is_that_value() -> None:
    p, a = Parameter(1, name="p"), node(2, name="a")

    evidence = TotalPropagator(p)(a, "f")

    assert (evidence.subgraph.nodes, evidence.subgraph.inputs) == ((a,), ())


def test_criticism_reaches_a_parameter_once_per_use() -> None:
    p = Parameter(2, name="p")

    found = criticism((p + 1) * (p - 1), "f", passing_on)

    assert sorted(words(found)["p"]) == ["add(mul(f))", "sub(mul(f))"]


def test_shared_result_is_criticized_once_with_all_that_was_said() -> None:
    p = Parameter(2, name="p")
    shared = p + 1

    assert words(criticism(shared * (shared - 1), "f", passing_on)) == {"p": ["add(mul(f)+sub(mul(f)))"]}


def test_ladder_does_not_double_what_is_said_per_level() -> None:
    x: Any = Parameter(1, name="p")
    for _ in range(25):
        x = x + x

    found = criticism(x, "f", lambda level: [dict.fromkeys(n.parents, Feedback(text="g")) for n, _ in level])

    assert words(found) == {"p": ["g"]}


def test_operations_at_one_distance_are_given_together() -> None:
    p = Parameter(2, name="p")
    levels: list[int] = []

    def counted(level: Level) -> list[Mapping[Node, Feedback]]:
        levels.append(len(level))
        return passing_on(level)

    criticism(sum_of([p + i for i in range(5)]), "f", counted)

    assert levels == [1, 5]


def sum_of(nodes: list[Any]) -> Node:
    return node(nodes)


def test_parent_that_gets_nothing_said_passes_nothing_on() -> None:
    p = Parameter(2, name="p")

    assert words(criticism((p + 1) * 2, "f", lambda level: [{} for _ in level])) == {"p": []}


def test_parameter_that_is_the_output_gets_the_feedback_itself() -> None:
    p = Parameter(2, name="p")

    assert words(criticism(p, "f", passing_on)) == {"p": ["f"]}


def test_feedback_on_an_inner_node_is_about_its_own_subgraph() -> None:
    p, q = Parameter(2, name="p"), Parameter(3, name="q")
    inner = p + 1
    inner * q

    inner.backward("f")

    assert (len(p.evidence), len(q.evidence)) == (1, 0)

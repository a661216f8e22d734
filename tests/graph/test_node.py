"""Nodes and parameters: what a node computes, remembers, and lets out of the graph.

The oracle for every operator is plain Python on the plain values.
"""

from __future__ import annotations

import gc
import math
import operator
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import UsageError
from agentopt.graph.node import Node, detach, node
from agentopt.graph.tracing import Trace, trace
from agentopt.graph.trainable import Kind, Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)

BINARY: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.and_,
    operator.or_,
    operator.xor,
    operator.lshift,
    operator.rshift,
    divmod,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]
UNARY: list[Callable[[Any], Any]] = [
    operator.neg,
    operator.pos,
    operator.invert,
    abs,
    round,
    math.trunc,
    math.floor,
    math.ceil,
]


class Matrix:
    """The least that `@` needs: a 1 by 1 matrix."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __matmul__(self, other: Matrix) -> int:
        return 10 * self.number + other.number


def outcome(function: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    """What became of a call: its plain result, or the type and message of what it raised."""
    try:
        return "returned", detach(function(*args))
    except Exception as error:  # noqa: BLE001  whatever it is, it is compared
        return type(error).__name__, str(error)


# operators against plain Python


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@given(a=st.integers(-9, 9), b=st.integers(-9, 9))
@SETTINGS
def test_operator_on_nodes_is_the_operator_on_values(function: Callable[[Any, Any], Any], a: int, b: int) -> None:
    expected = outcome(function, a, b)

    assert outcome(function, node(a), node(b)) == expected
    assert outcome(function, node(a), b) == expected
    assert outcome(function, a, node(b)) == expected


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_operator_on_a_parameter_is_the_operator_on_its_value(function: Callable[[Any, Any], Any]) -> None:
    seven, two = Parameter(7, name="seven"), Parameter(2, name="two")

    assert outcome(function, seven, 2) == outcome(function, 7, 2)
    assert outcome(function, 7, two) == outcome(function, 7, 2)
    assert outcome(function, seven, two) == outcome(function, 7, 2)
    assert outcome(function, node(7), two) == outcome(function, 7, 2)


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_operator_result_is_a_node_with_the_operands_as_parents(function: Callable[[Any, Any], Any]) -> None:
    a, b = node(7), node(2)

    made = function(a, b)

    assert isinstance(made, Node)
    assert {id(p) for p in made.parents} == {id(a), id(b)}


@pytest.mark.parametrize("function", UNARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("value", [-3, 0, True, -2.5, 3.5, math.inf, "text"])
def test_unary_operator_on_a_node_is_the_operator_on_its_value(function: Callable[[Any], Any], value: Any) -> None:
    assert outcome(function, node(value)) == outcome(function, value)


@pytest.mark.parametrize("function", UNARY, ids=lambda f: f.__name__)
def test_unary_operator_makes_a_node(function: Callable[[Any], Any]) -> None:
    a = node(-3)

    made = function(a)

    assert isinstance(made, Node)
    assert made.parents == (a,)


def test_round_to_digits_makes_a_node() -> None:
    made = round(node(3.14159), 2)

    assert isinstance(made, Node)
    assert made.value == 3.14


@pytest.mark.parametrize("left_is_node", [True, False])
@pytest.mark.parametrize("right_is_node", [True, False])
def test_matmul_keeps_its_order(left_is_node: bool, right_is_node: bool) -> None:
    left: Any = node(Matrix(1)) if left_is_node else Matrix(1)
    right: Any = node(Matrix(2)) if right_is_node else Matrix(2)

    assert detach(left @ right) == 12


@pytest.mark.parametrize(
    ("function", "left", "right"),
    [
        (operator.add, "ab", "cd"),
        (operator.add, [1], [2]),
        (operator.add, (1,), (2,)),
        (operator.mul, [1, 2], 3),
        (operator.mul, 3, "ab"),
        (operator.or_, {1}, {2}),
        (operator.sub, {1, 2}, {2}),
        (operator.le, {1}, {1, 2}),
        (operator.or_, {"a": 1}, {"b": 2}),
        (operator.truediv, Path("a"), "b"),
        (operator.mul, Fraction(1, 2), 2),
        (operator.add, "a", 1),
        (operator.sub, "a", "b"),
    ],
)
def test_operators_of_other_types_work_with_the_node_on_either_side(
    function: Callable[[Any, Any], Any], left: Any, right: Any
) -> None:
    expected = outcome(function, left, right)

    assert outcome(function, node(left), right) == expected
    assert outcome(function, left, node(right)) == expected
    assert outcome(function, node(left), node(right)) == expected


def test_augmented_assignment_makes_a_node_and_leaves_the_operand() -> None:
    start = node([1])
    grown = start
    grown += [2]

    assert grown.value == [1, 2]
    assert start.value == [1]


def test_numpy_array_times_a_node_is_a_node() -> None:
    made: Any = np.array([1, 2]) * node(3)

    assert isinstance(made, Node)


def test_node_times_a_numpy_array_is_a_node() -> None:
    made = node(3) * np.array([1, 2])

    assert isinstance(made, Node)
    assert made.value.tolist() == [3, 6]


def test_pow_with_a_modulus_is_plain_pow() -> None:
    base: Any = node(3)

    assert detach(pow(base, 2, 5)) == 4


# identity


def test_equality_of_nodes_is_a_node_not_a_bool() -> None:
    a, b = node(1), node(1)

    same: Any = a == b

    assert isinstance(same, Node)
    assert same.value is True
    assert len(same.parents) == 2


def test_hash_is_identity() -> None:
    a, b = node(1), node(1)

    assert hash(a) == object.__hash__(a)
    assert len({a, b, a}) == 2


def test_node_can_be_a_dict_key() -> None:
    a, b = node(1), node(1)

    table = {a: "a", b: "b"}

    assert (table[a], table[b]) == ("a", "b")


def test_node_with_an_unhashable_value_can_be_a_dict_key() -> None:
    a = node([1])

    assert {a: 1}[a] == 1


def test_node_of_a_node_is_the_same_node() -> None:
    a = node(1)

    assert node(a) is a


def test_node_of_a_node_cannot_be_named_again() -> None:
    with pytest.raises(UsageError, match="`b`"):
        node(node(1), name="b")


@pytest.mark.parametrize("value", [None, 0, "", [], {}, (), float("nan"), "ünï", b"\x00"])
def test_value_comes_back_as_the_same_object(value: Any) -> None:
    assert node(value).value is value


def test_serials_are_unique_across_threads() -> None:
    serials: list[list[int]] = [[] for _ in range(8)]

    def make_many(mine: list[int]) -> None:
        mine.extend((node(0) + 1).serial for _ in range(2000))

    threads = [threading.Thread(target=make_many, args=(mine,)) for mine in serials]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    everything = [serial for mine in serials for serial in mine]
    assert len(set(everything)) == 16_000
    assert all(mine == sorted(mine) for mine in serials)


def test_repr_shows_value_and_what_made_it() -> None:
    assert repr(node(3, name="a") + 1) == "Node(4) from add"
    assert repr(node(3, name="a")) == "Node(3, name='a')"
    assert repr(Parameter("x", name="p")) == "Parameter('x', name='p')"


def test_repr_of_a_long_value_is_short_and_on_one_line() -> None:
    shown = repr(node("line\n" * 10_000))

    assert len(shown) < 500
    assert "\n" not in shown


def test_repr_of_a_value_whose_own_raises_says_so() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    assert repr(node(Broken())) == "Node(<Broken whose repr raises ValueError>)"


# access on values


@dataclass
class Point:
    x: int
    y: int

    def plus(self, dx: int, *, dy: int = 0) -> Point:
        return Point(self.x + dx, self.y + dy)


def test_attribute_of_the_value_is_a_node() -> None:
    point = node(Point(1, 2))

    made = point.y

    assert made.value == 2
    assert made.parents == (point,)


def test_method_call_on_the_value_is_a_node_of_all_arguments() -> None:
    point, dx, dy = node(Point(1, 2)), node(10), node(20)

    made = point.plus(dx, dy=dy)

    assert made.value == Point(11, 22)
    assert made.parents == (point, dx, dy)


def test_calling_a_node_calls_its_value() -> None:
    function, base = node(int), node(2)

    made = function("101", base=base)

    assert made.value == 5
    assert made.parents == (function, base)


def test_missing_attribute_is_the_values_own_error() -> None:
    with pytest.raises(AttributeError, match="'int' object has no attribute 'nope'"):
        _ = node(3).nope


def test_private_attribute_is_refused() -> None:
    with pytest.raises(AttributeError, match="`_secret`"):
        _ = node(3)._secret


def test_attribute_that_node_itself_has_is_reached_by_attribute() -> None:
    @dataclass
    class Named:
        name: str

    held = node(Named("inner"), name="outer")

    assert held.name == "outer"
    assert held.attribute("name").value == "inner"


@pytest.mark.parametrize(
    ("value", "key"),
    [([1, 2, 3], 1), ([1, 2, 3], -1), ([1, 2, 3], slice(0, 2)), ({"a": 5}, "a"), ("text", 2), ((1, 2), 0)],
)
def test_indexing_is_a_node_of_container_and_key(value: Any, key: Any) -> None:
    container, index = node(value), node(key)

    made = container[index]

    assert made.value == value[key]
    assert made.parents == (container, index)
    assert container[key].value == value[key]


@pytest.mark.parametrize(("value", "key"), [([1], 5), ({"a": 1}, "b"), (3, 0)])
def test_failing_index_raises_what_python_raises(value: Any, key: Any) -> None:
    assert outcome(operator.getitem, node(value), key) == outcome(operator.getitem, value, key)


def test_slice_bounds_that_are_nodes_become_parents() -> None:
    container, start = node([1, 2, 3]), node(1)

    made = container[start:]

    assert made.parents == (container, start)


def test_container_of_nodes_as_operand_is_unwrapped() -> None:
    a = node(1)

    members: Any = [a]
    made = node([0]) + members

    assert made.value == [0, 1]
    assert a in set(made.parents)


def test_appending_a_node_appends_its_value() -> None:
    held = node([1])

    held.append(node(2))

    assert held.value == [1, 2]
    assert type(held.value[1]) is int


def test_node_of_a_container_of_nodes_keeps_them_as_parents() -> None:
    a = node(1)

    assert node([a, 2]).parents == (a,)


# iteration


@pytest.mark.parametrize("value", [[1, 2], (1, 2), "ab", {"a": 1, "b": 2}, range(2), np.array([1, 2])])
def test_iteration_makes_nodes_of_the_items(value: Any) -> None:
    container = node(value)

    items = list(container)

    assert [detach(i) for i in items] == list(value)
    assert all(isinstance(i, Node) and i.parents == (container,) for i in items)


def test_iteration_over_a_set_makes_nodes_of_all_members() -> None:
    assert {m.value for m in node({1, 2})} == {1, 2}


def test_iteration_over_nothing_is_empty() -> None:
    assert list(node([])) == []


def test_unpacking_makes_nodes() -> None:
    a, b = node((1, 2))

    assert ((a + b).value, isinstance(a, Node)) == (3, True)


def test_sum_of_a_node_is_a_node() -> None:
    values: Any = node([1, 2, 3])
    total: Any = sum(values)

    assert isinstance(total, Node)
    assert total.value == 6


def test_iterating_what_cannot_be_iterated_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        iter(node(5))


def test_reversed_makes_nodes() -> None:
    assert [n.value for n in reversed(node([1, 2]))] == [2, 1]


# conversions


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (bool, 0),
        (bool, []),
        (bool, "x"),
        (int, 3.7),
        (int, "12"),
        (float, 3),
        (float, "x"),
        (str, [1]),
        (len, "abc"),
        (len, 3),
        (operator.index, 3),
        (lambda x: format(x, ".2f"), 3.14159),
        (lambda x: f"{x}", "a"),
        (lambda x: 2 in x, [1, 2]),
        (lambda x: 5 in x, [1, 2]),
        (lambda x: [10, 20, 30][x], 1),
        (lambda x: "".join(["a", str(x)]), 1),
        (lambda x: math.sqrt(x), 4),
    ],
)
def test_conversion_of_a_node_is_the_conversion_of_its_value(convert: Callable[[Any], Any], value: Any) -> None:
    assert outcome(convert, node(value)) == outcome(convert, value)


def test_membership_of_a_node_compares_values() -> None:
    assert node("a") in node(["a"])


# inputs and parents


def test_each_parent_is_listed_once() -> None:
    a = node(3)

    assert (a * a).parents == (a,)


def test_parents_come_before_their_children() -> None:
    a = node(1)
    b = a + 1

    assert a.serial < b.serial


def test_two_calls_keep_their_own_inputs() -> None:
    first, second = node("a").replace("a", "b"), node("c").replace("c", "d")

    assert first.inputs[1:] == ("a", "b")
    assert second.inputs[1:] == ("c", "d")


def test_detach_gives_plain_values_in_containers() -> None:
    assert detach({"a": [node(1), (node(2),)]}) == {"a": [1, (2,)]}


def test_detach_of_plain_values_is_the_same_object() -> None:
    plain = {"a": [1]}

    assert detach(plain) is plain


# freeing and depth


def test_dropping_the_output_frees_the_graph_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = node(1)
        middle = x + 1
        output = middle * 2
        seen = [weakref.ref(x), weakref.ref(middle), weakref.ref(output)]
        del x, middle, output
        assert [ref() for ref in seen] == [None, None, None]
    finally:
        gc.enable()


def test_parameter_kept_alive_does_not_keep_what_was_computed_from_it() -> None:
    parameter = Parameter(1.0, name="p")
    gc.disable()
    try:
        made = weakref.ref(parameter + 1)
        assert made() is None
    finally:
        gc.enable()


def test_chain_of_100_000_operations_is_made_and_freed() -> None:
    gc.disable()
    try:
        first = x = node(0)
        for _ in range(100_000):
            x = x + 1
        assert x.value == 100_000
        seen = weakref.ref(first)
        del first, x
        assert seen() is None
    finally:
        gc.enable()


# parameters


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "choice"),
        (3, "integer"),
        (3.0, "number"),
        ("text", "prompt"),
        ([1], "json"),
        ({}, "json"),
        (None, "json"),
    ],
)
def test_kind_is_inferred_from_the_value(value: Any, kind: Kind) -> None:
    assert Parameter(value, name="p").kind == kind


def test_choices_make_a_choice() -> None:
    parameter = Parameter(3, name="p", choices=[1, 2, 3])

    assert (parameter.kind, parameter.choices) == ("choice", (1, 2, 3))


def test_bool_has_both_choices() -> None:
    assert Parameter(True, name="p").choices == (False, True)


def test_said_kind_goes_before_the_inferred_one() -> None:
    assert Parameter(1, name="p", kind="number").kind == "number"


def test_parameter_needs_a_name() -> None:
    with pytest.raises(UsageError, match="name"):
        Parameter(1, name="")


@pytest.mark.parametrize(
    "said",
    [{"bounds": (0, 1)}, {"choices": [1, 2]}, {"kind": "code"}, {"step": 2}, {"bounds": (9, 0)}],
    ids=str,
)
def test_start_value_that_does_not_fit_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Parameter(5, name="p", **said)


def test_parameter_of_a_node_has_the_kind_of_its_value() -> None:
    assert Parameter(node(1.5), name="p").kind == "number"


def test_old_graph_keeps_the_value_it_read() -> None:
    parameter = Parameter(1, name="p")
    before = parameter + 10

    parameter.set(2)
    after = parameter + 10

    assert [before.parents[0].value, before.value] == [1, 11]
    assert [after.parents[0].value, after.value] == [2, 12]


def test_set_to_a_node_keeps_its_plain_value() -> None:
    parameter = Parameter(1, name="p")

    parameter.set(node(2))

    assert detach(parameter) == 2
    assert type(detach(parameter)) is int


def test_two_reads_of_one_value_are_one_version() -> None:
    parameter = Parameter(1, name="p")

    assert (parameter + 1).parents == (parameter * 2).parents


def test_zero_feedback_forgets_the_evidence() -> None:
    parameter = Parameter(1, name="p")
    (parameter + 1).backward("more")

    parameter.zero_feedback()

    assert parameter.evidence == []


# escapes, as the trace sees them


@pytest.mark.parametrize(
    ("how", "leave"),
    [
        ("bool", bool),
        ("int", int),
        ("float", float),
        ("str", str),
        ("index", lambda x: [0, 1, 2, 3][x]),
        ("format", lambda x: f"{x:d}"),
        ("value", lambda x: x.value),
    ],
)
def test_value_that_leaves_the_graph_is_an_escape(how: str, leave: Callable[[Any], Any]) -> None:
    x = node(3)

    @trace
    def workflow() -> None:
        leave(x)

    run: Trace = workflow()

    assert [(e.node is x, e.how) for e in run.escapes] == [(True, how)]


@pytest.mark.parametrize(("how", "leave"), [("iter", iter), ("len", len), ("in", lambda x: 1 in x)])
def test_container_that_leaves_the_graph_is_an_escape(how: str, leave: Callable[[Any], Any]) -> None:
    x = node([1, 2])

    @trace
    def workflow() -> None:
        leave(x)

    run: Trace = workflow()

    assert [(e.node is x, e.how) for e in run.escapes] == [(True, how)]


@pytest.mark.parametrize("quiet", [repr, detach, hash, id, lambda x: x + 1, lambda x: x == 3, lambda x: round(x)])
def test_what_stays_in_the_graph_is_no_escape(quiet: Callable[[Any], Any]) -> None:
    @trace
    def workflow() -> None:
        quiet(node(3))

    run: Trace = workflow()

    assert run.escapes == []


def test_member_that_is_looked_for_escapes_too() -> None:
    member = node("a")

    @trace
    def workflow() -> bool:
        return member in node(["a"])

    run: Trace = workflow()

    assert member in {e.node for e in run.escapes}


def test_escape_of_a_parameter_is_of_the_version_read() -> None:
    parameter = Parameter(3, name="p")

    @trace
    def workflow() -> int:
        return int(parameter)

    run: Trace = workflow()
    parameter.set(4)

    assert cast(Any, run.escapes[0].node)._value == 3
    assert run.escapes[0].node in set(run.output.parents)

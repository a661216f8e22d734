"""Nodes in containers: found, unwrapped, and everything else left alone."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, NamedTuple

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.graph.node import Node, node
from agentopt.graph.structure import contains_node, nodes_in, unwrapped
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=100)


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(frozen=True)
class Frozen:
    held: Any
    other: int = 0


@dataclass(slots=True)
class Slotted:
    held: Any


class Model(pydantic.BaseModel):
    held: Any
    other: int = 0


WRAPPERS: list[Callable[[Any], Any]] = [
    lambda x: [x],
    lambda x: (x,),
    lambda x: Pair(0, x),
    lambda x: {"k": x},
    lambda x: Frozen(x, 7),
    lambda x: Slotted(x),
    lambda x: Model(held=x, other=7),
    lambda x: [[], {"k": (0, [x])}],
    lambda x: Frozen([Pair(x, 1)]),
]
HASHED: list[Callable[[Any], Any]] = [lambda x: {x}, lambda x: frozenset({x}), lambda x: {"k": {(x,)}}]


@pytest.mark.parametrize("wrapper", WRAPPERS + HASHED)
def test_node_in_a_container_is_found(wrapper: Callable[[Any], Any]) -> None:
    a = node(5)

    assert list(nodes_in(wrapper(a))) == [a]
    assert contains_node(wrapper(a))


@pytest.mark.parametrize("wrapper", WRAPPERS + HASHED)
def test_unwrapped_container_is_the_container_of_the_value(wrapper: Callable[[Any], Any]) -> None:
    found = unwrapped(wrapper(node(5)))

    assert found == wrapper(5)
    assert type(found) is type(wrapper(5))


@pytest.mark.parametrize("wrapper", WRAPPERS + HASHED)
def test_container_without_nodes_is_the_same_object(wrapper: Callable[[Any], Any]) -> None:
    plain = wrapper(5)

    assert unwrapped(plain) is plain
    assert list(nodes_in(plain)) == []


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_container_with_nodes_is_copied_not_changed(wrapper: Callable[[Any], Any]) -> None:
    a = node(5)
    container = wrapper(a)

    unwrapped(container)

    assert list(nodes_in(container)) == [a]


def test_member_without_nodes_stays_the_same_object_beside_one_with_nodes() -> None:
    plain = [1]

    assert unwrapped([plain, node(2)])[0] is plain


def test_nodes_are_found_in_order() -> None:
    a, b, c = node(1), node(2), node(3)

    assert list(map(id, nodes_in([a, {"x": b}, (c, a)]))) == list(map(id, [a, b, c, a]))


def test_parameter_is_unwrapped_to_its_value() -> None:
    assert unwrapped([Parameter(3, name="p")]) == [3]


def test_keep_replaces_nodes_by_what_it_returns() -> None:
    assert unwrapped({"a": [node(1)]}, keep=lambda found: found.serial > 0) == {"a": [True]}


@pytest.mark.parametrize("value", [None, 3, "text", b"b", range(3), int, Pair, Frozen, Model, ..., deque([1])])
def test_plain_values_are_left_alone(value: Any) -> None:
    assert unwrapped(value) is value
    assert not contains_node(value)


def test_container_that_contains_itself_is_searched_once() -> None:
    loop: list[Any] = [node(1)]
    loop.append(loop)

    assert len(list(nodes_in(loop))) == 1


def test_container_that_contains_itself_is_unwrapped() -> None:
    loop: list[Any] = [node(1)]
    loop.append(loop)

    assert unwrapped(loop)[0] == 1


def test_container_deeper_than_the_recursion_limit_is_searched() -> None:
    deep: Any = node(1)
    for _ in range(100_000):
        deep = [deep]

    assert contains_node(deep)
    while isinstance(deep, list):  # freed step by step
        deep = deep[0]


@pytest.mark.parametrize("make", [lambda x: defaultdict(list, a=x), lambda x: OrderedDict(a=x)])
def test_kind_of_dict_is_kept(make: Callable[[Any], Any]) -> None:
    assert type(unwrapped(make(node(1)))) is type(make(1))


class Tagged(list[Any]):
    def __init__(self, tag: str, *members: Any) -> None:
        super().__init__(members)
        self.tag = tag


def test_list_subclass_with_a_constructor_of_its_own_is_kept() -> None:
    assert unwrapped(Tagged("t", node(1))).tag == "t"


@dataclass
class Computed:
    held: Any
    later: Any = field(init=False, default=None)


def test_dataclass_field_that_is_not_in_init_is_unwrapped() -> None:
    computed = Computed(1)
    computed.later = node(2)

    assert unwrapped(computed).later == 2


@dataclass
class Started:
    held: Any
    start: InitVar[int]

    def __post_init__(self, start: int) -> None:
        pass


def test_dataclass_with_an_initvar_is_unwrapped() -> None:
    assert unwrapped(Started(node(1), start=0)).held == 1


@dataclass
class Checked:
    held: Any
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made.append("made")


def test_unwrapping_a_dataclass_does_not_run_its_post_init_again() -> None:
    assert unwrapped(Checked(node(1))).made == ["made"]


PLAIN = st.recursive(
    st.integers(-5, 5) | st.text(max_size=3) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(Frozen, inner)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=12,
)


def wrapped(value: Any, picks: list[bool]) -> Any:
    """`value` with some of its leaves made nodes, by `picks` in turn."""
    if isinstance(value, Pair):
        return Pair(*(wrapped(v, picks) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)(wrapped(v, picks) for v in value)
    if isinstance(value, dict):
        return {k: wrapped(v, picks) for k, v in value.items()}
    if isinstance(value, Frozen):
        return Frozen(wrapped(value.held, picks), value.other)
    return Node(value) if picks and picks.pop() else value


@given(value=PLAIN, picks=st.lists(st.booleans(), max_size=12))
@SETTINGS
def test_unwrapping_undoes_wrapping(value: Any, picks: list[bool]) -> None:
    found = unwrapped(wrapped(value, list(picks)))

    assert found == value
    assert not contains_node(found)

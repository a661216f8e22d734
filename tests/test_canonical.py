"""Stable JSON: what goes in comes out equal, and equal values have one digest."""

from __future__ import annotations

import enum
import json
import math
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.canonical import canonical, digest, from_jsonable, to_jsonable
from agentopt.errors import UsageError

SETTINGS = settings(derandomize=True, deadline=None, max_examples=150)

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["$float", "$dict", "$tuple", "$", "\ud800", "\u2028", "ünï"])
    | st.binary(max_size=5)
)
HASHABLE = st.recursive(ATOMS, lambda inner: st.tuples(inner, inner), max_leaves=4)
PLAIN = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.just("$tuple"), inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
    ),
    max_leaves=10,
)


def same(a: Any, b: Any) -> bool:
    """Equal, of equal types all the way down."""
    if type(a) is not type(b) or a != b:
        return False
    if isinstance(a, (list, tuple)):
        return all(map(same, a, b))
    if isinstance(a, dict):
        return all(same(a[k], b[k]) for k in a)
    return True


@given(PLAIN)
@SETTINGS
def test_plain_data_reads_back_equal_through_json_text(value: Any) -> None:
    text = json.dumps(to_jsonable(value, strict=True), allow_nan=False)

    assert same(from_jsonable(json.loads(text)), value)


@given(PLAIN)
@SETTINGS
def test_digest_is_64_hex_digits_of_what_reads_back(value: Any) -> None:
    again = from_jsonable(to_jsonable(value))

    assert digest(again) == digest(value)
    assert len(digest(value)) == 64
    assert "\n" not in canonical(value)


def test_nan_reads_back_as_nan() -> None:
    assert math.isnan(from_jsonable(to_jsonable(float("nan"))))


def test_canonical_text_is_sorted_and_without_spaces() -> None:
    assert canonical({"b": [1, "ü"], "a": {"d": None, "c": 0.5}}) == '{"a":{"c":0.5,"d":null},"b":[1,"ü"]}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, 2), '{"$tuple":[1,2]}'),
        ({2, 1}, '{"$set":[1,2]}'),
        (float("nan"), '{"$float":"nan"}'),
        (float("-inf"), '{"$float":"-inf"}'),
        (b"abc", '{"$bytes":"YWJj"}'),
        ({1: 2}, '{"$dict":[[1,2]]}'),
        ({"$float": 1}, '{"$dict":[["$float",1]]}'),
        (np.array([[1, 2]]), '{"$array":[[1,2]],"dtype":"int64","shape":[1,2]}'),
        (np.float64(0.5), "0.5"),
        (np.int32(3), "3"),
        (np.bool_(True), "true"),
    ],
    ids=str,
)
def test_value_is_written_as(value: Any, text: str) -> None:
    assert canonical(value) == text


@pytest.mark.parametrize("pair", [(1, 1.0), (1, True), (0, False), ("1", 1), ([1], (1,)), (None, "None"), (b"a", "a")])
def test_values_of_different_kinds_have_different_digests(pair: tuple[Any, Any]) -> None:
    assert digest(pair[0]) != digest(pair[1])


def test_order_of_keys_reads_back() -> None:
    assert list(from_jsonable(to_jsonable({2: "b", 1: "a"}, strict=True))) == [2, 1]


def test_key_order_does_not_matter() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_order_of_other_keys_does_not_matter() -> None:
    assert digest({1: "a", 2: "b"}) == digest({2: "b", 1: "a"})


@pytest.mark.parametrize("value", [{frozenset({1})}, {frozenset({1}): 2}, {(frozenset({1}),)}], ids=str)
def test_frozenset_inside_a_set_or_key_reads_back(value: Any) -> None:
    assert from_jsonable(to_jsonable(value, strict=True)) == value


@pytest.mark.parametrize(
    "array", [np.array([1.5, np.nan]), np.zeros((2, 3)), np.array([True]), np.array(["a"])], ids=str
)
def test_array_reads_back_with_shape_and_type(array: Any) -> None:
    again = from_jsonable(json.loads(json.dumps(to_jsonable(array, strict=True))))

    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype


def test_empty_array_reads_back_with_its_shape() -> None:
    assert from_jsonable(to_jsonable(np.zeros((0, 3)), strict=True)).shape == (0, 3)


class Pair(NamedTuple):
    left: int
    right: int


@dataclass
class Data:
    x: Any


class Model(pydantic.BaseModel):
    x: int


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Plain:
    """Its repr holds an address."""


OBJECTS = [Pair(1, 2), Data(1), Model(x=1), Color.RED, Level.HIGH, Plain(), deque([1]), OrderedDict(a=1), 1j, range(3)]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda v: type(v).__name__)
def test_strict_mode_refuses_what_would_not_read_back_and_names_the_place(value: Any) -> None:
    with pytest.raises(UsageError, match=r"\$\.a\[1\] is a " + type(value).__name__):
        to_jsonable({"a": [0, value]}, strict=True)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (Pair(1, 2), {"$tuple": [1, 2]}),
        (Data((1,)), {"$object": "Data", "fields": {"x": {"$tuple": [1]}}}),
        (Model(x=1), {"$object": "Model", "fields": {"x": 1}}),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (Counter("aab"), {"a": 2, "b": 1}),
        (1j, {"$repr": "1j"}),
        (int, {"$repr": "<class 'int'>"}),
    ],
    ids=str,
)
def test_object_is_written_for_people_otherwise(value: Any, data: Any) -> None:
    assert to_jsonable(value) == data


def test_no_address_is_written() -> None:
    assert digest([Plain()]) == digest([Plain()])
    assert "0x" not in canonical(Plain())


@pytest.mark.parametrize("is_strict", [True, False])
def test_data_that_contains_itself_is_refused(is_strict: bool) -> None:
    loop: dict[str, Any] = {"a": []}
    loop["a"].append(loop)

    with pytest.raises(UsageError, match=r"\$\.a\[0\] contains itself"):
        to_jsonable(loop, strict=is_strict)


def test_shared_data_is_no_loop() -> None:
    shared = [1]

    assert to_jsonable([shared, shared], strict=True) == [[1], [1]]


def test_sets_of_mixed_types_have_one_order() -> None:
    assert canonical({"b", 1, None, (2,), "a"}) == canonical({(2,), "a", None, 1, "b"})


def test_lone_surrogates_have_a_digest() -> None:
    assert digest("\ud800") != digest("\ud801")

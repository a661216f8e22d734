"""Values as text: stable, bounded, and true."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.graph.showing import estimate_tokens, failure_text, shortened, show

SETTINGS = settings(derandomize=True, deadline=None, max_examples=100)


class Plain:
    """Its repr holds an address."""


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError


class Mute:
    def to_text(self) -> str:
        raise RuntimeError


class Worded:
    def to_text(self) -> str:
        return "in its own words"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (3, "3"),
        (0.1, "0.1"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, "True"),
        ("a 'quoted' word", "\"a 'quoted' word\""),
        ("", "''"),
        ("ünï ☃", "'ünï ☃'"),
        ("two\nlines", "two\nlines"),
        (b"\x00", "b'\\x00'"),
        ([], "[]"),
        ([1, [2]], "[1, [2]]"),
        ((1,), "(1,)"),
        ({"b": 1, "a": [2]}, "{'b': 1, 'a': [2]}"),
        ({}, "{}"),
        ({3, 1, 2}, "{1, 2, 3}"),
        ({"c", "a", "b"}, "{'a', 'b', 'c'}"),
        (frozenset({"b", "a"}), "frozenset({'a', 'b'})"),
        (set(), "set()"),
        (np.array([1, 2]), "array([1, 2])"),
        (Worded(), "in its own words"),
        (Broken(), "<Broken whose repr raises RuntimeError>"),
        (int, "<class 'int'>"),
    ],
    ids=lambda x: None,
)
def test_value_is_shown_as(value: Any, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize("value", [Plain(), [Plain()], lambda: 0, {"k": "x".join}, (i for i in "")], ids=range(5))
def test_no_address_is_shown(value: Any) -> None:
    assert "0x" in repr(value)
    assert "0x" not in show(value)


def test_string_that_speaks_of_an_address_is_shown_as_it_is() -> None:
    assert show("fault at 0x10") == "'fault at 0x10'"


WORDS = ["lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit"]


class Held(NamedTuple):
    words: Any


@dataclass
class Kept:
    words: Any


@pytest.mark.parametrize(
    "wrap",
    [
        set,
        frozenset,
        lambda w: [set(w)],
        lambda w: {"k": {"k": set(w)}},
        lambda w: {*w, 1, None},
        lambda w: {frozenset({x}) for x in w},
        lambda w: Held(set(w)),
        lambda w: Kept(set(w)),
        lambda w: defaultdict(set, k=set(w)),
        pytest.param(
            lambda w: {type(w[0])(a + b + c + d) for a in w for b in w for c in w for d in w},
        ),
    ],
    ids=["set", "frozenset", "list", "dict", "mixed", "nested sets", "namedtuple", "dataclass", "defaultdict", "huge"],
)
def test_sets_are_shown_in_one_order_whatever_the_hashes(wrap: Any, tmp_path: Any) -> None:
    """Strings whose hashes differ from process to process are stood in for by ones with chosen hashes."""
    texts = set()
    for seed in range(8):

        class Word(str):
            __slots__ = ()
            salt = seed

            def __hash__(self) -> int:
                return int(sum(map(ord, self)) * (7919**self.salt) % 104729)

        texts.add(show(wrap([Word(w) for w in WORDS])))

    assert len(texts) == 1


@pytest.mark.parametrize("value", [Counter("xxyzzz"), OrderedDict(y=1, x=2), {"y": 1, "x": 2}])
def test_dicts_keep_their_own_order(value: Any) -> None:
    text = show(value)

    assert [k for k in text if k in "xyz"] == list(value)


def nested(depth: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    "value",
    [
        Mute(),
        [Mute()],
        pytest.param(nested(5000)),
    ],
    ids=["to_text", "to_text in a list", "deep"],
)
def test_no_value_makes_showing_it_fail(value: Any) -> None:
    assert len(show(value)) < 1000


def test_short_text_of_a_huge_value_asks_few_members_for_theirs() -> None:
    asked = []

    class Asked:
        def __repr__(self) -> str:
            asked.append(1)
            return "asked"

    show([[Asked()] * 200] * 200, 100)

    assert len(asked) < 5000


def test_container_that_contains_itself_is_shown() -> None:
    loop: list[Any] = [1]
    loop.append(loop)

    assert show(loop) == "[1, ...]"


@given(text=st.text(max_size=400), limit=st.integers(10, 100))
@SETTINGS
def test_shortened_text_keeps_head_and_tail_and_says_how_much_is_missing(text: str, limit: int) -> None:
    short = shortened(text, limit)

    if len(text) <= limit:
        assert short == text
    else:
        head, rest = short.split(" …(", 1)
        count, tail = rest.split(" characters left out)… ", 1)
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) + int(count) + len(tail) == len(text)
        assert len(head) + len(tail) <= limit


@pytest.mark.parametrize("value", ["x" * 10**6, list(range(10**5)), {i: i for i in range(10**5)}, b"x" * 10**6])
def test_huge_value_is_shown_short(value: Any) -> None:
    assert len(show(value, 100)) < 150


def test_shown_value_is_bounded_by_what_is_asked() -> None:
    assert show("x" * 100, 1000) == repr("x" * 100)


def test_integer_too_long_for_a_repr_is_shown_as_such() -> None:
    assert "int" in show(10**5000, 100)


def test_tokens_are_a_quarter_of_the_bytes_rounded_up() -> None:
    assert [estimate_tokens(t) for t in ("", "a", "abcd", "abcde", "☃☃☃")] == [0, 1, 1, 2, 3]


def test_lone_surrogate_has_tokens() -> None:
    assert estimate_tokens("\ud800") == 1


def test_failure_text_has_type_message_and_notes() -> None:
    error = ValueError("bad value")
    error.add_note("in candidate `3`")

    assert failure_text(error) == "ValueError: bad value\nin candidate `3`"


@pytest.mark.parametrize("error", [ValueError(), AssertionError()])
def test_failure_without_a_message_is_its_type(error: Exception) -> None:
    assert failure_text(error) == type(error).__name__


def test_long_failure_is_shortened() -> None:
    assert len(failure_text(ValueError("x" * 10_000), 100)) < 200

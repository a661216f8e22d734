"""Which values a parameter may take: written differently, perhaps; changed in meaning, never."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import ProposalError
from agentopt.graph.allowed import check_value
from agentopt.graph.bundling import bundle
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=150)


def parameter(*, check: Callable[[Any], object] | None = None, **said: Any) -> Parameter:
    """A parameter `p`; its `check` is not asked about the start value."""
    made = Parameter(said.pop("value"), name="p", **said)
    made.check = check
    return made


NUMBER: dict[str, Any] = {"value": 1.0}
INTEGER: dict[str, Any] = {"value": 1}
FLAG: dict[str, Any] = {"value": True}
COLOR: dict[str, Any] = {"value": "Red", "choices": ["Red", "green", None, 3]}
PROMPT: dict[str, Any] = {"value": "text"}
JSON: dict[str, Any] = {"value": {"a": 1}}
LIST: dict[str, Any] = {"value": [1]}


@pytest.mark.parametrize(
    ("said", "value", "taken"),
    [
        (NUMBER, 3, 3.0),
        (NUMBER, 3.7, 3.7),
        (NUMBER, "3.7", 3.7),
        (NUMBER, " 3 ", 3.0),
        (NUMBER, "+3", 3.0),
        (NUMBER, "-1e-3", -0.001),
        (NUMBER, np.float64(0.5), 0.5),
        (INTEGER, 3, 3),
        (INTEGER, 3.0, 3),
        (INTEGER, "3", 3),
        (INTEGER, "3.0", 3),
        (INTEGER, "-3", -3),
        (INTEGER, 10**20, 10**20),
        (FLAG, True, True),
        (FLAG, False, False),
        (FLAG, "False", False),
        (FLAG, "false", False),
        (FLAG, " TRUE ", True),
        (COLOR, "green", "green"),
        (COLOR, "red", "Red"),
        (COLOR, None, None),
        (COLOR, "None", None),
        (COLOR, 3, 3),
        (COLOR, "3", 3),
        (PROMPT, "  kept\n", "  kept\n"),
        (PROMPT, "", ""),
        (PROMPT, "3", "3"),
        (JSON, {"b": [2]}, {"b": [2]}),
        (JSON, '{"b": 2}', {"b": 2}),
        (LIST, "[1, 2]", [1, 2]),
        (LIST, [], []),
        ({"value": "text", "kind": "json"}, "[1]", "[1]"),
        ({"value": None, "kind": "json"}, 3, 3),
    ],
    ids=repr,
)
def test_value_is_taken_as(said: dict[str, Any], value: Any, taken: Any) -> None:
    found = check_value(parameter(**said), value)

    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (NUMBER, "2+3"),
        (NUMBER, "three"),
        (NUMBER, ""),
        (NUMBER, True),
        (NUMBER, "true"),
        (NUMBER, None),
        (NUMBER, math.nan),
        (NUMBER, math.inf),
        (NUMBER, "NaN"),
        (NUMBER, "-Infinity"),
        (NUMBER, "1e400"),
        (NUMBER, [1]),
        (NUMBER, "[1]"),
        (NUMBER, 1j),
        (NUMBER, "1_000"),
        (NUMBER, "1,000"),
        (NUMBER, "50%"),
        (INTEGER, 3.7),
        (INTEGER, "3.7"),
        (INTEGER, True),
        (INTEGER, False),
        (INTEGER, "0x10"),
        (INTEGER, math.inf),
        (INTEGER, "9" * 5000),
        (FLAG, 0),
        (FLAG, 1),
        (FLAG, 1.0),
        (FLAG, "no"),
        (FLAG, ""),
        (FLAG, None),
        (COLOR, "blue"),
        (COLOR, 3.0),
        (COLOR, ["Red"]),
        (COLOR, True),
        (PROMPT, 3),
        (PROMPT, None),
        (PROMPT, ["text"]),
        (JSON, [1]),
        (JSON, "not json"),
        (JSON, 3),
        (LIST, {"a": 1}),
        (LIST, (1,)),
        ({"value": "def f(): ...\n", "kind": "code"}, 3),
    ],
    ids=lambda v: ascii(v)[:40],
)
def test_value_is_refused_with_the_name_and_what_was_given(said: dict[str, Any], value: Any) -> None:
    with pytest.raises(ProposalError, match="parameter `p`") as raised:
        check_value(parameter(**said), value)

    assert f"({type(value).__name__})" in str(raised.value)


def test_json_text_of_another_shape_is_refused() -> None:
    with pytest.raises(ProposalError, match="parameter `p` is a dict"):
        check_value(parameter(**JSON), "[1]")


def test_json_text_nested_too_deep_is_refused() -> None:
    with pytest.raises(ProposalError):
        check_value(parameter(**LIST), "[" * 100_000)


def test_refusal_says_what_is_expected() -> None:
    messages = []
    for said, value in ((INTEGER, 3.7), (NUMBER, "2+3"), (FLAG, 2), (PROMPT, 3)):
        with pytest.raises(ProposalError) as raised:
            check_value(parameter(**said), value)
        messages.append(str(raised.value))

    assert messages == [
        "parameter `p` is an integer, the proposal gives 3.7 (float)",
        "parameter `p` is a finite number, the proposal gives '2+3' (str)",
        "parameter `p` is one of False, True, the proposal gives 2 (int)",
        "parameter `p` is text (prompt), the proposal gives 3 (int)",
    ]


def test_choices_that_differ_in_case_only_are_told_apart_or_refused() -> None:
    ambiguous = parameter(value="a", choices=["a", "A"])

    assert check_value(ambiguous, "A") == "A"
    with pytest.raises(ProposalError):
        check_value(ambiguous, "a ")


@pytest.mark.parametrize("said", [NUMBER, INTEGER], ids=["number", "integer"])
def test_integer_beyond_floats_is_taken_or_refused(said: dict[str, Any]) -> None:
    with contextlib.suppress(ProposalError):
        assert check_value(parameter(**said), 10**400) == 10**400


def test_plus_minus_is_no_number() -> None:
    with pytest.raises(ProposalError):
        check_value(parameter(**INTEGER), "+-3")


# bounds and steps


@pytest.mark.parametrize(
    ("bounds", "taken", "refused"),
    [((0, 10), [0, 10, 5.5], [-0.001, 10.001]), ((None, 3), [-1e300, 3], [3.1]), ((0, None), [0, 1e300], [-1])],
)
def test_bounds_are_included_and_named(
    bounds: tuple[float | None, float | None], taken: list[float], refused: list[float]
) -> None:
    p = parameter(value=1.0, bounds=bounds)
    low, high = bounds

    assert [check_value(p, value) for value in taken] == taken
    for value in refused:
        with pytest.raises(ProposalError) as raised:
            check_value(p, value)
        shown = f"from {'-inf' if low is None else low} to {'inf' if high is None else high}"
        assert f"must be {shown}, the proposal gives {float(value)!r}" in str(raised.value)


def test_written_number_is_checked_against_the_bounds() -> None:
    with pytest.raises(ProposalError, match="from 0 to 10"):
        check_value(parameter(value=1, bounds=(0, 10)), "11")


@pytest.mark.parametrize(
    ("said", "taken", "refused"),
    [
        ({"value": 0.0, "step": 0.1}, [0.3, 0.7, -0.1, 1e6], [0.35, 0.30001]),
        ({"value": 1.0, "bounds": (1, 2), "step": 0.25}, [1, 1.25, 2], [1.1]),
        ({"value": 3, "bounds": (3, 99), "step": 5}, [3, 8, 98], [5, 10]),
        ({"value": 0, "step": 2}, [-4, 0, 10**6], [1, -3]),
    ],
    ids=str,
)
def test_steps_count_from_the_lower_bound(said: dict[str, Any], taken: list[float], refused: list[float]) -> None:
    p = parameter(**said)

    assert [check_value(p, value) for value in taken] == taken
    for value in refused:
        with pytest.raises(ProposalError, match="in steps of"):
            check_value(p, value)


def test_odd_number_is_no_multiple_of_two_however_large() -> None:
    with pytest.raises(ProposalError):
        check_value(parameter(value=0, step=2), 2_000_000_001)


@given(low=st.integers(-1000, 1000), step=st.integers(1, 50), value=st.integers(-2000, 2000))
@SETTINGS
def test_integer_steps_are_exactly_the_multiples(low: int, step: int, value: int) -> None:
    p = parameter(value=low, bounds=(low, None), step=step)

    if value >= low and (value - low) % step == 0:
        assert check_value(p, value) == value
    else:
        with pytest.raises(ProposalError):
            check_value(p, value)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), st.lists(st.integers())))
@SETTINGS
def test_whatever_is_proposed_is_taken_or_refused_never_raised(value: Any) -> None:
    for said in (NUMBER, INTEGER, FLAG, COLOR, PROMPT, JSON, LIST):
        p = parameter(**said)
        try:
            taken = check_value(p, value)
        except ProposalError:
            continue
        assert check_value(p, taken) == taken  # what is taken stays so


# code


def coded() -> Parameter:
    @bundle(trainable=True)
    def f(a: int) -> int:
        return a

    made: Any = f
    assert isinstance(made.code, Parameter)
    return made.code


@pytest.mark.parametrize(
    "fenced",
    [
        "```python\ndef f(a):\n    return 1\n```",
        "```\ndef f(a):\n    return 1\n```\n",
        "\n  ```py\ndef f(a):\n    return 1\n\n```  \n",
    ],
    ids=repr,
)
def test_fence_around_code_is_stripped(fenced: str) -> None:
    assert check_value(coded(), fenced).rstrip() == "def f(a):\n    return 1"


def test_code_without_a_fence_is_kept_as_it_is() -> None:
    source = "# why\n\ndef f(a):\n    return '```'\n"

    assert check_value(coded(), source) == source


def test_fence_around_a_prompt_is_kept() -> None:
    assert check_value(parameter(**PROMPT), "```\ntext\n```") == "```\ntext\n```"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(a, b): ...", "`f` are fixed"),
        ("def g(a): ...", "must define the function `f`"),
        ("def f(a:", "does not parse"),
        ("Here it is:\n```python\ndef f(a): ...\n```", "does not parse"),
        ("def f(a): ...\0", "null"),
    ],
)
def test_code_that_cannot_replace_the_function_is_refused(source: str, said: str) -> None:
    with pytest.raises(ProposalError, match=f"parameter `f`: .*{said}"):
        check_value(coded(), source)


# check


def raising(value: Any) -> None:
    raise ValueError("no vowels")


def raising_bare(value: Any) -> None:
    raise ValueError


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (raising, "parameter `p`: no vowels"),
        (raising_bare, "parameter `p`: ValueError"),
        (lambda value: "too long", "parameter `p`: too long"),
        (lambda value: False, "parameter `p`: its check refuses 'new' (str)"),
        (lambda value: 1 / 0, "parameter `p`: division by zero"),
    ],
)
def test_check_refuses_by_raising_complaining_or_returning_false(check: Callable[[Any], object], said: str) -> None:
    with pytest.raises(ProposalError) as raised:
        check_value(parameter(**PROMPT, check=check), "new")

    assert str(raised.value) == said


@pytest.mark.parametrize("answer", [None, True, "", 1, [0]], ids=repr)
def test_check_agrees_by_returning_anything_else(answer: object) -> None:
    assert check_value(parameter(**PROMPT, check=lambda value: answer), "new") == "new"


def test_check_that_returns_numpy_s_false_refuses() -> None:
    with pytest.raises(ProposalError):
        check_value(parameter(value=1.0, check=lambda value: np.all(np.array([value]) > 5)), 2.0)


def test_check_sees_the_value_as_it_will_be_taken() -> None:
    seen: list[Any] = []

    check_value(parameter(value=1, check=seen.append), "3.0")

    assert (seen, type(seen[0])) == ([3], int)


def test_check_is_not_asked_about_what_is_refused_anyway() -> None:
    seen: list[Any] = []

    with pytest.raises(ProposalError):
        check_value(parameter(value=1, check=seen.append), "three")

    assert seen == []


def test_request_to_stop_in_a_check_passes() -> None:
    def stop(value: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_value(parameter(**PROMPT, check=stop), "new")

"""Keys of behaviour: equal for what Python or a reader cannot tell apart, different for all else."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

import agentopt as ao
from agentopt.evaluate.behaviour import normal_source, outputs_key, value_key

PLAIN = "def f(x):\n    y = x + 1\n    return y\n"


@pytest.mark.parametrize(
    "same",
    [
        "def f(x):  # adds one\n    y = x + 1\n    return y\n",
        "def f( x ):\n\n    y = (x\n        + 1)\n    return y",
        'def f(x):\n    """Adds one."""\n    y = x + 1\n    return y\n',
        "def f(x):\n    total = x + 1\n    return total\n",
        "def f(x):\n    y = x + 0x1\n    return y\n",
    ],
)
def test_what_python_does_not_see_makes_no_difference(same: str) -> None:
    assert normal_source(same) == normal_source(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    y = x + 2\n    return y\n",
        "def f(x):\n    y = x + 1.0\n    return y\n",
        "def f(x):\n    y = x + True\n    return y\n",
        "def f(x):\n    y = 1 + x\n    return y\n",
        "def f(x):\n    y = x + 1\n    return x\n",
        "def f(z):\n    y = z + 1\n    return y\n",  # an argument's name is part of how it is called
        "def f(x):\n    y = x + 1\n    return z\n",
        "def g(x):\n    y = x + 1\n    return y\n",
    ],
)
def test_what_python_sees_makes_a_difference(other: str) -> None:
    assert normal_source(other) != normal_source(PLAIN)


def test_two_local_variables_that_change_places_are_not_the_same() -> None:
    one = "def f(x):\n    a = x\n    b = 2 * x\n    return a - b\n"
    other = "def f(x):\n    a = x\n    b = 2 * x\n    return b - a\n"
    assert normal_source(one) != normal_source(other)


def test_a_function_that_is_only_a_docstring_returns_none_as_pass_does() -> None:
    assert normal_source('def f():\n    "Nothing."\n') == normal_source("def f():\n    pass\n")


@pytest.mark.parametrize(
    "body",
    [
        "return f.__doc__",
        "import inspect; return inspect.getsource(f)",
        "return getattr(f, '__doc__')",
        "import sys; return sys._getframe().f_lineno",
        "return locals()",
    ],
)
def test_code_that_may_look_at_itself_is_compared_as_it_is_written(body: str) -> None:
    source = f'def f():\n    """Words."""\n    {body}\n'
    assert normal_source(source) == source


@pytest.mark.parametrize(
    "body",
    ["return [y for y in range(3)]", "def y(): return y\n    return y", "global y; y = 1", "import os as y; return y"],
)
def test_names_that_other_scopes_may_share_are_left_alone(body: str) -> None:
    source = f"def f():\n    {body}\n"
    assert normal_source(source) != normal_source(source.replace("y", "z"))


def test_code_that_does_not_parse_is_compared_as_it_is_written() -> None:
    assert normal_source("def f(:") == "def f(:"


def prompt(text: str) -> str:
    return value_key(ao.Parameter("", name="p", kind="prompt"), text)


def test_prompts_are_compared_without_outer_white_space_in_one_unicode_form() -> None:
    assert prompt(" Caf\u00e9\n") == prompt("Cafe\u0301")


def test_white_space_inside_a_prompt_counts() -> None:
    assert prompt("a  b") != prompt("a b")


def test_numbers_are_compared_as_numbers_and_booleans_are_none() -> None:
    number = ao.Parameter(1.0, name="n")
    assert value_key(number, 3) == value_key(number, 3.0)
    assert value_key(number, 3.0) != value_key(number, 3.0000000001)
    choice = ao.Parameter(1, name="c", choices=(0, 1, True))
    assert value_key(choice, 1) != value_key(choice, True)


DIFFERENT = [
    *(0.0, 1.0, -1.0, 1, True, None, "", "0", math.nan, math.inf, -math.inf, 2.0, 0.5, 5e-324, 1 + 2**-20),
    *([], [1.0], (1.0,), {}, {"a": 1.0}, {"a": 2.0}, b"1"),
]


def test_different_values_have_different_keys() -> None:
    assert len({outputs_key([value]) for value in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("one", "other"), [(0.0, -0.0), (math.nan, -math.nan), (" text\n", "text"), ("caf\u00e9", "cafe\u0301")]
)
def test_values_that_mean_the_same_have_one_key(one: Any, other: Any) -> None:
    assert outputs_key([one]) == outputs_key([other])


def test_arrays_count_with_their_shape_and_type() -> None:
    np = pytest.importorskip("numpy")
    arrays = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, dtype="float32"), np.ones(4)]
    assert len({outputs_key([a]) for a in arrays}) == len(arrays)


@pytest.mark.parametrize(("noise", "most"), [(1e-12, 0.001), (1e-9, 0.05)])
def test_rounding_noise_seldom_splits_equal_results(noise: float, most: float) -> None:
    """The chance is about noise x 2^24: 1.7e-5 at 1e-12 and 1.7 % at 1e-9."""
    rng = Random(0)
    values = [rng.uniform(-100, 100) for _ in range(4000)]
    split = sum(outputs_key([v]) != outputs_key([v * (1 + noise * rng.uniform(-1, 1))]) for v in values)
    assert split / len(values) <= most

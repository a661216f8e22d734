"""What expressions are worth, and that nothing but the algebra is understood."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentopt.modeling.declarative.algebra import AlgebraError, Key, Linear, parse
from agentopt.modeling.declarative.evaluation import Evaluator


class Names:
    """Sets, numbers and the variables `x[i]`, `y`."""

    sets: dict[str, tuple[Key, ...]]

    def __init__(self) -> None:
        self.sets = {"I": (1, 2, 3), "days": ("Mon", "Tue"), "arcs": (("a", "b"), ("b", "c")), "none": ()}

    def entry(self, name: str, key: tuple[Key, ...]) -> Linear:
        if name == "c" and len(key) == 1 and isinstance(key[0], int):
            return Linear(constant=Fraction(10 * key[0]))
        if name in ("x", "f") or (name == "y" and not key):
            return Linear({f"{name}{list(key)}": Fraction(1)})
        raise AlgebraError(f"no `{name}`")


def worth(text: str) -> Linear:
    return Evaluator(Names()).linear(parse(text), {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1 + 0.2", "3/10"),
        ("2 * 3 - -4 / 8", "13/2"),
        ("sum(c[i] for i in I)", "60"),
        ("sum(c[i] for i in I if i > 1 and i != 3)", "20"),
        ("sum(1 for (i, j) in arcs if i == 'b')", "1"),
        ("sum(1 for i in none)", "0"),
        ("sum(i * j for i in I for j in I if i < j)", "11"),
        ("c[1 + 1]", "20"),
        ("len(I) + max(c[i] for i in I) + min(4, 2) + abs(-1)", "36"),
        ("floor(7 / 2) + ceil(7 / 2) + 7 % 2 + 7 // 2", "11"),
        ("5 if 2 in I else 6", "5"),
        ("5 if 9 in I or not 1 <= 2 < 3 else 6", "6"),
        ("5 if ('a', 'c') in arcs else 6", "6"),
        ("2 ** 10", "1024"),
    ],
)
def test_worth_of_numbers(text: str, value: str) -> None:
    assert worth(text) == Linear(constant=Fraction(value))


def test_terms_of_the_same_column_are_added() -> None:
    found = worth("2 * y + 3 * (y - 1) / 6 + sum(c[i] * x[i] for i in I if i <= 2)")
    assert found.terms == {"y[]": Fraction(5, 2), "x[1]": 10, "x[2]": 20}
    assert found.constant == Fraction(-1, 2)


def test_a_member_that_is_a_list_can_be_one_index_or_several() -> None:
    assert worth("sum(f[a] for a in arcs)") == worth("sum(f[i, j] for (i, j) in arcs)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y * x[1]", "multiplies the variables `y\\[\\]` and `x\\[1\\]`"),
        ("1 / y", "divides by the variable"),
        ("1 / (2 - 2)", "divides by 0"),
        ("0 ** -1", "divides by 0"),
        ("abs(y)", "depends on the variable"),
        ("max(y, 1)", "depends on the variable"),
        ("1 if y >= 1 else 0", "depends on the variable"),
        ("sum(x[i] for i in J)", "no set `J`"),
        ("sum(x[i] for i in range(3))", "is no set"),
        ("sum([1, 2])", "not part of the algebra"),
        ("x[1].real", "not part of the algebra"),
        ("(lambda: 1)()", "not part of the algebra"),
        ("__import__('os')", "not part of the algebra"),
        ("[y for i in I]", "not part of the algebra"),
        ("f'{y}'", "not part of the algebra"),
        ("'Mon'", "expected a number"),
        ("'Mon' < 3", "cannot be compared"),
        ("9 ** 9 ** 9", "whole number from -20 to 20"),
        ("(((9 ** 20) ** 20) ** 20) ** 20", "too large"),
        ("min(c[i] for i in none)", "has no value"),
        ("x[1.5]", "is no index"),
        ("x = 3", "equality is written `==`"),
        ("", "missing"),
        ("3 +", "cannot be read"),
        ("1" * 5000, "too long"),
        ("(" * 3000 + "1" + ")" * 900, "cannot be read"),
        ("sum(1 for (i, j) in I)", "cannot be taken as 2 indices"),
    ],
)
def test_what_is_not_algebra_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(AlgebraError, match=words):
        worth(text)


def test_a_sum_that_expands_too_far_is_stopped() -> None:
    names = Names()
    names.sets["I"] = tuple(range(2000))
    with pytest.raises(AlgebraError, match="too large to be expanded"):
        Evaluator(names).linear(parse("sum(1 for i in I for j in I for k in I)"), {})


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(-50, 50)), max_size=8))
def test_arithmetic_is_that_of_python(steps: list[tuple[str, int]]) -> None:
    text = "7" + "".join(f" {sign} ({number})" for sign, number in steps)
    assert worth(text).constant == eval(text)

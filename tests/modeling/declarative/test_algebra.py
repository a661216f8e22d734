"""Expressions and domains as they are read."""

from __future__ import annotations

from fractions import Fraction

import pytest

from agentopt.modeling.declarative.algebra import AlgebraError, Linear, addends, parse, parse_domain


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("", ()),
        ("i in I", ((("i",), "I"),)),
        ("for i in I for j in J", ((("i",), "I"), (("j",), "J"))),
        ("i in I, (a, b) in arcs if i > 1", ((("i",), "I"), (("a", "b"), "arcs"))),
    ],
)
def test_domains(text: str, loops: object) -> None:
    domain = parse_domain(text)
    assert domain.loops == loops
    assert (domain.condition is not None) == (" if " in text)


@pytest.mark.parametrize("text", ["i", "i in I, i in J", "1 in I", "i in I + J", "i in I if"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(AlgebraError):
        parse_domain(text)


def test_a_condition_may_stand_on_a_line_of_its_own() -> None:
    assert parse_domain("i in I\nif i > 1").condition is not None


@pytest.mark.parametrize(
    ("text", "signs"), [("x", [1]), ("a - b + c", [1, -1, 1]), ("a - (b - c)", [1, -1]), ("-a", [1])]
)
def test_addends_of_a_sum_that_is_written_out(text: str, signs: list[int]) -> None:
    assert [sign for _, sign in addends(parse(text))] == signs


def test_sums_of_linear_expressions() -> None:
    one, two = Linear({"x": Fraction(1)}, Fraction(2)), Linear({"x": Fraction(3), "y": Fraction(1)})
    assert one.plus(two, Fraction(-1)) == Linear({"x": Fraction(-2), "y": Fraction(-1)}, Fraction(2))
    assert one.times(Fraction(1, 2)) == Linear({"x": Fraction(1, 2)}, Fraction(1))

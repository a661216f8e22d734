"""Numbers in a text."""

from __future__ import annotations

import pytest

from agentopt.modeling.evidence.numerals import numbers_in


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("no number", []),
        ("1,200 boxes and 35,000.5 units, 3,4", [1200, 35000.5, 3, 4]),
        ("$2.50, .5 and -3", [2.5, 0.5, 3]),
        ("3/4 of 12/10", [0.75, 1.2]),
        ("60% and 12.5 percent", [60, 12.5]),
        ("two hundred and five, twenty-one, three thousand four hundred", [205, 21, 3400]),
        ("2 million and 1.5 thousand", [2e6, 1500]),
        ("two-thirds, a third, half, three quarters, one fifth", [2 / 3, 1 / 3, 0.5, 0.75, 0.2]),
        ("twice as many, two dozen, a dozen", [2, 24, 12]),
        ("the third plant, the second shift", []),
        ("x1, Node 3, Table 6, #4, A2B", []),
        ("1. first item costs 5\n2) second costs 6", [5, 6]),
        ("10kg in 3 days", [10, 3]),
        ("half and half", [0.5, 0.5]),
        ("one and two", [1, 2]),
        ("☃ 5 – 7", [5, 7]),
        ("hundreds of", []),
        ("a hundred, a thousand tons, a million two hundred thousand", [100, 1000, 1.2e6]),
        ("2 1/2 hours, two and a half, one and a half dozen", [2.5, 2.5, 1.5, 12]),
        ("½ of 1½, ¾", [0.5, 1.5, 0.75]),
        ("2.5e3, 1e-3 and 3E+2", [2500, 0.001, 300]),
        ("1\u202f200 and 12\u00a0345\u00a0678.5, 1 200", [1200, 12345678.5, 1, 200]),
        ("1,00,000 rupees and 12,34,567", [1e5, 1234567]),
        ("EUR 500, USD 20, Rs 7", [500, 20, 7]),
        ("the 3rd, 1st and 22nd day, on 2024-05-01", []),
        ("the twenty-first week, thirty-second, twenty-five", [25]),
    ],
)
def test_numbers_are_found(text: str, values: list[float]) -> None:
    assert [n.value for n in numbers_in(text)] == pytest.approx(values)


def test_places_are_those_of_the_text() -> None:
    text = "at least 60% of 1,000"
    assert [text[n.place : n.end] for n in numbers_in(text)] == ["60%", "1,000"]


def test_what_is_too_long_to_be_a_number_does_no_harm() -> None:
    assert len(numbers_in(f"1/{'7' * 6000} and {'9' * 6000}")) == 3

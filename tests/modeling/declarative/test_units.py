"""Units: what fits, what does not, and that what is not known raises no alarm."""

from __future__ import annotations

import pytest

from agentopt.modeling.declarative.document import read_document
from agentopt.modeling.declarative.units import parse_unit, unit_complaints, unit_text
from tests.modeling.declarative.documents import data, document, row, transport, variable


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("", {}),
        ("%", {}),
        ("hours", {"hour": 1}),
        ("$ per unit per week", {"$": 1, "unit": -1, "week": -1}),
        ("dollars/hr", {"$": 1, "hour": -1}),
        ("Square Feet", {"square_feet": 1}),
        ("kg*km/hour", {"kg": 1, "km": 1, "hour": -1}),
        ("m^2/m", {"m": 1}),
        ("1/hour", {"hour": -1}),
        ("gas", {"gas": 1}),
        ("glass", {"glass": 1}),
        ("m^x", {"m": 1}),
    ],
)
def test_units_are_read(text: str, unit: dict[str, int]) -> None:
    assert parse_unit(text) == unit
    assert parse_unit(unit_text(unit)) == unit


def complaints(expression: str, *, unit: str | None = None) -> list[tuple[str, str]]:
    written = document(
        [variable("hours", unit="hours"), variable("made", unit="units"), variable("free")],
        "wage * hours",
        [row("r", expression)],
        parameters=[
            data("wage", 9, unit="$/hour"),
            data("minutes_each", 30, unit="minutes/unit"),
            data("hours_each", 0.5, unit="hours/unit"),
        ],
    )
    written["objective"]["unit"] = unit
    return unit_complaints(read_document(written))


@pytest.mark.parametrize(
    "expression",
    [
        "hours_each * made <= hours",
        "hours_each * made <= 40",
        "minutes_each / 60 * made <= hours",
        "free + made <= free",
        "sum(3 for i in nothing) >= made",
        "broken ( ",
        "-" * 900 + "made >= 1",
        " + ".join(["made"] * 500) + " >= made",
    ],
)
def test_what_fits_or_is_not_known_raises_no_alarm(expression: str) -> None:
    assert complaints(expression) == []


def test_minutes_are_not_hours() -> None:
    assert complaints("minutes_each * made <= hours") == [
        ("r", "`minutes_each * made` is in minute, `hours` in hour"),
    ]


def test_the_objective_is_compared_with_the_unit_that_is_asked_for() -> None:
    assert complaints("made >= 1", unit="$") == []
    assert complaints("made >= 1", unit="hours") == [("objective", "the expression is in $, the objective in hour")]


def test_a_correct_model_has_no_complaint() -> None:
    assert unit_complaints(read_document(transport())) == []

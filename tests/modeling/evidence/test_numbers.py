"""Numbers in a text, and which of them a model holds."""

from __future__ import annotations

import pytest

from agentopt.modeling.evidence.numbers import literals_in, number_findings, numbers_in
from agentopt.modeling.model import Column, Model, Objective, Row


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
    ],
)
def test_numbers_are_found(text: str, values: list[float]) -> None:
    assert [n.value for n in numbers_in(text)] == pytest.approx(values)


def test_places_are_those_of_the_text() -> None:
    text = "at least 60% of 1,000"
    assert [text[n.place : n.end] for n in numbers_in(text)] == ["60%", "1,000"]


QUESTION = (
    "A baker earns $5 on a loaf and $3.50 on a cake. A loaf takes 20 minutes and a cake takes 45 minutes; there are "
    "480 minutes. At least 60% of all items must be loaves. Two kinds are sold."
)


def bakery(*, is_oven_limited: bool = True, share: float = 0.4) -> Model:
    oven = Row(name="oven", upper=480, coefficients={"loaf": 20, "cake": 45})
    loaves = Row(name="loaves", lower=0, coefficients={"loaf": share, "cake": -(1 - share)})
    return Model(
        columns=(Column(name="loaf"), Column(name="cake")),
        rows=(oven, loaves) if is_oven_limited else (loaves,),
        objective=Objective(sense="maximize", coefficients={"loaf": 5, "cake": 3.5}),
    )


def subjects(model: Model, literals: list[float] | None = None) -> list[str]:
    return [f.subject for f in number_findings(QUESTION, model, literals or [])]


def test_a_complete_model_has_no_finding() -> None:
    assert subjects(bakery()) == []


def test_a_missing_row_shows_in_its_numbers() -> None:
    assert subjects(bakery(is_oven_limited=False)) == ["unused 20", "unused 45", "unused 480"]


def test_a_number_that_only_the_program_holds_counts_as_used() -> None:
    assert subjects(bakery(is_oven_limited=False), [20.0, 45.0]) == ["unused 480"]


def test_an_unused_number_is_shown_in_its_sentence() -> None:
    found = number_findings(QUESTION, bakery(is_oven_limited=False), [])
    assert "480 minutes" in found[2].text


def test_a_number_that_the_text_does_not_say_is_asked_about() -> None:
    assert "invented" in subjects(bakery(share=0.37))


def test_hours_made_of_minutes_are_no_finding() -> None:
    hours = Row(name="oven", upper=8, coefficients={"loaf": 20 / 60, "cake": 0.75})
    model = Model(columns=bakery().columns, rows=(hours, bakery().rows[1]), objective=bakery().objective)
    assert subjects(model) == []


def test_an_empty_model_lacks_every_number() -> None:
    assert subjects(Model())[:3] == ["unused 5", "unused 3.5", "unused 20"]


@pytest.mark.parametrize(
    ("program", "values"),
    [("x = 5\ny = [2.5, -3, True, 'a', 2j]", [5, 2.5, 3, 1]), ("x = (", []), ("", [])],
)
def test_literals_of_a_program(program: str, values: list[float]) -> None:
    assert sorted(literals_in(program)) == sorted(values)

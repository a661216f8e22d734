"""Which numbers of a text a model holds."""

from __future__ import annotations

import pytest

from agentopt.modeling.evidence.coverage import literals_in, number_findings
from agentopt.modeling.model import Column, Model, Objective, Row

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

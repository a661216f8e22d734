"""Answers against labels."""

from __future__ import annotations

from typing import Any

import pytest

from agentopt.adapters.answer import Answer
from agentopt.adapters.grading import grade
from agentopt.modeling.checks import Check, Verification


@pytest.mark.parametrize(
    ("fields", "status", "value", "score"),
    [
        ({"answer": 12.75}, "optimal", 12.75, 1.0),
        ({"answer": 12.75}, "optimal", 13.0, 0.0),
        ({"answer": 12.75}, "infeasible", None, 0.0),
        ({"answer": 5, "answer_set": [12.75]}, "optimal", 12.75, 1.0),
        ({"answer": 5, "answer_set": None}, "optimal", 12.75, 0.0),
        ({"answer": None}, "infeasible", None, 1.0),
        ({"answer": None}, "unbounded", None, 1.0),
        ({"answer": None}, "optimal", 12.75, 0.0),
        ({"answer": None, "answer_set": [12.75]}, "optimal", 12.75, 1.0),
        ({"answer": None, "answer_set": [12.75]}, "infeasible", None, 1.0),
        ({"answer": None}, "no_program", None, 0.0),
        ({"answer": 0}, "no_program", None, 0.0),
        ({}, "optimal", 12.75, None),
    ],
)
def test_grade(fields: dict[str, Any], status: str, value: float | None, score: float | None) -> None:
    assert grade(Answer(status=status, value=value), fields).score == score


def test_the_right_number_of_a_refuted_solution_is_not_right() -> None:
    check = Check(name="feasibility", verdict="refuted", detail="x breaks a row")
    refuted = Verification(status="optimal", objective=12.75, checks=(check,))
    assert grade(Answer(status="optimal", value=12.75, verification=refuted), {"answer": 12.75}).score == 0.0


def test_the_channel_of_a_report_holds_the_answer_and_not_the_label() -> None:
    said = grade(Answer(status="optimal", value=12.75), {"answer": 77.125, "answer_set": [88.5]}).channels["answer"]
    assert "12.75" in said
    assert "77.125" not in said
    assert "88.5" not in said

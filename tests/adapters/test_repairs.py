"""Which drafts go back, and which repairs are kept."""

from __future__ import annotations

import pytest

from agentopt.adapters.answer import Answer
from agentopt.adapters.repairs import is_kept, wants_repair
from agentopt.modeling.evidence.finding import Finding

A, B = (Finding(check="numbers", subject=name, text="") for name in "ab")
QUESTION = Finding(check="integrality", subject="types", text="", is_question=True)


def answer(status: str, *findings: Finding) -> Answer:
    return Answer(status=status, findings=findings)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (answer("no_program"), answer("optimal"), True),
        (answer("no_program"), answer("no_program"), True),
        (answer("infeasible"), answer("optimal", A), True),
        (answer("optimal"), answer("infeasible"), False),
        (answer("optimal", A), answer("optimal"), True),
        (answer("optimal", A), answer("optimal", A), False),
        (answer("optimal", A), answer("optimal", B), False),
        (answer("optimal", A, B), answer("optimal", B), True),
        (answer("optimal"), answer("optimal", A), False),
        (answer("optimal", QUESTION), answer("optimal"), True),
        (answer("time_limit"), answer("infeasible"), True),
    ],
)
def test_a_repair_is_kept_if_it_clears_a_warning_and_adds_none(before: Answer, after: Answer, kept: bool) -> None:
    assert is_kept(before, after) is kept


@pytest.mark.parametrize(
    ("status", "verdict", "warnings", "questions", "wanted"),
    [
        ("optimal", "certified", [], [], False),
        ("optimal", "unproven", [], [], False),
        ("optimal", "refuted", [], [], True),
        ("infeasible", "certified", [], [], True),
        ("no_program", "unproven", [], [], True),
        ("optimal", "certified", ["w"], [], True),
        ("optimal", "certified", [], ["q"], True),
    ],
)
def test_what_goes_back(status: str, verdict: str, warnings: list[str], questions: list[str], wanted: bool) -> None:
    assert wants_repair(status, verdict, warnings, questions) is wanted

"""Which repairs are kept, and when there is nothing left to repair."""

from __future__ import annotations

import pytest

from agentopt.adapters.answer import Answer
from agentopt.adapters.repairs import is_kept, is_settled
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


def test_a_question_is_settled_once_it_was_asked() -> None:
    asking = answer("optimal", QUESTION)
    assert not is_settled(asking, set())
    assert is_settled(asking, {QUESTION.key})


def test_warnings_and_other_statuses_are_never_settled() -> None:
    assert not is_settled(answer("optimal", A), {A.key})
    assert not is_settled(answer("infeasible"), set())
    assert is_settled(answer("optimal"), set())

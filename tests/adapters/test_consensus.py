"""Votes among answers."""

from __future__ import annotations

import pytest

from agentopt.adapters.answer import Answer
from agentopt.adapters.consensus import same_optimum, vote
from agentopt.modeling.checks import Check, Verification
from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.model import Column, Model

MODEL = Model(columns=(Column(name="x"),))


def answer(value: float | None, *, status: str = "optimal", warnings: int = 0, draft: str = "") -> Answer:
    decisive = {"optimal": ("feasibility", "objective", "optimality"), "infeasible": ("infeasibility",)}
    checks = tuple(Check(name=n, verdict="proved", is_exact=True, detail="") for n in decisive.get(status, ()))
    findings = tuple(Finding(check="numbers", subject=str(i), text="") for i in range(warnings))
    verification = Verification(status=status, objective=value, checks=checks)
    return Answer(status=status, value=value, model=MODEL, verification=verification, findings=findings, draft=draft)


NO_PROGRAM = Answer(status="no_program")


@pytest.mark.parametrize(
    ("answers", "value", "votes"),
    [
        ([answer(1), answer(2), answer(2)], 2, 2),
        ([answer(1), answer(2)], 1, 1),
        ([NO_PROGRAM, NO_PROGRAM, answer(3)], 3, 1),
        ([answer(1), answer(1 + 1e-9), answer(5)], 1, 2),
        ([answer(None, status="infeasible"), answer(None, status="infeasible"), answer(4)], None, 2),
        ([answer(7)], 7, 1),
    ],
)
def test_most_votes_win(answers: list[Answer], value: float | None, votes: int) -> None:
    found = vote(answers, ["direct"] * len(answers))
    assert (found.value, found.votes, len(found.samples)) == (value, votes, len(answers))


def test_among_equals_more_styles_win() -> None:
    answers = [answer(1), answer(1), answer(2), answer(2)]
    assert vote(answers, ["direct", "direct", "direct", "staged"]).value == 2


def test_among_equals_fewer_warnings_win() -> None:
    assert vote([answer(1, warnings=2), answer(2)], ["direct", "direct"]).value == 2


def test_of_one_class_the_cleanest_is_returned() -> None:
    found = vote([answer(1, warnings=1, draft="a"), answer(1, draft="b")], ["direct", "direct"])
    assert found.draft == "b"


def test_the_same_model_counts_before_the_same_number() -> None:
    def same_draft(a: Answer, b: Answer) -> bool:
        return a.draft == b.draft

    answers = [answer(1, draft="a"), answer(1, draft="b"), answer(2, draft="c"), answer(2, draft="c")]
    assert vote(answers, ["direct"] * 4, same_draft).value == 2
    assert vote(answers[:3], ["direct"] * 3, same_draft).value == 1


def test_without_any_proved_answer_there_is_no_vote() -> None:
    found = vote([NO_PROGRAM, answer(None, status="time_limit")], ["direct", "direct"])
    assert (found.status, found.votes, found.is_accepted) == ("time_limit", 0, False)


def test_two_answers_without_a_value_are_not_the_same_optimum() -> None:
    assert not same_optimum(answer(None), answer(None))
    assert not same_optimum(answer(float("nan")), answer(float("nan")))


@pytest.mark.parametrize(
    ("given", "is_accepted"),
    [
        (answer(1), True),
        (answer(1, warnings=1), False),
        (NO_PROGRAM, False),
        (answer(None, status="infeasible"), True),
        (vote([answer(1), answer(2), answer(3)], ["direct"] * 3), False),
        (vote([answer(1), answer(1), answer(3)], ["direct"] * 3), True),
    ],
)
def test_accepted_are_proved_answers_without_objection_that_at_least_half_share(
    given: Answer, is_accepted: bool
) -> None:
    assert given.is_accepted is is_accepted

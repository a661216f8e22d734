"""Scorers: what counts as right, in full and in part, and what is said of the rest."""

from __future__ import annotations

import pytest

from agentopt.adapters.scorers import SCORERS, grade, scorer_named
from agentopt.errors import UsageError

WANTED = '{"name": "ADA", "time": null, "people": 2}'
HAIKU = "An old silent pond\nA frog jumps into the pond\nSplash! Silence again"


def scored(scorer: str, reply: str, answer: str) -> tuple[float | None, str]:
    feedback = scorer_named(scorer)(reply, answer)
    return feedback.score, feedback.text


@pytest.mark.parametrize(
    ("reply", "answer", "score"),
    [
        ("(B)", "(B)", 1),
        ("B", "(B)", 1),
        ("b)", "B", 1),
        ("**B**", "(B)", 1),
        ("The answer is B.", "(B)", 1),
        ("Not (A), as that is Monday.\nSo the answer is (B) 03/04/1973.", "(B)", 1),
        ("(A)\n(B)\nI cannot decide between (A) and (C)", "(B)", 0),
        ("A", "(B)", 0),
        ("Be brief", "(B)", 0),
        ("A bird", "(A)", 0),
        ("", "(B)", 0),
    ],
)
def test_choice_is_the_option_decided_on(reply: str, answer: str, score: float) -> None:
    assert scored("choice", reply, answer)[0] == score


@pytest.mark.parametrize(
    ("scorer", "reply", "answer", "score"),
    [
        ("number", "14", "14", 1),
        ("number", "I count 3 + 11 = 14 animals.", "14", 1),
        ("number", "14.0", "14", 1),
        ("number", "1,234,567 people", "1234567", 1),
        ("number", "-2.5e3", "-2500", 1),
        ("number", "−4", "-4", 1),
        ("number", ".5", "0.5", 1),
        ("number", "0.1", "0", 0),
        ("number", "14.001", "14", 0),
        ("number:0.01", "14.001", "14", 1),
        ("number:0.01", "14.02", "14", 0),
        ("number:0", "14", "14", 1),
        ("number", "fourteen", "14", 0),
        ("number", "", "14", 0),
        ("number", "14 or 15", "14", 0),
        ("number", "between 3-5", "5", 1),
        ("number", "1, 2, 3", "3", 1),
        ("number", "It is 14.", "14", 1),
    ],
)
def test_number_is_the_last_one_within_the_tolerance(scorer: str, reply: str, answer: str, score: float) -> None:
    assert scored(scorer, reply, answer)[0] == score


@pytest.mark.parametrize("scorer", ["fuzzy", "", "exact:2", "json:", "NUMBER"])
def test_an_unknown_scorer_is_a_usage_error_that_lists_what_there_is(scorer: str) -> None:
    with pytest.raises(UsageError, match="there are exact, last_line, choice, number, json, verse"):
        scorer_named(scorer)


@pytest.mark.parametrize("tolerance", ["", "-1", "nan", "inf", "much"])
def test_a_tolerance_that_is_none_is_a_usage_error(tolerance: str) -> None:
    with pytest.raises(UsageError, match="expected a number from 0 on"):
        scorer_named(f"number:{tolerance}")


@pytest.mark.parametrize(
    ("reply", "score", "words"),
    [
        (WANTED, 1, "Correct."),
        (f"Here it is:\n```json\n{WANTED}\n```", 1, "Correct."),
        ('{"people": 2.0, "time": null, "name": "ADA"}', 1, "Correct."),
        ('{"name": "Ada", "time": null, "people": 2}', 2 / 3, '`name`: expected "ADA", got "Ada".'),
        ('{"name": "ADA", "people": 2}', 2 / 3, "`time`: expected null, got no such field."),
        ('{"name": "ADA", "time": null, "people": true}', 2 / 3, "`people`: expected 2, got true."),
        ('{"name": "ADA", "time": null, "people": 2, "dog": 1}', 3 / 4, "`dog`: expected no such field, got 1."),
        ('{"other": 1}', 0, "`name`: expected"),
        ("no idea", 0, "no JSON object"),
        ("[1, 2]", 0, "no JSON object"),
        ('{"name": ', 0, "no JSON object"),
        ("", 0, "no JSON object"),
    ],
)
def test_json_is_scored_by_the_share_of_right_fields(reply: str, score: float, words: str) -> None:
    got, said = scored("json", reply, WANTED)
    assert got == pytest.approx(score)
    assert words in said


@pytest.mark.parametrize(
    ("reply", "score", "words"),
    [
        (HAIKU, 1, "Correct."),
        (f"\n{HAIKU}\n\n", 1, "Correct."),
        (HAIKU.replace("old ", ""), 2 / 3, "Line 1 has 4 syllables instead of 5: 'An silent pond'."),
        (HAIKU.replace("\n", " "), 0, "Expected 3 lines with 5-7-5 syllables, got 1 lines."),
        (f"Sure!\n{HAIKU}", 0, "got 4 lines"),
        ("", 0, "got 0 lines"),
    ],
)
def test_verse_is_scored_by_the_share_of_right_lines(reply: str, score: float, words: str) -> None:
    got, said = scored("verse", reply, "5-7-5")
    assert got == pytest.approx(score)
    assert words in said


@pytest.mark.parametrize(
    ("scorer", "answer"),
    [("json", "Paris"), ("json", "[1]"), ("number", "many"), ("verse", "haiku"), ("verse", "5-0-5")],
)
def test_an_answer_that_a_scorer_cannot_use_is_a_usage_error(scorer: str, answer: str) -> None:
    with pytest.raises(UsageError, match="use another scorer"):
        scored(scorer, "anything", answer)


@pytest.mark.parametrize("scorer", SCORERS)
def test_why_is_said_of_a_reply_that_is_not_right(scorer: str) -> None:
    answers = {"json": WANTED, "number": "42", "choice": "(B)", "verse": "5-7-5"}
    feedback = grade("no", {"answer": answers.get(scorer, "yes"), "why": "Because."}, scorer_named(scorer))
    assert feedback.score == 0
    assert feedback.text.endswith(" Because.")

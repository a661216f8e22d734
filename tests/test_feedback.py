"""Feedback: whatever is naturally said becomes a score, words, or both."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from agentopt.errors import UsageError
from agentopt.feedback import Feedback, as_feedback
from agentopt.graph.node import node


@pytest.mark.parametrize(
    ("said", "score", "text"),
    [
        (3, 3.0, ""),
        (-0.5, -0.5, ""),
        (True, 1.0, ""),
        (False, 0.0, ""),
        (math.inf, math.inf, ""),
        (np.float64(0.5), 0.5, ""),
        (np.int32(2), 2.0, ""),
        (np.bool_(True), 1.0, ""),
        ("words", None, "words"),
        ("", None, ""),
        ((1, "good"), 1.0, "good"),
        ((False, "bad"), 0.0, "bad"),
        ((None, "words"), None, "words"),
        (ValueError("bad value"), -math.inf, "ValueError: bad value"),
        (ValueError(), -math.inf, "ValueError"),
        (AssertionError(), -math.inf, "AssertionError"),
    ],
    ids=repr,
)
def test_what_is_said_becomes_score_and_text(said: Any, score: float | None, text: str) -> None:
    feedback = as_feedback(said)

    assert (feedback.score, feedback.text) == (score, text)
    assert type(feedback.score) in (float, type(None))


def test_feedback_is_itself() -> None:
    feedback = Feedback(1.0, "x", {"a": 1.0}, {"hint": "h"})

    assert as_feedback(feedback) is feedback


@pytest.mark.parametrize("said", [None, [], {}, (1,), (1, 2), ("a", 1), (1, "a", 2), (None, 1), b"x", 1j, object()])
def test_anything_else_is_refused_by_its_type(said: Any) -> None:
    with pytest.raises(UsageError, match=f"got {type(said).__name__}"):
        as_feedback(said)


def test_nan_is_refused() -> None:
    with pytest.raises(UsageError, match="NaN"):
        as_feedback(float("nan"))
    with pytest.raises(UsageError, match="NaN"):
        Feedback(float("nan"))


def test_array_is_refused() -> None:
    with pytest.raises(UsageError, match="ndarray"):
        as_feedback(np.array([1.0, 2.0]))


def test_message_that_ends_in_a_colon_is_kept() -> None:
    assert as_feedback(ValueError("expected:")).text == "ValueError: expected:"


def test_score_that_is_a_node_is_taken_or_refused_with_advice() -> None:
    try:
        assert as_feedback(node(0.5)).score == 0.5
    except UsageError as error:
        assert "detach" in str(error)  # noqa: PT017  either is fine


@pytest.mark.parametrize("score", ["high", [1.0], object()], ids=["text", "list", "object"])
def test_score_that_is_no_number_is_refused(score: Any) -> None:
    with pytest.raises(UsageError, match="score"):
        Feedback(score)


def test_score_beyond_floats_is_refused() -> None:
    with pytest.raises(UsageError):
        as_feedback(10**400)


def test_feedback_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Feedback(1.0).score = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("value", ["cheap", None, b"1", [1.0]], ids=repr)
def test_an_objective_that_is_no_number_is_refused_where_it_is_given(value: Any) -> None:
    with pytest.raises(UsageError, match=f"objective `cost` must be a number, got {type(value).__name__}"):
        Feedback(1.0, objectives={"cost": value})

"""What OPRO shows."""

from __future__ import annotations

from agentopt.candidate import Archive, Evaluation
from agentopt.feedback import Feedback
from agentopt.proposers.opro import scored_text


def archive_of(*scores: float | None) -> Archive:
    archive = Archive()
    for number, score in enumerate(scores):
        archive.add(archive.candidate({"text": f"text{number}"}))
        archive.record(
            Evaluation(candidate=number, instance="d", split="dev", status="ok", score=score, feedback=Feedback(score))
        )
    return archive


def test_the_best_is_last_and_shares_are_whole_percents() -> None:
    assert scored_text(archive_of(0.5, 0.914, 0.1), ["d"], 20) == (
        "text = 'text2'\nscore 10\n\ntext = 'text0'\nscore 50\n\ntext = 'text1'\nscore 91"
    )


def test_only_the_best_are_shown() -> None:
    assert "text2" not in scored_text(archive_of(0.5, 0.914, 0.1), ["d"], 2)


def test_other_scores_are_shown_to_three_digits() -> None:
    assert "score -12.3" in scored_text(archive_of(-12.345), ["d"], 2)


def test_of_equals_the_earlier_is_last() -> None:
    assert scored_text(archive_of(0.5, 0.5), ["d"], 1) == "text = 'text0'\nscore 50"


def test_without_scores_the_start_is_shown() -> None:
    assert scored_text(archive_of(None, None), ["d"], 5) == "text = 'text0'\nno score"

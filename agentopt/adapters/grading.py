"""Answers against the labels of problems in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agentopt.adapters.answer import Answer, is_same_value
from agentopt.feedback import Feedback


def grade(answer: Answer, fields: Mapping[str, Any]) -> Feedback:
    """1 for the labelled answer, 0 for another, no score without a label; and what was found out.

    The channel `answer` holds the answer and its samples as JSON, without the label: what a report is made of.
    """
    channels = {"answer": json.dumps(_answer_json(answer))}
    if "answer" not in fields:
        return Feedback(None, answer.text, objectives=answer.objectives, channels=channels)
    is_right = is_labelled(answer.status, answer.value, fields) and answer.verdict != "refuted"
    said = "The right answer." if is_right else "Not the right answer of the problem."
    return Feedback(float(is_right), f"{said}\n{answer.text}", objectives=answer.objectives, channels=channels)


def is_labelled(status: str, value: float | None, fields: Mapping[str, Any]) -> bool:
    """Whether an answer is the label's, or one of its `answer_set`; a null label's are infeasible and unbounded."""
    if fields["answer"] is None and status in ("infeasible", "unbounded"):
        return True
    labels = [label for label in (fields["answer"], *(fields.get("answer_set") or ())) if label is not None]
    return status == "optimal" and any(is_same_value(value, label) for label in labels)


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "value": answer.value,
        "verdict": answer.verdict,
        "is_accepted": answer.is_accepted,
        "missing": list(answer.missing),
        "votes": answer.votes,
        "samples": [[sample.status, sample.value] for sample in answer.samples],
        "findings": [finding.text for finding in answer.findings],
        "report": _report_json(answer),
    }


def _report_json(answer: Answer) -> dict[str, Any] | None:
    """The report without what is long, and without the solve, whose seconds no replay could repeat."""
    if answer.report is None:
        return None
    omitted = ("model", "data", "code", "certificate", "solve")
    return {name: value for name, value in answer.report.to_json().items() if name not in omitted}

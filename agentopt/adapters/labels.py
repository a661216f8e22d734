"""Labels that correct those of a benchmark, each with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentopt.errors import UsageError
from agentopt.instance import read_jsonl


def with_labels(rows: Sequence[Mapping[str, Any]], path: Path) -> list[dict[str, Any]]:
    """The problems with the labels in a JSON Lines file instead of their own.

    A line has `id`, `answer` (a number, or null where there is no optimum), optionally `answer_set`, and
    `provenance`: who says so, and how it was found. The label it replaces is kept as `published_answer`.

    Raises:
        FormatError: a line lacks one of them; names file and line.
        UsageError: an id is not among the problems, or occurs twice.
    """
    labels = read_jsonl(path, _complaint)
    by_id = {str(label["id"]): label for label in labels}
    if len(by_id) < len(labels):
        raise UsageError(f"{path}: an id occurs twice")
    if unknown := sorted(set(by_id) - {str(row["id"]) for row in rows}):
        raise UsageError(f"{path}: there are no problems with the ids {unknown}")
    return [_relabelled(row, by_id[str(row["id"])]) if str(row["id"]) in by_id else dict(row) for row in rows]


def _relabelled(row: Mapping[str, Any], label: Mapping[str, Any]) -> dict[str, Any]:
    published = {"published_answer": row["answer"]} if "answer" in row else {}
    changed = {"answer": label["answer"], "answer_set": label.get("answer_set"), "provenance": label["provenance"]}
    return {**row, **published, **changed}


def _complaint(row: Mapping[str, Any]) -> str:
    if missing := [key for key in ("id", "answer", "provenance") if key not in row]:
        return f"a label needs `{missing[0]}`"
    if label_complaint(row):
        return label_complaint(row)
    if not isinstance(row["provenance"], str) or not row["provenance"].strip():
        return f"`provenance` must say where the label comes from, got {row['provenance']!r}"
    return ""


def label_complaint(row: Mapping[str, Any]) -> str:
    """What is wrong with the label of a row; an empty text where nothing is."""
    labels = row.get("answer_set") or []
    if not isinstance(labels, list) or not all(map(_is_number, labels)):
        return f"`answer_set` must be a list of numbers or null, got {labels!r}"
    if row.get("answer") is not None and not _is_number(row["answer"]):
        return f"`answer` must be a number or null, got {row['answer']!r}"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

"""Labels in place of a benchmark's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentopt.adapters.labels import with_labels
from agentopt.errors import FormatError, UsageError

ROWS: list[dict[str, Any]] = [{"id": "a", "question": "q", "answer": 5}, {"id": "b", "question": "r"}]


def labelled(folder: Path, *labels: dict[str, Any]) -> list[dict[str, Any]]:
    (folder / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels))
    return with_labels(ROWS, folder / "labels.jsonl")


def test_a_label_replaces_the_published_one_and_says_where_it_comes_from(tmp_path: Path) -> None:
    found = labelled(tmp_path, {"id": "a", "answer": 6, "provenance": "solved by hand"})
    assert found[0] == {
        **ROWS[0],
        "answer": 6,
        "answer_set": None,
        "provenance": "solved by hand",
        "published_answer": 5,
    }
    assert found[1] == ROWS[1]


def test_a_problem_without_a_label_gets_one(tmp_path: Path) -> None:
    found = labelled(tmp_path, {"id": "b", "answer": None, "answer_set": [1], "provenance": "x"})
    assert (found[1]["answer"], found[1]["answer_set"]) == (None, [1])
    assert "published_answer" not in found[1]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ({"answer": 5, "provenance": "x"}, "needs `id`"),
        ({"id": "a", "provenance": "x"}, "needs `answer`"),
        ({"id": "a", "answer": 5}, "needs `provenance`"),
        ({"id": "a", "answer": 5, "provenance": " "}, "where the label comes from"),
        ({"id": "a", "answer": "5", "provenance": "x"}, "`answer` must be a number"),
    ],
)
def test_a_malformed_label_is_a_format_error(tmp_path: Path, label: dict[str, Any], words: str) -> None:
    with pytest.raises(FormatError, match=rf"labels\.jsonl:1: .*{words}"):
        labelled(tmp_path, label)


def test_unknown_and_double_ids_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'z'"):
        labelled(tmp_path, {"id": "z", "answer": 5, "provenance": "x"})
    with pytest.raises(UsageError, match="twice"):
        labelled(tmp_path, *[{"id": "a", "answer": 5, "provenance": "x"}] * 2)

"""Prompt packs: scorers, and files that lack something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.adapters.prompt import examples_task
from agentopt.adapters.scorers import SCORERS, grade
from agentopt.errors import FormatError, UsageError
from agentopt.events import Evaluated, Event, Exchanged
from agentopt.llm.scripted import ScriptedLLM


def jsonl(folder: Path, *rows: dict[str, Any] | str) -> Path:
    path = folder / "questions.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def row(question: str = "6 times 7?", answer: str = "42", **more: Any) -> dict[str, Any]:
    return {"question": question, "answer": answer, **more}


@pytest.mark.parametrize(
    ("scorer", "reply", "score"),
    [
        ("exact", "42", 1),
        ("exact", "  42\n", 1),
        ("exact", "The answer is 42", 0),
        ("exact", "4 2", 0),
        ("exact", "", 0),
        ("last_line", "Let me think.\n\n42", 1),
        ("last_line", "42\n\n  \n", 1),
        ("last_line", "42\nThat is all.", 0),
        ("last_line", "", 0),
        ("last_line", "\n\n", 0),
    ],
)
def test_scorer(scorer: str, reply: str, score: float) -> None:
    assert grade(reply, row(), SCORERS[scorer]).score == score


def test_a_wrong_answer_says_what_was_expected_and_why() -> None:
    feedback = grade("41", row(why="Six sevens are forty-two."), SCORERS["exact"])
    assert feedback.text == "Expected '42', got '41'. Six sevens are forty-two."


def test_spaces_around_the_expected_answer_do_not_matter() -> None:
    assert grade("42", row(answer=" 42 "), SCORERS["exact"]).score == 1


def test_a_very_long_wrong_answer_is_shortened_in_the_feedback() -> None:
    assert len(grade("x" * 100_000, row(), SCORERS["exact"]).text) < 500


def test_an_unknown_scorer_is_a_usage_error_that_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`fuzzy`; there are exact, last_line"):
        examples_task(jsonl(tmp_path, row()), name="p", start="Go.", scorer="fuzzy")


@pytest.mark.parametrize("key", ["question", "answer"])
@pytest.mark.parametrize("value", [None, 42, ["42"]], ids=["missing", "number", "list"])
def test_a_line_without_question_or_answer_is_a_format_error_that_names_file_and_line(
    tmp_path: Path, key: str, value: object
) -> None:
    broken = {**row(), key: value}
    with pytest.raises(FormatError, match=rf"questions\.jsonl:2: `{key}` must be a string"):
        examples_task(jsonl(tmp_path, row(), broken), name="p", start="Go.")


def test_the_line_number_counts_blank_lines(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"questions\.jsonl:3:"):
        examples_task(jsonl(tmp_path, row(), "", {"question": "no answer"}), name="p", start="Go.")


def test_a_line_that_is_not_json_is_a_format_error_that_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"questions\.jsonl:3: not JSON"):
        examples_task(jsonl(tmp_path, row(), "", "{broken"), name="p", start="Go.")


def test_the_model_sees_instruction_and_question_and_nothing_else(tmp_path: Path) -> None:
    events: list[Event] = []
    task = examples_task(jsonl(tmp_path, row(why="secret reason")), name="p", start="Be brief.")
    ao.optimize(task, optimizer="measure", llm=ScriptedLLM(["42"]), out=None, on_event=events.append)
    (exchanged,) = (e for e in events if isinstance(e, Exchanged))
    (message,) = exchanged.exchange["request"]["messages"]
    assert message["content"] == "Be brief.\n\n6 times 7?"


def test_the_instruction_in_a_question_is_not_filled_in_again(tmp_path: Path) -> None:
    events: list[Event] = []
    task = examples_task(jsonl(tmp_path, row("What is {{instruction}}?")), name="p", start="See {{question}}.")
    ao.optimize(task, optimizer="measure", llm=ScriptedLLM(["42"]), out=None, on_event=events.append)
    (exchanged,) = (e for e in events if isinstance(e, Exchanged))
    assert exchanged.exchange["request"]["messages"][0]["content"] == "See {{question}}.\n\nWhat is {{instruction}}?"


def test_answers_of_dev_and_test_are_in_no_request(tmp_path: Path) -> None:
    rows = [
        row(f"question {split}?", f"ANSWER-{split}", id=split, split=split, why=f"BECAUSE-{split}")
        for split in ("train", "dev", "test")
    ]
    events: list[Event] = []
    task = examples_task(jsonl(tmp_path, *rows), name="p", start="Be brief.")
    reply = '{"changes": {"instruction": "Be verbose."}}'
    ao.optimize(
        task,
        llm=ScriptedLLM([lambda r: reply if r.schema else "no idea"] * 30),
        budget=ao.Budget(asks=8),
        out=None,
        on_event=events.append,
    )
    sent = json.dumps([e.exchange["request"] for e in events if isinstance(e, Exchanged)])
    assert "ANSWER-train" in sent
    for secret in ("ANSWER-dev", "ANSWER-test", "BECAUSE-dev", "BECAUSE-test"):
        assert secret not in sent


def test_a_pack_without_examples_key_is_a_format_error(tmp_path: Path) -> None:
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "task.toml").write_text('schema = 1\nkind = "prompt"\nname = "sums"\nstart = "Go."\n')
    with pytest.raises(FormatError, match=r"sums/task\.toml: `examples`"):
        ao.load_task(str(tmp_path / "sums"))


def test_an_empty_reply_is_a_wrong_answer_and_no_failure(tmp_path: Path) -> None:
    events: list[Event] = []
    task = examples_task(jsonl(tmp_path, row()), name="p", start="Go.")
    ao.optimize(task, optimizer="measure", llm=ScriptedLLM([""]), out=None, on_event=events.append)
    assert [(e.status, e.score) for e in events if isinstance(e, Evaluated)] == [("ok", 0.0)]

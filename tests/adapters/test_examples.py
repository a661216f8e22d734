"""A user's own files: columns, tables, several tasks in one, and errors that name file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.adapters.examples import read_examples
from agentopt.adapters.prompt import examples_task
from agentopt.catalog import task_of_record
from agentopt.errors import FormatError, UsageError
from agentopt.llm.scripted import ScriptedLLM


def table(folder: Path, text: str, name: str = "examples.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read_as_its_header_says(tmp_path: Path) -> None:
    path = table(tmp_path, 'question,answer,split,why\n"6 × 7, please",42,train,"six\nsevens"\n1+1,2,dev,\n')
    assert read_examples(path) == [
        {"question": "6 × 7, please", "answer": "42", "split": "train", "why": "six\nsevens"},
        {"question": "1+1", "answer": "2", "split": "dev"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with_a_byte_order_mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_tables_as_spreadsheets_write_them_are_read(tmp_path: Path, delimiter: str, mark: str, end: str) -> None:
    text = mark + delimiter.join(["question", "answer"]) + end + delimiter.join(["Größe?", "42"]) + end
    (tmp_path / "t.CSV").write_bytes(text.encode())
    assert read_examples(tmp_path / "t.CSV") == [{"question": "Größe?", "answer": "42"}]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_columns_have_the_users_names(tmp_path: Path, ending: str) -> None:
    row = {"Frage": "6 × 7?", "Antwort": "42", "answer": "from somebody else", "Nr": "a1"}
    text = json.dumps(row) if ending == "jsonl" else ",".join(row) + "\n" + ",".join(row.values())
    path = table(tmp_path, text + "\n", f"fragen.{ending}")
    columns = {"question": "Frage", "answer": "Antwort", "id": "Nr"}
    assert read_examples(path, columns=columns) == [{"question": "6 × 7?", "answer": "42", "id": "a1"}]


def test_only_the_examples_of_one_task_are_read(tmp_path: Path) -> None:
    rows = [{"task": task, "question": f"{task}?", "answer": "(A)"} for task in ("dates", "sums", "dates ")]
    path = table(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "mixed.jsonl")
    assert [row["question"] for row in read_examples(path, only={"task": "dates"})] == ["dates?"]


def test_only_a_task_that_is_not_there_is_a_usage_error_that_lists_those_that_are(tmp_path: Path) -> None:
    path = table(tmp_path, "task,question,answer\nsums,1?,1\ndates,2?,2\n")
    with pytest.raises(UsageError, match=r"no examples with .*'date'.*'dates', 'sums'"):
        read_examples(path, only={"task": "date"})


def test_a_line_of_another_task_may_lack_what_is_not_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, "task,question,answer\nsums,1?,1\nother,,\n")
    assert len(read_examples(path, only={"task": "sums"})) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("question,answer\n1?,1\n2?,\n", r"examples\.csv:3: `answer` must be a string, got None"),
        ("question,answer\n1?,1\n\n2?\n", r"examples\.csv:4: `answer` must be a string"),
        ('question,answer\n"1\n2?",1\n"3\n4?",\n', r"examples\.csv:4: `answer`"),
        ("question,answer\n1?,1,2\n", r"examples\.csv:2: more cells than the header has columns \(2\)"),
        ("question,answer,answer\n1?,1,2\n", r"examples\.csv:1: a column occurs twice"),
        ('question,answer\n1?,1\n"2?,2\n', r"examples\.csv:3: not CSV"),
        ("frage,answer\n1?,1\n", r"examples\.csv:2: `question` must be a string"),
    ],
)
def test_a_malformed_table_is_a_format_error_that_names_file_and_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(FormatError, match=complaint):
        read_examples(table(tmp_path, text))


@pytest.mark.parametrize("text", ["", "question,answer\n", "\n\n"])
def test_a_table_without_rows_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="holds no examples"):
        read_examples(table(tmp_path, text))


def test_a_table_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("question,answer\nGröße?,1\n".encode("latin-1"))
    for name in ("latin.csv", "nosuch.csv"):
        with pytest.raises(UsageError, match="cannot read"):
            read_examples(tmp_path / name)


def test_a_column_that_the_file_does_not_have_is_a_usage_error_that_lists_those_it_has(tmp_path: Path) -> None:
    path = table(tmp_path, "question,answer\n1?,1\n")
    with pytest.raises(UsageError, match="has no `Grund`; it has question, answer"):
        read_examples(path, columns={"why": "Grund"})


def test_an_answer_that_the_scorer_cannot_use_is_a_format_error_that_names_file_and_line(tmp_path: Path) -> None:
    path = table(tmp_path, "question,answer\n1?,1\n2?,two\n")
    with pytest.raises(FormatError, match=r"examples\.csv:3: the answer 'two' has no number"):
        examples_task(path, name="p", start="Go.", scorer="number")


def test_a_table_under_other_names_runs_and_is_found_again_by_its_record(tmp_path: Path) -> None:
    path = table(tmp_path, "task,Frage,Antwort\nsums,6 × 7?,42\ndates,When?,never\n")
    settings: dict[str, Any] = {"columns": {"question": "Frage", "answer": "Antwort"}, "only": {"task": "sums"}}
    task = examples_task(path, name="prompt/sums", start="Go.", scorer="number", **settings)
    result = ao.optimize(task, optimizer="measure", llm=ScriptedLLM(["It is 42."]), out=None)
    assert result.dev_start == 1.0
    again = task_of_record(json.loads(json.dumps(task.reference)))
    assert list(again.instances) == list(task.instances)


def test_a_record_of_a_plain_file_has_no_settings_that_older_readers_do_not_know(tmp_path: Path) -> None:
    task = examples_task(table(tmp_path, "question,answer\n1?,1\n"), name="p", start="Go.")
    assert set(task.reference) == {"kind", "examples", "name", "start", "objective", "scorer", "seed"}

"""Files in the formats of public benchmarks, written here field by field as their projects publish them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentopt.adapters.benchmarks import FORMATS, detect, read_problems
from agentopt.adapters.pipeline import pipeline_task
from agentopt.errors import FormatError, UsageError

NL4OPT = {
    "-17": {
        "document": "Maximize x.",
        "vars": ["x"],
        "obj_declaration": {"type": "objective", "direction": "maximize", "terms": {"x": "1"}},
        "const_declarations": [],
        "order_mapping": {"x": 0},
    }
}
ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nl4opt", NL4OPT, {"id": "-17", "question": "Maximize x.", "problem_type": "LP/ILP"}),
    (
        "nlp4lp",
        {"id": 3, "description": "Buy x.", "parameters": "{}", "solution": '{"variables": {"x": 2}, "objective": 9.5}'},
        {"id": "3", "question": "Buy x.", "answer": 9.5, "problem_type": "LP/ILP"},
    ),
    (
        "mamo",
        {"id": 1, "Question": "Least cost?", "Answer": "1,200", "Category": "optimization", "Type": "easy_lp"},
        {"id": "1", "question": "Least cost?", "answer": 1200.0, "problem_type": "easy_lp"},
    ),
    (
        "industryor",
        {"en_question": "How many?", "en_answer": "No Best Solution", "difficulty": "Easy", "id": 7},
        {"id": "7", "question": "How many?", "answer": None, "problem_type": "Easy"},
    ),
    (
        "optibench",
        {"question": "Most?", "results": {"x": "2.0", "profit": "36.5"}, "type": "linear-table", "index": 4},
        {"id": "4", "question": "Most?", "answer": 36.5, "problem_type": "linear-table"},
    ),
    (
        "optmath",
        {"en_question": "Makespan?", "en_answer": 25.0, "id": 0},
        {"id": "0", "question": "Makespan?", "answer": 25.0, "problem_type": ""},
    ),
    (
        "agentopt",
        {"question": "How much?", "answer": 5, "problem_type": "LP"},
        {"id": "1", "question": "How much?", "answer": 5, "problem_type": "LP"},
    ),
]


@pytest.mark.parametrize(("name", "row", "problem"), ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_a_row_of_each_format_is_recognised_and_read(
    tmp_path: Path, name: str, row: dict[str, Any], problem: dict[str, Any], suffix: str
) -> None:
    path = tmp_path / f"problems.{suffix}"
    path.write_text(json.dumps([row] if suffix == "json" else row))
    assert read_problems(path) == [problem]
    assert read_problems(path, name) == [problem]


def test_every_format_of_a_file_is_tested() -> None:
    assert {name for name, known in FORMATS.items() if not known.is_folder} == {name for name, _, _ in ROWS}


def test_an_object_of_problems_by_id_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"a": {"Question": "q", "Answer": "1"}, "b": {"Question": "r", "Answer": "2"}}))
    assert [(row["id"], row["answer"]) for row in read_problems(path)] == [("a", 1.0), ("b", 2.0)]


def folder(root: Path, name: str, **files: str) -> None:
    (root / name).mkdir()
    for file, text in files.items():
        (root / name / file.replace("_", ".")).write_text(text)


def test_folders_with_an_answer_each(tmp_path: Path) -> None:
    folder(tmp_path, "prob_001", question_txt="Route the trucks.\n", answer_json='{"status": "optimal", "obj": 30.0}')
    folder(tmp_path, "prob_002", question_txt="Impossible.", answer_json='{"status": "infeasible", "obj": null}')
    folder(tmp_path, "images", note_txt="nothing")
    assert read_problems(tmp_path) == [
        {"id": "prob_001", "question": "Route the trucks.", "problem_type": "", "answer": 30.0},
        {"id": "prob_002", "question": "Impossible.", "problem_type": "", "answer": None},
    ]


def test_folders_with_samples_put_the_data_under_the_words(tmp_path: Path) -> None:
    samples = [{"input": {"price": [2, 3]}, "output": [10.5]}, {"input": {"price": [1, 1]}, "output": ["infeasible"]}]
    folder(tmp_path, "diet", description_txt="Feed all.", sample_json=json.dumps(samples))
    first, second = read_problems(tmp_path, "complexor")
    assert (first["id"], first["answer"], second["id"], second["answer"]) == ("diet/1", 10.5, "diet/2", None)
    assert first["question"].startswith("Feed all.")
    assert '{"price": [2, 3]}' in first["question"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [("12", 12.0), (" $1,234.5 ", 1234.5), (-99999, None), ("-99999.0", None), (None, None), ([7], 7.0), (0, 0.0)],
)
def test_answers(tmp_path: Path, said: Any, answer: float | None) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({"Question": "q", "Answer": said}))
    assert read_problems(tmp_path / "p.jsonl")[0]["answer"] == answer


@pytest.mark.parametrize("said", ["about 12", True, [1, 2], "nan", "inf"])
def test_an_answer_that_is_no_number_is_a_format_error(tmp_path: Path, said: Any) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({"Question": "q", "Answer": said}))
    with pytest.raises(FormatError, match=r"p\.jsonl: problem 1: the answer must be a number"):
        read_problems(tmp_path / "p.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.json", "{", "not JSON"),
        ("p.json", "[1]", "a list of objects"),
        ("p.json", "[]", "a list of objects"),
        ("p.json", '[{"question": 5}]', "`question` must be a string"),
        ("p.jsonl", '{"Question": ""}', "`Question` or `en_question` or `question` must be a text"),
    ],
)
def test_malformed_files(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=words):
        read_problems(tmp_path / name)


def test_what_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"question": "q"}')
    for path, name in ((tmp_path / "gone.json", None), (tmp_path / "p.jsonl", "logior"), (tmp_path, None)):
        with pytest.raises(UsageError):
            read_problems(path, name)
    with pytest.raises(UsageError, match="no format `mammo`; there are agentopt, nl4opt"):
        read_problems(tmp_path / "p.jsonl", "mammo")


def test_an_unknown_row_is_taken_for_our_own_format() -> None:
    assert detect({"text": "q"}) == "agentopt"


def test_a_task_of_a_benchmark_file_without_labels_has_no_answers(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text(json.dumps(NL4OPT))
    (instance,) = pipeline_task(tmp_path / "dev.jsonl").instances
    assert instance.id == "-17"
    assert "answer" not in instance.fields

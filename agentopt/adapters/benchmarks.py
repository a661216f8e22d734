"""Problems in words from the files of public benchmarks, each as rows of `question`, `answer`, `id`, `problem_type`.

Files are read as their projects publish them; the user downloads them, and their licences hold. One row of `FORMATS`
per benchmark says where the fields are. Answers that mean "there is none" become null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentopt.adapters.labels import label_complaint
from agentopt.errors import FormatError, UsageError
from agentopt.instance import read_jsonl
from agentopt.prompts import load_prompt

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Format:
    """Where a benchmark keeps its fields; of several names the first that a row has is taken.

    Args:
        is_folder: one folder per problem with a text file, instead of rows in one file.
        problem_type: of all its problems, where the rows do not say.
    """

    question: Sequence[str]
    answer: Sequence[str]
    kind: Sequence[str] = ()
    is_folder: bool = False
    problem_type: str = ""
    is_like: Callable[[Mapping[str, Any]], bool] = lambda row: False


FORMATS: Mapping[str, Format] = {
    "agentopt": Format(question=["question"], answer=["answer"], kind=["problem_type"]),
    "nl4opt": Format(
        question=["document", "en_question", "question"],
        answer=["en_answer", "answer", "results"],
        problem_type="LP/ILP",
        is_like=lambda row: "obj_declaration" in row,
    ),
    "nlp4lp": Format(
        question=["description", "question", "en_question"],
        answer=["solution", "answer", "en_answer"],
        problem_type="LP/ILP",
        is_like=lambda row: "description" in row and ("solution" in row or "optimus_code" in row),
    ),
    "mamo": Format(
        question=["Question", "en_question", "question"],
        answer=["Answer", "en_answer", "answer"],
        kind=["Type"],
        is_like=lambda row: "Question" in row,
    ),
    "industryor": Format(
        question=["en_question", "question"],
        answer=["en_answer", "answer"],
        kind=["type", "difficulty"],
        is_like=lambda row: "en_question" in row and "difficulty" in row,
    ),
    "optibench": Format(
        question=["question"],
        answer=["results"],
        kind=["type"],
        is_like=lambda row: isinstance(row.get("results"), dict),
    ),
    "optmath": Format(
        question=["en_question", "question"],
        answer=["en_answer", "answer"],
        is_like=lambda row: "en_question" in row,
    ),
    "complexor": Format(question=["description.txt"], answer=["sample.json"], is_folder=True),
    "logior": Format(question=["question.txt", "description.txt"], answer=["answer.json"], is_folder=True),
}
_NONE = ("no best solution", "infeasible", "unbounded", "none", "null", "-99999", "-99999.0", "")
_UNLABELLED = object()


def read_problems(path: Path, format_name: str | None = None) -> list[Row]:
    """The problems in a file (JSON Lines or a JSON list) or in a folder of problems.

    A row has `question`, and where the benchmark tells them `answer` (a number, or null where there is no optimum),
    `id` and `problem_type`. A row without an answer has no label. NL4OPT's own files have none. OptiBench
    lists variables and objective together; its label is the last entry, which is a variable for some problems, so
    give `--labels` for those.

    Args:
        format_name: one of `FORMATS`; `None` to tell it from the first row.

    Raises:
        UsageError: no such format or file, or nothing in it.
        FormatError: a row is not as the format says; names file and row.
    """
    if format_name is not None and format_name not in FORMATS:
        raise UsageError(f"there is no format `{format_name}`; there are {', '.join(FORMATS)}")
    if path.is_dir():
        return _from_folders(path, format_name)
    rows = [dict(row) for row in _unpacked(_rows(path))]
    name = format_name or detect(rows[0])
    if FORMATS[name].is_folder:
        raise UsageError(f"format `{name}` is a folder with one folder per problem; `{path}` is a file")
    if name == "agentopt":
        own = rows if path.suffix == ".json" else read_jsonl(path, problem_complaint)
        if complaint := next((said for row in own if (said := problem_complaint(row))), ""):
            raise FormatError(f"{path}: {complaint}")
        return [{"id": str(place), **row} for place, row in enumerate(own, 1)]
    return [_problem(row, FORMATS[name], place, path) for place, row in enumerate(rows, 1)]


def problem_complaint(row: Mapping[str, Any]) -> str:
    """What is wrong with a row of our own format; an empty text where nothing is."""
    if not isinstance(row.get("question"), str):
        return f"`question` must be a string, got {row.get('question')!r}"
    return label_complaint(row)


def detect(row: Mapping[str, Any]) -> str:
    """The format of a row, `agentopt` where none of the others is recognised."""
    return next((name for name, known in FORMATS.items() if known.is_like(row)), "agentopt")


def _rows(path: Path) -> list[Row]:
    if path.suffix != ".json":
        return read_jsonl(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read `{path}`: {error}") from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON: {error}") from None
    entries = [{"id": key, **row} for key, row in data.items()] if _holds_rows(data) else data
    if not isinstance(entries, list) or not entries or not all(isinstance(row, dict) for row in entries):
        raise FormatError(f"{path}: expected a list of objects, one for each problem")
    return entries


def _unpacked(rows: list[Row]) -> Iterator[Row]:
    """Rows as they are, and those of NL4OPT, each an object in an object under its id, taken out."""
    for row in rows:
        if len(row) == 1 and _holds_rows(row):
            yield from ({"id": key, **inner} for key, inner in row.items())
        else:
            yield row


def _holds_rows(data: object) -> bool:
    return isinstance(data, dict) and bool(data) and all(isinstance(value, dict) for value in data.values())


def _problem(row: Row, known: Format, place: int, path: Path) -> Row:
    question = _first(row, known.question)
    if not isinstance(question, str) or not question.strip():
        raise FormatError(f"{path}: problem {place}: {' or '.join(f'`{k}`' for k in known.question)} must be a text")
    found = {"id": str(row.get("id", row.get("index", place))), "question": question}
    kind = _first(row, known.kind)
    found["problem_type"] = str(kind) if kind not in (None, _UNLABELLED) else known.problem_type
    try:
        answer = _answer(_first(row, known.answer))
    except ValueError as error:
        raise FormatError(f"{path}: problem {place}: {error}") from None
    return found if answer is _UNLABELLED else {**found, "answer": answer}


def _first(row: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((row[key] for key in keys if key in row), _UNLABELLED)


def _answer(said: Any) -> Any:
    """A label as a number or `None`; `_UNLABELLED` stays.

    Raises:
        ValueError: it is neither.
    """
    if said is _UNLABELLED:
        return said
    if isinstance(said, str) and said.strip().startswith("{"):
        said = json.loads(said)
    if isinstance(said, dict):
        said = said.get("objective", said.get("obj", next(reversed(said.values()), None)))
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    if said is None or str(said).strip().lower() in _NONE:
        return None
    try:
        number = math.nan if isinstance(said, bool) else float(str(said).replace(",", "").strip(" $"))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"the answer must be a number, or say that there is none; got {said!r}")
    return None if number == -99999 else number


def _from_folders(path: Path, format_name: str | None) -> list[Row]:
    names = [format_name] if format_name else [name for name, known in FORMATS.items() if known.is_folder]
    rows: list[Row] = []
    for folder in sorted(p for p in path.iterdir() if p.is_dir()):
        for name in names:
            known = FORMATS[name]
            texts = [folder / file for file in known.question if (folder / file).is_file()]
            labels = [folder / file for file in known.answer if (folder / file).is_file()]
            if known.is_folder and texts and (labels or name == names[-1]):
                rows += _folder_rows(folder.name, texts[0].read_text(encoding="utf-8").strip(), labels)
                break
    if not rows:
        raise UsageError(f"`{path}` has no folders with a problem of the formats {', '.join(names)}")
    return rows


def _folder_rows(name: str, question: str, labels: list[Path]) -> list[Row]:
    """One row, or one for every sample with data of its own, which are put under the text."""
    if not labels:
        return [{"id": name, "question": question, "problem_type": ""}]
    try:
        said = json.loads(labels[0].read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{labels[0]}: not JSON: {error}") from None
    samples = said if isinstance(said, list) else [said]
    rows = []
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, dict):
            raise FormatError(f"{labels[0]}: expected an object with the answer, got {sample!r:.60}")
        words = question
        if sample.get("input"):
            words = load_prompt("modeling_data").fill(question=question, data=json.dumps(sample["input"]))
        label = sample.get("output", sample)
        if isinstance(label, dict) and label.get("status") in ("infeasible", "unbounded"):
            label = None
        try:
            answer = _answer(label)
        except ValueError as error:
            raise FormatError(f"{labels[0]}: {error}") from None
        kind = str(sample.get("problem_type", ""))
        identity = name if len(samples) == 1 else f"{name}/{number}"
        rows.append({"id": identity, "question": words, "problem_type": kind, "answer": answer})
    return rows

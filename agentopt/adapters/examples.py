"""A user's file of questions and answers: JSON Lines or CSV, under the user's own column names."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agentopt.errors import FormatError, UsageError
from agentopt.instance import read_jsonl

_DELIMITERS = ",;\t"


def read_examples(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    only: Mapping[str, str] | None = None,
    check: Callable[[str], str] = lambda answer: "",
) -> list[dict[str, Any]]:
    """The examples in a file, with `question` and `answer`, and `id`, `split`, `why` and others as they have them.

    A file whose name ends in `.csv` or `.tsv` has a header line, and commas, semicolons or tabs, whichever its header
    has most of; an empty cell is a missing value. Any other file is JSON Lines.

    Args:
        columns: what the file calls a field, by the field's name: `{"question": "Frage"}`.
        only: the examples that have these values in these fields (as the file calls them), and no others.
        check: says what is wrong with an answer; an empty text where nothing is.

    Raises:
        FormatError: a line is malformed, or lacks `question` or `answer`; the message starts with `file:line`.
        UsageError: the file cannot be read, it has none of a column, or nothing in it is asked for.
    """
    names, wanted = dict(columns or {}), dict(only or {})

    def complaint(row: Mapping[str, Any]) -> str:
        if not _is_wanted(row, wanted):
            return ""
        for name in (names.get(field, field) for field in ("question", "answer")):
            if not isinstance(row.get(name), str):
                return f"`{name}` must be a string, got {row.get(name)!r}"
        return check(row[names.get("answer", "answer")])

    rows = (_read_table if path.suffix.lower() in (".csv", ".tsv") else read_jsonl)(path, complaint)
    there = dict.fromkeys(name for row in rows for name in row)
    if unknown := [name for name in (*names.values(), *wanted) if name not in there]:
        raise UsageError(f"`{path}` has no `{unknown[0]}`; it has {', '.join(there)}")
    kept = [_renamed(row, names) for row in rows if _is_wanted(row, wanted)]
    if not kept:
        values = {name: sorted({str(row[name]) for row in rows if name in row})[:20] for name in wanted}
        raise UsageError(f"`{path}` has no examples with {wanted}; it has {values}")
    return kept


def _is_wanted(row: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(name in row and str(row[name]) == value for name, value in wanted.items())


def _renamed(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The row with the fields' own names; what had such a name before and is not meant is dropped."""
    taken = set(names) | set(names.values())
    return {field: row[name] for field, name in names.items() if name in row} | {
        name: value for name, value in row.items() if name not in taken
    }


def _read_table(path: Path, check: Callable[[dict[str, Any]], str]) -> list[dict[str, Any]]:
    rows = []
    for line, row in _table_rows(path):
        if complaint := check(row):
            raise FormatError(f"{path}:{line}: {complaint}")
        rows.append(row)
    if not rows:
        raise UsageError(f"`{path}` holds no examples")
    return rows


def _table_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows under the header, with the line that each begins on; blank lines are skipped."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count), strict=True)
            header = next(reader, [])
            if len(set(header)) < len(header):
                raise FormatError(f"{path}:1: a column occurs twice: {', '.join(header)}")
            line = reader.line_num + 1
            for cells in reader:
                if len(cells) > len(header):
                    raise FormatError(f"{path}:{line}: more cells than the header has columns ({len(header)})")
                if cells:
                    yield line, {name: cell for name, cell in zip(header, cells) if cell}
                line = reader.line_num + 1
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read `{path}`: {error}") from None
    except csv.Error as error:
        raise FormatError(f"{path}:{line}: not CSV: {error}") from None

"""Trace files: one run as JSON Lines, to keep, to send, and to replay.

The first line is `{"agentopt_trace": 1, …}`, each further line one event with its serial and time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agentopt.errors import FormatError, UsageError
from agentopt.events import KINDS, RunStarted, read_event
from agentopt.store.sqlite import Store, StoredEvent

TRACE_VERSION = 1


def write_trace(path: Path, events: Iterable[StoredEvent]) -> None:
    """Writes a run to a trace file, whole or not at all."""
    lines = [json.dumps({"agentopt_trace": TRACE_VERSION})]
    for stored in events:
        body = stored.event.model_dump()
        lines.append(_line({"serial": stored.serial, "time": stored.time, **body}))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(path)


def _line(data: dict[str, Any]) -> str:
    text = json.dumps(data, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can hold
        return json.dumps(data)
    return text


def read_trace(path: Path) -> list[StoredEvent]:
    """The events of a trace file. A torn last line, as a killed writer leaves it, is left out.

    Raises:
        UsageError: the file cannot be read.
        FormatError: it is not a trace, or a line is not an event; the message starts with `file:line`.
    """
    try:
        *whole, torn = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read trace `{path}`: {error}") from None
    lines = whole or [torn]
    if b"\0" in lines[0] or not lines[0].isascii():
        raise UsageError(f"cannot read trace `{path}`: it is not a text file of JSON lines")
    header = _object(lines[0], path, 1)
    if header.get("agentopt_trace") != TRACE_VERSION:
        raise FormatError(f'{path}:1: expected {{"agentopt_trace": {TRACE_VERSION}}}, got {lines[0][:80]!r}')
    events = []
    for number, line in enumerate(lines[1:], 2):
        row = _object(line, path, number)
        if isinstance(row.get("kind"), str) and row["kind"] not in KINDS:
            continue
        try:
            events.append(StoredEvent(int(row["serial"]), float(row["time"]), read_event(row)))
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(f"{path}:{number}: not a valid event: {error}") from None
    if not events or not isinstance(events[0].event, RunStarted):
        raise FormatError(f"{path}:2: the first event of a trace must be `run_started`")
    return events


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, too many digits, too deep
        raise FormatError(f"{path}:{number}: not JSON: {error}") from None
    if not isinstance(row, dict):
        raise FormatError(f"{path}:{number}: expected a JSON object, got {type(row).__name__}")
    return row


def read_run(reference: str, store_path: Path) -> list[StoredEvent]:
    """The events of a run, given as a trace file, a run id, or `last`.

    Raises:
        UsageError: there is no such file or run.
    """
    if names_file(reference):
        return read_trace(Path(reference))
    with open_record(reference, store_path) as store:
        return list(store.events(run_id(reference, store)))


def names_file(reference: str) -> bool:
    """Whether a reference to a run is the path of a trace file."""
    try:
        return reference.endswith(".jsonl") or Path(reference).is_file()
    except OSError:  # no name a file can have
        return False


def open_record(reference: str, store_path: Path) -> Store:
    """The record that holds the run.

    Raises:
        UsageError: there is no record.
    """
    if not store_path.is_file():
        raise UsageError(f"no run `{reference}`: there is no file of that name, and no record at `{store_path}`")
    return Store(store_path)


def run_id(reference: str, store: Store) -> str:
    """The id that the reference stands for; `last` is that of the newest run."""
    runs = store.runs() if reference == "last" else []
    return runs[-1].run if runs else reference

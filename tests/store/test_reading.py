"""Reading beside a writer: nothing is written, nothing is held, and each look brings what is new."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from agentopt.errors import UsageError
from agentopt.shelf import shelf
from agentopt.store.reading import RecordReader
from agentopt.store.sqlite import Store
from agentopt.store.tracefile import read_trace

STORED = read_trace(shelf("traces") / "prompt-ticket_triage.jsonl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Store(tmp_path / "agentopt.sqlite") as store:
        store.add_run(STORED)
    return tmp_path / "agentopt.sqlite"


def only_run(reader: RecordReader) -> str:
    (info,) = reader.runs()
    return info.run


def test_no_file_is_no_runs_and_makes_none(tmp_path: Path) -> None:
    reader = RecordReader(tmp_path / "none.sqlite")
    assert (reader.runs(), reader.last_serial("r"), reader.outline("r")) == ([], -1, [])
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_being_made_has_no_runs_yet(tmp_path: Path) -> None:
    path = tmp_path / "agentopt.sqlite"
    with sqlite3.connect(path) as file:
        file.execute("pragma journal_mode = wal")
    file.close()
    assert (RecordReader(path).runs(), RecordReader(path).last_serial("r")) == ([], -1)


def test_an_outline_is_the_store_s_from_any_serial_on(path: Path) -> None:
    reader = RecordReader(path)
    run = only_run(reader)
    with Store(path) as store:
        whole = list(store.outline(run))
    for after in (-1, 0, 5, len(whole) - 1, 10**6):
        assert reader.outline(run, after) == [one for one in whole if one.serial > after]
    assert reader.last_serial(run) == len(whole) - 1


@pytest.mark.parametrize("golden", sorted(Path(__file__).parent.glob("golden/*.sqlite")), ids=lambda p: p.stem)
def test_an_older_record_is_read_as_it_is(golden: Path, tmp_path: Path) -> None:
    path = tmp_path / "agentopt.sqlite"
    shutil.copy(golden, path)
    before = path.read_bytes()
    reader = RecordReader(path)
    run = only_run(reader)
    seen = reader.outline(run), reader.outline(run, 4)
    assert path.read_bytes() == before
    with Store(path) as store:
        whole = list(store.outline(run))
    assert seen == (whole, whole[5:])


def test_the_ends_and_single_events_are_whole(path: Path) -> None:
    reader = RecordReader(path)
    run = only_run(reader)
    assert reader.first_and_last(run) == [STORED[0], STORED[-1]]
    assert reader.event(run, 3) == STORED[3]
    with pytest.raises(UsageError, match="no event 100000"):
        reader.event(run, 100_000)


def test_a_reader_neither_waits_for_a_writer_nor_keeps_one_waiting(path: Path) -> None:
    reader = RecordReader(path)
    writer = sqlite3.connect(path, isolation_level=None, timeout=0)
    writer.execute("begin immediate")
    assert len(reader.outline(only_run(reader))) == len(STORED)
    writer.execute("commit")
    writer.close()


def test_a_newer_and_a_foreign_file_are_refused(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("pragma user_version = 99")
    file.close()
    with pytest.raises(UsageError, match="version 99"):
        RecordReader(path).runs()
    other = path.with_name("other.sqlite")
    other.write_bytes(b"no database" * 500)
    with pytest.raises(UsageError, match="cannot read the record"):
        RecordReader(other).runs()

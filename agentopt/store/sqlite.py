"""The record: one SQLite file for all runs of a project.

Events are rows of one append-only table; candidates, evaluations and exchanges are views of it. A second
table keeps each event without its bulk, so that what a run did is read without reading the whole record. Every
event is committed before `append` returns, so it survives the death of the process (WAL, synchronous
NORMAL: only a power failure can lose the last ones). Any number of processes of this machine may read meanwhile;
several machines may not share a file, as network file systems do not keep SQLite's locks.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from agentopt.errors import FormatError, UsageError
from agentopt.events import KINDS, Event, RunStarted, event_json, read_event_json

_VERSION_1 = """
create table if not exists runs (run text primary key, started real not null, task text not null, header text not null);
create table if not exists events (
    run text not null, serial integer not null, time real not null, kind text not null, body text not null,
    primary key (run, serial)
) without rowid;
create index if not exists events_by_kind on events (run, kind, serial);
create view if not exists candidates as
    select run, serial, json_extract(body, '$.candidate') as candidate, json_extract(body, '$.origin') as origin,
           json_extract(body, '$.values') as "values" from events where kind = 'candidate_added';
create view if not exists evaluations as
    select run, serial, json_extract(body, '$.candidate') as candidate, json_extract(body, '$.instance') as instance,
           json_extract(body, '$.split') as split, json_extract(body, '$.status') as status,
           json_extract(body, '$.score') as score from events where kind = 'evaluated';
create view if not exists exchanges as
    select run, serial, json_extract(body, '$.exchange.role') as role,
           json_extract(body, '$.exchange.reply.text') as reply from events where kind = 'exchanged';
"""
_VERSION_2 = """
create view if not exists asks as
    select run, events.serial, json_extract(trial.value, '$.candidate') as candidate,
           json_extract(trial.value, '$.instances') as instances
    from events, json_each(events.body, '$.trials') as trial where kind = 'asked';
"""
_OUTLINE = """case
    when not json_valid(body) then body
    when kind = 'evaluated' then json_remove(body, '$.graph', '$.output', '$.feedback.text', '$.feedback.channels')
    when kind = 'exchanged' then json_set(
        json_remove(body, '$.exchange.reply.text'),
        '$.exchange.request', json_object('messages', json_array(json_object(
            'content', substr(coalesce(json_extract(body, '$.exchange.request.messages[#-1].content'), ''), 1, 300)))))
    else body end"""
"""An event without its bulk, as SQL: of an exchange's request, how the last message begins is left."""
OUTLINED = f"select run, serial, time, kind, {_OUTLINE} as outline from events"
"""What version 3 keeps as its outlines, for files of the versions before."""
_KEEP_OUTLINES = f"insert into outlines {OUTLINED}"
_VERSION_3 = f"""
create table if not exists outlines (
    run text not null, serial integer not null, time real not null, kind text not null, outline text not null,
    primary key (run, serial)
) without rowid;
{_KEEP_OUTLINES};
"""
_MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3)
"""What makes each version of a file from the one before it; a released one is never changed."""
STORE_VERSION = len(_MIGRATIONS)


@dataclass(frozen=True)
class RunInfo:
    """One line of the list of runs."""

    run: str
    started: float
    task: str


@dataclass(frozen=True)
class StoredEvent:
    """An event with its place in the run and when it was written (seconds since 1970, UTC)."""

    serial: int
    time: float
    event: Event


class Store:
    """Runs in a SQLite file. One `Store` may be used from many threads.

    Args:
        path: the file; its folder is made if need be.
        clock: seconds since 1970.

    Raises:
        UsageError: the file cannot be opened or written, or was written by a newer agentopt.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
            self._become_wal()
            self._connection.execute("pragma synchronous = normal")
            (version,) = self._connection.execute("pragma user_version").fetchone()
            if version > STORE_VERSION:
                raise UsageError(
                    f"`{path}` has version {version}; this agentopt reads up to {STORE_VERSION}: update it"
                )
            if version < STORE_VERSION:
                self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise UsageError(f"cannot use `{path}` as a record: {error}") from error

    def _migrate(self) -> None:
        """Brings the file to the newest version, whole or not at all; another process may be doing the same.

        What a process of an older version, which had the file open before, still writes has no outline.
        """
        with self._transaction():
            (version,) = self._connection.execute("pragma user_version").fetchone()
            if version == 0 and self._connection.execute("select 1 from sqlite_master").fetchone():
                raise UsageError(f"`{self.path}` is a database of something else, not a record")
            for statement in ";".join(_MIGRATIONS[version:]).split(";"):  # `executescript` would end the transaction
                self._connection.execute(statement)
            self._connection.execute(f"pragma user_version = {STORE_VERSION}")

    def _become_wal(self) -> None:
        """Switches to write-ahead logging; SQLite does not wait for a lock here by itself."""
        for attempt in range(100):
            try:
                self._connection.execute("pragma journal_mode = wal")
                return
            except sqlite3.OperationalError as error:
                if attempt == 99 or "locked" not in str(error):
                    raise
                time.sleep(0.1)

    def add_run(self, events: Sequence[StoredEvent]) -> str:
        """Enters a run from a trace file, whole or not at all, and returns its id.

        Raises:
            UsageError: the file holds a run of that id already, or cannot be written.
            FormatError: the first event is no header.
        """
        header = events[0].event if events else None
        if not isinstance(header, RunStarted):
            raise FormatError("a run starts with `run_started`; this one does not")
        rows = [(header.run, e.serial, e.time, e.event.kind, event_json(e.event)) for e in events]
        with self._lock, self._transaction():
            if self._connection.execute("select 1 from runs where run = ?", (header.run,)).fetchone():
                raise UsageError(f"`{self.path}` holds a run `{header.run}` already")
            self._insert_run(header, events[0].time)
            self._connection.executemany("insert into events values (?, ?, ?, ?, ?)", rows)
            self._connection.execute(f"{_KEEP_OUTLINES} where run = ?", (header.run,))
        return header.run

    def _insert_run(self, header: RunStarted, started: float) -> None:
        task = str(header.task.get("name", ""))
        row = (header.run, started, task, event_json(header))
        self._connection.execute("insert into runs values (?, ?, ?, ?)", row)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Holds the lock; what SQLite cannot read is the caller's file."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise UsageError(f"cannot read `{self.path}`: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Writes what is done inside, whole or not at all."""
        try:
            self._connection.execute("begin immediate")
            yield
            self._connection.execute("commit")
        except BaseException as error:
            with suppress(sqlite3.Error):  # nothing was begun, or the file is closed
                self._connection.execute("rollback")
            if isinstance(error, sqlite3.Error):
                raise UsageError(f"cannot write to `{self.path}`: {error}") from error
            raise

    def append(self, run: str, event: Event) -> int:
        """Writes the next event of a run, and returns its serial, from 0, once it is safe.

        Raises:
            UsageError: the file cannot be written (disk full, no permission).
        """
        body = event_json(event)
        with self._lock, self._transaction():
            row = self._connection.execute("select max(serial) from events where run = ?", (run,)).fetchone()
            serial = 0 if row[0] is None else int(row[0]) + 1
            now = self._clock()
            if isinstance(event, RunStarted):
                self._insert_run(event, now)
            self._connection.execute("insert into events values (?, ?, ?, ?, ?)", (run, serial, now, event.kind, body))
            self._connection.execute(f"{_KEEP_OUTLINES} where run = ? and serial = ?", (run, serial))
        return serial

    def runs(self) -> list[RunInfo]:
        """All runs, oldest first.

        Raises:
            UsageError: the file is broken.
        """
        with self._reading():
            rows = self._connection.execute("select run, started, task from runs order by started, rowid").fetchall()
        return [RunInfo(*row) for row in rows]

    def events(self, run: str, *kinds: str) -> Iterator[StoredEvent]:
        """The run's events in order, of these kinds or of all.

        Raises:
            UsageError: there is no such run, or the file is broken.
            FormatError: an event does not have the format it should have.
        """
        wanted = kinds or tuple(sorted(KINDS))
        marks = ",".join("?" * len(wanted))
        query = f"select serial, time, body from events where run = ? and kind in ({marks}) order by serial"
        return self._read(run, query, wanted)

    def outline(self, run: str) -> Iterator[StoredEvent]:
        """The run's events in order, without their bulk, which `event` reads when it is wanted.

        Left out are graphs, outputs and words of feedback of evaluations, and requests and replies of exchanges,
        except how the last message of a request begins.

        Raises:
            UsageError: there is no such run.
            FormatError: an event does not have the format it should have.
        """
        marks = ",".join("?" * len(KINDS))
        query = f"select serial, time, outline from outlines where run = ? and kind in ({marks}) order by serial"
        return self._read(run, query, tuple(sorted(KINDS)))

    def _read(self, run: str, query: str, kinds: Sequence[str]) -> Iterator[StoredEvent]:
        with self._reading():
            if not self._connection.execute("select 1 from runs where run = ?", (run,)).fetchone():
                raise UsageError(f"`{self.path}` holds no run `{run}`; see `agentopt list runs`")
            rows = self._connection.execute(query, (run, *kinds)).fetchall()
        for serial, written, body in rows:
            yield StoredEvent(serial, written, parsed(body, f"{self.path}, run {run}, event {serial}"))

    def event(self, run: str, serial: int) -> StoredEvent:
        """One event, whole.

        Raises:
            UsageError: there is no such event.
            FormatError: it does not have the format it should have.
        """
        query = "select serial, time, body from events where run = ? and serial = ?"
        with self._reading():
            row = self._connection.execute(query, (run, serial)).fetchone()
        if row is None:
            raise UsageError(f"`{self.path}` holds no event {serial} of run `{run}`")
        return StoredEvent(serial, row[1], parsed(row[2], f"{self.path}, run {run}, event {serial}"))

    def close(self) -> None:
        """Closes the file; everything appended is in it."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def parsed(body: str, where: str) -> Event:
    """The event in a row's JSON.

    Raises:
        FormatError: it is none; the message starts with `where`.
    """
    try:
        return read_event_json(body)
    except ValueError as error:  # pydantic's ValidationError is one
        raise FormatError(f"{where}: not a valid event: {error}") from None

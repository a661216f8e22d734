"""What people and runs have to tell each other while a run goes on: a small SQLite file beside the record.

The record itself is only ever written by its run. Here any process of this machine asks a run to stop, and a run puts
questions before a person, who may be there or not: a question stays until it is answered, whoever is closed meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentopt.errors import UsageError

_VERSION = 1
_TABLES = """
create table if not exists stops (run text primary key, time real not null);
create table if not exists questions (
    number integer primary key autoincrement, run text not null, digest text not null, time real not null,
    body text not null, answer text, unique (run, digest)
);
"""


@dataclass(frozen=True, kw_only=True)
class OpenQuestion:
    """A question that its run has not taken an answer to.

    Args:
        number: unique in the file, and never given again.
        time: when it was put, in seconds since 1970.
        is_answered: whether the answer waits for the run to take it.
    """

    number: int
    run: str
    time: float
    question: dict[str, Any]
    is_answered: bool


class Control:
    """The file of stops and questions beside a record; made when something is first written.

    Args:
        store: the record's file.
    """

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(f"{store.name}.control")

    def ask_to_stop(self, run: str) -> None:
        """Asks a run to end after what is under way."""
        with self._opened() as file:
            file.execute("insert or replace into stops values (?, ?)", (run, time.time()))

    def is_stop_asked(self, run: str) -> bool:
        """Whether somebody asked the run to stop since it last started."""
        if not self.path.exists():
            return False
        with self._opened() as file:
            return file.execute("select 1 from stops where run = ?", (run,)).fetchone() is not None

    def forget_stop(self, run: str) -> None:
        """Takes back that the run is to stop: it did, or goes on."""
        if self.path.exists():
            with self._opened() as file:
                file.execute("delete from stops where run = ?", (run,))

    def put(self, run: str, digest: str, question: Mapping[str, Any]) -> None:
        """Puts a question, unless it waits here already; an answer that it has stays."""
        row = (run, digest, time.time(), json.dumps(question))
        with self._opened() as file:
            file.execute(
                "insert into questions (run, digest, time, body) values (?, ?, ?, ?) "
                "on conflict (run, digest) do update set body = excluded.body",
                row,
            )

    def take_answer(self, run: str, digest: str) -> dict[str, Any] | None:
        """The answer to a question, which is gone then; `None` while there is none."""
        with self._opened() as file:
            query = "delete from questions where run = ? and digest = ? and answer is not null returning answer"
            row = file.execute(query, (run, digest)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def answer(self, number: int, answer: Mapping[str, Any]) -> bool:
        """Answers a question; `False` where it is answered already, or was never put."""
        with self._opened() as file:
            query = "update questions set answer = ? where number = ? and answer is null"
            return file.execute(query, (json.dumps(answer), number)).rowcount == 1

    def questions(self) -> list[OpenQuestion]:
        """All questions that no run has taken an answer to, oldest first."""
        if not self.path.exists():
            return []
        with self._opened() as file:
            rows = file.execute(
                "select number, run, time, body, answer is not null from questions order by number"
            ).fetchall()
        return [
            OpenQuestion(number=number, run=run, time=put, question=json.loads(body), is_answered=bool(is_answered))
            for number, run, put, body, is_answered in rows
        ]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file inside one transaction; it is opened for each, so that nobody holds it while waiting.

        Raises:
            UsageError: the file cannot be used.
        """
        try:
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as file:
                (version,) = file.execute("pragma user_version").fetchone()
                if version > _VERSION:
                    raise UsageError(f"`{self.path}` has version {version}; this agentopt reads {_VERSION}: update it")
                if version < _VERSION:
                    file.executescript(f"begin immediate; {_TABLES} pragma user_version = {_VERSION}; commit")
                file.execute("begin immediate")
                yield file
                file.execute("commit")
        except sqlite3.Error as error:
            raise UsageError(f"cannot use `{self.path}`, which takes stops and answers: {error}") from error

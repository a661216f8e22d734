"""Reads a record beside its writer: connections that can only read, opened for each look, so that nobody waits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentopt.errors import UsageError
from agentopt.events import KINDS
from agentopt.store.sqlite import OUTLINED, STORE_VERSION, RunInfo, StoredEvent, parsed

_COUNTED = """
    case kind
        when 'evaluated' then json_remove(body, '$.graph', '$.output', '$.feedback')
        when 'exchanged' then json_remove(body, '$.exchange.request', '$.exchange.reply.text')
        when 'candidate_added' then json_set(body, '$.values', json('{}'), '$.notes', json('{}'))
        else body
    end"""
_KNOWN = "kind in ({})".format(",".join(f"'{kind}'" for kind in sorted(KINDS)))


@dataclass(frozen=True)
class RecordReader:
    """Reads the record in `path`, if it is there already. Its folder must be writable: SQLite keeps files there."""

    path: Path

    def runs(self) -> list[RunInfo]:
        """All runs, oldest first; none where there is no record yet."""
        return [RunInfo(*row) for row in self._rows("select run, started, task from runs order by started, rowid")]

    def last_serial(self, run: str) -> int:
        """Serial of the run's last event; -1 where there is none."""
        rows = self._rows("select max(serial) from events where run = ?", run)
        return next((int(serial) for (serial,) in rows if serial is not None), -1)

    def outline(self, run: str, after: int = -1) -> list[StoredEvent]:
        """The events after serial `after`, as `Store.outline` gives them."""
        return self._events(run, "select serial, time, outline from outlines where run = ? and serial > ?", after)

    def counted(self, run: str, after: int = -1) -> list[StoredEvent]:
        """The events after serial `after`, with what adds up and no more: scores, statuses, costs and usage."""
        return self._events(run, f"select serial, time, {_COUNTED} from events where run = ? and serial > ?", after)

    def first_and_last(self, run: str) -> list[StoredEvent]:
        """The header and the last event, whole."""
        last = "(select max(serial) from events where run = ?)"
        return self._events(run, f"select serial, time, body from events where run = ? and serial in (0, {last})", run)

    def event(self, run: str, serial: int) -> StoredEvent:
        """One event, whole.

        Raises:
            UsageError: there is no such event.
        """
        found = self._events(run, "select serial, time, body from events where run = ? and serial = ?", serial)
        if not found:
            raise UsageError(f"`{self.path}` holds no event {serial} of run `{run}`")
        return found[0]

    def _events(self, run: str, query: str, *arguments: object) -> list[StoredEvent]:
        rows = self._rows(f"{query} and {_KNOWN} order by serial", run, *arguments)
        return [
            StoredEvent(serial, time, parsed(body, f"{self.path}, run {run}, event {serial}"))
            for serial, time, body in rows
        ]

    def _rows(self, query: str, *arguments: object) -> list[Any]:
        """The rows; none where there is no file yet, or one without tables, which its first run is making.

        Raises:
            UsageError: it cannot be read, or was written by a newer agentopt.
        """
        if not self.path.is_file():
            return []
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as file:
                (version,) = file.execute("pragma user_version").fetchone()
                if version > STORE_VERSION:
                    raise UsageError(
                        f"`{self.path}` has version {version}; this agentopt reads up to {STORE_VERSION}: update it"
                    )
                if 0 < version < 3:  # outlines are not kept yet, and a look must not change the file
                    file.execute(f"create temp view outlines as {OUTLINED}")
                return file.execute(query, arguments).fetchall() if version > 0 else []
        except sqlite3.Error as error:
            raise UsageError(f"cannot read the record `{self.path}`: {error}") from error

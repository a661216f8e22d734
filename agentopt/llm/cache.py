"""Replies to exact requests, kept on disk, so that what was asked once is not paid for twice."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from agentopt.errors import UsageError
from agentopt.llm.base import LLM, Reply, Request
from agentopt.llm.recorded import Exchange
from agentopt.llm.wrapped import WrappedLLM

logger = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 1_000_000_000
_APPLICATION_ID = 0x616F7063  # "aopc", in the header of every SQLite file that is a cache of agentopt
_VERSION = 1
_TABLES = """
create table replies (
    model text not null, request text not null, sample integer not null,
    reply text not null, used integer not null,
    primary key (model, request, sample)
) without rowid;
create index replies_by_use on replies (used);
create table size (bytes integer not null);
insert into size values (0);
"""


class ReplyCache:
    """Replies by model, request and number of the sample, in one SQLite file that processes may share.

    Entries that were not used for longest go out first when the texts in it grow beyond `max_bytes`; the file
    may be about twice as large. A file that cannot be written any more (disk full) ends the caching, with one
    warning, and not the run.

    Args:
        path: made with its folder if it is not there.
        max_bytes: of the replies' texts, by the process that writes.

    Raises:
        UsageError: the file is something else, broken, of a newer version, or cannot be made. It is left as it is.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        if max_bytes < 1:
            raise UsageError(f"`max_bytes` is {max_bytes}; expected 1 or more")
        self.path = Path(path)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        try:
            if not self.path.exists():
                _create(self.path)
            self._connection: sqlite3.Connection | None = _opened(self.path)
        except (sqlite3.Error, OSError) as error:
            raise UsageError(f"cannot use `{self.path}` as a cache of replies: {error}") from error

    def get(self, model: str, request: str, sample: int) -> Reply | None:
        """The reply to `request` (its digest), `cached` set; `None` where there is none, or it cannot be read."""
        key = (model, request, sample)
        with self._lock:
            if self._connection is None:
                return None
            try:
                query = "select reply from replies where (model, request, sample) = (?, ?, ?)"
                row = self._connection.execute(query, key).fetchone()
                if row is None:
                    return None
                reply = Reply.from_json(json.loads(row[0]))
                update = "update replies set used = ? where (model, request, sample) = (?, ?, ?)"
                self._connection.execute(update, (time.time_ns(), *key))
            except (sqlite3.Error, ValueError, TypeError, LookupError, AttributeError) as error:  # or another shape
                self._give_up(error)
                return None
        return replace(reply, cached=True, latency_s=0.0)

    def put(self, model: str, request: str, sample: int, reply: Reply) -> None:
        """Keeps `reply`, unless there is one already."""
        text = json.dumps(reply.to_json())
        with self._lock:
            if self._connection is None:
                return
            try:
                self._connection.execute("begin immediate")
                self._insert(self._connection, (model, request, sample, text, time.time_ns()))
                self._connection.execute("commit")
            except sqlite3.Error as error:
                with suppress(sqlite3.Error):  # nothing was begun
                    self._connection.execute("rollback")
                self._give_up(error)

    def _insert(self, connection: sqlite3.Connection, row: tuple[str, str, int, str, int]) -> None:
        if not connection.execute("insert or ignore into replies values (?, ?, ?, ?, ?)", row).rowcount:
            return
        connection.execute("update size set bytes = bytes + ?", (_size(row[3]),))
        (size,) = connection.execute("select bytes from size").fetchone()
        while size > self._max_bytes:
            oldest = "select model, request, sample, reply from replies order by used limit 1"
            if (row := connection.execute(oldest).fetchone()) is None:  # somebody else deleted rows
                size = 0
                break
            *key, text = row
            connection.execute("delete from replies where (model, request, sample) = (?, ?, ?)", key)
            size -= _size(text)
        connection.execute("update size set bytes = ?", (size,))

    def _give_up(self, error: Exception) -> None:
        """Goes on without the file; called with the lock held."""
        logger.warning("going on without the cache of replies `%s`: %s", self.path, error)
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # its last checkpoint may not fit the disk either
                self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Closes the file; afterwards nothing is found and nothing kept."""
        with self._lock:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class CachedLLM(WrappedLLM):
    """`inner`, with replies from `cache` where it has them. Goes inside of `RecordedLLM`, which makes hits events.

    The n-th time that this object answers a request, the n-th sample in the cache is given, so asking again at a
    temperature gives other samples, as many as were ever paid for, and then new ones. A request with `seed` and
    temperature 0 has one answer, which is always given. Replies are kept under the model's name with its address,
    for the request as it is sent (a budget of tokens or dollars sets its `max_tokens`); failures are not kept.

    `usage` of a cached reply says what it took when it was given first.
    """

    def __init__(self, inner: LLM, cache: ReplyCache) -> None:
        super().__init__(inner)
        self._cache = cache
        self._answered: Counter[str] = Counter()  # by digest of the request
        self._lock = threading.Lock()

    def recall(self, request: Request) -> Reply | None:
        """The next sample of the reply, if the cache has it."""
        key = request.digest
        with self._lock:
            reply = self._cache.get(self.name, key, self._next(request, key))
            if reply is not None:
                self._answered[key] += 1
        return reply or super().recall(request)

    def complete(self, request: Request) -> Reply:
        """The model's own reply, which is kept; `recall` is what looks into the cache."""
        reply = super().complete(request)
        key = request.digest
        with self._lock:
            sample = self._next(request, key)
            self._answered[key] += 1
        self._cache.put(self.name, key, sample, reply)
        return reply

    def skip(self, exchanges: Sequence[Exchange]) -> None:
        """Counts the samples that an interrupted run was given; the next ones follow."""
        with self._lock:
            self._answered.update(e.request.digest for e in exchanges if e.reply is not None)
        super().skip([e for e in exchanges if e.reply is None or not e.reply.cached])

    def _next(self, request: Request, key: str) -> int:
        is_certain = request.temperature == 0 and request.seed is not None
        return 0 if is_certain else self._answered[key]


def _size(reply: str) -> int:
    return len(reply) + 150  # its key and place in the index


def _create(path: Path) -> None:
    """Makes an empty cache at `path`, whole or not at all, unless another process is faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            connection.execute("pragma journal_mode = wal")  # stays so for everybody who opens it
            connection.executescript(
                f"{_TABLES} pragma application_id = {_APPLICATION_ID}; pragma user_version = {_VERSION};"
            )
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        os.unlink(fresh)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
    try:
        (application,) = connection.execute("pragma application_id").fetchone()
        (version,) = connection.execute("pragma user_version").fetchone()
        if application != _APPLICATION_ID:
            raise UsageError(f"`{path}` is a database of something else, not a cache of replies; choose another path")
        if version > _VERSION:
            raise UsageError(f"`{path}` has version {version}; this agentopt reads up to {_VERSION}: update it")
        connection.execute("pragma synchronous = normal")
        connection.execute("select count(*) from (select 1 from replies limit 1)")
    except BaseException:
        connection.close()
        raise
    return connection

"""A lock on a run: at most one process of this machine goes on with it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentopt.errors import UsageError

_LOOKS = 5
_LOOK_EVERY_S = 0.02
"""`is_locked` holds a lock for an instant; who wants the run itself must not be turned away by that."""


@contextmanager
def run_lock(store: Path, run: str) -> Iterator[None]:
    """Holds the run inside; the kernel lets go of it when the process dies, so a lock file left behind locks nothing.

    Args:
        store: the record's file; the lock file lies beside it.

    Raises:
        UsageError: a living process holds the run, which is named, or no lock file can be made.
    """
    path = _lock_path(store, run)
    try:
        descriptor = _locked(path)
    except BlockingIOError:
        owner = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
        raise UsageError(f"run `{run}` is going on in process {owner}; end that one first") from None
    except OSError as error:
        raise UsageError(f"cannot lock run `{run}`: {error}") from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_locked(store: Path, run: str) -> bool:
    """Whether a living process of this machine goes on with the run."""
    try:
        descriptor = os.open(_lock_path(store, run), os.O_RDONLY)
    except (FileNotFoundError, UsageError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_path(store: Path, run: str) -> Path:
    try:
        if "\0" in run:
            raise ValueError
        return store.with_name(f"{store.name}.{run}.lock")
    except ValueError:
        raise UsageError(f"run `{run}` cannot be locked: no file can have its id in its name") from None


def _locked(path: Path) -> int:
    """A descriptor of the locked file, with this process's id in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    looks_left = _LOOKS
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            looks_left -= 1
            if not looks_left:
                raise
            time.sleep(_LOOK_EVERY_S)
            continue
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last holder removed the file in between


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False

"""One process at a time goes on with a run; a dead one holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentopt.errors import UsageError
from agentopt.store.lock import is_locked, run_lock

_HOLDER = """
import sys, time
from pathlib import Path
from agentopt.store.lock import run_lock

with run_lock(Path(sys.argv[1]), "r"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_is_held_once_and_its_owner_is_named(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path / "s", "r"),
        pytest.raises(UsageError, match=f"run `r` is going on in process {os.getpid()}"),
        run_lock(tmp_path / "s", "r"),
    ):
        pass


def test_other_runs_of_the_file_are_free(tmp_path: Path) -> None:
    with run_lock(tmp_path / "s", "one"), run_lock(tmp_path / "s", "other"):
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "s")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=f"process {holder.pid}"), run_lock(tmp_path / "s", "r"):
            pass
        holder.kill()
        holder.wait()
        assert (tmp_path / "s.r.lock").exists()
        with run_lock(tmp_path / "s", "r"):
            assert (tmp_path / "s.r.lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot lock run `r`"), run_lock(tmp_path / "file" / "s", "r"):
        pass


def test_looking_at_a_lock_says_whether_somebody_lives(tmp_path: Path) -> None:
    store = tmp_path / "s"
    assert not is_locked(store, "r")
    with run_lock(store, "r"):
        assert is_locked(store, "r")
        assert not is_locked(store, "other")
    assert not is_locked(store, "r")
    (tmp_path / "s.r.lock").write_text("1\n")  # as a killed process leaves it
    assert not is_locked(store, "r")
    assert not is_locked(store, "../r")


def test_who_wants_a_run_is_not_turned_away_by_who_only_looks(tmp_path: Path) -> None:
    store = tmp_path / "s"
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            is_locked(store, "r")

    (tmp_path / "s.r.lock").write_text("")
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with run_lock(store, "r"):
                pass
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("run", ["../r", "a/b", "a\0b"])
def test_an_id_that_is_no_file_name_cannot_be_locked(tmp_path: Path, run: str) -> None:
    with pytest.raises(UsageError, match="no file can have its id"), run_lock(tmp_path / "s", run):
        pass

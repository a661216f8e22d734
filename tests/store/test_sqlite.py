"""The record survives its writer, takes two of them, and says clearly what it cannot do."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentopt.errors import FormatError, UsageError
from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, RunFinished, RunStarted
from agentopt.store.sqlite import STORE_VERSION, Store


def header(run: str = "r", task: str = "numerical/branin") -> RunStarted:
    return RunStarted(
        run=run, task={"name": task}, settings={}, llm={}, answered_by="nobody", space=[], instances={"train": ["a"]}
    )


def candidate(number: int) -> CandidateAdded:
    return CandidateAdded(candidate=number, values={"x": float(number)}, origin="start")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "agentopt.sqlite"


def test_folder_is_made(path: Path) -> None:
    with Store(path):
        assert path.is_file()


def test_serials_count_from_zero_in_every_run(path: Path) -> None:
    with Store(path) as store:
        serials = [store.append(run, header(run)) for run in ("a", "b")]
        serials += [store.append(run, candidate(0)) for run in ("a", "b")]
    assert serials == [0, 0, 1, 1]


def test_events_read_back_equal_and_in_order(path: Path) -> None:
    events: list[Event] = [header(), candidate(0), candidate(1), RunFinished(reason="done")]
    with Store(path) as store:
        for event in events:
            store.append("r", event)
    with Store(path) as store:
        assert [s.event for s in store.events("r")] == events
        assert [s.serial for s in store.events("r")] == [0, 1, 2, 3]


def test_time_is_the_clocks(path: Path) -> None:
    with Store(path, clock=lambda: 12.5) as store:
        store.append("r", header())
        assert [s.time for s in store.events("r")] == [12.5]
        assert store.runs()[0].started == 12.5


def test_events_can_be_read_by_kind(path: Path) -> None:
    with Store(path) as store:
        for event in (header(), candidate(0), RunFinished(reason="done")):
            store.append("r", event)
        assert [s.event.kind for s in store.events("r", "run_finished", "run_started")] == [
            "run_started",
            "run_finished",
        ]


def test_runs_are_listed_oldest_first(path: Path) -> None:
    times = iter([3.0, 1.0, 2.0])
    with Store(path, clock=lambda: next(times)) as store:
        for run in ("late", "early", "middle"):
            store.append(run, header(run, task=f"t/{run}"))
        assert [(r.run, r.task) for r in store.runs()] == [
            ("early", "t/early"),
            ("middle", "t/middle"),
            ("late", "t/late"),
        ]


def test_an_empty_record_has_no_runs(path: Path) -> None:
    with Store(path) as store:
        assert store.runs() == []


def test_an_unknown_run_is_a_usage_error_that_names_file_and_run(path: Path) -> None:
    with Store(path) as store, pytest.raises(UsageError, match=r"agentopt\.sqlite` holds no run `nope`"):
        list(store.events("nope"))


def test_values_beyond_ascii_read_back_equal(path: Path) -> None:
    value = "ü \u2028 \x85 \x00 \N{PILE OF POO} \x1b[31m"
    with Store(path) as store:
        store.append("r", header())
        store.append("r", CandidateAdded(candidate=0, values={"x": value}))
        *_, last = store.events("r")
    assert isinstance(last.event, CandidateAdded)
    assert last.event.values == {"x": value}


def test_eight_threads_write_every_event_once(path: Path) -> None:
    with Store(path) as store:
        store.append("r", header())

        def write() -> None:
            for n in range(25):
                store.append("r", candidate(n))

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [s.serial for s in store.events("r")] == list(range(201))


_WRITER = """
import sys
from pathlib import Path
from agentopt.events import CandidateAdded, RunStarted
from agentopt.store.sqlite import Store

path, run, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = Store(path)
header = {"task": {"name": "t"}, "settings": {}, "llm": {}, "answered_by": "nobody", "space": [], "instances": {}}
store.append(run, RunStarted(run=run, **header))
for n in range(1, count):
    serial = store.append(run, CandidateAdded(candidate=n, values={"x": "y" * 2000}))
    print(serial, flush=True)
"""


def writer(path: Path, run: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(path), run, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("moment", [1, 7, 60, 200])
def test_every_acknowledged_event_survives_the_death_of_the_writer(path: Path, moment: int) -> None:
    with writer(path, "r", 100_000) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(moment)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    with Store(path) as store:
        serials = [stored.serial for stored in store.events("r")]
    assert serials == list(range(len(serials)))
    assert set(acknowledged) <= set(serials)


def test_a_run_can_go_on_in_the_file_of_a_dead_writer(path: Path) -> None:
    with writer(path, "r", 100_000) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    with Store(path) as store:
        last = max(s.serial for s in store.events("r"))
        assert store.append("r", RunFinished(reason="killed")) == last + 1


def test_two_processes_write_to_one_file(path: Path) -> None:
    with Store(path):
        pass  # the file is there: making it is the next test's claim
    with writer(path, "a", 150) as one, writer(path, "b", 150) as other:
        assert len(one.communicate()[0].split()) == len(other.communicate()[0].split()) == 149
    with Store(path) as store:
        for run in ("a", "b"):
            assert [s.serial for s in store.events(run)] == list(range(150))


def test_opening_waits_for_a_process_that_is_making_the_file(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    other.execute("create table t (x)")
    timer = threading.Timer(0.1, other.execute, ["commit"])
    timer.start()
    try:
        Store(path).close()
    finally:
        timer.join()
        other.close()


def test_a_record_can_be_read_while_it_is_written(path: Path) -> None:
    with Store(path) as one, Store(path) as other:
        one.append("r", header())
        assert [s.event.kind for s in other.events("r")] == ["run_started"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_read_only_folder_is_a_usage_error_that_names_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(UsageError, match=r"cannot use .*locked/agentopt\.sqlite"):
        Store(folder / "agentopt.sqlite")


def test_a_folder_that_is_a_file_is_a_usage_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("I am a file")
    with pytest.raises(UsageError, match=r"cannot use .*agentopt\.sqlite` as a record"):
        Store(tmp_path / "file" / "agentopt.sqlite")


def test_a_record_that_is_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot use"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "agentopt.sqlite").write_bytes(b"this is no database, " * 100)
    with pytest.raises(UsageError, match="not a database"):
        Store(tmp_path / "agentopt.sqlite")


def test_a_newer_schema_is_a_usage_error_that_says_to_update(path: Path) -> None:
    with Store(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"pragma user_version = {STORE_VERSION + 1}")
    connection.close()
    with pytest.raises(UsageError, match=f"version {STORE_VERSION + 1}.*reads up to {STORE_VERSION}: update"):
        Store(path)


def test_a_newer_schema_is_left_as_it_is(path: Path) -> None:
    with Store(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"pragma user_version = {STORE_VERSION + 1}")
    with pytest.raises(UsageError):
        Store(path)
    assert connection.execute("pragma user_version").fetchone() == (STORE_VERSION + 1,)
    connection.close()


def test_an_event_that_is_broken_in_the_file_is_a_format_error_that_says_which(path: Path) -> None:
    with Store(path) as store:
        store.append("r", header())
        store.append("r", candidate(0))
    connection = sqlite3.connect(path)
    connection.execute('update events set body = \'{"kind": "candidate_added"}\' where serial = 1')
    connection.commit()
    connection.close()
    with Store(path) as store, pytest.raises(FormatError, match="run r, event 1"):
        list(store.events("r"))


def test_kinds_of_a_newer_agentopt_are_ignored(path: Path) -> None:
    with Store(path) as store:
        store.append("r", header())
    connection = sqlite3.connect(path)
    connection.execute("insert into events values ('r', 1, 0.0, 'dreamed', '{\"kind\": \"dreamed\"}')")
    connection.commit()
    connection.close()
    with Store(path) as store:
        assert [s.event.kind for s in store.events("r")] == ["run_started"]


def test_writing_after_the_table_is_gone_is_a_usage_error(path: Path) -> None:
    with Store(path) as store:
        connection = sqlite3.connect(path)
        connection.executescript("drop table events")
        connection.close()
        with pytest.raises(UsageError, match="cannot write"):
            store.append("r", header())


def test_writing_after_closing_is_a_usage_error(path: Path) -> None:
    store = Store(path)
    store.close()
    with pytest.raises(UsageError):
        store.append("r", header())


@pytest.fixture
def rows(path: Path) -> sqlite3.Connection:
    reply = {"text": "forty-two"}
    events: list[Event] = [
        header(),
        CandidateAdded(candidate=0, values={"x": 1.5}, origin="start"),
        Evaluated(candidate=0, instance="a", split="train", status="ok", score=0.25),
        Exchanged(exchange={"role": "optimizer", "reply": reply, "request": {"messages": []}}),
    ]
    with Store(path) as store:
        for event in events:
            store.append("r", event)
    return sqlite3.connect(path)


@pytest.mark.parametrize(
    ("view", "row"),
    [
        ("candidates", ("r", 1, 0, "start", '{"x":1.5}')),
        ("evaluations", ("r", 2, 0, "a", "train", "ok", 0.25)),
        ("exchanges", ("r", 3, "optimizer", "forty-two")),
    ],
)
def test_view_returns_rows(rows: sqlite3.Connection, view: str, row: tuple[object, ...]) -> None:
    assert rows.execute(f"select * from {view}").fetchall() == [row]
    rows.close()


def test_opening_a_record_again_keeps_its_events(path: Path) -> None:
    with Store(path) as store:
        store.append("r", header())
    with Store(path):
        pass
    with Store(path) as store:
        assert len(list(store.events("r"))) == 1

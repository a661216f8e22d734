"""The record survives its writer, takes two of them, and says clearly what it cannot do."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentopt.errors import FormatError, UsageError
from agentopt.events import Asked, CandidateAdded, Evaluated, Event, Exchanged, RunFinished, RunStarted
from agentopt.store import sqlite
from agentopt.store.sqlite import STORE_VERSION, Store, StoredEvent
from agentopt.store.tracefile import read_trace, write_trace


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
    other.execute("pragma user_version = 0")
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


GOLDEN = sorted(Path(__file__).parent.glob("golden/version-*.sqlite"))


def test_every_released_version_has_a_golden_file() -> None:
    assert [path.stem for path in GOLDEN] == [f"version-{n}" for n in range(1, STORE_VERSION)]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda p: p.stem)
def test_a_file_of_an_older_version_is_read_whole_and_written_on(golden: Path, path: Path) -> None:
    path.parent.mkdir()
    shutil.copy(golden, path)
    with Store(path) as store:
        (run,) = (known.run for known in store.runs())
        events = read_trace(golden.with_suffix(".jsonl"))
        assert list(store.events(run)) == events
        outline = list(store.outline(run))
        store.append("r", header())
        assert [s.event for s in store.outline("r")] == [header()]
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma user_version").fetchone() == (STORE_VERSION,)
        asked = sum(isinstance(s.event, Asked) for s in events)
        assert connection.execute("select count(*) from asks").fetchone() == (asked,)
    connection.close()
    with Store(path.with_name("written by this version.sqlite")) as store:
        store.add_run(events)
        assert outline == list(store.outline(run))


def test_an_old_record_that_holds_a_broken_event_is_opened_all_the_same(path: Path) -> None:
    path.parent.mkdir()
    shutil.copy(GOLDEN[-1], path)
    with sqlite3.connect(path) as connection:
        connection.execute("update events set body = '{' where kind = 'evaluated' and serial > 3")
    connection.close()
    with Store(path) as store:
        (known,) = store.runs()
        with pytest.raises(FormatError, match=r"event \d+: not a valid event"):
            list(store.outline(known.run))
        assert next(store.events(known.run, "run_started")).serial == 0


def test_an_outline_is_read_without_the_events_themselves(path: Path) -> None:
    with Store(path) as store:
        for event in (header(), candidate(0)):
            store.append("r", event)
        store._connection.execute("delete from events")
        assert [s.event for s in store.outline("r")] == [header(), candidate(0)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    shutil.copy(GOLDEN[0], path)
    monkeypatch.setattr(sqlite, "_MIGRATIONS", (*sqlite._MIGRATIONS, "create table t (x); create nonsense"))
    monkeypatch.setattr(sqlite, "STORE_VERSION", STORE_VERSION + 1)
    with pytest.raises(UsageError, match="nonsense"):
        Store(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma user_version").fetchone() == (1,)
        assert connection.execute("select 1 from sqlite_master where name in ('t', 'asks')").fetchall() == []
    connection.close()


def test_a_full_disk_is_a_usage_error_and_the_record_stays_whole(path: Path) -> None:
    with Store(path) as store:
        store.append("r", header())
        (pages,) = store._connection.execute("pragma page_count").fetchone()
        store._connection.execute(f"pragma max_page_count = {pages + 20}")
        serials: list[int] = []
        with pytest.raises(UsageError, match=r"cannot write to .*agentopt\.sqlite`: database or disk is full"):
            serials.extend(store.append("r", CandidateAdded(candidate=n, values={"x": "y" * 2000})) for n in range(999))
        store._connection.execute("pragma max_page_count = 1000000")
        store.append("r", RunFinished(reason="there was room again"))
    with Store(path) as store:
        kinds = [s.event.kind for s in store.events("r")]
        assert store._connection.execute("pragma integrity_check").fetchone() == ("ok",)
    assert kinds == ["run_started", *["candidate_added"] * len(serials), "run_finished"]


_FILLS = """
import resource, sys
from pathlib import Path
from agentopt.errors import UsageError
from agentopt.events import CandidateAdded, RunStarted
from agentopt.store.sqlite import Store
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path(sys.argv[1]))
header = {"task": {"name": "t"}, "settings": {}, "llm": {}, "answered_by": "nobody", "space": [], "instances": {}}
store.append("r", RunStarted(run="r", **header))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
count = 0
try:
    while True:
        store.append("r", CandidateAdded(candidate=count, values={"x": "y" * 2000}))
        count += 1
except UsageError as error:
    print(count, error)
"""


def test_a_file_that_may_not_grow_keeps_what_was_acknowledged(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FILLS, str(path)], capture_output=True, text=True, check=True)
    count, _, words = done.stdout.partition(" ")
    assert "cannot write to" in words
    with Store(path) as store:
        assert len(list(store.events("r"))) == int(count) + 1 > 10
        assert store._connection.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_database_of_something_else_keeps_its_tables(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("create table events (name text)")
    connection.close()
    with pytest.raises(UsageError, match="is a database of something else"):
        Store(tmp_path / "other.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("events",)]
    connection.close()


def test_a_run_from_a_trace_file_is_entered_without_loss(path: Path, tmp_path: Path) -> None:
    events = read_trace(GOLDEN[0].with_suffix(".jsonl"))
    with Store(path) as store:
        run = store.add_run(events)
        assert list(store.events(run)) == events
        assert [r.run for r in store.runs()] == [run]
        with pytest.raises(UsageError, match=r"holds a run .* already"):
            store.add_run(events)
        write_trace(tmp_path / "again.jsonl", store.events(run))
    assert read_trace(tmp_path / "again.jsonl") == events


@pytest.mark.parametrize("events", [[], [StoredEvent(0, 0.0, candidate(0))]], ids=["none", "no_header"])
def test_a_run_without_a_header_is_not_entered(path: Path, events: list[StoredEvent]) -> None:
    with Store(path) as store, pytest.raises(FormatError, match="starts with `run_started`"):
        store.add_run(events)


def test_asks_are_rows_of_a_view(path: Path) -> None:
    trials = [{"candidate": 0, "instances": ["a", "b"], "fidelity": 1.0, "group": None}]
    with Store(path) as store:
        store.append("r", header())
        store.append("r", Asked(trials=trials))
        rows = store._connection.execute("select * from asks").fetchall()
    assert rows == [("r", 1, 0, '["a","b"]')]


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


def test_a_file_with_broken_pages_is_a_usage_error_that_names_it(path: Path) -> None:
    with Store(path) as store:
        store.append("r", header())
        for number in range(200):
            store.append("r", candidate(number))
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xaa" * (len(whole) - 8192))
    with Store(path) as store, pytest.raises(UsageError, match=r"cannot read `.*agentopt.sqlite`: database disk image"):
        list(store.events("r"))

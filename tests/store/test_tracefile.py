"""Trace files: whole, portable, and precise about what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentopt.errors import FormatError, UsageError
from agentopt.events import CandidateAdded, Evaluated, Event, RunFinished, RunStarted
from agentopt.store.sqlite import Store, StoredEvent
from agentopt.store.tracefile import read_run, read_trace, write_trace

HEADER = RunStarted(
    run="r",
    task={"name": "t"},
    settings={"seed": 0},
    llm={},
    answered_by="nobody",
    space=[],
    instances={"train": ["a"]},
)


def stored(*events: Event) -> list[StoredEvent]:
    return [StoredEvent(serial, 1.5 * serial, event) for serial, event in enumerate(events)]


EVENTS = stored(
    HEADER,
    CandidateAdded(candidate=0, values={"x": 1.0}, origin="start"),
    Evaluated(candidate=0, instance="a", split="train", status="ok", score=0.5, feedback={"text": "größer"}),
    RunFinished(reason="done"),
)


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_trace(tmp_path / "trace.jsonl", EVENTS)
    return tmp_path / "trace.jsonl"


def test_a_trace_reads_back_equal(path: Path) -> None:
    assert read_trace(path) == EVENTS


def test_writing_what_was_read_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    write_trace(tmp_path / "again.jsonl", read_trace(path))
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_the_first_line_says_what_it_is(path: Path) -> None:
    assert json.loads(lines_of(path)[0]) == {"agentopt_trace": 1}


def test_the_folder_is_made_and_no_partial_file_stays(tmp_path: Path) -> None:
    write_trace(tmp_path / "new" / "trace.jsonl", EVENTS)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["trace.jsonl"]


def test_a_failing_writer_leaves_the_former_file(path: Path) -> None:
    def broken() -> object:
        yield EVENTS[0]
        raise RuntimeError("the store broke")

    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        write_trace(path, broken())  # type: ignore[arg-type]  # a generator that raises
    assert path.read_bytes() == before


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=60))
def test_any_text_reads_back_equal(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "t.jsonl")
        events = stored(HEADER, CandidateAdded(candidate=0, values={"x": text}))
        write_trace(place, events)
        assert read_trace(place) == events


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"], ids=["nel", "line", "paragraph"])
def test_text_with_a_unicode_line_separator_reads_back_equal(tmp_path: Path, separator: str) -> None:
    events = stored(HEADER, CandidateAdded(candidate=0, values={"x": f"one{separator}two"}))
    write_trace(tmp_path / "t.jsonl", events)
    assert read_trace(tmp_path / "t.jsonl") == events


def test_text_with_a_lone_surrogate_can_be_written(tmp_path: Path) -> None:
    write_trace(tmp_path / "t.jsonl", stored(HEADER, CandidateAdded(candidate=0, values={"x": "cut \ud83d"})))
    assert len(read_trace(tmp_path / "t.jsonl")) == 2


def test_lines_that_end_as_on_windows_are_read(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_trace(path) == EVENTS


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_left_out(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_trace(path) == EVENTS[:-1]


def test_a_last_line_torn_inside_of_a_character_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_trace(path, EVENTS[:3])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index("ö".encode()) + 1])
    assert read_trace(path) == EVENTS[:2]


def test_a_header_alone_is_no_trace(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"agentopt_trace": 1}\n')
    with pytest.raises(FormatError, match=r"t\.jsonl:2: the first event"):
        read_trace(tmp_path / "t.jsonl")


def test_a_trace_that_begins_with_another_event_is_a_format_error(tmp_path: Path) -> None:
    write_trace(tmp_path / "t.jsonl", EVENTS[1:])
    with pytest.raises(FormatError, match=r"t\.jsonl:2: the first event of a trace must be `run_started`"):
        read_trace(tmp_path / "t.jsonl")


@pytest.mark.parametrize(
    "first", ["", "{}", "not json", "[]", '{"agentopt_trace": 2}', '{"agentopt_trace": "1"}', "null", "5"]
)
def test_a_file_that_is_no_trace_is_a_format_error_at_line_one(path: Path, first: str) -> None:
    path.write_text("\n".join([first, *lines_of(path)[1:]]))
    with pytest.raises(FormatError, match=r"trace\.jsonl:1:"):
        read_trace(path)


def test_an_empty_file_is_a_format_error(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b"")
    with pytest.raises(FormatError, match=r"t\.jsonl:1:"):
        read_trace(tmp_path / "t.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        '{"serial": 1',
        "[1, 2]",
        "null",
        '{"serial": 1, "time": 0, "kind": "candidate_added"}',
        '{"time": 0, "kind": "run_finished", "reason": "r"}',
        '{"serial": "one", "time": 0, "kind": "run_finished", "reason": "r"}',
        '{"serial": 1, "time": 0, "kind": "run_finished", "reason": ["r"]}',
        pytest.param(
            '{"serial": null, "time": 0, "kind": "run_finished", "reason": "r"}',
        ),
        pytest.param(
            '{"serial": 1, "time": [], "kind": "run_finished", "reason": "r"}',
        ),
        pytest.param(
            '{"serial": 1, "time": 0, "kind": ["run_finished"]}',
        ),
        pytest.param(
            '{"serial": 1, "time": 0, "kind": "x", "n": ' + "1" * 5000 + "}",
        ),
    ],
)
def test_a_malformed_line_is_a_format_error_that_names_file_and_line(path: Path, line: str) -> None:
    lines = lines_of(path)
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]), encoding="utf-8")
    with pytest.raises(FormatError, match=r"trace\.jsonl:3:"):
        read_trace(path)


def test_unknown_kinds_are_ignored(path: Path) -> None:
    lines = lines_of(path)
    dreamed = '{"serial": 9, "time": 0, "kind": "dreamed", "of": "sheep"}'
    path.write_text("\n".join([*lines[:3], dreamed, *lines[3:]]), encoding="utf-8")
    assert read_trace(path) == EVENTS


def test_unknown_fields_are_ignored(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace('"serial": 1,', '"serial": 1, "mood": "fine",'))
    assert read_trace(path) == EVENTS


def test_a_file_that_is_not_there_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read trace .*nowhere\.jsonl"):
        read_trace(tmp_path / "nowhere.jsonl")


def test_a_file_that_is_no_text_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot read trace"):
        read_trace(tmp_path / "t.jsonl")


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    with Store(tmp_path / "agentopt.sqlite") as store:
        for run in ("first", "second"):
            store.append(run, HEADER.model_copy(update={"run": run}))
    return tmp_path / "agentopt.sqlite"


def run_of(reference: str, store_path: Path) -> str:
    event = read_run(reference, store_path)[0].event
    assert isinstance(event, RunStarted)
    return event.run


def test_a_run_is_found_by_its_id(store_path: Path) -> None:
    assert run_of("first", store_path) == "first"


def test_last_is_the_newest_run(store_path: Path) -> None:
    assert run_of("last", store_path) == "second"


def test_a_trace_file_is_read_as_a_run(path: Path, store_path: Path) -> None:
    assert run_of(str(path), store_path) == "r"


def test_an_unknown_run_is_a_usage_error(store_path: Path) -> None:
    with pytest.raises(UsageError, match="no run `third`"):
        read_run("third", store_path)


def test_last_of_no_record_is_a_usage_error_that_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run `last`.*nothing/agentopt\.sqlite"):
        read_run("last", tmp_path / "nothing" / "agentopt.sqlite")


def test_last_of_an_empty_record_is_a_usage_error(tmp_path: Path) -> None:
    with Store(tmp_path / "agentopt.sqlite"):
        pass
    with pytest.raises(UsageError, match="no run"):
        read_run("last", tmp_path / "agentopt.sqlite")

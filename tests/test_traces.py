"""The traces that ship: honest about who answered, free of secrets, and replayed event for event."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agentopt.events import CandidateAdded, Exchanged, ProposalRefused, RunFinished, RunStarted
from agentopt.replay import replay
from agentopt.shelf import shelf
from agentopt.store.sqlite import StoredEvent
from agentopt.store.tracefile import read_trace, write_trace

TRACES = sorted(shelf("traces").glob("*.jsonl"))
OF_TASKS = [p for p in TRACES if not p.name.startswith("loop-")]


def header(path: Path) -> RunStarted:
    event = read_trace(path)[0].event
    assert isinstance(event, RunStarted)
    return event


def test_every_family_has_a_trace() -> None:
    kinds = {header(path).task["reference"].get("kind") for path in OF_TASKS}
    assert kinds >= {"numerical", "prompt", "modeling"}


@pytest.mark.parametrize("path", TRACES, ids=lambda p: p.stem)
def test_trace_says_who_answered(path: Path) -> None:
    assert re.fullmatch(r"manual|model:\S+@\d{4}-\d\d-\d\d|script:\S+", header(path).answered_by)
    assert path.name in (path.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TRACES, ids=lambda p: p.stem)
def test_trace_holds_no_key_and_no_path_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"sk-[A-Za-z0-9]{8,}|/(?:home|Users|root|tmp|work)/\w+", text) == []


@pytest.mark.parametrize("path", OF_TASKS, ids=lambda p: p.stem)
def test_replay_reproduces_every_event(path: Path) -> None:
    report = replay(path)
    assert report.missing == []
    assert report.added == []


@pytest.mark.parametrize("path", OF_TASKS, ids=lambda p: p.stem)
def test_trace_shows_an_improvement_that_feedback_made(path: Path) -> None:
    events = [stored.event for stored in read_trace(path)]
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.result is not None
    assert finished.result["dev_best"] > finished.result["dev_start"]
    assert any(isinstance(e, Exchanged) and e.exchange["role"] == "optimizer" for e in events)
    assert any(isinstance(e, CandidateAdded) and e.parents for e in events)


def test_a_trace_written_and_read_is_the_same(tmp_path: Path) -> None:
    events = read_trace(TRACES[0])
    write_trace(tmp_path / "copy.jsonl", events)
    assert read_trace(tmp_path / "copy.jsonl") == events


def test_a_changed_answer_is_noticed(tmp_path: Path) -> None:
    path = next(p for p in OF_TASKS if header(p).task["reference"]["kind"] == "numerical")
    events = read_trace(path)
    changed = [s for s in events if not isinstance(s.event, ProposalRefused)]
    for place, stored in enumerate(changed):
        if isinstance(stored.event, CandidateAdded) and stored.event.parents:
            values = dict.fromkeys(stored.event.values, 0.0)
            other = stored.event.model_copy(update={"values": values})
            changed[place] = StoredEvent(stored.serial, stored.time, other)
            break
    write_trace(tmp_path / "changed.jsonl", changed)
    report = replay(tmp_path / "changed.jsonl")
    assert not report.is_same
    assert len(report.missing) == len(report.added) == 1


def test_a_trace_of_an_older_agentopt_that_knew_less_is_replayed(tmp_path: Path) -> None:
    lines = []
    for line in (shelf("traces") / "numerical-branin.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        event.pop("output", None)
        for node in (event.get("graph") or {}).get("nodes", []):
            node.pop("kind")
        (event.get("result") or {}).pop("rates", None)
        lines.append(json.dumps(event))
    (tmp_path / "older.jsonl").write_text("\n".join(lines) + "\n")

    assert replay(tmp_path / "older.jsonl").is_same

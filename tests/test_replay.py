"""Replay: a kept run happens again, event for event, and a difference is named."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from agentopt.budget import Budget
from agentopt.catalog import load_task
from agentopt.errors import FormatError, ReplayMismatch, UsageError
from agentopt.events import CandidateAdded, Event, Exchanged, Resumed, RunStarted
from agentopt.llm.base import Capability, Reply, Request
from agentopt.llm.scripted import ScriptedLLM
from agentopt.loop import optimize
from agentopt.replay import replay
from agentopt.resumption import resume
from agentopt.store.sqlite import Store, StoredEvent
from agentopt.store.tracefile import read_run, read_trace, write_trace


def pack(folder: Path, *, name: str = "bowl", parameter: str = "x") -> Path:
    place = folder / name
    place.mkdir(parents=True)
    (place / "task.toml").write_text(
        f'schema = 1\nkind = "numerical"\nname = "{name}"\ntitle = "A bowl"\nfunction = "cost.py:cost"\n'
        f"start = {{ {parameter} = 1.0 }}\nbounds = {{ {parameter} = [0.0, 10.0] }}\noptimum = 0.0\n"
    )
    (place / "cost.py").write_text(f"def cost({parameter}):\n    return ({parameter} - 3) ** 2\n")
    return place


def keep(folder: Path, place: Path, *replies: str, parameter: str = "x", **settings: Any) -> Path:
    """Runs the pack on scripted replies, and keeps the run as a trace file."""
    said = replies or (
        json.dumps({"reasoning": "try", "changes": {parameter: 2.0}}),
        "I would rather not say",
        json.dumps({"reasoning": "the minimum", "changes": {parameter: 3.0}}),
    )
    result = optimize(
        load_task(str(place)),
        llm=ScriptedLLM(said, name="bowl.jsonl"),
        out=folder / "runs",
        **{"budget": Budget(asks=9), **settings},
    )
    assert result.record is not None
    write_trace(folder / "kept.jsonl", read_run(result.run, result.record))
    return folder / "kept.jsonl"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return keep(tmp_path, pack(tmp_path / "packs"))


def changed(path: Path, **changes: Any) -> Path:
    """The trace with `changes` made to the first event of some kind: `exchanged=…`, `candidate_added=…`."""
    events = read_trace(path)
    for kind, change in changes.items():
        index = next(i for i, s in enumerate(events) if s.event.kind == kind and change(s.event) != s.event)
        old = events[index]
        events[index] = StoredEvent(old.serial, old.time, change(old.event))
    write_trace(path, events)
    return path


def test_a_scripted_run_kept_and_replayed_reproduces_every_event(kept: Path) -> None:
    report = replay(kept)
    assert (report.missing, report.added) == ([], [])
    assert report.is_same
    assert report.events == len(read_trace(kept))


def test_a_replay_gives_the_recorded_result(kept: Path) -> None:
    assert replay(kept).result.values == {"x": 3.0}


def test_a_replay_can_be_replayed(kept: Path, tmp_path: Path) -> None:
    report = replay(kept, out=tmp_path / "again")
    assert report.result.record is not None
    write_trace(tmp_path / "second.jsonl", read_run(report.result.run, report.result.record))
    assert replay(tmp_path / "second.jsonl").is_same


def test_a_replay_says_who_answered_when_it_was_recorded(kept: Path, tmp_path: Path) -> None:
    report = replay(kept, out=tmp_path / "again")
    assert report.result.record is not None
    header = read_run(report.result.run, report.result.record)[0].event
    assert isinstance(header, RunStarted)
    assert header.answered_by == "script:bowl.jsonl"


def test_a_run_without_a_model_replays(tmp_path: Path) -> None:
    kept = keep(tmp_path, pack(tmp_path / "packs"), "unused", proposer="perturb")
    assert replay(kept).is_same


def test_a_run_that_a_budget_ended_replays(tmp_path: Path) -> None:
    kept = keep(tmp_path, pack(tmp_path / "packs"), budget=Budget(llm_calls=2))
    assert replay(kept).is_same


def sums(folder: Path) -> Path:
    """A prompt pack: three sums in each split."""
    rows = "\n".join(
        f'{{"id": "{split}{n}", "split": "{split}", "question": "{n} + 1?", "answer": "{n + 1}"}}'
        for split in ("train", "dev", "test")
        for n in range(3)
    )
    place = folder / "sums"
    place.mkdir(parents=True)
    (place / "examples.jsonl").write_text(rows)
    (place / "task.toml").write_text(
        'schema = 1\nkind = "prompt"\nname = "sums"\nstart = "Guess."\nexamples = "examples.jsonl"\n'
    )
    return place


def test_a_run_with_a_model_in_the_workflow_replays(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        if request.schema is not None:
            return '{"changes": {"instruction": "Add them up."}}'
        instruction, question = request.messages[0].content.split("\n\n")
        return str(int(question[0]) + 1) if instruction == "Add them up." else "7"

    result = optimize(
        load_task(str(sums(tmp_path / "packs"))), llm=ScriptedLLM([answer] * 99, name="s"), out=tmp_path / "runs"
    )
    assert result.dev_best == 1
    assert result.record is not None
    write_trace(tmp_path / "kept.jsonl", read_run(result.run, result.record))
    assert replay(tmp_path / "kept.jsonl").is_same


class Hesitant:
    """Takes its time over each reply, so that replies come in another order every time; the workflow's are wrong."""

    name = answered_by = "hesitant"
    capabilities: frozenset[Capability] = frozenset()

    def complete(self, request: Request) -> Reply:
        time.sleep(random.uniform(0, 0.02))
        if request.schema_name == "criticism":
            return Reply(text=json.dumps({"criticism": {"instruction": f"Not like {request.digest}."}}))
        changes = {"instruction": f"Better than {request.digest}."}
        return Reply(text=json.dumps({"changes": changes}) if request.schema is not None else "7")


def criticisms(path: Path) -> list[Any]:
    """What the optimizer's model was asked, in recorded order."""
    told = [s.event.exchange for s in read_trace(path) if isinstance(s.event, Exchanged)]
    return [exchange["request"] for exchange in told if exchange["role"] == "optimizer"]


@pytest.mark.parametrize("llm_calls", [14, 30])
def test_a_textgrad_run_replays_to_every_event_in_the_same_order(tmp_path: Path, llm_calls: int) -> None:
    result = optimize(
        load_task(str(sums(tmp_path / "packs"))),
        optimizer="textgrad",
        llm=Hesitant(),
        budget=Budget(llm_calls=llm_calls),
        out=tmp_path / "runs",
    )
    assert result.record is not None
    kept, again = tmp_path / "kept.jsonl", tmp_path / "again.jsonl"
    write_trace(kept, read_run(result.run, result.record))
    report = replay(kept, out=tmp_path / "replayed")
    assert (report.missing, report.added) == ([], [])
    assert report.result.record is not None
    write_trace(again, read_run(report.result.run, report.result.record))
    assert criticisms(kept) == criticisms(again)
    assert len(criticisms(kept)) >= 2


def test_a_run_that_was_killed_and_resumed_replays(kept: Path, tmp_path: Path) -> None:
    events = read_trace(kept)
    with Store(tmp_path / "again" / "agentopt.sqlite") as store:
        run = store.add_run(events[:6])
    replies = [e.event.exchange["reply"]["text"] for e in events if isinstance(e.event, Exchanged)]
    resume(run, llm=ScriptedLLM(replies, name="bowl.jsonl"), out=tmp_path / "again")
    write_trace(tmp_path / "resumed.jsonl", read_run(run, tmp_path / "again" / "agentopt.sqlite"))
    assert any(isinstance(e.event, Resumed) for e in read_trace(tmp_path / "resumed.jsonl"))
    report = replay(tmp_path / "resumed.jsonl")
    assert (report.missing, report.added) == ([], [])


def test_a_run_that_was_killed_and_resumed_with_another_budget_replays(kept: Path, tmp_path: Path) -> None:
    events = read_trace(kept)
    with Store(tmp_path / "again" / "agentopt.sqlite") as store:
        run = store.add_run(events[:6])
    replies = [e.event.exchange["reply"]["text"] for e in events if isinstance(e.event, Exchanged)]
    llm = ScriptedLLM(replies, name="bowl.jsonl")
    resume(run, llm=llm, budget=Budget(llm_calls=2), out=tmp_path / "again")
    write_trace(tmp_path / "resumed.jsonl", read_run(run, tmp_path / "again" / "agentopt.sqlite"))
    report = replay(tmp_path / "resumed.jsonl")
    assert (report.missing, report.added) == ([], [])


def other_question(event: Event) -> Event:
    assert isinstance(event, Exchanged)
    exchange = event.exchange
    messages = [dict(m) for m in exchange["request"]["messages"]]
    messages[1]["content"] = messages[1]["content"].replace("A bowl", "A bucket")
    return Exchanged(exchange={**exchange, "request": {**exchange["request"], "messages": messages}})


def test_a_strict_mismatch_names_the_first_line_that_differs(kept: Path) -> None:
    with pytest.raises(ReplayMismatch, match=r"recorded as `.*A bucket.*is asked as `.*A bowl"):
        replay(changed(kept, exchanged=other_question))


def test_a_loose_replay_answers_although_the_question_differs(kept: Path) -> None:
    report = replay(changed(kept, exchanged=other_question), mode="loose")
    assert report.result.values == {"x": 3.0}
    assert len(report.missing) == len(report.added) == 1


def test_a_strict_replay_that_runs_out_of_answers_is_a_mismatch(kept: Path) -> None:
    events = [s for s in read_trace(kept) if not isinstance(s.event, Exchanged)]
    write_trace(kept, events)
    with pytest.raises(ReplayMismatch):
        replay(kept)


def test_a_changed_candidate_is_noticed(kept: Path) -> None:
    def moved(event: Event) -> Event:
        assert isinstance(event, CandidateAdded)
        return event.model_copy(update={"values": {"x": 2.5}}) if event.parents else event

    report = replay(changed(kept, candidate_added=moved))
    assert len(report.missing) == len(report.added) == 1


@pytest.mark.parametrize("parameter", ["time", "seconds", "run", "spent"])
def test_a_changed_candidate_is_noticed_whatever_its_parameter_is_called(tmp_path: Path, parameter: str) -> None:
    kept = keep(tmp_path, pack(tmp_path / "packs", parameter=parameter), parameter=parameter)

    def moved(event: Event) -> Event:
        assert isinstance(event, CandidateAdded)
        return event.model_copy(update={"values": {parameter: 2.5}}) if event.parents else event

    assert not replay(changed(kept, candidate_added=moved)).is_same


def test_a_changed_pack_is_noticed(tmp_path: Path) -> None:
    place = pack(tmp_path / "packs")
    kept = keep(tmp_path, place)
    (place / "cost.py").write_text("def cost(x):\n    return (x - 2) ** 2\n")
    with pytest.raises(ReplayMismatch):
        replay(kept)


def test_a_pack_that_is_gone_is_a_usage_error(tmp_path: Path) -> None:
    place = pack(tmp_path / "packs")
    kept = keep(tmp_path, place)
    (place / "task.toml").unlink()
    with pytest.raises(UsageError, match="bowl"):
        replay(kept)


def test_a_workflow_in_somebodys_own_code_is_a_usage_error_that_says_what_to_do(tmp_path: Path) -> None:
    import agentopt as ao

    x = ao.Parameter(1.0, name="x")
    result = ao.optimize(lambda: x + 1, optimizer="measure", out=tmp_path)
    write_trace(tmp_path / "kept.jsonl", read_run(result.run, tmp_path / "agentopt.sqlite"))
    with pytest.raises(UsageError, match="replay:<trace>"):
        replay(tmp_path / "kept.jsonl")


def with_header(path: Path, **update: Any) -> Path:
    events = read_trace(path)
    header = events[0].event.model_copy(update=update)
    write_trace(path, [StoredEvent(0, 0.0, header), *events[1:]])
    return path


@pytest.mark.parametrize(
    "update",
    [
        {"task": {"name": "t"}},
        {"settings": {"optimizer": {"name": "measure"}}},
        {"settings": {"optimizer": {"name": "measure"}, "budget": {"patience": 3}, "seed": 0, "workers": 1}},
        {"settings": {"optimizer": {"name": "measure"}, "budget": [], "seed": 0, "workers": 1}},
    ],
    ids=["no_reference", "no_budget", "unknown_limit", "budget_of_another_type"],
)
def test_a_header_that_lacks_something_is_an_error_that_names_the_file(kept: Path, update: dict[str, Any]) -> None:
    with pytest.raises((FormatError, UsageError), match=r"kept\.jsonl"):
        replay(with_header(kept, **update))


def test_a_reference_with_an_unknown_setting_is_a_usage_error(kept: Path) -> None:
    reference = {"kind": "modeling", "instances": "problems.jsonl", "colour": "red"}
    with pytest.raises(UsageError):
        replay(with_header(kept, task={"name": "t", "reference": reference}))


def test_a_run_of_a_relative_folder_replays_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(tmp_path / "packs")
    monkeypatch.chdir(tmp_path / "packs")
    kept = keep(tmp_path, Path("bowl"))
    monkeypatch.chdir(tmp_path)
    assert replay(kept).is_same

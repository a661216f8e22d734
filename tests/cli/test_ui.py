"""`agentopt ui` and runs as processes of their own: live, reviewed, stopped and resumed, interrupted."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from agentopt.cli.main import app
from agentopt.errors import UsageError
from agentopt.events import Event, ProposalRefused, Resumed, Reviewed, RunFinished, event_json
from agentopt.replay import replay
from agentopt.store.tracefile import read_run, write_trace

RUN = ("run", "numerical/branin", "--proposer", "perturb", "--seed", "3", "--asks", "6")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from agentopt.cli.main import main; main()", *map(str, arguments)]


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


class Client:
    """Asks a server as a program with the token does."""

    def __init__(self, line: str) -> None:
        found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)\n", line)
        assert found is not None, line
        self.address, self.token = found.groups()

    def ask(self, path: str, data: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        body = None if data is None else json.dumps(data).encode()
        with urlopen(Request(self.address + path, body, headers), timeout=20) as reply:
            return json.loads(reply.read())

    def until(self, is_so: Callable[[dict[str, Any]], Any], within_s: float = 60.0) -> dict[str, Any]:
        """What `/states` says once `is_so` holds of it."""
        limit = time.monotonic() + within_s
        while not is_so(states := self.ask("/states")):
            assert time.monotonic() < limit, states
            time.sleep(0.05)
        return dict(states)

    def state(self, wanted: str) -> dict[str, Any]:
        """The newest run, once it is in this state."""
        found = self.until(lambda states: states["runs"] and states["runs"][-1]["state"] == wanted)
        return dict(found["runs"][-1])

    def question(self, after: int = 0) -> dict[str, Any]:
        """The next question with a number above `after`."""
        found = self.until(lambda states: [q for q in states["questions"] if q["number"] > after])
        return dict(found["questions"][-1])

    def answer(self, question: dict[str, Any], **decision: Any) -> int:
        self.ask("/answer", {"number": question["number"], "decision": decision})
        return int(question["number"])


@contextmanager
def served(out: Path) -> Iterator[Client]:
    with started("ui", out, "--port", 0, "--name", "Ada") as server:
        assert server.stdout is not None
        yield Client(server.stdout.readline())


def events(out: Path) -> list[Event]:
    return [stored.event for stored in read_run("last", out / "agentopt.sqlite")]


def of_kind(found: Sequence[Event], kind: type[Any]) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


def test_a_run_is_reviewed_from_another_process_and_replays_without_one(tmp_path: Path) -> None:
    with served(tmp_path) as client, started(*RUN, "--review", "--out", tmp_path) as run:
        number = client.answer(client.question(), verdict="rejected", words="not so far, ü")
        first = client.question(number)
        number = client.answer(first, verdict="edited", changes={**first["changes"], "x": 99})
        again = client.question(number)
        assert "from -5.0 to 10.0" in again["problem"]
        number = client.answer(again, verdict="edited", changes={**first["changes"], "x": "1.5"})
        while client.ask("/states")["runs"][0]["state"] != "finished":
            for question in client.ask("/states")["questions"]:
                client.answer(question, verdict="accepted")
            time.sleep(0.05)
        assert run.wait(timeout=60) == 0
    found = events(tmp_path)
    decided = [(e.decision["verdict"], e.by) for e in of_kind(found, Reviewed)]
    assert decided[:2] == [("rejected", "Ada"), ("edited", "Ada")]
    assert {verdict for verdict, _ in decided[2:]} == {"accepted"}
    assert [e.problem for e in of_kind(found, ProposalRefused)] == ["not so far, ü"]
    kept = tmp_path / "kept.jsonl"
    write_trace(kept, read_run("last", tmp_path / "agentopt.sqlite"))
    report = replay(kept)
    assert report.is_same, (report.missing, report.added)


def test_a_run_shows_while_it_goes_on_and_a_stopped_one_comes_to_the_same_end(tmp_path: Path) -> None:
    expected = tmp_path / "whole"
    assert CliRunner().invoke(app, [*RUN, "--out", str(expected)]).exit_code == 0
    out = tmp_path / "parts"
    with served(out) as client:
        assert client.ask("/states")["runs"] == []
        with started(*RUN, "--review", "--out", out) as run:
            number = client.answer(client.question(), verdict="accepted")
            second = client.question(number)
            (document,) = (client.ask(f"/data/{one['run']}.json") for one in client.ask("/data/runs.json"))
            assert [c["candidate"] for c in document["candidates"]] == [0, 1]
            assert not document["is_finished"]
            stands = client.state("waiting")
            client.ask("/stop", {"run": stands["run"]})
            assert run.wait(timeout=60) == 0
        stopped = client.state("stopped")
        assert (stopped["reason"], stopped["can_resume"]) == ("stopped by a person", True)
        assert client.question()["number"] == second["number"]
        client.ask("/resume", {"run": stands["run"]})
        while client.ask("/states")["runs"][0]["state"] != "finished":
            for question in client.ask("/states")["questions"]:
                client.answer(question, verdict="accepted")
            time.sleep(0.05)
    found, wanted = events(out), events(expected)
    assert [e.kind for e in found if isinstance(e, (Resumed, RunFinished))] == [
        "run_finished",
        "resumed",
        "run_finished",
    ]
    ignored = {"run_started", "run_finished", "resumed", "reviewed"}
    assert [lasting(e) for e in found if e.kind not in ignored] == [lasting(e) for e in wanted if e.kind not in ignored]
    assert found[-1].result["best"] == wanted[-1].result["best"]  # type: ignore[union-attr,index]  # both are finished
    assert (out / f"agentopt.sqlite.{stands['run']}.log").read_text().count("going on after") == 1


def lasting(event: Event) -> str:
    return re.sub(r'"seconds":[^,}]*', "", event_json(event))


def test_interrupting_a_run_that_waits_leaves_it_whole_and_its_question_open(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        with started(*RUN, "--review", "--out", tmp_path) as run:
            number = client.answer(client.question(), verdict="accepted")
            client.question(number)
            run.send_signal(signal.SIGINT)
            assert run.wait(timeout=60) == 130
        stands = client.state("interrupted")
        assert stands["can_resume"]
        (waiting,) = client.ask("/states")["questions"]
        assert not waiting["is_awaited"]
        client.answer(waiting, verdict="rejected", words="kept for later")
    resumed = events(tmp_path)
    assert isinstance(resumed[-1], RunFinished)
    with served(tmp_path) as client:
        client.ask("/resume", {"run": stands["run"]})
        client.until(lambda states: states["questions"])
        refused = of_kind(events(tmp_path), ProposalRefused)
        assert [e.problem for e in refused] == ["kept for later"]
        client.ask("/stop", {"run": stands["run"]})
        client.state("stopped")


def test_closing_the_ui_leaves_the_run_waiting(tmp_path: Path) -> None:
    with started(*RUN, "--review", "--out", tmp_path) as run:
        with served(tmp_path) as client:
            client.question()
        assert run.poll() is None
        with served(tmp_path) as client:
            client.answer(client.question(), verdict="accepted")
            client.until(
                lambda states: len(states["questions"]) == 1 and states["runs"][0]["spent"]["evaluations"] == 2
            )
            with pytest.raises(HTTPError) as refused:
                client.ask("/resume", {"run": client.ask("/states")["runs"][0]["run"]})
            assert refused.value.code == 409
            refused.value.close()
        assert run.poll() is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_machines_are_not_let_in_by_mistake(host: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ui", str(tmp_path), "--host", host])
    assert isinstance(result.exception, UsageError)
    assert "--allow-remote" in str(result.exception)


def test_letting_other_machines_in_is_warned_of(tmp_path: Path) -> None:
    with started("ui", tmp_path, "--host", "0.0.0.0", "--allow-remote", "--port", 0) as server:
        assert server.stderr is not None
        assert "WARNING: other machines" in server.stderr.readline()


def test_a_port_that_is_taken_is_a_clear_mistake(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["ui", str(tmp_path), "--port", str(port)])
    assert isinstance(result.exception, UsageError)
    assert f"port {port}" in str(result.exception)


def test_ctrl_c_ends_the_server_quietly(tmp_path: Path) -> None:
    with started("ui", tmp_path, "--port", 0) as server:
        assert server.stdout is not None
        assert Client(server.stdout.readline()).ask("/states")["runs"] == []
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=20)
    assert "Traceback" not in said

"""Runs of a real process with workers, killed at any moment: nothing acknowledged is lost, nothing is asked twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agentopt.store.tracefile import read_run
from agentopt.testing.server import LoopbackServer

WORKERS = 4
_RUN = r"""
import json, os, sys
import agentopt as ao
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.price import FREE

out, url, model, command = sys.argv[1:]
width = ao.Parameter(9.0, name="width", bounds=(0, 10))


@ao.bundle
def judged(width, x, llm):
    return float(ao.ask(llm, f"{width:.4f} {x}")) / 100 - (width - 3 - x / 10) ** 2


def workflow(x, llm):
    return judged(width, x, llm)


rows = [{"id": f"{s}{n}", "split": s, "x": n + 10 * len(s)} for s in ("train", "dev", "test") for n in range(3)]
given = {
    "parameters": width, "examples": rows, "out": out,
    "llm": OpenAILLM(model, base_url=url, api_key="none", price=FREE),
    "on_event": lambda event: os.write(1, f"{event.kind}\n".encode()),
}
if command == "start":
    result = ao.optimize(workflow, budget=ao.Budget(asks=13), workers=4, **given)
else:
    result = ao.resume("last", workflow=workflow, **given)
spent = {k: v for k, v in result.spent.items() if k != "seconds"}
print(json.dumps([result.best.values, result.dev_best, result.test_best.mean, result.reason, spent], sort_keys=True))
"""


def answer(body: dict[str, Any]) -> str:
    """A number by what is asked; a proposal by how far the conversation is, the same whoever asks when."""
    asked = json.dumps(body["messages"])
    number = sum(ord(letter) * place for place, letter in enumerate(asked, 1)) % 1000
    if "response_format" in body:
        return json.dumps({"reasoning": "try", "changes": {"width": number / 100}})
    return str(number % 10)


def started(folder: Path, server: LoopbackServer, command: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", _RUN, str(folder), server.url, server.model, command]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def asked(server: LoopbackServer) -> Counter[str]:
    return Counter(json.dumps(request.body, sort_keys=True) for request in server.requests)


def finished(process: subprocess.Popen[str]) -> list[str]:
    """The lines of a process that ended well."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.splitlines()


def check_killed_runs(folder: Path, moments: int) -> None:
    with LoopbackServer(answer) as server:
        *told, expected = finished(started(folder / "whole", server, "start"))
        whole = asked(server)
    rng = Random(7)
    for n in range(moments):
        with LoopbackServer(answer) as server:
            place = folder / str(n)
            after, pause_s = rng.randrange(2, len(told)), rng.random() * 0.004
            with started(place, server, "start") as process:
                assert process.stdout is not None
                acknowledged = [process.stdout.readline().strip() for _ in range(after)]
                time.sleep(pause_s)  # the moment of the kill is the test's subject
                process.send_signal(signal.SIGKILL)
                acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
            if acknowledged[-1].startswith("["):
                continue  # it had ended before the kill
            recorded = Counter(s.event.kind for s in read_run("last", place / "agentopt.sqlite"))
            assert Counter(acknowledged) <= recorded, n
            if recorded["run_finished"]:
                continue
            assert finished(started(place, server, "resume"))[-1] == expected, n
            twice = asked(server) - whole
            assert twice.total() <= WORKERS, n  # in flight at the kill
            assert whole - asked(server) == Counter(), n


def test_killed_runs_come_to_the_same_end(tmp_path: Path) -> None:
    check_killed_runs(tmp_path, 3)


@pytest.mark.kill
def test_runs_killed_at_fifty_moments_come_to_the_same_end(tmp_path: Path) -> None:
    check_killed_runs(tmp_path, 50)

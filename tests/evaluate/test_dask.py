"""A Dask cluster of two worker processes: the same results as threads, and no model call lost or paid twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.errors import BudgetExhausted, EnvironmentProblem, UsageError
from agentopt.evaluate.dask import DaskExecutor
from agentopt.evaluate.executors import open_executor
from agentopt.events import Evaluated, Event, Exchanged
from agentopt.graph.render import render
from agentopt.llm.base import LLM
from agentopt.llm.openai import OpenAILLM
from agentopt.testing.server import LoopbackServer
from tests.evaluate.conftest import MakeBench, instances

pytestmark = pytest.mark.dask


@dataclass
class Cluster:
    """A scheduler and two workers with two threads each."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    file = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", *common, "--nthreads", "2", "--no-nanny"]
    commands = [[sys.executable, "-m", "distributed.cli.dask_scheduler", *common, "--port", "0"], worker, worker]
    started = []
    try:
        for number, command in enumerate(commands):
            log = (tmp_path / f"{number}.log").open("wb")
            started.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log))
            log.close()
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text().endswith("}"):
            assert time.monotonic() < deadline, (tmp_path / "0.log").read_text()
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        _wait_for_workers(address, 2)
        yield Cluster(address, started[1:])
    finally:
        for process in started:
            process.kill()
            process.wait()


def _wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with Client(address) as client:
        client.wait_for_workers(count, timeout=60)


@pytest.fixture
def executor(cluster: Cluster) -> Iterator[DaskExecutor]:
    made = DaskExecutor(cluster.address)
    yield made
    made.close()


weight = ao.Parameter(2.0, name="weight")


@ao.bundle
def shaped(x: float, weight: float) -> float:
    """A step with a weight."""
    return x * weight - 1


def of_this_module(x: Any) -> Any:
    return shaped(x, weight)  # type: ignore[arg-type]  # a parameter stands for its value


def test_it_measures_what_threads_measure(bench: MakeBench, executor: DaskExecutor) -> None:
    local = bench(of_this_module, instances(12), parameters=weight)
    remote = bench(of_this_module, instances(12), parameters=weight, executor=executor)
    for made in (local, remote):
        made.measure()
        other = made.archive.add(made.archive.candidate({"weight": 5.0}, parents=[0]))
        made.engine.measure([ao.Trial(candidate=other, instances=("i3", "i5"))], made.archive)
    for candidate in (0, 1):
        ours, theirs = local.archive.evaluations(candidate), remote.archive.evaluations(candidate)
        assert [(e.instance, e.status, e.score, e.feedback, e.output) for e in theirs] == [
            (e.instance, e.status, e.score, e.feedback, e.output) for e in ours
        ]
    texts = [render(list(made.archive.evidence(1, ["i3", "i5"]))) for made in (local, remote)]
    assert texts[0] == texts[1]
    (evidence,) = remote.archive.evidence(1, ["i3"])
    assert [version.parameter for version in evidence.subgraph.parameters] == [weight]


def test_it_runs_on_both_workers(bench: MakeBench, executor: DaskExecutor) -> None:
    def where(x: Any) -> tuple[float, str]:
        time.sleep(0.05)
        return 1.0, str(os.getpid())

    made = bench(where, instances(16), executor=executor)
    made.measure()
    pids = {e.feedback.text for e in made.archive.evaluations(0)}
    assert len(pids) == 2
    assert str(os.getpid()) not in pids


def test_an_async_workflow_and_a_failing_one_are_as_local_ones(bench: MakeBench, executor: DaskExecutor) -> None:
    async def patient(x: Any) -> Any:
        await asyncio.sleep(0.01)
        return 1 / x

    made = bench(patient, instances(2), executor=executor)
    made.measure()
    failed, ok = made.archive.evaluations(0)
    assert (failed.status, ok.status, ok.score) == ("failed", "ok", 1.0)
    assert "ZeroDivisionError" in failed.feedback.text


def test_code_of_a_model_runs_in_the_workers_sandbox(bench: MakeBench, executor: DaskExecutor) -> None:
    @ao.bundle(trainable=True)
    def rule(x: float) -> float:
        return x

    made = bench(lambda x: rule(x), instances(2), parameters={"rule": rule}, executor=executor)
    hostile = "def rule(x):\n    open('/etc/hostname').read()\n"
    sources = ["def rule(x):\n    return x + 10\n", hostile]
    candidates = [made.archive.add(made.archive.candidate({"rule": s})) for s in sources]
    made.engine.measure([ao.Trial(candidate=c, instances=("i0", "i1")) for c in candidates], made.archive)
    assert made.archive.scores(1, ["i0", "i1"]) == {"i0": 10.0, "i1": 11.0}
    if "files" in made.sandbox.guarantees:
        assert {e.status for e in made.archive.evaluations(2)} == {"failed"}


def test_what_cannot_be_pickled_comes_back_as_text(bench: MakeBench, executor: DaskExecutor) -> None:
    @ao.bundle
    def opened(x: float) -> Any:
        return threading.Lock()

    made = bench(lambda x: opened(x + weight), instances(1), feedback=lambda lock: 1.0, parameters=weight)
    object.__setattr__(made.engine, "executor", executor)
    made.measure()
    (evidence,) = made.archive.evidence(0, ["i0"])
    assert made.archive.mean(0, ["i0"]) == 1.0
    assert "only this text came back" in render([evidence])


def test_a_task_that_cannot_be_sent_is_a_usage_error(bench: MakeBench, executor: DaskExecutor) -> None:
    lock = threading.Lock()

    def holds(x: Any) -> Any:
        with lock:
            return x

    made = bench(holds, instances(1), executor=executor)
    with pytest.raises(UsageError, match="cannot be sent to other machines"):
        made.measure()


def test_what_takes_too_long_has_failed(bench: MakeBench, executor: DaskExecutor) -> None:
    def slow(x: Any) -> Any:
        time.sleep(3 if x.value == 1 else 0)
        return x

    made = bench(slow, instances(3), executor=executor, timeout_s=1.0)
    made.measure()
    assert [e.status for e in made.archive.evaluations(0)] == ["ok", "failed", "ok"]


def test_no_scheduler_is_an_environment_problem() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(EnvironmentProblem, match="no Dask scheduler"):
            open_executor(f"dask:tcp://127.0.0.1:{nobody.getsockname()[1]}")


def two_calls(x: Any, llm: LLM) -> Any:
    """Asks twice, the second time about the first answer; says on which process, and leaves time to kill it."""
    first = step(llm, f"first of {x.value}")
    time.sleep(0.3)
    return (weight * 0 + float(step(llm, f"second of {x.value} after {first}")), str(os.getpid()))


def step(llm: LLM, prompt: str) -> str:
    return ao.ask(llm, prompt)


def test_a_killed_worker_loses_nothing_and_pays_nothing_twice(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 16
    served: Counter[str] = Counter()
    victim = cluster.workers[0]

    def answer(body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        served[prompt] += 1
        if served.total() == 6:
            victim.send_signal(signal.SIGKILL)
        time.sleep(0.05)
        return str(len(prompt))

    events: list[Event] = []
    rows = [{"id": f"i{n}", "split": "train", "x": n} for n in range(count)]
    with LoopbackServer(answer) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        llm = OpenAILLM(server.model, base_url=server.url)
        result = ao.optimize(
            two_calls,
            examples=rows,
            feedback=lambda output: output,
            parameters=weight,
            optimizer="measure",
            workflow_llm=llm,
            executor=f"dask:{cluster.address}",
            budget=Budget(llm_calls=2 * count, evaluations=count),
            out=None,
            on_event=events.append,
        )
    assert victim.wait(10) == -signal.SIGKILL
    evaluations = [e for e in events if isinstance(e, Evaluated)]
    assert sorted(e.instance for e in evaluations) == [f"i{n}" for n in sorted(range(count), key=str)]
    assert {e.status for e in evaluations} == {"ok"}
    assert len(served) == 2 * count
    assert set(served.values()) == {1}, "each question reached the server once"
    assert len([e for e in events if isinstance(e, Exchanged)]) == 2 * count
    assert result.spent["llm_calls"] == 2 * count
    assert result.spent["evaluations"] == count
    assert {e.cost["llm_calls"] for e in evaluations} == {2}


def test_a_budget_of_calls_is_kept_to_the_last(bench: MakeBench, executor: DaskExecutor) -> None:
    made = bench(
        two_calls, instances(6), replies=["1"] * 12, budget=Budget(llm_calls=5), executor=executor, parameters=weight
    )
    with pytest.raises(BudgetExhausted, match="llm_calls"):
        made.measure()
    assert made.ledger.spent["llm_calls"] == 5
    assert len(made.exchanges) == 5


def test_a_worker_that_dies_each_time_is_a_failed_evaluation(bench: MakeBench, cluster: Cluster) -> None:
    from distributed import Client

    def deadly(x: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    with Client(cluster.address) as client:
        client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
        executor = open_executor(client)
        assert executor is not None
        made = bench(deadly, instances(1), executor=executor)
        made.measure()
        executor.close()
    (evaluation,) = made.archive.evaluations(0)
    assert evaluation.status == "failed"
    assert "its worker processes died" in evaluation.feedback.text

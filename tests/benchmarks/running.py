"""What running costs: the sandbox, the record, and memory while much is queued; prints measured beside must-reach.

    OPENAI_API_KEY=none python -m tests.benchmarks.running

No request leaves this machine. Times depend on what else it does; run it on a quiet one.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import agentopt as ao
from agentopt.budget import Budget
from agentopt.events import Evaluated
from agentopt.llm.base import LLM
from agentopt.llm.openai import OpenAILLM
from agentopt.sandbox.local import LocalSandbox
from agentopt.store.sqlite import Store
from agentopt.testing.server import LoopbackServer

TRIVIAL = "def f(x):\n    return x + 1\n"
WITH_SOLVER = "import numpy, highspy\ndef f(x):\n    return x + 1\n"
CALLS = 40
EVENTS = 20_000
QUEUED = 10_000
LATENCY_S = 0.05


@dataclass(frozen=True)
class Row:
    """One measure; `is_at_least` says in which direction it must reach."""

    measure: str
    value: float
    must: float
    unit: str
    is_at_least: bool = False

    def __str__(self) -> str:
        is_held = self.value >= self.must if self.is_at_least else self.value <= self.must
        sign = "≥" if self.is_at_least else "≤"
        return (
            f"{self.measure:<58} {self.value:>10.2f} {sign} {self.must:g} {self.unit:<5} {'yes' if is_held else 'NO'}"
        )


def _median_ms(work: Callable[[], Any], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


def sandbox_rows() -> Iterator[Row]:
    """A call of a warm sandbox, alone and beside a fresh interpreter that does the same."""
    for name, source, preload, most_ms in [
        ("trivial function", TRIVIAL, (), 10.0),
        ("with numpy and highspy", WITH_SOLVER, ("numpy", "highspy"), 15.0),
    ]:
        with LocalSandbox(preload=preload) as sandbox:
            assert sandbox.call(source, "f", [1]).value == 2
            warm = _median_ms(lambda: sandbox.call(source, "f", [1]), CALLS)  # noqa: B023  called at once
        yield Row(f"sandboxed call, warm, {name}", warm, most_ms, "ms")
        if preload:
            program = f"{source}\nprint(f(1))"
            fresh = _median_ms(
                lambda: subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True),  # noqa: B023
                5,
            )
            yield Row("  a fresh interpreter takes so many times longer", fresh / warm, 20, "x", is_at_least=True)


def record_rows() -> Iterator[Row]:
    """Events per second, and what the record adds to a run whose every measurement is one call of 50 ms."""
    event = Evaluated(candidate=1, instance="i1", split="train", status="ok", score=0.5, output="text " * 20)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "events.sqlite") as store:
        began = time.perf_counter()
        for _ in range(EVENTS):
            store.append("run", event)
        yield Row("record: events", EVENTS / (time.perf_counter() - began), 5000, "/s", is_at_least=True)
    with LoopbackServer(_slow_answer) as server:
        llm = OpenAILLM(server.model, base_url=server.url)
        _run(llm, None)  # the SDK is imported
        without, recorded = [], []
        for _ in range(5):  # in turn, so that a busy machine slows both
            without.append(_run(llm, None))
            with tempfile.TemporaryDirectory() as folder:
                recorded.append(_run(llm, folder))
        yield Row("record: overhead on a run, 50 ms calls", 100 * (min(recorded) / min(without) - 1), 2, "%")


def _slow_answer(_: dict[str, Any]) -> str:
    time.sleep(LATENCY_S)
    return "1"


def _run(llm: LLM, out: str | None) -> float:
    """Seconds of a run of 160 calls, 8 at a time."""
    word = ao.Parameter("how much?", name="word")

    def workflow(x: Any, llm: LLM) -> Any:
        return float(ao.ask(llm, f"{word.value} {x.value}"))

    rows = [{"id": f"i{n}", "split": "train", "x": n} for n in range(160)]
    began = time.perf_counter()
    ao.optimize(
        workflow,
        examples=rows,
        parameters=word,
        optimizer="measure",
        workflow_llm=llm,
        out=out,
        budget=Budget(evaluations=160),
    )
    return time.perf_counter() - began


def memory_row() -> Row:
    """The largest resident size of this process in a run of 10,000 measurements that are all queued at once."""
    word = ao.Parameter(1.0, name="word")
    rows = [{"id": f"i{n}", "split": "train", "x": n} for n in range(QUEUED)]
    ao.optimize(
        lambda x: x * word, examples=rows, parameters=word, optimizer="measure", out=None, budget=Budget(asks=10)
    )
    return Row(
        f"memory with {QUEUED:,} queued evaluations",
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        300,
        "MB",
    )


def main() -> None:
    sys.stdout.write(f"{memory_row()}\n")  # first: the largest size so far is what is read
    for rows in (sandbox_rows(), record_rows()):
        for row in rows:
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

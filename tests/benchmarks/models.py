"""What talking to models costs the client; prints one table. See README.md.

`python -m tests.benchmarks.models` measures the production chain, `RetryingLLM(RecordedLLM(OpenAILLM(…)))`, over
both transports, against `model_server.py` in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from statistics import median

from agentopt.budget import Budget, Ledger
from agentopt.candidate import Candidate
from agentopt.graph.trainable import Parameter
from agentopt.llm.base import LLM, Message, Request
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.pooled import PooledTransport
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.retrying import RetryingLLM
from agentopt.llm.sdk import SDKTransport
from agentopt.llm.transport import Endpoint, Transport
from agentopt.proposers.reply import parse_reply, reply_schema
from agentopt.space import Space

TRANSPORTS: dict[str, Callable[[Endpoint], Transport]] = {"pooled": PooledTransport, "sdk": SDKTransport}
REPEATS = 5
SPACE = Space(
    {
        "x": Parameter(1.0, name="x", bounds=(0, 10)),
        "prompt": Parameter("Think.", name="prompt", kind="prompt"),
        "flag": Parameter("a", name="flag", choices=("a", "b")),
    }
)
START = Candidate(id=0, values=SPACE.values(), origin="start")
PLAIN = Request(messages=(Message("system", "Be brief."), Message("user", "word " * 400)))
STRUCTURED = Request(messages=PLAIN.messages, schema=reply_schema(SPACE), schema_name="proposal")


@dataclass(frozen=True, kw_only=True)
class Load:
    """Calls to be made.

    Args:
        latency_s: of the server.
        parses: whether each asks for a structured reply and checks it against its schema, as OptoPrime does.
    """

    calls: int
    in_flight: int
    latency_s: float
    parses: bool = False

    @property
    def ideal_s(self) -> float:
        return self.latency_s * self.calls / self.in_flight


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one load took."""

    efficiency: float
    cpu_ms: float


@contextmanager
def served(latency_s: float) -> Iterator[str]:
    """The address of a server with that latency."""
    command = [sys.executable, "-m", "tests.benchmarks.model_server", str(latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.stdin.close()


def sample(load: Load, transport: Callable[[Endpoint], Transport]) -> Sample:
    """One measurement, after a call that loads what is loaded once."""
    exchanges: list[Exchange] = []
    with served(load.latency_s) as url, ThreadPoolExecutor(load.in_flight) as pool:
        model = OpenAILLM("bench", base_url=url, transport=transport)
        recorded = RecordedLLM(model, ledger=Ledger(Budget()), on_exchange=exchanges.append, role="workflow")
        llm = RetryingLLM(recorded, rng=Random(0))
        call(llm, load)
        started, cpu = time.perf_counter(), time.process_time()
        for _ in pool.map(lambda _: call(llm, load), range(load.calls)):
            pass
        took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        model.close()
    assert len(exchanges) == load.calls + 1
    return Sample(efficiency=load.ideal_s / took_s, cpu_ms=1e3 * cpu_s / load.calls)


def call(llm: LLM, load: Load) -> None:
    """One call, as a workflow or a proposer makes it."""
    reply = llm.complete(STRUCTURED if load.parses else PLAIN)
    if load.parses:
        parse_reply(reply.text, SPACE, START, origin="optoprime")


def row(title: str, load: Load, measure: str, *, limit: float) -> str:
    """A line of the table: medians of alternating samples, and agentopt's share of what must be reached."""
    samples: dict[str, list[float]] = {name: [] for name in TRANSPORTS}
    for _ in range(REPEATS):
        for name, transport in TRANSPORTS.items():
            samples[name].append(getattr(sample(load, transport), measure))
    ours, sdk = median(samples["pooled"]), median(samples["sdk"])
    is_share = measure == "efficiency"
    holds = ours >= limit if is_share else ours <= limit
    spread = f"{min(samples['pooled']):.3g}–{max(samples['pooled']):.3g}"
    must, ratio = f"{'≥' if is_share else '≤'} {limit:g}", ours / limit
    return f"| {title} | {ours:.3g} ({spread}) | {sdk:.3g} | {must} | {ratio:.2f} | {'yes' if holds else 'NO'} |"


def main() -> None:
    """Prints the table."""
    small = Load(calls=512, in_flight=32, latency_s=0.05)
    parsing = Load(calls=512, in_flight=32, latency_s=0.05, parses=True)
    large = Load(calls=1024, in_flight=256, latency_s=1.0)
    rows = [
        ("512 calls, 50 ms, 32 in flight: ideal / actual", small, "efficiency", 0.90),
        ("1,024 calls, 1 s, 256 in flight: ideal / actual", large, "efficiency", 0.93),
        ("client CPU per call, ms", small, "cpu_ms", 0.6),
        ("client CPU per call with schema, parsed and checked, ms", parsing, "cpu_ms", 1.0),
    ]
    sys.stdout.write("| measure | pooled: median (range) | SDK | must reach | pooled / must | holds |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for title, load, measure, limit in rows:
        sys.stdout.write(row(title, load, measure, limit=limit) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

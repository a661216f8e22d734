"""The graph's speed, memory and prompt size, beside `trace-opt`; prints one table. See README.md."""

from __future__ import annotations

import argparse
import json
import math
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

SHAPES = ("chain", "wide fan", "diamond ladder", "parameter read N times", "N parameters")
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
PEER_SIZES = (100, 400)
"""More takes `trace-opt` from seconds to hours: it is cubic in most shapes."""
MOST_GROWTH = 20.0
"""Per tenfold size. Linear time grows 10 times, and somewhat more where the graph outgrows a cache; quadratic 100."""


class Library:
    """One library's side, answering from a process of its own."""

    def __init__(self, python: str, module: str) -> None:
        command = [python, "-m", module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, measure: str, *arguments: object) -> Any:
        """One sample of a measure.

        Raises:
            RuntimeError: the side ended; what it wrote to stderr says why.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([measure, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"no answer to `{measure}` {arguments}; see above")
        return json.loads(answer)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        at_most: limit of agentopt's own number.
        times: by which factor agentopt's number must be smaller than the peer's.
    """

    measure: str
    ours: float
    theirs: float | None = None
    at_most: float | None = None
    times: float | None = None

    @property
    def ratio(self) -> float | None:
        """The peer's number divided by agentopt's."""
        return None if self.theirs is None or not self.ours else self.theirs / self.ours

    @property
    def holds(self) -> str:
        if self.at_most is not None:
            return "yes" if self.ours <= self.at_most else "NO"
        if self.times is None or self.ratio is None:
            return ""
        return "yes" if self.ratio >= self.times else "NO"

    @property
    def cells(self) -> list[str]:
        must = f"≥ {_shown(self.times)}×" if self.times else f"≤ {_shown(self.at_most)}"
        ratio = f"{_shown(self.ratio)}×" if self.ratio is not None else ""
        return [self.measure, _shown(self.ours), _shown(self.theirs), ratio, must, self.holds]


def _shown(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"


@dataclass(frozen=True)
class Benchmark:
    """Takes samples of the libraries in turn."""

    ours: Library
    peer: Library | None
    repeats: int

    def row(self, title: str, measure: str, *arguments: object, has_peer: bool = True, **limits: float) -> Row:
        """The row of one measure: medians of alternating samples."""
        ours, theirs = [], []
        for _ in range(self.repeats):
            ours.append(self.ours.ask(measure, *arguments))
            if has_peer and self.peer is not None:
                theirs.append(self.peer.ask(measure, *arguments))
        return Row(measure=title, ours=median(ours), theirs=median(theirs) if theirs else None, **limits)

    def rows(self) -> Iterator[Row]:
        """All rows of the table, in order."""
        yield self.row("operator `a + b` on nodes, µs", "operator_us", times=50)
        yield self.row("`@bundle` call of a trivial function, µs", "bundle_us", times=30)
        yield self.row("`@bundle(trainable=True)` call, source unchanged, µs", "trainable_us", times=25)
        yield self.row("`@bundle(trainable=True)` decoration, µs", "decoration_us", at_most=300)
        yield self.row("memory per node beyond its value, bytes", "bytes_per_node", at_most=400)
        yield self.row("memory left when the output is dropped, %", "percent_left", at_most=1)
        for shape in SHAPES:
            yield from self._backward(shape)
        for shape in ("chain", "wide fan"):
            title = f"render {shape}, 1e5 nodes, in 8,000 tokens, s"
            yield self.row(title, "render_s", shape, 100_000, 8_000, has_peer=False, at_most=2)
        yield self.row("32 threads at once: results mixed", "mixed_in_threads", has_peer=False, at_most=0)
        yield self.row("1,000 asyncio tasks at once: results mixed", "mixed_in_tasks", has_peer=False, at_most=0)
        yield from self._prompts()

    def _backward(self, shape: str) -> Iterator[Row]:
        """Time at a size that both can do, growth per tenfold size, and agentopt's time at the largest."""
        common = PEER_SIZES[-1]
        small = [self.row("", "backward_s", shape, size) for size in PEER_SIZES]
        theirs = [row.theirs for row in small if row.theirs is not None]
        yield Row(
            measure=f"backward {shape}, {common} nodes, ms",
            ours=small[-1].ours * 1e3,
            theirs=theirs[-1] * 1e3 if theirs else None,
            times=1,
        )
        ours = [self.row("", "backward_s", shape, size, has_peer=False).ours for size in SIZES]
        yield Row(
            measure=f"backward {shape}, largest growth per tenfold size",
            ours=max(_growth(SIZES, ours)),
            theirs=max(_growth(PEER_SIZES, theirs)) if theirs else None,
            at_most=MOST_GROWTH,
        )
        yield Row(measure=f"backward {shape}, {SIZES[-1]:.0e} nodes, s", ours=ours[-1], at_most=1)

    def _prompts(self) -> Iterator[Row]:
        """Size of what OptoPrime sends: a small problem, and each further operation. 1.67 times: 60 % of the peer's."""
        lengths = (0, 20, 120)
        ours = [self.ours.ask("prompt", further) for further in lengths]
        theirs = [self.peer.ask("prompt", further) for further in lengths] if self.peer else []
        for counted in ("characters / 4", "cl100k"):
            if counted == "cl100k" and self.peer is None:
                continue
            mine = [self._tokens(messages, counted) for messages in ours]
            other = [self._tokens(messages, counted) for messages in theirs]
            yield Row(
                measure=f"prompt of (x-2)² + y² + 1, tokens ({counted})",
                ours=mine[0],
                theirs=other[0] if other else None,
                times=1 / 0.6,
            )
            yield Row(
                measure=f"prompt, tokens per further operation ({counted})",
                ours=(mine[2] - mine[1]) / 100,
                theirs=(other[2] - other[1]) / 100 if other else None,
                times=1 / 0.6,
            )

    def _tokens(self, messages: list[str], counted: str) -> float:
        if counted == "cl100k" and self.peer is not None:
            return float(self.peer.ask("cl100k_tokens", messages))
        return sum(map(len, messages)) / 4


def _growth(sizes: Sequence[int], seconds: Sequence[float]) -> list[float]:
    """By how much the time grows per tenfold size, between each size and the next."""
    pairs = zip(sizes, sizes[1:], seconds, seconds[1:])
    return [(after / before) ** (1 / math.log10(large / small)) for small, large, before, after in pairs]


def main() -> None:
    """Runs the benchmark and prints its table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", help="Python of an environment with `trace-opt`; see README.md")
    parser.add_argument("--repeats", type=int, default=5, help="samples per number, of which the median counts")
    arguments = parser.parse_args()
    benchmark = Benchmark(
        Library(sys.executable, "tests.benchmarks.agentopt_side"),
        Library(arguments.peer_python, "tests.benchmarks.trace_opt_side") if arguments.peer_python else None,
        arguments.repeats,
    )
    write = sys.stdout.write
    write(f"Python {platform.python_version()}; medians of {arguments.repeats} samples of process CPU time.\n\n")
    write("| measure | agentopt | trace-opt | ratio | must reach | holds |\n|---|---|---|---|---|---|\n")
    for row in benchmark.rows():
        write(f"| {' | '.join(row.cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

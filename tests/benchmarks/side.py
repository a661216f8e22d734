"""What is measured, written once for all libraries, and the loop that answers the benchmark.

Each library is measured in a process of its own, which this module's `serve` runs. Only the standard library is
imported here, since a peer's environment has no agentopt.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

OPERATIONS = 10_000


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process for `work()`, without the time to free what it returns."""
    gc.collect()
    start = time.process_time()
    result = work()
    elapsed = time.process_time() - start
    del result
    return elapsed


def add(a: Any, b: Any) -> Any:
    """The sum of a and b."""
    return a + b


def count(*members: Any) -> int:
    """How many members there are."""
    return len(members)


def square(z: Any) -> Any:
    """The square of z."""
    return z * z


class Side(ABC):
    """One library: the few calls in which libraries differ, and each measure as a method giving one sample."""

    @abstractmethod
    def node(self, value: Any) -> Any:
        """`value` as a node."""

    @abstractmethod
    def parameter(self, value: float, name: str) -> Any:
        """A trainable node, of a number from -10 to 10."""

    @abstractmethod
    def bundle(self, function: Callable[..., Any], *, trainable: bool = False) -> Any:
        """`function`, so that its calls are nodes."""

    @abstractmethod
    def backward(self, output: Any, parameters: Sequence[Any]) -> None:
        """Gives feedback on `output`, and makes of it what an optimizer reads at the parameters."""

    @abstractmethod
    def prompt(self, further: int) -> list[str]:
        """The messages that OptoPrime sends for `problem(further)`."""

    def __init__(self) -> None:
        self._graph: tuple[tuple[str, int], tuple[Any, list[Any]]] | None = None

    def operator_us(self) -> float:
        """Microseconds of one `a + b` on nodes, in a chain."""
        return 1e6 / OPERATIONS * cpu_s(self._sum)

    def bundle_us(self) -> float:
        """Microseconds of one call of a trivial bundled function, in a chain."""
        return self._per_operation_us(self.bundle(add))

    def trainable_us(self) -> float:
        """As `bundle_us`, of a function whose source may be replaced and is not."""
        return self._per_operation_us(self.bundle(add, trainable=True))

    def decoration_us(self) -> float:
        """Microseconds of `bundle(trainable=True)`, applied to a function of three lines."""
        return 1e6 / 100 * cpu_s(lambda: [self.bundle(add, trainable=True) for _ in range(100)])

    def _sum(self) -> Any:
        x, y = self.node(0), self.node(0)
        for _ in range(OPERATIONS):
            x = x + y
        return x

    def _per_operation_us(self, bundled: Callable[[Any, Any], Any]) -> float:
        def chain() -> Any:
            x, y = self.node(0), self.node(0)
            for _ in range(OPERATIONS):
                x = bundled(x, y)
            return x

        return 1e6 / OPERATIONS * cpu_s(chain)

    def bytes_per_node(self) -> float:
        """Bytes of one node in a chain, without its value (a small integer, which takes none)."""
        return self._memory()[0]

    def percent_left(self) -> float:
        """Of a chain's memory, what is not freed after its output is dropped and garbage is collected."""
        return self._memory()[1]

    def _memory(self) -> tuple[float, float]:
        self._sum()
        tracemalloc.start()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        output = self._sum()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        del output
        gc.collect()
        left = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return held / OPERATIONS, max(0.0, 100 * left / held)

    def backward_s(self, shape: str, size: int) -> float:
        """Seconds of `backward` on a graph with about `size` nodes."""
        output, parameters = self._built(shape, size)
        return cpu_s(lambda: self.backward(output, parameters))

    def _built(self, shape: str, size: int) -> tuple[Any, list[Any]]:
        if self._graph is None or self._graph[0] != (shape, size):
            self._graph = None
            self._graph = ((shape, size), self.graph(shape, size))
        return self._graph[1]

    def graph(self, shape: str, size: int) -> tuple[Any, list[Any]]:
        """The output and the parameters of a graph; all values are 0."""
        if shape == "N parameters":
            parameters = [self.parameter(0, f"p{i}") for i in range(size)]
            return self.bundle(count)(*parameters), parameters
        p, y = self.parameter(0, "p"), self.node(0)
        x = p + y
        if shape == "chain":
            for _ in range(size):
                x = x + y
        elif shape == "parameter read N times":
            for _ in range(size):
                x = x + p
        elif shape == "diamond ladder":
            for _ in range(size // 3):
                x = (x + y) * (x - y)
        elif shape == "wide fan":
            x = self.bundle(count)(*[x + y for _ in range(size)])
        else:
            raise ValueError(f"no shape is called {shape!r}")
        return x, [p]

    def problem(self, further: int) -> tuple[Any, list[Any]]:
        """The output and the parameters of (x-2)² + y² + 1, with `further` operations after it."""
        squared = self.bundle(square)
        x, y = self.parameter(3.0, "x"), self.parameter(1.0, "y")
        f = squared(x - 2) + squared(y) + 1
        for i in range(further):
            f = f + i if i % 2 else f - i
        return f, [x, y]


def serve(side: Side) -> None:
    """Answers requests `["measure", *arguments]`, one JSON text per line, until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not get between the answers
    for line in sys.stdin:
        measure, *arguments = json.loads(line)
        answers.write(json.dumps(getattr(side, measure)(*arguments)) + "\n")
        answers.flush()

"""Numeric searches without a model against known optima: `python -m tests.benchmarks.search [--seeds 20]`.

The bands are medians of best minus optimum after 30 measurements over 50 random starts, measured once with plain
numpy; a search is within its band when its own median is at most three times as large.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from random import Random
from statistics import median

import agentopt as ao

BANDS: dict[str, dict[str, float]] = {
    "random": {"booth": 10.9, "mccormick": 0.83, "rosenbrock": 2.10, "six_hump_camel": 0.284},
    "zo-two-point": {"booth": 0.81, "mccormick": 3.14, "rosenbrock": 0.79, "six_hump_camel": 0.021},
    "zo-rank": {"booth": 1.7, "mccormick": 3.15, "rosenbrock": 0.42, "six_hump_camel": 0.099},
}
OTHERS = ("sobol", "one-plus-one", "tpe", "cmaes")


def booth(x: float, y: float) -> float:
    """0 at (1, 3)."""
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def mccormick(x: float, y: float) -> float:
    """-1.9133 at (-0.547, -1.547)."""
    return math.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


def rosenbrock(x: float, y: float) -> float:
    """0 at (1, 1); the mild form of LLF-Bench, arXiv:2312.06853, with both coefficients 1."""
    return (1 - x) ** 2 + (y - x * x) ** 2


def six_hump_camel(x: float, y: float) -> float:
    """-1.0316 at (0.0898, -0.7126) and opposite."""
    return (4 - 2.1 * x * x + x**4 / 3) * x * x + x * y - 4 * y * y + 4 * y**4


Cost = Callable[[float, float], float]
FUNCTIONS: dict[str, tuple[Cost, tuple[float, float], tuple[float, float], float]] = {
    "booth": (booth, (-10, 10), (-10, 10), 0.0),
    "mccormick": (mccormick, (-1.5, 4), (-1.5, 4), -1.9133),
    "rosenbrock": (rosenbrock, (-5, 10), (-5, 10), 0.0),
    "six_hump_camel": (six_hump_camel, (-2, 2), (-2, 2), -1.0316),
}


def gap(optimizer: str, function: str, seed: int, *, evaluations: int = 30) -> float:
    """Best cost found less the optimum, from a random start."""
    cost, x_bounds, y_bounds, optimum = FUNCTIONS[function]
    rng = Random(seed)
    x = ao.Parameter(rng.uniform(*x_bounds), name="x", bounds=x_bounds)
    y = ao.Parameter(rng.uniform(*y_bounds), name="y", bounds=y_bounds)
    measured = ao.bundle(cost)
    result = ao.optimize(
        lambda: measured(x, y),  # type: ignore[arg-type]  # parameters stand for their values
        parameters=[x, y],
        feedback=lambda found: -found,
        optimizer=optimizer,
        budget=ao.Budget(evaluations=evaluations),
        out=None,
        seed=seed,
    )
    assert result.dev_best is not None
    return -result.dev_best - optimum


def main() -> None:
    """Prints a table of medians, with the bands where there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    print(f"median of best - optimum after 30 measurements, {seeds} random starts (band = 3 x reference)")
    for optimizer in (*BANDS, *OTHERS):
        for function in FUNCTIONS:
            found = median(gap(optimizer, function, seed) for seed in range(seeds))
            band = BANDS.get(optimizer, {}).get(function)
            verdict = "" if band is None else f"  band {3 * band:.3g}: {'within' if found <= 3 * band else 'OUTSIDE'}"
            print(f"{optimizer:14} {function:15} {found:8.3f}{verdict}", flush=True)


if __name__ == "__main__":
    main()

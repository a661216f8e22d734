"""Searches without a model, under equal budgets: `python -m tests.benchmarks.search [--seeds 20] [--part numbers]`.

`numbers`: against known optima. `texts`: in the prompt world of `agentopt.testing`, with noise on 15 % of the scores,
where a scripted mutator is the model; shown is the mean score on dev without noise of what was found.
`claims`: the error rate and power of GEPA's proof, directions against scores alone, halving, and the loop's own time.

The bands are medians of best minus optimum after 30 measurements over 50 random starts, measured once with plain
numpy; a search is within its band when its own median is at most three times as large.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from random import Random
from statistics import mean, median, stdev

import agentopt as ao
from agentopt.events import Event
from agentopt.testing.llms import MutatorLLM
from agentopt.testing.worlds import PromptWorld
from tests.benchmarks.acceptance import gate_rates

BANDS: dict[str, dict[str, float]] = {
    "random": {"booth": 10.9, "mccormick": 0.83, "rosenbrock": 2.10, "six_hump_camel": 0.284},
    "zo-two-point": {"booth": 0.81, "mccormick": 3.14, "rosenbrock": 0.79, "six_hump_camel": 0.021},
    "zo-rank": {"booth": 1.7, "mccormick": 3.15, "rosenbrock": 0.42, "six_hump_camel": 0.099},
}
OTHERS = ("sobol", "one-plus-one", "differential-evolution", "tpe", "cmaes")


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


TEXT_SEARCHES = (
    ("best-of-n:n=200", "reflect"),
    ("greedy:attempts=20", "reflect"),
    ("beam:attempts=20", "reflect"),
    ("gepa:attempts=20", "reflect"),
    ("gepa:attempts=20,merge=true", "reflect"),
    ("gepa:attempts=20,gate=sum", "reflect"),
    ("gepa:attempts=20,gate=sum,accept=mean", "reflect"),
    ("gepa:attempts=20,accept=mean", "reflect"),
    ("mipro:instructions=6,trials=60", "reflect"),
    ("halving:optimizer=(beam:attempts=20),smallest=8", "reflect"),
    ("opro:attempts=20", "optoprime"),
    ("textgrad:attempts=20", "optoprime"),
    ("directional:attempts=20", "optoprime"),
    ("optoprime:attempts=20", "optoprime"),
)


def found_in_prompt_world(optimizer: str, proposer: str, seed: int, *, evaluations: int) -> float:
    """Mean score on dev, without noise, of what the search returns."""
    world = PromptWorld(noise=0.15, seed=seed)
    model = MutatorLLM(seed=seed, changes="last" if optimizer.startswith("opro") else "first")
    budget = ao.Budget(evaluations=evaluations)
    result = ao.optimize(
        optimizer=optimizer, proposer=proposer, llm=model, budget=budget, seed=seed, **world.settings()
    )
    return world.true_mean(result.values)


def directional_gain(function: str, seed: int) -> tuple[float, float]:
    """Costs above the optimum after 30 measurements, of a walker told the direction, and of one told the score only.

    Both step by the sign rule of Rprop on each coordinate: told the direction (`fp` of LLF-Bench), or one that is
    drawn anew after each step that was not better.
    """
    cost, *bounds, optimum = FUNCTIONS[function]
    return _walked(cost, bounds, seed, is_told=True) - optimum, _walked(cost, bounds, seed, is_told=False) - optimum


def _walked(cost: Cost, bounds: Sequence[tuple[float, float]], seed: int, *, is_told: bool) -> float:
    rng = Random(seed)
    here = [rng.uniform(*b) for b in bounds]
    steps = [0.1 * (high - low) for low, high in bounds]
    signs, best = [0.0] * len(bounds), cost(*here)
    for _ in range(29):
        slopes = [_slope(cost, here, axis) for axis in range(len(here))]
        for axis, slope in enumerate(slopes):
            sign = math.copysign(1.0, -slope) if is_told else rng.choice((-1.0, 1.0))
            steps[axis] *= 1.2 if sign == signs[axis] else 0.5 if signs[axis] else 1.0
            signs[axis] = sign
        there = [min(max(x + g * s, low), high) for x, g, s, (low, high) in zip(here, signs, steps, bounds)]
        if is_told or cost(*there) < cost(*here):
            here = there
        best = min(best, cost(*there))
    return best


def _slope(cost: Cost, point: Sequence[float], axis: int) -> float:
    ends = [[x + side * (i == axis) for i, x in enumerate(point)] for side in (-1e-6, 1e-6)]
    return cost(*ends[1]) - cost(*ends[0])


def halved(optimizer: str, seed: int, *, evaluations: int, on_event: Callable[[Event], None] | None = None) -> float:
    """Distance to the best point of a noisy line, where each of 27 instances is one draw of the noise."""
    x = ao.Parameter(0.9, name="x", bounds=(0.0, 1.0))
    rows = [{"id": str(n), "split": "dev" if n else "train", "draw": n} for n in range(28)]
    scored = ao.bundle(lambda x, draw: -abs(x - 0.3) + Random(f"{seed}:{draw}").gauss(0, 0.3))
    result = ao.optimize(
        lambda draw: scored(x, draw),
        parameters=[x],
        examples=rows,
        feedback=lambda score: score,
        optimizer=optimizer,
        budget=ao.Budget(evaluations=evaluations),
        out=None,
        seed=seed,
        on_event=on_event,
    )
    return abs(float(result.values["x"]) - 0.3)


def scheduling(trials: int = 10_000) -> float:
    """CPU seconds of a loop per 1,000 trials that are measured at once."""
    x = ao.Parameter(0.5, name="x", bounds=(0.0, 1.0))
    scored = ao.bundle(abs)
    started = time.process_time()
    ao.optimize(
        lambda: scored(x),
        parameters=[x],
        feedback=lambda score: score,
        optimizer="random",
        budget=ao.Budget(evaluations=trials),
        out=None,
        workers=1,
    )
    return (time.process_time() - started) * 1000 / trials


def print_claims(seeds: int) -> None:
    """What must be reached, and what was."""
    for changed in (0.2, 0.5):
        rates = gate_rates(pairs=60, runs=2000, changed=changed)
        row = (
            f"false {rates.false:.3f} (must <= 0.05), power {rates.power:.3f} (must >= {2 * rates.power_of_three:.3f})"
        )
        print(f"proof, 60 pairs, {changed:.0%} differ: {row}; many gates of three: {rates.power_of_many:.3f}")
    for function in FUNCTIONS:
        told, alone = zip(*(directional_gain(function, seed) for seed in range(seeds)))
        reached = [sum(gap < 1e-2 for gap in gaps) / seeds for gaps in (told, alone)]
        print(
            f"direction, {function:15} within 0.01: told {reached[0]:.0%}, score only {reached[1]:.0%} (must be less)"
        )
    full = [halved("random:batch=9", seed, evaluations=540) for seed in range(seeds)]
    half = [halved("halving:optimizer=(random:batch=9),smallest=3", seed, evaluations=270) for seed in range(seeds)]
    print(f"halving, 270 of 540 evaluations: {mean(half):.4f} from the best (must <= {mean(full):.4f})")
    print(f"scheduling: {scheduling():.3f} s per 1,000 trials (must < 0.5)")


def main() -> None:
    """Prints the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--part", choices=("numbers", "texts", "claims"))
    arguments = parser.parse_args()
    parts = {"numbers": print_numbers, "texts": print_texts, "claims": print_claims}
    for name, print_part in parts.items():
        if arguments.part in (None, name):
            print_part(arguments.seeds)


def print_texts(seeds: int) -> None:
    """Mean and standard error in the prompt world, after 300 and after 600 measurements."""
    print(f"prompt world: true dev mean of what was found, {seeds} seeds, mean ± standard error")
    for optimizer, proposer in TEXT_SEARCHES:
        shown = []
        for evaluations in (300, 600):
            found = [found_in_prompt_world(optimizer, proposer, s, evaluations=evaluations) for s in range(seeds)]
            shown.append(f"{evaluations}: {mean(found):.3f} ± {stdev(found) / math.sqrt(seeds):.3f}")
        print(f"{optimizer:50} {proposer:10} {'   '.join(shown)}", flush=True)


def print_numbers(seeds: int) -> None:
    """Medians, with the bands where there are any."""
    print(f"median of best - optimum after 30 measurements, {seeds} random starts (band = 3 x reference)")
    for optimizer in (*BANDS, *OTHERS):
        for function in FUNCTIONS:
            found = median(gap(optimizer, function, seed) for seed in range(seeds))
            band = BANDS.get(optimizer, {}).get(function)
            verdict = "" if band is None else f"  band {3 * band:.3g}: {'within' if found <= 3 * band else 'OUTSIDE'}"
            print(f"{optimizer:14} {function:15} {found:8.3f}{verdict}", flush=True)


if __name__ == "__main__":
    main()

"""A model against a checker that was written from the text alone, at many points.

The checker is a program with `is_feasible(x)` and `value(x)`; `x` is a value by column name. Where the two disagree,
one of them is wrong, and the point shows it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.model import Column, Model
from agentopt.sandbox.base import Limits, Sandbox
from agentopt.sandbox.program import load

MOST_POINTS = 3000
_LIMITS = Limits(wall_s=20.0)
_TOLERANCE = 1e-6
_MOST_SHOWN = 12
Point = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What comparing a model with a checker gave.

    Args:
        points: how many were compared.
        is_complete: they are all the points of the model's box, so agreement is a proof for these two.
        findings: at most one of each kind of disagreement.
        problem: why nothing was compared, such as the checker's exception; empty otherwise.
    """

    points: int
    is_complete: bool
    findings: tuple[Finding, ...]
    problem: str = ""


def compare_with_checker(model: Model, checker: str, optimum: Sequence[float] | None, sandbox: Sandbox) -> Comparison:
    """Runs `checker` in `sandbox` at many points and says where it and the model disagree.

    The points are the whole box of an integer model if that is small; else the optimum, its neighbours, and
    points drawn at random.
    """
    points, is_complete = trial_points(model, optimum)
    names = [column.name for column in model.columns]
    outcome = sandbox.call(checker, f"{__name__}:judge_points", [names, [list(p) for p in points]], limits=_LIMITS)
    if outcome.status != "ok":
        return Comparison(points=0, is_complete=False, findings=(), problem=f"{outcome.status}: {outcome.error}")
    found = _disagreements(model, points, outcome.value)
    return Comparison(points=len(points), is_complete=is_complete, findings=tuple(found))


def judge_points(source: str, names: list[str], points: list[list[float]]) -> list[list[Any]]:
    """For each point: whether the program `source` takes it, why not, and its value; inside the sandbox's process."""
    checker = load(source)
    judged = []
    for point in points:
        x = dict(zip(names, point))
        said = checker.is_feasible(dict(x))
        is_feasible, reason = said if isinstance(said, tuple) else (said, "")
        judged.append([bool(is_feasible), str(reason)[:200], float(checker.value(x)) if is_feasible else None])
    return judged


def trial_points(model: Model, optimum: Sequence[float] | None) -> tuple[list[Point], bool]:
    """Points to compare at, the optimum first, and whether they are the whole box of an integer model."""
    start = tuple(map(float, optimum or [_near(column) for column in model.columns]))
    if (box := _box(model)) is not None:
        return [start, *(p for p in itertools.product(*box) if p != start)], True
    rng = Random(0)  # the same points for every checker of the model
    points = dict.fromkeys([start, *_neighbours(model, start)])
    while len(points) < MOST_POINTS // 3 and len(model.columns) <= 200:
        before = len(points)
        points.update(dict.fromkeys(_random_point(model, start, rng) for _ in range(100)))
        if len(points) == before:
            break
    return list(points)[:MOST_POINTS], False


def _box(model: Model) -> list[list[float]] | None:
    sides, size = [], 1.0
    for column in model.columns:
        size *= column.upper - column.lower + 1
        if column.type != "integer" or not math.isfinite(size) or size > MOST_POINTS:
            return None
        sides.append([float(v) for v in range(math.ceil(column.lower), math.floor(column.upper) + 1)])
    return sides


def _near(column: Column) -> float:
    return float(min(max(0.0, column.lower), column.upper))


def _neighbours(model: Model, start: Point) -> Iterator[Point]:
    """One coordinate changed by 1 or set to 0; for few columns also pairs, which stay on an equality."""
    for place, column in enumerate(model.columns[:200]):
        for value in (start[place] + 1, start[place] - 1, 0.0):
            if value >= column.lower:
                yield (*start[:place], value, *start[place + 1 :])
    if len(start) <= 20:
        for one, other in itertools.permutations(range(len(start)), 2):
            moved = list(start)
            moved[one], moved[other] = moved[one] + 1, moved[other] - 1
            if moved[other] >= model.columns[other].lower:
                yield tuple(moved)


def _random_point(model: Model, start: Point, rng: Random) -> Point:
    point = []
    for column, at in zip(model.columns, start):
        low = column.lower if math.isfinite(column.lower) else min(-10.0, 2 * at)
        high = column.upper if math.isfinite(column.upper) else max(10.0, 2 * at)
        steps = 1 if column.is_integer else 2  # halves are exact in every arithmetic
        ends = math.ceil(low * steps), math.floor(high * steps)
        point.append(rng.randint(*ends) / steps if ends[0] <= ends[1] else low)
    return tuple(point)


def _disagreements(model: Model, points: Sequence[Point], judged: Sequence[Sequence[Any]]) -> list[Finding]:
    program = ExactProgram.of(model)
    found: dict[str, Finding] = {}
    for point, (is_feasible, reason, value) in zip(points, judged):
        broken = _broken(program, point)
        if broken is None and not is_feasible:
            why = f": {reason}" if reason else ""
            _add(found, "allowed", f"At {_shown(model, point)} the checker says that the problem forbids it{why}; "
                 "no row or bound of the model excludes it.")  # fmt: skip
        elif broken is not None and is_feasible:
            _add(found, f"excluded {broken}", f"At {_shown(model, point)} the checker says that the problem allows it; "
                 f"the model's {broken} excludes it.")  # fmt: skip
        elif broken is None and value is not None:
            own = float(program.objective([Fraction(repr(v)) for v in point]))
            if not abs(own - value) <= _TOLERANCE * max(1.0, abs(own)):
                _add(found, "value", f"At {_shown(model, point)} the model's objective is {own:.10g}, "
                     f"the checker's value {value:.10g}.")  # fmt: skip
    return list(found.values())[:4]


def _add(found: dict[str, Finding], subject: str, text: str) -> None:
    found.setdefault(subject, Finding(check="checker", subject=subject, text=text))


def _broken(program: ExactProgram, point: Point) -> str | None:
    violations = program.violations([Fraction(repr(value)) for value in point])
    return violations[0].what if violations and violations[0].amount > _TOLERANCE else None


def _shown(model: Model, point: Point) -> str:
    parts = [f"{column.name} = {value:.10g}" for column, value in zip(model.columns, point) if value]
    more = f" and {len(parts) - _MOST_SHOWN} more" if len(parts) > _MOST_SHOWN else ""
    return (", ".join(parts[:_MOST_SHOWN]) + more or "all variables 0") + (", all others 0" if parts else "")

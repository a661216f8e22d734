"""Changed data, built again: which data a model does not use, and which it answers the wrong way round.

Source: the perturbation tests of ReLoop, arXiv:2602.15983; influence on coefficients instead of on optima is exact and
needs no solve.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from agentopt.canonical import Json
from agentopt.errors import RunError, UsageError
from agentopt.modeling.model import Model
from agentopt.modeling.report import Evidence
from agentopt.modeling.solvers import highs
from agentopt.modeling.solvers.base import Solution

Build = Callable[[Json], Model]
Path = tuple[str | int, ...]
Role = Literal["capacity", "demand", "cost", "revenue"]
# Whether more of it can make the best objective better or worse, never the other.
_HELPS: Mapping[Role, bool] = {"capacity": True, "demand": False, "cost": False, "revenue": True}
_MARGIN = 1e-6
_STEPS = (lambda x: x + 1, lambda x: x - 1 if x > 1 else x + 7, lambda x: 2 * x + 3)


def leaves(data: Json) -> Iterator[Path]:
    """Where the numbers of `data` are: keys and positions from the outside in; truth values are no numbers."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from ((key, *rest) for rest in leaves(value))
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield from ((position, *rest) for rest in leaves(value))
    elif isinstance(data, (int, float)) and not isinstance(data, bool):
        yield ()


def family(path: Path) -> str:
    """The path with its positions left open, such as `demand[*].tons`."""
    parts = ["[*]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")


def unused_data(build: Build, data: Json, *, max_builds: int = 200) -> Evidence:
    """Numbers of `data` that nothing in the model depends on: changed in several ways, they leave every coefficient.

    Args:
        build: data to model, the same model for the same data. What it raises as `RunError` for changed data is
            taken for an influence.
        max_builds: builds to spend; beyond, numbers of one family (`demand[*]`) are changed together.
    """
    base = _fingerprint(build(copy.deepcopy(data)))
    paths = list(leaves(data))
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_name(path) if len(paths) * len(_STEPS) <= max_builds else family(path), []).append(path)
    unused = [name for name, group in groups.items() if not _matters(build, data, group, base)]
    if not unused:
        return Evidence(name="data", result="fine", detail=f"every number is used ({len(paths)})")
    listed = ", ".join(f"`{name}`" for name in unused[:8]) + (f" and {len(unused) - 8} more" if len(unused) > 8 else "")
    detail = f"no coefficient, bound or right side depends on {listed}"
    return Evidence(name="data", result="warning", detail=detail, names=tuple(unused), numbers={"unused": len(unused)})


def check_role(build: Build, data: Json, where: str, role: Role, *, factor: float = 1.5) -> Evidence:
    """Whether the optimum moves the way that a capacity, a demand, a cost or a revenue must move it.

    Args:
        where: a family of numbers as `family` names it, all of which are multiplied by `factor` (> 1).
    """
    if factor <= 1:
        raise UsageError(f"`factor` must be above 1, got {factor}")
    name = f"sign of {where}"
    group = [path for path in leaves(data) if family(path) == where]
    if not group:
        raise UsageError(
            f"the data have no numbers at `{where}`: expected one of {sorted(set(map(family, leaves(data))))}"
        )
    before = highs.solve(first := build(copy.deepcopy(data)))
    try:
        after = highs.solve(build(_changed(data, group, lambda x: x * factor)))
    except RunError as error:
        return Evidence(name=name, result="not checked", detail=f"the changed data gave no model: {error}")
    moved = _movement(first, before, after)
    if moved is None:
        return Evidence(name=name, result="not checked", detail=f"solves ended with {before.status} and {after.status}")
    told = f"{before.status} {_value(before)} before, {after.status} {_value(after)} with `{where}` times {factor:g}"
    numbers = {"before": before.objective or 0.0, "after": after.objective or 0.0}
    if moved == 0:
        return Evidence(name=name, result="fine", detail=f"no effect: {told}", numbers=numbers)
    if (moved > 0) == _HELPS[role]:
        return Evidence(name=name, result="fine", detail=told, numbers=numbers)
    way = "better" if moved > 0 else "worse"
    detail = f"more {role} makes the optimum {way}: {told}"
    return Evidence(name=name, result="warning", detail=detail, numbers=numbers, names=(where,))


def _movement(model: Model, before: Solution, after: Solution) -> int | None:
    """1 where `after` is better, -1 where worse, 0 where the same; `None` where a solve was not finished."""
    known = ("infeasible", "optimal", "unbounded")  # from worst to best
    if before.status not in known or after.status not in known:
        return None
    if before.status != after.status:
        return 1 if known.index(after.status) > known.index(before.status) else -1
    if before.objective is None or after.objective is None or before.status != "optimal":
        return 0
    gain = (before.objective - after.objective) * (1 if model.objective.sense == "minimize" else -1)
    if abs(gain) <= _MARGIN * max(1.0, abs(before.objective)):
        return 0
    return 1 if gain > 0 else -1


def _matters(build: Build, data: Json, group: list[Path], base: Json) -> bool:
    for step in _STEPS:
        try:
            if _fingerprint(build(_changed(data, group, step))) != base:
                return True
        except RunError:
            return True
    return False


def _changed(data: Json, group: list[Path], change: Callable[[float], float]) -> Json:
    changed = copy.deepcopy(data)
    for path in group:
        if not path:
            return change(changed)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = change(place[path[-1]])
    return changed


def _fingerprint(model: Model) -> Json:
    return model.to_json()


def _name(path: Path) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")


def _value(solution: Solution) -> str:
    return "" if solution.objective is None else f"{solution.objective:.10g}"

"""Numerical packs: a traced function with bounded parameters and a known optimum.

`task.toml` holds `function` (`file.py:name`), `start` and `bounds` by parameter, and `optimum` (the lowest
cost) with its `source`. The function computes a cost on nodes; the score is the negative cost. A pack may also have:

- `integers` (names) and `choices` (values by name): parameters that are not real numbers;
- `slopes`, a function of the values that gives the slope of the cost by name, and `channels`, what is said of
  them (see `hints`); where `r` is not among these, the cost is not in the text, but the score always is there;
- `violations`, a function of the values that says by how much each constraint is broken (0 where it holds), and
  `penalty`, what one unit of it costs;
- `draws`, how many instances each split has: the function is given their number as `draw`, and without one
  gives the expected cost, of which `optimum` is the lowest;
- `hidden_cost`: the function returns something to look at, nothing has a score, and this one only verifies;
- `requires`: a package that the functions import, and that an extra of the same name installs;
- `objective`, in words for the optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentopt.adapters.base import load_function, pack_reference
from agentopt.adapters.cost_feedback import CostFeedback
from agentopt.adapters.hints import Hints, chosen_channels
from agentopt.errors import FormatError, UsageError
from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.tracing import TracedWorkflow, trace
from agentopt.graph.trainable import Parameter
from agentopt.instance import SPLITS, Instance
from agentopt.optimizers.settings import require_package
from agentopt.prompts import load_prompt
from agentopt.space import Space
from agentopt.task import Pack, Task


@bundle
def observed(cost: float, **at: Any) -> dict[str, Any]:
    """The cost, and where it was measured."""
    return {"cost": cost, "at": at}


def numerical_task(pack: Pack, *, channels: Sequence[str] | None = None, seed: int = 0) -> Task:
    """The task of a numerical pack.

    Args:
        channels: instead of the pack's own; see `hints.chosen_channels`.
        seed: what a channel at random is drawn by.

    Raises:
        FormatError: the pack lacks something, or a start value is out of bounds.
        MissingDependency: a package that the pack requires is not installed.
        UsageError: `channels` are asked of a pack without slopes, or there is no such channel.
    """
    for package in pack.get("requires", list, []):
        require_package(package, package, f"task `numerical/{pack.name}`")
    cost = _function(pack, "function")
    parameters = _parameters(pack)
    optimum = float(pack.get("optimum", float))
    tolerance = float(pack.get("tolerance", float, 1e-3))
    judge = _judge(pack, parameters, channels, seed)
    is_ranked, is_noisy = "hidden_cost" in pack.about, "draws" in pack.about
    known = _function(pack, "hidden_cost") if is_ranked else cost
    chosen = {} if channels is None else {"channels": list(channels), "seed": seed}
    return Task(
        name=f"numerical/{pack.name}",
        workflow=_workflow(pack.name, cost, parameters, is_noisy=is_noisy, is_observed=judge.needs_values),
        space=Space(parameters),
        instances=_instances(pack),
        feedback=_no_score if is_ranked else judge,
        objective=pack.get("objective", str, load_prompt("numerical").fill(title=pack.title)),
        target=None if is_ranked or is_noisy else -(optimum + tolerance),
        reference=pack_reference(pack) | chosen,
        verifier=lambda values: _distance(judge.total(float(known(**values)), values), optimum, tolerance),
    )


def _workflow(
    name: str, cost: Callable[..., Any], parameters: Mapping[str, Parameter], *, is_noisy: bool, is_observed: bool
) -> TracedWorkflow:
    def finished(made: Any) -> Any:
        return observed(made, **parameters) if is_observed else made

    def workflow() -> Any:
        return finished(cost(**parameters))

    def noisy_workflow(draw: int) -> Any:
        return finished(cost(**parameters, draw=draw))

    chosen: Callable[..., Any] = noisy_workflow if is_noisy else workflow
    chosen.__name__ = name
    return trace(chosen)


def _instances(pack: Pack) -> list[Instance]:
    if "draws" not in pack.about:
        return [Instance(id=pack.name, split="train")]
    counts = pack.get("draws", dict)
    if not set(counts) <= set(SPLITS) or not all(type(count) is int and count >= 0 for count in counts.values()):
        path = pack.folder / "task.toml"
        raise FormatError(f"{path}: `draws` must give a number of instances for {', '.join(SPLITS)}, got {counts!r}")
    splits = [split for split in SPLITS for _ in range(counts.get(split, 0))]
    draws = enumerate(splits, 1)
    return [Instance(id=f"{pack.name}#{draw}", split=split, fields={"draw": draw}) for draw, split in draws]


def _function(pack: Pack, key: str) -> Any:
    file, _, name = pack.get(key, str).partition(":")
    return load_function(pack, file, name)


def _parameters(pack: Pack) -> dict[str, Parameter]:
    start, bounds = pack.get("start", dict), pack.get("bounds", dict)
    integers, choices = pack.get("integers", list, []), pack.get("choices", dict, {})
    path = pack.folder / "task.toml"
    if not start or not set(bounds) <= set(start):
        raise FormatError(
            f"{path}: `start` names {sorted(start)}, `bounds` names {sorted(bounds)}; bounds need a start"
        )
    if strange := sorted({*integers, *choices} - set(start)):
        raise FormatError(f"{path}: `integers` or `choices` names {strange}, which `start` does not")
    parameters = {}
    for name, value in start.items():
        low_high = bounds.get(name, [None, None])
        if not (isinstance(low_high, list) and len(low_high) == 2):
            raise FormatError(f"{path}: `bounds.{name}` must be [lowest, highest], got {low_high!r}")
        limits = (low_high[0], low_high[1])
        try:
            if name in choices:
                parameters[name] = Parameter(value, name=name, kind="choice", choices=choices[name])
            elif name in integers:
                parameters[name] = Parameter(value, name=name, kind="integer", bounds=limits)
            else:
                parameters[name] = Parameter(float(value), name=name, kind="number", bounds=limits)
        except (UsageError, TypeError, ValueError) as error:
            within = f"of {choices[name]!r}" if name in choices else f"within {low_high!r}"
            raise FormatError(f"{path}: `start.{name}` is {value!r} {within}: {error}") from None
    return parameters


def _judge(pack: Pack, parameters: Mapping[str, Parameter], channels: Sequence[str] | None, seed: int) -> CostFeedback:
    asked = pack.get("channels", list, []) if channels is None else channels
    if channels is not None and "slopes" not in pack.about:
        raise UsageError(f"task `numerical/{pack.name}` has no slopes, so there are no `channels` to choose")
    hints = None
    if asked:
        start = {name: parameter.value for name, parameter in parameters.items()}
        slopes = _function(pack, "slopes")
        hints = Hints(channels=chosen_channels(asked), slopes=slopes, parameters=parameters, start=start, seed=seed)
    if "violations" not in pack.about:
        return CostFeedback(hints=hints)
    return CostFeedback(hints=hints, violations=_function(pack, "violations"), penalty=pack.get("penalty", float))


def _no_score(_output: Any, _fields: Mapping[str, Any]) -> Feedback:
    return Feedback()


def _distance(reached: float, optimum: float, tolerance: float) -> str:
    claim = "within" if reached <= optimum + tolerance else "outside"
    return f"cost {reached:.6g}, known optimum {optimum:.6g}: {reached - optimum:.3g} above it, {claim} {tolerance:g}"

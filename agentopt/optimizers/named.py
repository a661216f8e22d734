"""Optimizers and proposers by name: built in, or found through entry points.

A package adds its own with the entry-point groups `agentopt.optimizers` and `agentopt.proposers`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Literal

from agentopt.errors import UsageError
from agentopt.optimizers.base import Optimizer
from agentopt.optimizers.greedy import Greedy
from agentopt.optimizers.measure import Measure
from agentopt.proposers.base import Proposer
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.proposers.perturb import PerturbProposer

_BUILT_IN: dict[str, dict[str, type]] = {
    "optimizers": {"greedy": Greedy, "measure": Measure},
    "proposers": {"optoprime": OptoPrimeProposer, "perturb": PerturbProposer},
}


def plugins(group: Literal["optimizers", "proposers"]) -> dict[str, type]:
    """Classes by name, the built-in ones first."""
    found = {point.name: point for point in entry_points(group=f"agentopt.{group}")}
    return {**_BUILT_IN[group], **{n: p.load() for n, p in sorted(found.items()) if n not in _BUILT_IN[group]}}


def _built(group: Literal["optimizers", "proposers"], spec: str | Mapping[str, Any], **more: Any) -> Any:
    settings = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = settings.pop("name", None)
    classes = plugins(group)
    if name not in classes:
        raise UsageError(f"there is no `{name}` among the {group}; there are {', '.join(classes)}")
    accepted = inspect.signature(classes[name]).parameters
    settings = {**{k: v for k, v in more.items() if k in accepted}, **settings}
    if unknown := sorted(set(settings) - set(accepted)):
        raise UsageError(f"`{name}` has no settings {unknown}; it has {sorted(accepted)}")
    return classes[name](**settings)


def make_proposer(spec: str | Mapping[str, Any] | Proposer) -> Proposer:
    """The proposer that `spec` names: a name, or `{"name": …, setting: …}`; a proposer is returned as it is.

    Raises:
        UsageError: no such proposer or setting.
    """
    built: Proposer = _built("proposers", spec) if isinstance(spec, (str, Mapping)) else spec
    return built


def make_optimizer(
    spec: str | Mapping[str, Any] | Optimizer, proposer: str | Mapping[str, Any] | Proposer
) -> Optimizer:
    """The optimizer that `spec` names, around `proposer`; an optimizer is returned as it is.

    Raises:
        UsageError: no such optimizer or setting.
    """
    if not isinstance(spec, (str, Mapping)):
        return spec
    settings = {"name": spec} if isinstance(spec, str) else dict(spec)
    chosen = make_proposer(settings.pop("proposer", proposer))
    built: Optimizer = _built("optimizers", settings, proposer=chosen)
    return built

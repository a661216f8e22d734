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
from agentopt.optimizers.beam import Beam
from agentopt.optimizers.best_of_n import BestOfN
from agentopt.optimizers.cmaes import CMAES
from agentopt.optimizers.differential_evolution import DifferentialEvolution
from agentopt.optimizers.gepa import GEPA
from agentopt.optimizers.greedy import Greedy
from agentopt.optimizers.greedy_over import DirectionalSearch, OptoPrimeSearch, TextGradSearch
from agentopt.optimizers.halving import Halving
from agentopt.optimizers.measure import Measure
from agentopt.optimizers.mipro import MIPRO
from agentopt.optimizers.mixed import Mixed
from agentopt.optimizers.one_plus_one import OnePlusOne
from agentopt.optimizers.opro import OPRO
from agentopt.optimizers.random import RandomSearch
from agentopt.optimizers.sobol import SobolSearch
from agentopt.optimizers.spec import parse_spec, typed
from agentopt.optimizers.tpe import TPE
from agentopt.optimizers.zo_rank import ZORank
from agentopt.optimizers.zo_two_point import ZOTwoPoint
from agentopt.proposers.base import Proposer
from agentopt.proposers.directional import DirectionalProposer
from agentopt.proposers.opro import OPROProposer
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.proposers.perturb import PerturbProposer
from agentopt.proposers.reflect import ReflectProposer
from agentopt.proposers.textgrad import TextGradProposer

_BUILT_IN: dict[str, dict[str, type]] = {
    "optimizers": {
        "greedy": Greedy,
        "measure": Measure,
        "beam": Beam,
        "best-of-n": BestOfN,
        "cmaes": CMAES,
        "differential-evolution": DifferentialEvolution,
        "directional": DirectionalSearch,
        "gepa": GEPA,
        "halving": Halving,
        "mipro": MIPRO,
        "mixed": Mixed,
        "one-plus-one": OnePlusOne,
        "opro": OPRO,
        "optoprime": OptoPrimeSearch,
        "random": RandomSearch,
        "sobol": SobolSearch,
        "textgrad": TextGradSearch,
        "tpe": TPE,
        "zo-rank": ZORank,
        "zo-two-point": ZOTwoPoint,
    },
    "proposers": {
        "optoprime": OptoPrimeProposer,
        "perturb": PerturbProposer,
        "directional": DirectionalProposer,
        "opro": OPROProposer,
        "reflect": ReflectProposer,
        "textgrad": TextGradProposer,
    },
}

_INNER = {"optimizer", "numbers", "text"}
"""Settings that name an optimizer inside of another."""


def plugins(group: Literal["optimizers", "proposers"]) -> dict[str, type]:
    """Classes by name, the built-in ones first."""
    found = {point.name: point for point in entry_points(group=f"agentopt.{group}")}
    return {**_BUILT_IN[group], **{n: p.load() for n, p in sorted(found.items()) if n not in _BUILT_IN[group]}}


def _built(group: Literal["optimizers", "proposers"], settings: Mapping[str, Any], **more: Any) -> Any:
    name = settings.get("name")
    classes = _BUILT_IN[group] if name in _BUILT_IN[group] else plugins(group)  # to look for packages takes a while
    if name not in classes:
        raise UsageError(f"there is no `{name}` among the {group}; there are {', '.join(classes)}")
    accepted = inspect.signature(classes[name]).parameters
    given = {key: value for key, value in settings.items() if key != "name"}
    ready = typed(name, classes[name], given)
    return classes[name](**{**{k: v for k, v in more.items() if k in accepted}, **ready})


def make_proposer(spec: str | Mapping[str, Any] | Proposer) -> Proposer:
    """The proposer that `spec` names: see `spec.parse_spec`, or `{"name": …, setting: …}`.

    A proposer is returned as it is.

    Raises:
        UsageError: no such proposer or setting.
    """
    if not isinstance(spec, (str, Mapping)):
        return spec
    built: Proposer = _built("proposers", parse_spec(spec))
    return built


def make_optimizer(
    spec: str | Mapping[str, Any] | Optimizer, proposer: str | Mapping[str, Any] | Proposer
) -> Optimizer:
    """The optimizer that `spec` names, around `proposer`; an optimizer is returned as it is.

    Its settings `proposer`, `optimizer`, `numbers` and `text` are specs themselves.

    Raises:
        UsageError: no such optimizer or setting.
    """
    if not isinstance(spec, (str, Mapping)):
        return spec
    settings = parse_spec(spec)
    chosen = make_proposer(settings.pop("proposer", proposer))
    for key in _INNER & settings.keys():
        settings[key] = make_optimizer(settings[key], chosen)
    built: Optimizer = _built("optimizers", settings, proposer=chosen)
    return built

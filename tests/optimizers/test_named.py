"""Optimizers and proposers by name."""

from __future__ import annotations

import pytest

from agentopt.errors import UsageError
from agentopt.optimizers.greedy import Greedy
from agentopt.optimizers.measure import Measure
from agentopt.optimizers.named import make_optimizer, make_proposer, plugins
from agentopt.proposers.base import settings_of
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.proposers.perturb import PerturbProposer


def test_a_name_gives_the_built_in_optimizer() -> None:
    assert isinstance(make_optimizer("greedy", "perturb"), Greedy)


def test_the_proposer_goes_into_the_optimizer() -> None:
    optimizer = make_optimizer("greedy", {"name": "perturb", "scale": 0.5})
    assert settings_of(optimizer)["proposer"] == {"name": "perturb", "candidates": 1, "scale": 0.5}


def test_an_optimizer_without_a_proposer_ignores_it() -> None:
    assert isinstance(make_optimizer("measure", "optoprime"), Measure)


def test_a_proposer_in_the_optimizers_settings_wins() -> None:
    optimizer = make_optimizer({"name": "greedy", "proposer": {"name": "perturb"}}, "optoprime")
    assert isinstance(optimizer, Greedy)
    assert isinstance(optimizer.proposer, PerturbProposer)


@pytest.mark.parametrize("plugin", [make_optimizer("greedy", "optoprime"), make_optimizer("measure", "perturb")])
def test_settings_make_the_same_plugin_again(plugin: Greedy | Measure) -> None:
    settings = settings_of(plugin)
    assert settings_of(make_optimizer(settings, "optoprime")) == settings


def test_objects_are_returned_as_they_are() -> None:
    proposer = OptoPrimeProposer()
    optimizer = Greedy(proposer)
    assert make_proposer(proposer) is proposer
    assert make_optimizer(optimizer, "perturb") is optimizer


@pytest.mark.parametrize("spec", ["climb", {"name": "climb"}, {}, ""])
def test_an_unknown_optimizer_is_a_usage_error_that_lists_what_there_is(spec: str | dict[str, str]) -> None:
    with pytest.raises(UsageError, match="greedy, measure"):
        make_optimizer(spec, "perturb")


def test_an_unknown_proposer_is_a_usage_error_that_lists_what_there_is() -> None:
    with pytest.raises(UsageError, match="optoprime, perturb"):
        make_proposer("guess")


def test_an_unknown_setting_is_a_usage_error_that_lists_the_settings() -> None:
    with pytest.raises(UsageError, match=r"no settings \['size'\].*candidates.*scale"):
        make_proposer({"name": "perturb", "size": 1})


def test_the_callers_settings_are_not_changed() -> None:
    spec = {"name": "greedy", "proposer": "perturb"}
    make_optimizer(spec, "optoprime")
    assert spec == {"name": "greedy", "proposer": "perturb"}


def test_built_in_plugins_are_listed() -> None:
    assert list(plugins("optimizers"))[:2] == ["greedy", "measure"]
    assert list(plugins("proposers"))[:2] == ["optoprime", "perturb"]

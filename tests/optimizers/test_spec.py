"""Plug-ins from one line of text."""

from __future__ import annotations

from typing import Literal

import pytest

from agentopt.errors import UsageError
from agentopt.optimizers.greedy import Greedy
from agentopt.optimizers.named import make_optimizer
from agentopt.optimizers.spec import parse_spec, split_specs, typed
from agentopt.optimizers.zo_rank import ZORank
from agentopt.proposers.base import settings_of


class Plugin:
    def __init__(
        self,
        *,
        count: int = 1,
        share: float = 0.5,
        merge: bool = False,
        label: str = "",
        most: int | None = None,
        gate: Literal["sound", "original"] = "sound",
    ) -> None: ...


@pytest.mark.parametrize(
    ("spec", "settings"),
    [
        ("tpe", {"name": "tpe"}),
        ("tpe:", {"name": "tpe", "": None}),
        (" gepa : minibatch = 5 , merge=true ", {"name": "gepa", "minibatch": "5", "merge": "true"}),
        ("halving:optimizer=(tpe:batch=4,startup=2),rungs=3", {"optimizer": "tpe:batch=4,startup=2", "rungs": "3"}),
        ("x:a=b=c", {"a": "b=c"}),
        ("x:a=", {"a": ""}),
    ],
)
def test_a_spec_is_a_name_and_settings(spec: str, settings: dict[str, str]) -> None:
    if "" in settings:
        with pytest.raises(UsageError, match="expected `setting=value`"):
            parse_spec(spec)
    else:
        assert settings.items() <= parse_spec(spec).items()


@pytest.mark.parametrize("spec", ["x:a", "x:a=1,a=2", "x:a=(1", "x:a=1)", "x:=1", "x:a=1,,b=2"])
def test_a_malformed_spec_is_a_usage_error_that_quotes_it(spec: str) -> None:
    with pytest.raises(UsageError, match="x:"):
        parse_spec(spec)


def test_text_becomes_what_the_constructor_is_annotated_with() -> None:
    text = {"count": "3", "share": "1e-1", "merge": "True", "label": "7", "most": "none", "gate": "original"}
    expected = {"count": 3, "share": 0.1, "merge": True, "label": "7", "most": None, "gate": "original"}
    assert typed("plugin", Plugin, text) == expected


@pytest.mark.parametrize(
    ("setting", "text", "expected"),
    [
        ("count", "3.5", "a whole number"),
        ("share", "half", "a number"),
        ("merge", "yes", "true or false"),
        ("most", "many", "none or a whole number"),
        ("gate", "loose", "sound, original"),
    ],
)
def test_a_text_of_another_type_is_a_usage_error_that_says_what_is_expected(
    setting: str, text: str, expected: str
) -> None:
    with pytest.raises(UsageError, match=f"`plugin`: setting `{setting}`.*{expected}"):
        typed("plugin", Plugin, {setting: text})


def test_values_that_are_no_text_are_left_to_the_constructor() -> None:
    assert typed("plugin", Plugin, {"count": 3.5}) == {"count": 3.5}


def test_a_spec_gives_the_same_plugin_as_a_mapping() -> None:
    by_text = make_optimizer("zo-rank:samples=7,judge=llm", "perturb")
    assert isinstance(by_text, ZORank)
    assert settings_of(by_text) == settings_of(
        make_optimizer({"name": "zo-rank", "samples": 7, "judge": "llm"}, "perturb")
    )


def test_a_proposer_inside_of_a_spec_is_a_spec() -> None:
    optimizer = make_optimizer("greedy:minibatch=2,proposer=(perturb:candidates=3)", "optoprime")
    assert isinstance(optimizer, Greedy)
    assert settings_of(optimizer)["proposer"] == {"name": "perturb", "candidates": 3, "scale": 0.2}


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("random", ["random"]),
        ("a,b:one=1,two=2,c", ["a", "b:one=1,two=2", "c"]),
        (
            "halving:optimizer=(tpe:batch=4,startup=2),factor=2,a:x=1",
            ["halving:optimizer=(tpe:batch=4,startup=2),factor=2", "a:x=1"],
        ),
    ],
)
def test_specs_are_parted_from_their_settings(text: str, specs: list[str]) -> None:
    assert split_specs(text) == specs


def test_an_empty_spec_among_several_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="between the commas"):
        split_specs("random,,sobol")

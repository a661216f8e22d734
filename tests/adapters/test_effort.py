"""Levels, and what is given in their place."""

from __future__ import annotations

from typing import Any

import pytest

from agentopt.adapters.effort import LEVELS, effort_of
from agentopt.errors import UsageError


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_alone_is_itself(level: Any) -> None:
    assert effort_of(level, None, None) == LEVELS[level]


@pytest.mark.parametrize(
    ("pipeline", "samples", "styles"),
    [
        ("direct", None, ("direct",)),
        ("staged", None, ("staged",)),
        ("staged", 2, ("staged", "staged")),
        ("consensus", None, ("direct", "staged", "direct")),
        ("consensus", 1, ("direct",)),
        (None, 2, ("direct", "staged")),
    ],
)
def test_styles(pipeline: Any, samples: int | None, styles: tuple[str, ...]) -> None:
    assert effort_of("fast", pipeline, samples).styles == styles


def test_the_checks_stay_those_of_the_level() -> None:
    effort = effort_of("rigorous", "direct", None)
    assert (effort.styles, effort.is_compared, effort.is_checked, effort.is_retold) == (("direct",), True, True, True)


@pytest.mark.parametrize("given", [("quick", None, None), ("fast", "tree", None), ("fast", None, 0)])
def test_what_is_no_effort_is_a_usage_error(given: Any) -> None:
    with pytest.raises(UsageError):
        effort_of(*given)

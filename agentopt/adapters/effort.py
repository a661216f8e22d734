"""How much is spent on one problem, by level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from agentopt.errors import UsageError

LevelName = Literal["fast", "standard", "rigorous"]
PipelineName = Literal["direct", "staged", "consensus"]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What is run on one problem.

    Args:
        styles: how each sample is written; one sample per style, and a vote where there are several.
        is_compared: findings from the text, the units and the types go back for a repair, without further calls.
        is_checked: a checker written from the text alone is compared with the model (one call more).
        is_retold: the model is described in words and compared with the problem (two calls more).
    """

    styles: tuple[str, ...] = ("direct",)
    is_compared: bool = False
    is_checked: bool = False
    is_retold: bool = False


LEVELS: Mapping[LevelName, Effort] = {
    "fast": Effort(),
    "standard": Effort(styles=("direct", "staged", "direct"), is_compared=True),
    "rigorous": Effort(
        styles=("direct", "staged", "direct", "staged"), is_compared=True, is_checked=True, is_retold=True
    ),
}


def effort_of(level: LevelName, pipeline: PipelineName | None, samples: int | None) -> Effort:
    """The effort of a level, with another pipeline or number of samples if asked for.

    Args:
        pipeline: `direct` and `staged` write one sample (or `samples`) in that style, `consensus` takes turns.

    Raises:
        UsageError: no such level or pipeline, or fewer than one sample.
    """
    if level not in LEVELS:
        raise UsageError(f"there is no level `{level}`; there are {', '.join(LEVELS)}")
    if pipeline is not None and pipeline not in get_args(PipelineName):
        raise UsageError(f"there is no pipeline `{pipeline}`; there are {', '.join(get_args(PipelineName))}")
    if samples is not None and samples < 1:
        raise UsageError(f"`samples` is {samples}; expected 1 or more")
    effort = LEVELS[level]
    turns = ("direct", "staged") if pipeline in ("consensus", None) else (pipeline,)
    if pipeline is None and samples is None:
        return effort
    usual = max(3, len(effort.styles)) if pipeline == "consensus" else 1 if pipeline else len(effort.styles)
    count = usual if samples is None else samples
    styles = tuple(turns[i % len(turns)] for i in range(count))
    return replace(effort, styles=styles)

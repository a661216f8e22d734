"""Budgets by a word: how much a light, a medium and a heavy search may spend on a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agentopt.budget import Budget
from agentopt.errors import UsageError
from agentopt.instance import Instance

Level = Literal["light", "medium", "heavy"]
CANDIDATES: dict[Level, int] = {"light": 10, "medium": 30, "heavy": 100}
"""How many candidates each level is meant for."""

SHOWN = 6
"""Train instances reckoned per proposal: the default minibatch of `greedy`."""


def auto_budget(level: Level, instances: Sequence[Instance]) -> Budget:
    """What measuring so many candidates on this task takes.

    A candidate is reckoned with one minibatch for its parent, one for itself, and all of dev (of train, where there is
    no dev); the final test comes on top. Ten asks per candidate end searches that repeat themselves.

    Raises:
        UsageError: no such level.
    """
    if level not in tuple(CANDIDATES):
        raise UsageError(f"budget is {level!r}; expected a `Budget`, or one of {', '.join(CANDIDATES)}")
    count = {split: sum(i.split == split for i in instances) for split in ("train", "dev", "test")}
    each = 2 * min(SHOWN, count["train"]) + (count["dev"] or count["train"])
    candidates = CANDIDATES[level]
    return Budget(evaluations=candidates * each + 2 * count["test"], asks=10 * candidates)

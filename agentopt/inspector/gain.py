"""What a proposal was worth, with what chance alone could explain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agentopt.inspector.view import RunView
from agentopt.selection.statistics import Interval, paired_difference


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How a candidate compares with its parent on the instances of a split that both were measured on.

    Args:
        before, after: mean scores on these instances.
        difference: of the means, paired by instance, with its 95 % interval.
    """

    split: str
    before: float
    after: float
    difference: Interval


def gains(run: RunView, parent: int, child: int) -> list[Gain]:
    """How `child` compares with `parent`, by split; splits that they were not both measured on are left out."""
    found = []
    if parent in run.candidates and child in run.candidates:
        for split in ("test", "dev", "train"):
            before, after = (run.candidates[c].scores(split) for c in (parent, child))
            both = [instance for instance in before if instance in after]
            olds, news = [before[i] for i in both], [after[i] for i in both]
            difference = _difference(olds, news)
            if difference is not None:
                old, new = sum(olds) / len(both), sum(news) / len(both)
                found.append(Gain(split=split, before=old, after=new, difference=difference))
    return found


def _difference(before: Sequence[float], after: Sequence[float]) -> Interval | None:
    if not all(map(math.isfinite, (*before, *after))):  # a failure's score may be -inf, of which nothing can be said
        count = len(before)
        mean = sum(after) / count - sum(before) / count
        return Interval(mean=mean, low=-math.inf, high=math.inf, method="none", count=count)
    return paired_difference(before, after)


def verdict(difference: Interval | None) -> str:
    """A gain in words, such as `gain 0.583 [0.333, 0.744]: beyond noise`."""
    if difference is None:
        return "not measured on the same instances"
    mean = "unknown" if math.isnan(difference.mean) else f"{difference.mean:.3f}"
    if not math.isfinite(difference.high - difference.low):
        count = difference.count
        return f"gain {mean}, {count} instance{'s' if count != 1 else ''}: noise unknown"
    shown = f"gain {mean} [{difference.low:.3f}, {difference.high:.3f}]"
    if difference.low > 0:
        return f"{shown}: beyond noise"
    return f"{shown}: a loss beyond noise" if difference.high < 0 else f"{shown}: within noise"

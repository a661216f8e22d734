"""How sure a mean score is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % confidence interval of a mean.

    Args:
        method: `wilson` or `agresti-min` (scores that are all 0 or 1), or `bootstrap` (10,000 resamples).
        count: how many scores it rests on.
    """

    mean: float
    low: float
    high: float
    method: str
    count: int


def mean_interval(scores: Sequence[float], *, seed: int = 0) -> Interval | None:
    """The mean with its 95 % interval; `None` for no scores. One score other than 0 or 1 has [-inf, inf].

    Source: Wilson 1927 for proportions; Efron 1979, percentile bootstrap, otherwise.
    """
    count = len(scores)
    if not count:
        return None
    mean = sum(scores) / count
    if not math.isfinite(mean) or (count == 1 and scores[0] not in (0, 1)):
        return Interval(mean=mean, low=-math.inf, high=math.inf, method="bootstrap", count=count)
    if all(score in (0, 1) for score in scores):
        low, high = _wilson(mean, count)
        return Interval(mean=mean, low=low, high=high, method="wilson", count=count)
    low, high = _bootstrap(scores, seed)
    return Interval(mean=mean, low=low, high=high, method="bootstrap", count=count)


def paired_difference(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> Interval | None:
    """Mean of `after - before`, paired by place, with its 95 % interval; `None` for no pairs.

    Source: Agresti and Min 2005 for scores that are all 0 or 1 (half a pair added to each of the four
    outcomes, so that no change at all has an interval too); percentile bootstrap otherwise.
    """
    differences = [b - a for a, b in zip(before, after, strict=True)]
    if not differences or not all(score in (0, 1) for score in (*before, *after)):
        return mean_interval(differences, seed=seed) if differences else None
    count = len(differences)
    won, lost = differences.count(1) + 0.5, differences.count(-1) + 0.5
    centre = (won - lost) / (count + 2)
    half = 1.959963984540054 * math.sqrt((won + lost) - (won - lost) ** 2 / (count + 2)) / (count + 2)
    mean = sum(differences) / count
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    return Interval(mean=mean, low=low, high=high, method="agresti-min", count=count)


def paired_gain(before: Mapping[str, float], after: Mapping[str, float], *, seed: int = 0) -> Interval | None:
    """`paired_difference` of scores by instance, on the instances that have both, in the order of `before`."""
    both = [instance for instance in before if instance in after]
    return paired_difference([before[i] for i in both], [after[i] for i in both], seed=seed)


def _wilson(mean: float, count: int) -> tuple[float, float]:
    z = 1.959963984540054
    centre = (mean + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(mean * (1 - mean) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def _bootstrap(scores: Sequence[float], seed: int) -> tuple[float, float]:
    import numpy as np

    means = np.asarray(scores, dtype=float)[_resamples(len(scores), seed)].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _resamples(count: int, seed: int) -> NDArray[np.int64]:
    """Which scores each resample draws; kept, because all gains of a run rest on as many instances."""
    import numpy as np

    return np.random.default_rng(seed).integers(0, count, size=(10_000, count))

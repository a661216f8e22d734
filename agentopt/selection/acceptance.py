"""Whether a child is better than its parent: a test on paired scores that may stop early."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["better", "not better", "undecided"]

SPENT = ((1 / 4, 0.1), (1 / 2, 0.2), (1.0, 0.7))
"""When one looks, as shares of all pairs, and which share of the error rate each look may use."""


@dataclass(frozen=True, kw_only=True)
class SequentialTest:
    """Sign-flip tests of "not better" after a quarter, a half and all of the pairs.

    A pair is one instance that both were measured on: stored scores are used again. The pairs must be taken in an
    order that does not depend on the scores.

    Args:
        error_rate: chance to call a child better that is not, at most, over all looks together. It holds exactly
            where the differences are as likely up as down, as between two candidates that do the same, and for scores
            of 0 and 1 whenever the child does not win more often than it loses.
        futility: a child is given up at an early look where the opposite, that it is worse, has a p-value of at most
            this, which cannot raise the error rate; 0 never gives up.

    Source: randomization test of Fisher 1935; error spending over looks as in Lan and DeMets 1983, by the union
    bound, so that no correlation between looks is assumed.
    """

    error_rate: float = 0.05
    futility: float = 0.25

    def looks(self, total: int) -> list[int]:
        """After how many of `total` pairs to look."""
        return sorted({math.ceil(share * total) for share, _ in SPENT})

    def verdict(self, before: Sequence[float], after: Sequence[float], *, total: int) -> Verdict:
        """What the pairs so far say, by the looks that were reached.

        Args:
            total: how many pairs there will be at most.
        """
        steps = [_difference(b, a) for b, a in zip(before, after, strict=True)]
        for share, spent in SPENT:
            count = math.ceil(share * total)
            if count > len(steps) or not steps:
                return "undecided"
            if sign_flip_p(steps[:count]) <= self.error_rate * spent:
                return "better"
            if sign_flip_p([-step for step in steps[:count]]) <= self.futility:
                return "not better"
        return "not better"


def proves_better(before: Mapping[str, float], after: Mapping[str, float], *, error_rate: float) -> bool:
    """Whether a sign-flip test on the instances that both were measured on says so; see `SequentialTest`."""
    return sign_flip_p([_difference(before[i], after[i]) for i in after if i in before]) <= error_rate


def _difference(before: float, after: float) -> float:
    """Two failures differ by nothing, a failure and a result by more than any two results do."""
    return 0.0 if before == after else max(min(after - before, 1e300), -1e300)


def sign_flip_p(differences: Sequence[float], *, draws: int = 5000) -> float:
    """Chance of a sum at least as large, were every difference as likely of either sign.

    Exact where all that are not zero have one size (binomial) and for up to 12 of them; otherwise from `draws`
    draws, always the same ones, and never below `1 / (draws + 1)`.
    """
    moved = [d for d in differences if d != 0]
    if not moved:
        return 1.0
    largest = max(map(abs, moved))
    sizes = [abs(d) / largest for d in moved]
    if min(sizes) == 1:
        wins, count = sum(d > 0 for d in moved), len(moved)
        return float(sum(math.comb(count, k) for k in range(wins, count + 1)) / 2**count)
    import numpy as np

    observed = math.fsum(math.copysign(size, d) for size, d in zip(sizes, moved))
    if len(moved) <= 12:
        signs = 1 - 2 * ((np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1)
        return float((signs @ np.array(sizes) >= observed - 1e-12).mean())
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(draws, len(moved)))
    return float((1 + (signs @ np.array(sizes) >= observed - 1e-12).sum()) / (draws + 1))

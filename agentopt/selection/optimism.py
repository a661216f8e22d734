"""How much the best of many flatters itself: corrections for the winner's curse."""

from __future__ import annotations

from collections.abc import Sequence


def shrunken_means(scores: Sequence[Sequence[float]]) -> list[float]:
    """Each candidate's mean, drawn towards the mean of all by as much as chance explains their differences.

    Args:
        scores: by candidate, then by instance; finite, the same instances for all, two candidates or more to shrink.

    Source: empirical Bayes for normal means (James-Stein; Efron and Morris 1975), with the noise taken from
    differences between candidates on the same instance, so that hard instances do not count as noise.
    """
    import numpy as np

    matrix = np.asarray(scores, dtype=float)
    means = matrix.mean(axis=1)
    candidates, instances = matrix.shape
    if candidates < 3 or instances < 2:
        return [float(m) for m in means]
    residual = matrix - means[:, None] - matrix.mean(axis=0)[None, :] + matrix.mean()
    noise = float((residual**2).sum()) / ((candidates - 1) * (instances - 1)) / instances
    between = float(means.var(ddof=1))
    keep = max(0.0, 1 - noise / between) if between > 0 else 0.0
    return [float(means.mean() + keep * (m - means.mean())) for m in means]


def corrected_best(scores: Sequence[Sequence[float]], *, seed: int = 0, resamples: int = 1000) -> float:
    """An honest guess at the true mean of the candidate that looks best.

    The choice is repeated on resampled instances, and each winner's score is taken on those instances that had no
    part in its choice.

    Args:
        scores: as in `shrunken_means`.

    Source: bootstrap bias corrected cross-validation, Tsamardinos, Greasidou and Borboudakis 2018, arXiv:1708.07180.
    """
    import numpy as np

    matrix = np.asarray(scores, dtype=float)
    candidates, instances = matrix.shape
    if candidates < 2 or instances < 2:
        return float(matrix.mean(axis=1).max())
    rng = np.random.default_rng(seed)
    outside_means = []
    for _ in range(resamples):
        drawn = rng.integers(0, instances, size=instances)
        outside = np.setdiff1d(np.arange(instances), drawn)
        if outside.size:
            winner = int(matrix[:, drawn].mean(axis=1).argmax())
            outside_means.append(float(matrix[winner, outside].mean()))
    return float(np.mean(outside_means))

"""Which way is up: slopes of a score along each coordinate, from points that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Slope:
    """How the score changes along one coordinate.

    Args:
        value: score per unit of the coordinate.
        noise: one standard error of it; infinite where there are too few points to tell.
    """

    value: float
    noise: float

    @property
    def direction(self) -> int:
        """1 where the score rises with the coordinate, -1 where it falls, 0 where the points do not tell."""
        return (self.value > self.noise) - (self.value < -self.noise)


def slopes(points: Sequence[Sequence[float]], scores: Sequence[float]) -> list[Slope]:
    """A least-squares slope per coordinate, from the last `2 d + 1` of the points.

    Args:
        points: d coordinates each, all of about one scale, oldest first.
        scores: finite, one per point.
    """
    import numpy as np

    dimension = len(points[0]) if points else 0
    recent = slice(-(2 * dimension + 1), None)
    x, y = np.asarray(points[recent], dtype=float), np.asarray(scores[recent], dtype=float)
    if len(y) < 2 or not dimension:
        return [Slope(value=0.0, noise=float("inf")) for _ in range(dimension)]
    centred, rises = x - x.mean(axis=0), y - y.mean()
    found = np.linalg.lstsq(centred, rises, rcond=None)[0]
    free = len(y) - 1 - dimension
    if free <= 0:  # as many unknowns as differences: no residual says how sure the slopes are
        spread = centred.std(axis=0)
        return [Slope(value=float(v), noise=0.0 if s > 0 else float("inf")) for v, s in zip(found, spread)]
    variance = float(((rises - centred @ found) ** 2).sum()) / free
    errors = np.sqrt(np.diag(np.linalg.pinv(centred.T @ centred)) * variance)
    return [Slope(value=float(v), noise=float(e)) for v, e in zip(found, errors)]

"""Successive halving: which candidates are measured on more instances, and on how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def rungs(instances: Sequence[str], *, smallest: int, factor: int) -> list[tuple[str, ...]]:
    """Growing sets of instances, each the beginning of the next, the last of them all.

    Args:
        smallest: size of the first.
        factor: by which they grow.

    Source: Jamieson and Talwalkar 2016, arXiv:1502.07943; Hyperband, arXiv:1603.06560.
    """
    sizes = []
    size = smallest
    while size < len(instances):
        sizes.append(size)
        size *= factor
    return [tuple(instances[:size]) for size in [*sizes, len(instances)]]


def survivors(scores: Mapping[int, float], *, factor: int) -> list[int]:
    """The best of the candidates: one in `factor`, rounded up, the earlier of equals first."""
    keep = -(-len(scores) // factor)
    return sorted(scores, key=lambda candidate: (-scores[candidate], candidate))[:keep]

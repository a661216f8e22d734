"""Convexity of a quadratic sum, decided in exact arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

_LARGEST = 300  # columns in products; beyond, elimination in rationals may take minutes


def is_convex(products: Mapping[tuple[int, int], Fraction]) -> bool:
    """Whether the sum of products, by columns, is convex everywhere; also `False` with more than 300 columns in it.

    Symmetric elimination: a pivot below 0, or a pivot 0 with something left in its row, shows a direction in which the
    sum is not.
    """
    matrix: dict[int, dict[int, Fraction]] = {}
    for (j, k), a in products.items():
        matrix.setdefault(j, {})[k] = matrix.get(j, {}).get(k, Fraction(0)) + (a if j == k else a / 2)
        if j != k:
            matrix.setdefault(k, {})[j] = matrix[j][k]
    if len(matrix) > _LARGEST:
        return False
    while matrix:
        j, row = matrix.popitem()
        pivot = row.pop(j, Fraction(0))
        for other in row:
            matrix[other].pop(j, None)
        others = {k: a for k, a in row.items() if a}
        if pivot < 0 or (pivot == 0 and others):
            return False
        for k, a in others.items():
            for m, b in others.items():
                matrix[k][m] = matrix[k].get(m, Fraction(0)) - a * b / pivot
    return True

"""Rows and products read from sparse matrices, for libraries that hand over their model as such."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agentopt.modeling.model import Row


def rows_of(
    matrix: Any, columns: Sequence[str], names: Sequence[str], lower: Iterable[float], upper: Iterable[float]
) -> list[Row]:
    """One row for each line of a scipy sparse matrix.

    Args:
        columns: names of the matrix's columns.
        names, lower, upper: of the rows.
    """
    sparse = matrix.tocsr()
    rows = []
    for place, (name, low, up) in enumerate(zip(names, lower, upper)):
        entries = range(sparse.indptr[place], sparse.indptr[place + 1])
        terms = {columns[sparse.indices[k]]: float(sparse.data[k]) for k in entries if sparse.data[k]}
        rows.append(Row(name=name, lower=float(low), upper=float(up), coefficients=terms))
    return rows


def products_of(matrix: Any, columns: Sequence[str], sign: float = 1.0) -> dict[tuple[str, str], float]:
    """Coefficients of the products in `sign * x' Q x / 2`, `Q` a whole scipy sparse matrix, or `None` for 0."""
    products: dict[tuple[str, str], float] = {}
    if matrix is None:
        return products
    entries = matrix.tocoo()
    for i, j, value in zip(entries.row, entries.col, entries.data):
        pair = (columns[min(i, j)], columns[max(i, j)])
        products[pair] = products.get(pair, 0.0) + sign * float(value) / 2
    return {pair: value for pair, value in products.items() if value}

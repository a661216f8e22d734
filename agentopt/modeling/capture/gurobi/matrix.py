"""Arrays of variables and expressions: what `addMVar` gives, and arithmetic with numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agentopt.modeling.capture.gurobi.attributes import Attributed, GurobiError
from agentopt.modeling.capture.gurobi.expressions import (
    Algebra,
    LinExpr,
    TempConstr,
    Var,
    compared,
    expression,
    quicksum,
)


def is_array(value: Any) -> bool:
    """`value` has entries that arithmetic goes through: an array, a sparse matrix, a pandas series."""
    return isinstance(value, MatrixExpr) or (hasattr(value, "shape") and value.shape != ())


def entrywise(left: Any, right: Any, operation: Callable[[LinExpr, LinExpr], Any]) -> MatrixExpr:
    """`operation` on every pair of entries, shapes as numpy broadcasts them."""
    one, two = np.broadcast_arrays(_entries(left), _entries(right))
    result = np.empty(one.shape, dtype=object)
    for place in np.ndindex(*one.shape):
        result[place] = operation(expression(one[place]), expression(two[place]))
    return MatrixExpr(result)


class MatrixExpr(Algebra):
    """An array of variables, expressions or constraints."""

    def __init__(self, entries: Any) -> None:
        self._entries: Any = np.asarray(entries, dtype=object)

    shape = property(lambda self: self._entries.shape)
    ndim = property(lambda self: self._entries.ndim)
    size = property(lambda self: self._entries.size)
    T = property(lambda self: MatrixExpr(self._entries.T))
    X = property(lambda self: self._values("X"))
    x = X
    RC = property(lambda self: self._values("RC"))
    Pi = property(lambda self: self._values("Pi"))

    def _values(self, name: str) -> Any:
        values = np.array([getattr(entry, name) for entry in self._entries.ravel()])
        return values.reshape(self.shape)

    def __array__(self, *_: Any, **__: Any) -> Any:
        """One object to numpy: with that, scipy's sparse matrices leave `A @ x` to `__rmatmul__`."""
        whole = np.empty((), dtype=object)
        whole[()] = self
        return whole

    def __array_function__(self, function: Any, _: Any, arguments: Any, named: Any) -> Any:
        known = _NUMPY.get(function.__name__)
        return NotImplemented if known is None else known(*arguments, **named)

    @classmethod
    def fromlist(cls, variables: Any) -> MatrixExpr:
        """The array of nested lists of variables."""
        return cls(variables)

    @classmethod
    def zeros(cls, shape: Any) -> MatrixExpr:
        """An array of sums that are 0."""
        return entrywise(cls(np.zeros(shape)), 0.0, lambda one, _: one._copy())

    def getAttr(self, name: str) -> Any:
        """The attribute called `name` of every entry."""
        return self._values(str(name))

    def setAttr(self, name: str, value: Any) -> None:
        """Sets the attribute called `name` of every entry."""
        setattr(self, str(name), value)

    def _as_scalar(self) -> Any:
        if self._entries.size != 1:
            raise GurobiError(f"an array of shape {self.shape} stands where one expression is expected")
        return self._entries.ravel()[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not self.size or not isinstance(self._entries.flat[0], Attributed):
            raise AttributeError(f"an array of variables has no `{name}` in the gurobipy dialect")
        return self._values(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        values = np.broadcast_to(np.asarray(value), self.shape).ravel()
        for entry, one in zip(self._entries.ravel(), values):
            setattr(entry, name, one.item() if isinstance(one, np.generic) else one)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Any:
        return (self[place] for place in range(len(self._entries)))

    def __getitem__(self, place: Any) -> Any:
        found = self._entries[place]
        return MatrixExpr(found) if isinstance(found, np.ndarray) else found

    def __matmul__(self, other: Any) -> Any:
        return _matrix_product(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _matrix_product(other, self)

    def __add__(self, other: Any) -> Any:
        return entrywise(self, other, lambda one, two: one + two)

    __radd__ = __add__
    __iadd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return entrywise(self, other, lambda one, two: one - two)

    def __rsub__(self, other: Any) -> Any:
        return entrywise(other, self, lambda one, two: one - two)

    def __mul__(self, other: Any) -> Any:
        return entrywise(self, other, lambda one, two: one * two)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return entrywise(self, other, lambda one, two: one / two)

    def __pow__(self, exponent: Any) -> Any:
        return entrywise(self, exponent, lambda one, two: one ** two.getConstant())

    def __neg__(self) -> Any:
        return self * -1.0

    def __le__(self, other: Any) -> Any:
        return entrywise(self, other, lambda one, two: compared(one, "<", two))

    def __ge__(self, other: Any) -> Any:
        return entrywise(self, other, lambda one, two: compared(one, ">", two))

    def __eq__(self, other: Any) -> Any:
        return entrywise(self, other, lambda one, two: compared(one, "=", two))

    def sum(self, axis: int | None = None, **_: Any) -> Any:
        """Sum of all entries, or along one axis; numpy's other arguments say nothing about sums of variables."""
        if axis is None:
            return quicksum(self._entries.ravel())
        moved = np.moveaxis(self._entries, axis, -1)
        flat = moved.reshape(-1, moved.shape[-1])
        sums = np.empty(len(flat), dtype=object)
        for place, line in enumerate(flat):
            sums[place] = quicksum(line)
        return MatrixExpr(sums.reshape(moved.shape[:-1]))

    def tolist(self) -> Any:
        """Nested lists of the entries."""
        return self._entries.tolist()

    def item(self) -> Any:
        """The only entry."""
        return self._as_scalar()

    def reshape(self, *shape: Any) -> MatrixExpr:
        """The same entries in another shape."""
        return MatrixExpr(self._entries.reshape(*shape))

    def diagonal(self) -> MatrixExpr:
        """The entries on the diagonal."""
        return MatrixExpr(self._entries.diagonal())

    def transpose(self) -> MatrixExpr:
        """Rows as columns."""
        return MatrixExpr(self._entries.T)

    def getValue(self) -> Any:
        """Values at the solution."""
        values = [expression(entry).getValue() for entry in self._entries.ravel()]
        return np.array(values, dtype=float).reshape(self.shape)

    def constraints(self) -> list[tuple[tuple[int, ...], TempConstr]]:
        """Constraints in it, with their places."""
        return [(place, self._entries[place]) for place in np.ndindex(*self.shape)]


def concatenate(arrays: Any, axis: int = 0) -> MatrixExpr:
    """Arrays one after the other along an axis."""
    return MatrixExpr(np.concatenate([_entries(one) for one in arrays], axis))


def hstack(arrays: Any) -> MatrixExpr:
    """Arrays side by side."""
    return MatrixExpr(np.hstack([_entries(one) for one in arrays]))


def vstack(arrays: Any) -> MatrixExpr:
    """Arrays on top of each other."""
    return MatrixExpr(np.vstack([_entries(one) for one in arrays]))


def _entries(value: Any) -> Any:
    if isinstance(value, MatrixExpr):
        return value._entries
    if isinstance(value, (Var, LinExpr)):
        single = np.empty((), dtype=object)
        single[()] = value
        return single
    dense = value.toarray() if hasattr(value, "toarray") else value
    return np.asarray(dense, dtype=object)


def _matrix_product(left: Any, right: Any) -> Any:
    one, two = _entries(left), _entries(right)
    rows = one if one.ndim > 1 else one.reshape(1, -1)
    columns = two if two.ndim > 1 else two.reshape(-1, 1)
    if rows.shape[1] != columns.shape[0]:
        raise GurobiError(f"`@`: shapes {one.shape} and {two.shape} do not fit")
    product = np.empty((rows.shape[0], columns.shape[1]), dtype=object)
    for i, j in np.ndindex(*product.shape):
        product[i, j] = quicksum(
            expression(a) * expression(b) for a, b in zip(rows[i], columns[:, j]) if not _is_zero(a) and not _is_zero(b)
        )
    if one.ndim == 1 and two.ndim == 1:
        return product[0, 0]
    shape = ((rows.shape[0],) if one.ndim > 1 else ()) + ((columns.shape[1],) if two.ndim > 1 else ())
    return MatrixExpr(product.reshape(shape))


def _sum(array: MatrixExpr, axis: int | None = None, **_: Any) -> Any:
    return array.sum(axis)


_NUMPY: Mapping[str, Callable[..., Any]] = {
    "dot": _matrix_product, "sum": _sum, "concatenate": concatenate, "hstack": hstack, "vstack": vstack,
}  # fmt: skip


def _is_zero(value: Any) -> bool:
    return not isinstance(value, Algebra) and value == 0

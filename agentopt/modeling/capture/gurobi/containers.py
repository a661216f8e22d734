"""`tuplelist`, `tupledict` and `multidict`: lists and dicts that select by patterns of keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentopt.modeling.capture.gurobi.attributes import GurobiError
from agentopt.modeling.capture.gurobi.expressions import LinExpr, quicksum


class tuplelist(list[Any]):
    """A list of tuples."""

    def select(self, *pattern: Any) -> tuplelist:
        """Members that match: `"*"` anything, a list any of its entries, else equality."""
        return tuplelist(member for member in self if _matches(member, pattern))


class tupledict(dict[Any, Any]):
    """A dict whose keys are tuples or single values."""

    def select(self, *pattern: Any) -> list[Any]:
        """Values whose keys match; see `tuplelist.select`."""
        return [value for key, value in self.items() if _matches(key, pattern)]

    def sum(self, *pattern: Any) -> Any:
        """Sum of the values whose keys match."""
        return quicksum(self.select(*pattern))

    def prod(self, coefficients: Any, *pattern: Any) -> Any:
        """Sum of coefficient times value over the keys that match; keys without a coefficient count as 0."""
        keys = [key for key in self if _matches(key, pattern)]
        if isinstance(coefficients, Mapping):
            keys = [key for key in keys if key in coefficients]
        return quicksum(LinExpr() + coefficients[key] * self[key] for key in keys)


def multidict(data: Mapping[Any, Any]) -> list[Any]:
    """The keys, and one dict for every position of the values.

    Raises:
        GurobiError: the values differ in length.
    """
    keys = tuplelist(data)
    rows = [value if isinstance(value, (list, tuple)) else [value] for value in data.values()]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise GurobiError(f"`multidict`: the values have different lengths {sorted(widths)}")
    width = widths.pop() if widths else 0
    return [keys, *(tupledict(zip(keys, (row[place] for row in rows))) for place in range(width))]


def _matches(key: Any, pattern: tuple[Any, ...]) -> bool:
    if not pattern:
        return True
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) != len(pattern):
        raise GurobiError(f"the pattern {pattern!r} has {len(pattern)} parts, the key {key!r} {len(parts)}")
    return all(_agrees(part, wanted) for part, wanted in zip(parts, pattern))


def _agrees(part: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and wanted == "*":
        return True
    if isinstance(wanted, (list, set, frozenset, range)) or type(wanted) is tuple:
        return part in wanted
    return bool(part == wanted)

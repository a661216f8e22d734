"""`tuplelist`, `tupledict` and `multidict`: lists and dicts that select by patterns of keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentopt.modeling.capture.gurobi.attributes import GurobiError
from agentopt.modeling.capture.gurobi.expressions import LinExpr, quicksum


class tuplelist(list[Any]):
    """A list of tuples."""

    def select(self, *pattern: Any) -> tuplelist:
        """Members that match: `"*"` anything, a list any of its entries, else equality."""
        return tuplelist(filter(_matcher(pattern), self))


class tupledict(dict[Any, Any]):
    """A dict whose keys are tuples or single values."""

    def select(self, *pattern: Any) -> list[Any]:
        """Values whose keys match; see `tuplelist.select`."""
        matches = _matcher(pattern)
        return [value for key, value in self.items() if matches(key)]

    def sum(self, *pattern: Any) -> Any:
        """Sum of the values whose keys match."""
        return quicksum(self.select(*pattern))

    def prod(self, coefficients: Any, *pattern: Any) -> Any:
        """Sum of coefficient times value over the keys that match; keys without a coefficient count as 0."""
        keys = list(filter(_matcher(pattern), self))
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


def _matcher(pattern: tuple[Any, ...]) -> Callable[[Any], bool]:
    """Whether a key matches: prepared once, as programs select from large families in a loop."""
    equal, among = [], []
    for place, wanted in enumerate(pattern):
        if isinstance(wanted, (list, set, frozenset, range, tuple)):
            among.append((place, wanted))
        elif not (isinstance(wanted, str) and wanted == "*"):
            equal.append((place, wanted))

    def matches(key: Any) -> bool:
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) != len(pattern):
            raise GurobiError(f"the pattern {pattern!r} has {len(pattern)} parts, the key {key!r} {len(parts)}")
        for place, wanted in equal:
            if parts[place] != wanted:
                return False
        return all(parts[place] in wanted for place, wanted in among)

    return matches if pattern else lambda _: True

"""Models, rows and numbers as algebra that a person reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentopt.modeling.model import Column, Model, Products, Row, SpecialOrderedSet

_NAMES_ON_A_LINE = 20


def number(value: float) -> str:
    """At most 10 significant digits, no `.0`."""
    return "0" if value == 0 else f"{value:.10g}"


def linear(coefficients: Mapping[str, float], *, max_terms: int = 30) -> str:
    """A sum such as `3 x - y + 0.5 z`; `0` without terms; long sums are cut, saying how many terms are left out."""
    return total(coefficients, {}, max_terms=max_terms)


def total(coefficients: Mapping[str, float], quadratic: Products, *, max_terms: int = 30) -> str:
    """A sum with products, such as `3 x + 2 x*y - y^2`; see `linear`."""
    terms = [(name, value) for name, value in coefficients.items() if value != 0]
    terms += [(_product(*pair), value) for pair, value in quadratic.items() if value != 0]
    parts: list[str] = []
    for name, value in terms[:max_terms]:
        sign = "-" if value < 0 else "+"
        size = "" if abs(value) == 1 else f"{number(abs(value))} "
        parts.append(f"{sign} {size}{name}" if parts else f"{'-' if value < 0 else ''}{size}{name}")
    if len(terms) > max_terms:
        parts.append(f"+ ... ({len(terms) - max_terms} more terms)")
    return " ".join(parts) or "0"


def _product(first: str, second: str) -> str:
    return f"{first}^2" if first == second else f"{first}*{second}"


def between(middle: str, lower: float, upper: float) -> str:
    """`middle` with its bounds, such as `2 <= x <= 5`, `x = 3`, `x >= 2`, or `x free`."""
    if lower == upper:
        return f"{middle} = {number(lower)}"
    if math.isinf(lower) and math.isinf(upper):
        return f"{middle} free"
    if math.isinf(upper):
        return f"{middle} >= {number(lower)}"
    if math.isinf(lower):
        return f"{middle} <= {number(upper)}"
    return f"{number(lower)} <= {middle} <= {number(upper)}"


def render_row(row: Row, *, max_terms: int = 30) -> str:
    """One row with its name, such as `cap: 2 x + y <= 40`, or `cap: open = 0 implies x <= 0`."""
    condition = f"{row.indicator.column} = {row.indicator.value} implies " if row.indicator else ""
    middle = total(row.coefficients, row.quadratic, max_terms=max_terms)
    return f"{row.name}: {condition}{between(middle, row.lower, row.upper)}"


def render_set(ordered: SpecialOrderedSet, *, max_terms: int = 30) -> str:
    """One special ordered set, such as `steps: at most 2 neighbours of (a, b, c) are not 0`."""
    names = ordered.members
    shown = ", ".join(names[:max_terms]) + (f", ... ({len(names) - max_terms} more)" if len(names) > max_terms else "")
    most = "at most 2 neighbours" if ordered.type == 2 else "at most 1"
    return f"{ordered.name}: {most} of ({shown}) {'are' if ordered.type == 2 else 'is'} not 0"


def render_column(column: Column) -> str:
    """Bounds and type of a column, such as `0 <= x <= 3, integer`."""
    if column.type == "integer" and (column.lower, column.upper) == (0, 1):
        return f"{column.name} binary"
    bounds = between(column.name, column.lower, column.upper)
    if column.is_semi:
        bounds = f"{column.name} = 0 or {bounds}"
    return bounds + (", integer" if column.is_integer else "")


def render_model(model: Model, *, max_rows: int, max_terms: int) -> str:
    """The whole model: objective, rows, bounds and types. See `Model.to_text`."""
    objective = model.objective
    goal = total(objective.coefficients, objective.quadratic, max_terms=max_terms)
    if objective.constant:
        goal = f"{goal} {'-' if objective.constant < 0 else '+'} {number(abs(objective.constant))}"
    lines = [f"{objective.sense} {goal}"]
    if model.rows or model.sets:
        lines.append("subject to")
        lines += _cut([f"  {render_row(row, max_terms=max_terms)}" for row in model.rows], max_rows, "rows")
        lines += _cut([f"  {render_set(one, max_terms=max_terms)}" for one in model.sets], max_rows, "sets")
    if model.columns:
        lines.append("where")
        lines += _cut(list(_column_lines(model.columns)), max_rows, "lines of bounds")
    return "\n".join(lines)


def _column_lines(columns: Sequence[Column]) -> Iterable[str]:
    """One line per bound and type, columns that share both on one line."""
    groups: dict[tuple[float, float, str], list[Column]] = {}
    for column in columns:
        groups.setdefault((column.lower, column.upper, column.type), []).append(column)
    for group in groups.values():
        names = [column.name for column in group]
        more = f", ... ({len(names) - _NAMES_ON_A_LINE} more)" if len(names) > _NAMES_ON_A_LINE else ""
        yield "  " + render_column(replace(group[0], name=", ".join(names[:_NAMES_ON_A_LINE]) + more))


def _cut(lines: list[str], most: int, what: str) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"  ... ({len(lines) - most} more {what})"]

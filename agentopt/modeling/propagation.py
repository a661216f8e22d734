"""Bounds that rows imply for columns, in exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

from agentopt.modeling.exact import ExactProgram, Sparse

Bounds = list[Fraction | None]


def activity_range(
    terms: Sparse, lower: Bounds, upper: Bounds, *, without: int | None = None
) -> tuple[Fraction | None, Fraction | None]:
    """The least and the largest value of a sum over the box, the term of column `without` left out; `None` = no end."""
    least: Fraction | None = Fraction(0)
    most: Fraction | None = Fraction(0)
    for j, a in terms.items():
        if j == without:
            continue
        down, up = (lower[j], upper[j]) if a > 0 else (upper[j], lower[j])
        least = None if least is None or down is None else least + a * down
        most = None if most is None or up is None else most + a * up
    return least, most


def implied_bounds(program: ExactProgram, *, rounds: int = 5) -> tuple[Bounds, Bounds]:
    """Lower and upper bounds that hold for every feasible point, integers rounded inwards.

    Args:
        rounds: passes over all rows; more may tighten further, without an end in general.
    """
    lower, upper = list(program.lower), list(program.upper)
    for _ in range(rounds):
        before = (list(lower), list(upper))
        for terms, low, high in zip(program.rows, program.row_lower, program.row_upper):
            _tighten(program, terms, (low, high), lower, upper)
        if before == (lower, upper):
            break
    return lower, upper


def _tighten(
    program: ExactProgram,
    terms: Sparse,
    sides: tuple[Fraction | None, Fraction | None],
    lower: Bounds,
    upper: Bounds,
) -> None:
    """Narrows the bounds of the columns of one row, in place."""
    low, high = sides
    for j, a in terms.items():
        if program.model.columns[j].is_semi:
            continue
        least, most = activity_range(terms, lower, upper, without=j)
        at_most = None if high is None or least is None else (high - least) / a
        at_least = None if low is None or most is None else (low - most) / a
        if a < 0:
            at_most, at_least = at_least, at_most
        if program.model.columns[j].is_integer:
            at_most = None if at_most is None else Fraction(math.floor(at_most))
            at_least = None if at_least is None else Fraction(math.ceil(at_least))
        if at_most is not None and (upper[j] is None or at_most < upper[j]):  # type: ignore[operator]  # not None there
            upper[j] = at_most
        if at_least is not None and (lower[j] is None or at_least > lower[j]):  # type: ignore[operator]  # as above
            lower[j] = at_least

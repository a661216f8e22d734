"""Why a model is infeasible: the rows and bounds that contradict each other, and no others.

A deletion filter: leave a part out, and if the rest is still infeasible it was not needed. For linear
programs it starts from the rows of a Farkas certificate, so it solves little. It also covers what
`Highs.getIis` does not: models that are infeasible only because their columns are integer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agentopt.modeling.branching import contradiction
from agentopt.modeling.certificate import farkas_weights
from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import relaxation, solve


@dataclass(frozen=True, kw_only=True)
class Member:
    """A row, or one bound of a column.

    Args:
        index: of the row or column in the model.
    """

    kind: Literal["row", "lower", "upper"]
    index: int


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Members of a model that cannot hold together.

    Args:
        is_irreducible: without any one of them, the others can hold together.
        needs_integrality: were the columns continuous, they could hold together.
    """

    members: tuple[Member, ...]
    is_irreducible: bool
    needs_integrality: bool


def find_conflict(model: Model, solution: Solution | None = None, *, time_limit_s: float = 20.0) -> Conflict:
    """The conflict in an infeasible `model`.

    Args:
        solution: what a solver said; its Farkas ray saves work.
        time_limit_s: after which what is left is returned, perhaps with more members than needed.
    """
    program = ExactProgram.of(model)
    weights = farkas_weights(program, solution)
    members = _all_members(model) if weights is None else _members_of(program, weights)
    deadline = time.monotonic() + time_limit_s
    is_sure = True

    def is_infeasible(kept: Sequence[Member]) -> bool:
        nonlocal is_sure
        part = _part(model, kept)
        if contradiction(ExactProgram.of(part)) is not None:
            return True
        left_s = deadline - time.monotonic()
        status = solve(part, time_limit_s=min(2.0, left_s)).status if left_s > 0 else "time_limit"
        is_sure = is_sure and status in ("infeasible", "optimal")
        return status == "infeasible"

    kept = _shrink(members, is_infeasible)
    needs_integrality = model.is_mixed_integer and solve(relaxation(_part(model, kept))).status == "optimal"
    return Conflict(members=tuple(kept), is_irreducible=is_sure, needs_integrality=needs_integrality)


def _shrink(members: Sequence[Member], is_infeasible: Callable[[Sequence[Member]], bool]) -> list[Member]:
    """What is left of `members` when no single one can be left out; large pieces are tried first."""
    kept = list(members)
    size = max(1, len(kept) // 2)
    while True:
        start = 0
        while start < len(kept):
            rest = kept[:start] + kept[start + size :]
            if is_infeasible(rest):
                kept = rest
            else:
                start += size
        if size == 1:
            return kept
        size //= 2


def _all_members(model: Model) -> list[Member]:
    """Every row and finite bound; the bounds last, so that integer columns stay bounded while rows are tried."""
    switches = _switches(model)
    bounds = [
        Member(kind=kind, index=j)
        for j, column in enumerate(model.columns)
        if not column.is_semi and column.name not in switches
        for kind, bound in _bounds(column)
        if not math.isinf(bound)
    ]
    return [*(Member(kind="row", index=i) for i in range(len(model.rows))), *bounds]


def _members_of(program: ExactProgram, weights: Sequence[object]) -> list[Member]:
    """The rows of a Farkas certificate and the bounds of the columns in them."""
    rows = [i for i, weight in enumerate(weights) if weight]
    touched = {j for i in rows for j in program.rows[i]}
    columns = [member for member in _all_members(program.model) if member.kind != "row" and member.index in touched]
    return [*(Member(kind="row", index=i) for i in rows), *columns]


def _bounds(column: Column) -> tuple[tuple[Literal["lower", "upper"], float], ...]:
    return (("lower", column.lower), ("upper", column.upper))


def _part(model: Model, kept: Sequence[Member]) -> Model:
    """`model` with only the members in `kept`, and without an objective."""
    members = set(kept)
    switches = _switches(model)

    def column_with(j: int, column: Column) -> Column:
        if column.is_semi or column.name in switches:
            return column
        has_lower, has_upper = Member(kind="lower", index=j) in members, Member(kind="upper", index=j) in members
        lower = column.lower if has_lower else -math.inf
        return replace(column, lower=lower, upper=column.upper if has_upper else math.inf)

    rows: list[Row] = [row for i, row in enumerate(model.rows) if Member(kind="row", index=i) in members]
    columns = tuple(column_with(j, column) for j, column in enumerate(model.columns))
    return Model(columns=columns, rows=tuple(rows), objective=Objective(), sets=model.sets)


def _switches(model: Model) -> set[str]:
    """The columns of indicators, whose bounds are what makes them binary."""
    return {row.indicator.column for row in model.rows if row.indicator is not None}

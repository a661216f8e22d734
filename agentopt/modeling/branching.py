"""Proofs about integer models by branching, every leaf closed in exact arithmetic.

HiGHS solves the linear relaxations and so steers the tree; nothing it says is believed. A leaf is
closed by Farkas weights or by a dual bound that `ExactProgram` checks, and a branch splits the
integers of one column without a gap. So a finished tree is a proof, whatever the solver did.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from agentopt.modeling.certificate import farkas_weights, vertex
from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.solvers.highs import relaxation, solve

_LARGEST_WHOLE = 2**53


@dataclass(frozen=True, kw_only=True)
class Branching:
    """What a branching proof found.

    Args:
        outcome: `proved`: no feasible point costs less than the given one (or: none exists);
            `refuted`: `point` does; `open`: the tree was given up, `reason` says why.
        point: an exactly feasible point, for `refuted`.
        nodes: linear programs that were solved.
    """

    outcome: Literal["proved", "refuted", "open"]
    nodes: int
    point: Sequence[Fraction] | None = None
    reason: str = ""


def contradiction(program: ExactProgram) -> str | None:
    """Why some single row or column can hold for no point at all, in words; `None` if each can."""
    for column, lower, upper in zip(program.model.columns, program.lower, program.upper):
        if column.is_semi or lower is None or upper is None:
            continue
        if lower > upper:
            return f"column `{column.name}` has a lower bound above its upper bound"
        if column.is_integer and math.ceil(lower) > math.floor(upper):
            return f"no whole number lies between the bounds of column `{column.name}`"
    for row, terms, lower, upper in zip(program.model.rows, program.rows, program.row_lower, program.row_upper):
        if lower is None or upper is None:
            continue
        if lower > upper:
            return f"row `{row.name}` has a lower bound above its upper bound"
        step = _lattice_step(program, terms)
        if step is not None and math.ceil(lower / step) > math.floor(upper / step):
            return f"row `{row.name}` takes only multiples of {step}, and none lies between its bounds"
    return None


def prove(
    program: ExactProgram, cutoff: Fraction | None, *, max_nodes: int = 300, time_limit_s: float = 60.0
) -> Branching:
    """Tries to prove that no feasible point has a cost below `cutoff`.

    Args:
        cutoff: in minimization form, without the constant (see `ExactProgram`); `None` to prove that
            there is no feasible point.
        max_nodes: linear programs to solve before giving up; each takes about a millisecond for models
            with tens of columns.
        time_limit_s: after which it is given up too, once the linear program under way is done.
    """
    if not program.model.is_linear:
        return Branching(outcome="open", nodes=0, reason="branching covers linear models only")
    if any(column.is_semi for column in program.model.columns):
        return Branching(outcome="open", nodes=0, reason="branching does not cover semicontinuous columns")
    step = _lattice_step(program, program.cost) if cutoff is not None else None
    stack, nodes, deadline = [program], 0, time.monotonic() + time_limit_s
    while stack:
        node = stack.pop()
        if contradiction(node) is not None:
            continue
        if nodes >= max_nodes:
            return Branching(outcome="open", nodes=nodes, reason=f"the tree has more than {max_nodes} nodes")
        if time.monotonic() > deadline:
            return Branching(outcome="open", nodes=nodes, reason=f"the proof took more than {time_limit_s:g} s")
        nodes += 1
        outcome = _explore(node, cutoff, step)
        if isinstance(outcome, Branching):
            return replace(outcome, nodes=nodes)
        stack += outcome
    return Branching(outcome="proved", nodes=nodes)


def _explore(node: ExactProgram, cutoff: Fraction | None, step: Fraction | None) -> list[ExactProgram] | Branching:
    """The children of a node: none when it is closed; or why the whole proof ends here."""
    solution = solve(relaxation(node.model))
    if solution.status == "infeasible":
        if farkas_weights(node, solution) is not None:
            return []
        return Branching(outcome="open", nodes=0, reason="an infeasible node could not be certified")
    corner = vertex(node, solution) if solution.status == "optimal" else None
    if corner is None:
        return Branching(outcome="open", nodes=0, reason=f"a node has no exact vertex (status {solution.status})")
    if cutoff is not None:
        bound = node.dual_bound(corner.y)
        if bound is not None and step is not None:
            bound = math.ceil(bound / step) * step
        if bound is not None and bound >= cutoff:
            return []
    fractional = [j for j, column in enumerate(node.model.columns) if column.is_integer and corner.x[j].denominator > 1]
    if fractional:
        j = max(fractional, key=lambda j: (min(corner.x[j] % 1, 1 - corner.x[j] % 1), -j))
        if abs(corner.x[j]) > _LARGEST_WHOLE:
            return Branching(outcome="open", nodes=0, reason="a branch lies beyond the whole numbers a float holds")
        return _children(node, j, corner.x[j])
    if node.violations(corner.x):
        return Branching(outcome="open", nodes=0, reason="a vertex is feasible only within the solver's tolerance")
    cost = sum((a * corner.x[j] for j, a in node.cost.items()), Fraction(0))
    if cutoff is None or cost < cutoff:
        return Branching(outcome="refuted", nodes=0, point=corner.x)
    return Branching(outcome="open", nodes=0, reason="a vertex is optimal only within the solver's tolerance")


def _children(node: ExactProgram, j: int, value: Fraction) -> list[ExactProgram]:
    """`node` with column j at most, and at least, the whole numbers around `value`; nearer side explored first."""
    column, below, above = node.model.columns[j], math.floor(value), math.ceil(value)
    down, up = list(node.upper), list(node.lower)
    down[j], up[j] = Fraction(below), Fraction(above)
    columns = node.model.columns
    lower_half = (*columns[:j], replace(column, upper=float(below)), *columns[j + 1 :])
    upper_half = (*columns[:j], replace(column, lower=float(above)), *columns[j + 1 :])
    children = [
        replace(node, model=replace(node.model, columns=lower_half), upper=down),
        replace(node, model=replace(node.model, columns=upper_half), lower=up),
    ]
    return children[::-1] if value - below < Fraction(1, 2) else children


def _lattice_step(program: ExactProgram, terms: dict[int, Fraction]) -> Fraction | None:
    """The sum is a multiple of this at every integer point; `None` where a continuous column takes part."""
    columns = program.model.columns
    if not terms or not all(columns[j].type == "integer" for j in terms):
        return None
    denominator = math.lcm(*(a.denominator for a in terms.values()))
    return Fraction(math.gcd(*(int(a * denominator) for a in terms.values())), denominator)

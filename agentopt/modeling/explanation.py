"""What a status means for this model, in its own names: the conflict, the way out, the ray.

Facts only. What to do about them is said elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from agentopt.modeling import text
from agentopt.modeling.certificate import improving_ray
from agentopt.modeling.conflict import Conflict, Member, find_conflict
from agentopt.modeling.elastic import Amount, amount_of, elastic_model
from agentopt.modeling.exact import ExactProgram, shown
from agentopt.modeling.model import Model, Row
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve

_MOST_LINES = 12


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A status in words, with what the words are made of.

    Args:
        text: plain sentences and rows.
        rows, columns: names of the rows, and of the columns by their bounds, that the status is due to.
        changes: for `infeasible`, by how much each row (or bound of a column) gives way in the smallest
            change that makes the model feasible: > 0 added to an upper bound, < 0 to a lower one.
        ray: for `unbounded`, the step of each column.
    """

    status: str
    text: str
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    changes: Mapping[str, float] = field(default_factory=dict)
    ray: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


def explain(model: Model, solution: Solution, *, time_limit_s: float = 20.0) -> Explanation:
    """Why `solution` has its status.

    Args:
        time_limit_s: for the search of a conflict, and again for the smallest change.
    """
    if solution.status == "infeasible":
        return _explain_infeasible(model, solution, time_limit_s)
    if solution.status == "unbounded":
        return _explain_unbounded(model, solution)
    if solution.values is not None and len(solution.values) == len(model.columns):
        return _explain_point(model, solution)
    return Explanation(
        status=solution.status, text=f"The solver ended without a point: {solution.status}. {solution.message}".strip()
    )


def _explain_infeasible(model: Model, solution: Solution, time_limit_s: float) -> Explanation:
    conflict = find_conflict(model, solution, time_limit_s=time_limit_s)
    rows = tuple(model.rows[member.index].name for member in conflict.members if member.kind == "row")
    columns = tuple(dict.fromkeys(model.columns[m.index].name for m in conflict.members if m.kind != "row"))
    count = len(conflict.members)
    head = "this constraint cannot hold" if count == 1 else f"these {count} constraints cannot hold together"
    lines = [f"The model is infeasible: {head}:"]
    lines += _cut([f"  {_member_text(model, member)}" for member in conflict.members])
    lines += _remarks(conflict)
    changes = _smallest_change(model, time_limit_s)
    if changes:
        lines.append("The smallest change that makes the model feasible, each row counted in its own unit:")
        lines += _cut([f"  {_change_text(model, amount, size)}" for amount, size in changes.items()])
    singles = _single_changes(model, conflict, time_limit_s)
    if len(singles) > 1:
        lines.append("Each of these changes alone makes it feasible too:")
        lines += _cut([f"  {_change_text(model, amount, size)}" for amount, size in singles.items()])
    signed = {_name(model, amount): size if amount.side == "above" else -size for amount, size in changes.items()}
    return Explanation(status="infeasible", text="\n".join(lines), rows=rows, columns=columns, changes=signed)


def _remarks(conflict: Conflict) -> list[str]:
    remarks = []
    if not conflict.is_irreducible:
        remarks.append("The search was cut short: a part of them may be enough for the conflict.")
    elif len(conflict.members) > 1:
        remarks.append("Without any one of them, the others can hold together.")
    if conflict.needs_integrality:
        remarks.append("The conflict exists only because columns must take whole values.")
    return remarks


def _member_text(model: Model, member: Member) -> str:
    if member.kind == "row":
        return text.render_row(model.rows[member.index])
    column = model.columns[member.index]
    bounds = {"lower": -math.inf, "upper": math.inf, member.kind: getattr(column, member.kind)}
    return f"bound {text.render_column(replace(column, **bounds))}"


def _smallest_change(model: Model, time_limit_s: float) -> dict[Amount, float]:
    """Amounts of an optimal elastic model: of rows alone if that is enough, else of bounds too."""
    for with_bounds in (False, True):
        elastic = elastic_model(model, with_bounds=with_bounds)
        found = solve(elastic, time_limit_s=time_limit_s)
        if found.status == "optimal":
            return _amounts(elastic, found)
        if found.status != "infeasible":
            return {}
    return {}


def _single_changes(model: Model, conflict: Conflict, time_limit_s: float) -> dict[Amount, float]:
    """For each row of a small conflict: the change of that row which makes the model feasible, if there is one."""
    rows = [member.index for member in conflict.members if member.kind == "row"]
    changes: dict[Amount, float] = {}
    for i in rows if len(rows) <= _MOST_LINES else []:
        elastic = elastic_model(model, rows={i})
        found = solve(elastic, time_limit_s=time_limit_s / len(rows))
        if found.status == "optimal":
            changes |= _amounts(elastic, found)
    return changes


def _amounts(elastic: Model, found: Solution) -> dict[Amount, float]:
    sizes = {amount_of(name): value for name, value in found.by_name(elastic).items()}
    return {amount: size for amount, size in sizes.items() if amount is not None and size > 1e-7}


def _name(model: Model, amount: Amount) -> str:
    return (model.rows if amount.kind == "row" else model.columns)[amount.index].name


def _change_text(model: Model, amount: Amount, size: float) -> str:
    part = (model.rows if amount.kind == "row" else model.columns)[amount.index]
    if part.lower == part.upper:
        reached = part.lower - size if amount.side == "below" else part.upper + size
        change = f"from {text.number(part.lower)} to {text.number(reached)}"
    elif amount.side == "below":
        change = f"lower bound from {text.number(part.lower)} to {text.number(part.lower - size)}"
    else:
        change = f"upper bound from {text.number(part.upper)} to {text.number(part.upper + size)}"
    return f"{amount.kind} `{part.name}`: {change} (by {text.number(size)})"


def _explain_unbounded(model: Model, solution: Solution) -> Explanation:
    program = ExactProgram.of(model)
    ray = improving_ray(program, solution)
    if ray is None:
        return Explanation(status="unbounded", text="The model is unbounded; no direction could be certified.")
    ray = _whole(ray)
    steps = {column.name: step for column, step in zip(model.columns, ray) if step}
    gain = program.objective(ray) - program.constant
    along = ", ".join(_cut([f"{name} {'+' if step > 0 else '-'}{shown(abs(step))}" for name, step in steps.items()]))
    lines = [
        f"The model is unbounded: the objective ({model.objective.sense}) improves forever along {along}.",
        f"Each such step changes it by {shown(gain)}, and no row or bound stops it.",
    ]
    touched = [i for i, row in enumerate(program.rows) if any(ray[j] for j in row)]
    if touched:
        lines.append("Rows with these columns:")
        lines += _cut([f"  {text.render_row(model.rows[i])} ({_movement(program, i, ray)})" for i in touched])
    else:
        lines.append("No row contains these columns.")
    return Explanation(
        status="unbounded",
        text="\n".join(lines),
        rows=tuple(model.rows[i].name for i in touched),
        columns=tuple(steps),
        ray={name: float(step) for name, step in steps.items()},
    )


def _movement(program: ExactProgram, row: int, ray: Sequence[Fraction]) -> str:
    change = program.activity(row, ray)
    if not change:
        return "its left side does not change"
    return f"its left side {'rises' if change > 0 else 'falls'} without a bound on that side"


def _whole(ray: Sequence[Fraction]) -> list[Fraction]:
    """The same direction in the smallest whole steps, where these are not huge."""
    scale = math.lcm(*(step.denominator for step in ray))
    steps = [step * scale for step in ray]
    common = math.gcd(*(step.numerator for step in steps))
    whole = [step / common for step in steps]
    return whole if max(abs(step) for step in whole) <= 10**6 else list(ray)


def _explain_point(model: Model, solution: Solution) -> Explanation:
    values = solution.by_name(model)
    tight = tuple(row.name for row in model.rows if _is_tight(row, values))
    nonzero = [f"{name} = {text.number(value)}" for name, value in values.items() if abs(value) > 1e-9]
    objective = "unknown" if solution.objective is None else text.number(solution.objective)
    lines = [
        f"Status {solution.status}, objective {objective}.",
        f"Columns that are not 0: {', '.join(_cut(nonzero)) or 'none'}.",
        f"Rows at a bound: {', '.join(_cut(list(tight))) or 'none'}.",
    ]
    return Explanation(status=solution.status, text="\n".join(lines), rows=tight)


def _is_tight(row: Row, values: Mapping[str, float]) -> bool:
    activity = sum(a * values[name] for name, a in row.coefficients.items())
    return any(
        abs(activity - bound) <= 1e-6 * max(1.0, abs(bound)) for bound in (row.lower, row.upper) if math.isfinite(bound)
    )


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], f"... ({len(lines) - _MOST_LINES} more)"]

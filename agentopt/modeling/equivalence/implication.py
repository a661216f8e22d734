"""Whether one model allows a point that another forbids: the point, or a proof that there is none.

Columns with the same name mean the same. A point is checked in rational arithmetic in both models; that there
is none is a branching proof, row by row.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from agentopt.modeling import branching
from agentopt.modeling.equivalence.normal_form import NormalColumn, Terms, whole_row
from agentopt.modeling.exact import ExactProgram, shown
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.proofs import check_feasibility
from agentopt.modeling.solvers.highs import solve

_MARGINS = (Fraction(1), Fraction(1, 100), Fraction(1, 10**5))


@dataclass(frozen=True, kw_only=True)
class Witness:
    """A point that two models treat differently, exactly.

    Args:
        point: value of every column, by name.
        feasible_in: where every row, bound and integrality holds.
        breaks: what it breaks in the other model, by name; empty where it is feasible in both.
        objectives: the two values of the objectives at it.
    """

    point: Mapping[str, Fraction]
    feasible_in: Literal["first", "second", "both"]
    breaks: str
    objectives: tuple[Fraction, Fraction]

    def __str__(self) -> str:
        nonzero = [f"{name} = {shown(value)}" for name, value in self.point.items() if value]
        where = ", ".join(nonzero[:12]) or "all columns 0"
        if len(nonzero) > 12:
            where += f", ... ({len(nonzero) - 12} more)"
        if self.feasible_in == "both":
            values = " and ".join(shown(value) for value in self.objectives)
            return f"the point {where} is feasible in both, with the objectives {values}"
        other = "second" if self.feasible_in == "first" else "first"
        return f"the point {where} is feasible in the {self.feasible_in} model and breaks {self.breaks} of the {other}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is known about two feasible sets.

    Args:
        is_proved: without a witness: that there is none is proved.
        reason: why nothing is proved.
    """

    witness: Witness | None = None
    is_proved: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """One side of a row or of a bound: `terms <= right`."""

    name: str
    terms: Mapping[str, Fraction]
    right: Fraction


class Pair:
    """Two models over the same column names, compared within a time limit."""

    def __init__(self, first: Model, second: Model, *, time_limit_s: float, max_nodes: int = 200) -> None:
        order = {column.name: column for column in second.columns}
        second = replace(second, columns=tuple(order[column.name] for column in first.columns))
        self.programs = (ExactProgram.of(first), ExactProgram.of(second))
        self.max_nodes = max_nodes
        self._deadline = time.monotonic() + time_limit_s

    def compare_sets(self) -> Comparison:
        """Whether both have the same feasible points."""
        found = [self._contained(inner=0), self._contained(inner=1)]
        witnessed = next((comparison for comparison in found if comparison.witness is not None), None)
        if witnessed is not None:
            return witnessed
        return next((comparison for comparison in found if not comparison.is_proved), found[0])

    def compare_objectives(self) -> Comparison:
        """Whether both objectives have the same value at every point that is feasible in the first model."""
        one, two = self.programs
        names = [column.name for column in one.model.columns]
        costs = [
            (one.sign * one.cost.get(j, Fraction(0)), two.sign * two.cost.get(j, Fraction(0)))
            for j in range(len(names))
        ]
        apart = {name: a - b for name, (a, b) in zip(names, costs) if a != b}
        offset = one.constant - two.constant
        for sign in (1, -1):
            limit = _Limit(name="", terms={name: sign * a for name, a in apart.items()}, right=-sign * offset)
            outcome = self._beyond(0, limit)
            if isinstance(outcome, str):
                return Comparison(reason=f"the objectives differ, and {outcome}")
            if outcome is not None:
                witness = self._witness(0, outcome)
                return Comparison(witness=witness) if witness else Comparison(reason="a point was not exact")
        return Comparison(is_proved=True)

    def _contained(self, *, inner: int) -> Comparison:
        """Whether every point of model `inner` is feasible in the other one."""
        allowed, outer = self.programs[inner], self.programs[1 - inner]
        columns = _normal_columns(allowed)
        known: dict[Terms, Fraction] = {}
        for limit in _limits(allowed):
            if limit.terms:
                key, right = whole_row(limit.terms, limit.right, columns)
                known[key] = min(right, known.get(key, right))
        reasons = []
        for limit in _limits(outer):
            if not limit.terms:
                if limit.right >= 0:
                    continue
            else:
                key, right = whole_row(limit.terms, limit.right, columns)
                if key in known and known[key] <= right:
                    continue
            outcome = self._beyond(inner, limit)
            witness = None if outcome is None or isinstance(outcome, str) else self._witness(inner, outcome)
            if witness is not None:
                return Comparison(witness=witness)
            if outcome is not None:
                reason = outcome if isinstance(outcome, str) else "a point was not exact"
                reasons.append(f"{limit.name}: {reason}")
        for column in outer.model.columns:
            typed = self._beyond_type(inner, allowed.model.columns[allowed.model.column_index[column.name]], column)
            if isinstance(typed, Witness):
                return Comparison(witness=typed)
            if typed:
                reasons.append(typed)
        return Comparison(reason=reasons[0]) if reasons else Comparison(is_proved=True)

    def _beyond(self, inner: int, limit: _Limit) -> Sequence[Fraction] | str | None:
        """A feasible point of model `inner` beyond the limit; `None`: proved that there is none; a text: not known."""
        program = self.programs[inner]
        aim = _aimed(program, limit.terms)
        found = solve(aim.model, time_limit_s=self._left_s())
        if found.status in ("optimal", "feasible") and found.values is not None:
            point = check_feasibility(aim, found)
            if point.check.is_exact and aim.objective(point.x) > limit.right:
                return point.x
        if found.status == "unbounded" or (found.objective or 0.0) > float(limit.right):
            point_beyond = self._deep_point(program, limit)
            if point_beyond is not None:
                return point_beyond
        if found.status == "unbounded":
            return "no exact point could be found along a direction without end"
        proof = branching.prove(aim, -limit.right, max_nodes=self.max_nodes if self._left_s() > 0.1 else 0)
        if proof.outcome == "refuted":
            return proof.point
        return None if proof.outcome == "proved" else proof.reason

    def _deep_point(self, program: ExactProgram, limit: _Limit) -> Sequence[Fraction] | None:
        """A feasible point clearly beyond the limit, so that rounding it does not bring it back."""
        for margin in _MARGINS:
            lower = float(limit.right + margin)
            row = Row(name="beyond the limit", lower=lower, coefficients=_floats(limit.terms))
            rows = (*(replace(row, name=f"r{i}") for i, row in enumerate(program.model.rows)), row)
            beyond = ExactProgram.of(replace(program.model, rows=rows, objective=Objective()))
            found = solve(beyond.model, time_limit_s=self._left_s())
            if found.status == "optimal":
                point = check_feasibility(beyond, found)
                if point.check.is_exact:
                    return point.x
        return None

    def _beyond_type(self, inner: int, allowed: Column, wanted: Column) -> Witness | str:
        """A point of model `inner` that the type of a column in the other forbids; `""`: there is none, proved."""
        if allowed.type == wanted.type or (allowed.type, wanted.type) == ("integer", "continuous"):
            is_same = not wanted.is_semi or (allowed.lower, allowed.upper) == (wanted.lower, wanted.upper)
            return "" if is_same else f"the bounds of column `{wanted.name}`, which may also be 0, differ"
        if wanted.type == "integer" and _is_implied_whole(self.programs[inner], wanted.name):
            return ""
        for model in _fractional(self.programs[inner].model, wanted):
            found = solve(model, time_limit_s=self._left_s())
            if found.status == "optimal":
                point = check_feasibility(ExactProgram.of(model), found)
                witness = self._witness(inner, point.x[: len(self.programs[inner].lower)])
                if witness is not None:
                    return witness
        return f"column `{wanted.name}` is {allowed.type} in one and {wanted.type} in the other; no point shows it"

    def _witness(self, inner: int, x: Sequence[Fraction]) -> Witness | None:
        """`x` as a witness, if it is feasible in model `inner` and the other one treats it differently."""
        one, two = self.programs
        broken = (one.violations(x), two.violations(x))
        objectives = (one.objective(x), two.objective(x))
        point = {column.name: value for column, value in zip(one.model.columns, x)}
        if broken[inner]:
            return None
        if broken[1 - inner]:
            where: Literal["first", "second"] = "second" if inner else "first"
            return Witness(point=point, feasible_in=where, breaks=broken[1 - inner][0].what, objectives=objectives)
        if objectives[0] != objectives[1]:
            return Witness(point=point, feasible_in="both", breaks="", objectives=objectives)
        return None

    def _left_s(self) -> float:
        return max(0.05, self._deadline - time.monotonic())


def _is_implied_whole(program: ExactProgram, name: str) -> bool:
    """An equation with whole numbers makes the column whole, since the others in it are."""
    j = program.model.column_index[name]
    for terms, low, high in zip(program.rows, program.row_lower, program.row_upper):
        if low is None or low != high or j not in terms:
            continue
        others = [k for k in terms if k != j]
        is_whole = all((terms[k] / terms[j]).denominator == 1 for k in others) and (low / terms[j]).denominator == 1
        if is_whole and all(program.model.columns[k].is_integer for k in others):
            return True
    return False


def _fractional(model: Model, column: Column) -> Iterator[Model]:
    """Models whose points are those of `model` where `column` is far from, then nearer to, a whole number."""
    names = {"whole": "whole part", "rest": "rest"}
    while names["whole"] in model.column_index or names["rest"] in model.column_index:
        names = {key: f"{name}_" for key, name in names.items()}
    whole = Column(name=names["whole"], lower=-math.inf, type="integer")
    split = Row(
        name="split",
        lower=0.0,
        upper=0.0,
        coefficients={column.name: 1.0, names["whole"]: -1.0, names["rest"]: -1.0},
    )
    rows = (*(replace(row, name=f"r{i}") for i, row in enumerate(model.rows)), split)
    rng = random.Random(0)
    for least in (0.5, 0.25, 0.01, 0.0001):
        rest = Column(name=names["rest"], lower=least, upper=1.0 - least)
        direction = {c.name: rng.choice((-1.0, 1.0)) for c in model.columns if math.isfinite(c.lower + c.upper)}
        aims = [Objective(), Objective(coefficients=direction)]
        for aim in aims:
            yield replace(model, columns=(*model.columns, whole, rest), rows=rows, objective=aim)


def _aimed(program: ExactProgram, terms: Mapping[str, Fraction]) -> ExactProgram:
    """`program` with the sum of `terms` to be maximized."""
    objective = Objective(sense="maximize", coefficients=_floats(terms))
    return ExactProgram.of(replace(program.model, objective=objective))


def _floats(terms: Mapping[str, Fraction]) -> dict[str, float]:
    return {name: float(a) for name, a in terms.items()}


def _limits(program: ExactProgram) -> Iterator[_Limit]:
    """Every side of every row and bound of a model, bounds of semicontinuous columns aside."""
    names = [column.name for column in program.model.columns]
    for column, low, high in zip(program.model.columns, program.lower, program.upper):
        if column.is_semi:
            continue
        if high is not None:
            yield _Limit(name=f"column `{column.name}`", terms={column.name: Fraction(1)}, right=high)
        if low is not None:
            yield _Limit(name=f"column `{column.name}`", terms={column.name: Fraction(-1)}, right=-low)
    for row, terms, low, high in zip(program.model.rows, program.rows, program.row_lower, program.row_upper):
        named = {names[j]: a for j, a in terms.items()}
        if high is not None:
            yield _Limit(name=f"row `{row.name}`", terms=named, right=high)
        if low is not None:
            yield _Limit(name=f"row `{row.name}`", terms={name: -a for name, a in named.items()}, right=-low)


def _normal_columns(program: ExactProgram) -> dict[str, NormalColumn]:
    return {
        column.name: NormalColumn(type=column.type, lower=None, upper=None, cost=Fraction(0))
        for column in program.model.columns
    }

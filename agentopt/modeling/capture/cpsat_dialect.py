"""Programs that build their model with CP-SAT: its linear, Boolean and maximum constraints, with enforcement.

Constraints that are not sums, such as `AddNoOverlap` or `AddCircuit`, are refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, unique_names

_NO_BOUND = 2**62  # CP-SAT writes the ends of 64-bit numbers for a side without bound
_KINDS = (
    "linear", "bool_or", "bool_and", "bool_xor", "at_most_one", "exactly_one", "lin_max", "int_prod", "int_div",
    "int_mod", "all_diff", "element", "circuit", "routes", "table", "automaton", "inverse", "reservoir", "interval",
    "no_overlap", "no_overlap_2d", "cumulative",
)  # fmt: skip


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `CpSolver.solve` record the model and then solve it for a limited time."""
    from ortools.sat.python import cp_model

    patches = []
    for name in ("Solve", "solve", "SolveWithSolutionCallback", "SearchForAllSolutions"):
        original = getattr(cp_model.CpSolver, name, None)
        if original is not None:
            patches.append(replace_attribute(cp_model.CpSolver, name, _recorded(original, recorder)))
    return patches


def is_model(value: object) -> bool:
    """`value` is a `CpModel`."""
    return is_instance(value, "ortools.sat.python.cp_model", "CpModel")


def model_of(model: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The model of a `CpModel`, literals written as binary columns.

    Raises:
        CannotCapture: it has a constraint that is no sum.
    """
    proto = model.Proto()
    names = unique_names((variable.name for variable in proto.variables), "c")
    draft = _Draft(names=names, columns=[])
    for name, variable in zip(names, proto.variables):
        domain = list(variable.domain)
        draft.columns.append(Column(name=name, lower=float(domain[0]), upper=float(domain[-1]), type="integer"))
        if len(domain) > 2:
            draft.add_domain({name: 1.0}, 0.0, domain, f"domain {name}", None)
    for number, constraint in enumerate(proto.constraints):
        _add(draft, constraint, constraint.name or f"r{number}")
    unique = unique_names((row.name for row in draft.rows), "r")
    rows = tuple(replace(row, name=name) for row, name in zip(draft.rows, unique))
    return Model(columns=tuple(draft.columns), rows=rows, objective=_objective(proto, names))


@dataclass(kw_only=True)
class _Draft:
    """Columns and rows while the constraints are read."""

    names: list[str]
    columns: list[Column]
    rows: list[Row] = field(default_factory=list)

    def sum_of(self, indices: Iterable[int], values: Iterable[float]) -> dict[str, float]:
        terms: dict[str, float] = {}
        for index, value in zip(indices, values):
            terms[self.names[index]] = terms.get(self.names[index], 0.0) + float(value)
        return terms

    def literals(self, literals: Iterable[int]) -> tuple[dict[str, float], float]:
        """The number of literals that are true, as terms and a constant: `-1 - j` is the negation of column `j`."""
        terms: dict[str, float] = {}
        constant = 0.0
        for literal in literals:
            name = self.names[literal if literal >= 0 else -1 - literal]
            terms[name] = terms.get(name, 0.0) + (1.0 if literal >= 0 else -1.0)
            constant += 0.0 if literal >= 0 else 1.0
        return terms, constant

    def add(self, name: str, terms: Mapping[str, float], bounds: tuple[float, float], when: Indicator | None) -> None:
        self.rows.append(Row(name=name, lower=bounds[0], upper=bounds[1], coefficients=dict(terms), indicator=when))

    def binary(self, name: str) -> str:
        taken = {column.name for column in self.columns}
        made = next(one for one in (name, *(f"{name}#{k}" for k in range(2, len(taken) + 3))) if one not in taken)
        self.columns.append(Column(name=made, upper=1.0, type="integer"))
        return made

    def add_domain(
        self, terms: Mapping[str, float], constant: float, domain: Sequence[int], name: str, when: Indicator | None
    ) -> None:
        """The sum lies in one of the intervals `domain[0]..domain[1]`, `domain[2]..domain[3]`, …"""
        intervals = list(zip(domain[::2], domain[1::2]))
        if len(intervals) == 1:
            self.add(name, terms, _shifted(intervals[0], constant), when)
            return
        choices = [self.binary(f"{name}.{number}") for number in range(1, len(intervals) + 1)]
        self.add(f"{name} choice", dict.fromkeys(choices, 1.0), (1.0, math.inf), when)
        for choice, interval in zip(choices, intervals):
            self.add(name, terms, _shifted(interval, constant), Indicator(column=choice))

    def condition(self, literals: Sequence[int], name: str) -> Indicator | None:
        """When a constraint must hold: one binary column that is 1 where all literals are true."""
        if not literals:
            return None
        if len(literals) == 1:
            return self.indicator(literals[0])
        terms, constant = self.literals(literals)
        together = self.binary(f"{name} enforced")
        own = {column: -value for column, value in terms.items()}
        self.add(f"{name} enforced", {**own, together: 1.0}, (constant - len(literals) + 1, math.inf), None)
        return Indicator(column=together)

    def indicator(self, literal: int) -> Indicator:
        return Indicator(column=self.names[literal if literal >= 0 else -1 - literal], value=int(literal >= 0))


def _add(draft: _Draft, constraint: Any, name: str) -> None:
    kind = next((kind for kind in _KINDS if _has(constraint, kind)), "unknown")
    if kind == "unknown":
        return  # an empty constraint
    when = draft.condition(list(constraint.enforcement_literal), name)
    part = getattr(constraint, kind)
    if kind == "linear":
        draft.add_domain(draft.sum_of(part.vars, part.coeffs), 0.0, list(part.domain), name, when)
    elif kind in ("bool_or", "at_most_one", "exactly_one", "bool_and"):
        terms, constant = draft.literals(part.literals)
        count = float(len(list(part.literals)))
        least, most = {
            "bool_or": (1.0, math.inf),
            "at_most_one": (-math.inf, 1.0),
            "exactly_one": (1.0, 1.0),
            "bool_and": (count, math.inf),
        }[kind]
        draft.add(name, terms, (least - constant, most - constant), when)
    elif kind == "lin_max" and when is None:
        _add_maximum(draft, part, name)
    elif kind == "int_prod" and when is None and len(list(part.exprs)) == 2:
        _add_product(draft, part, name)
    elif kind == "all_diff" and when is None:
        _add_all_different(draft, part, name)
    else:
        raise CannotCapture(f"CP-SAT `{kind}` in `{name}`: only sums, literals, maxima and products are captured")


def _add_maximum(draft: _Draft, part: Any, name: str) -> None:
    """The target is at least every expression, and at most one of them."""
    target, constant = _expression(draft, part.target)
    choices = []
    for number, one in enumerate(part.exprs, 1):
        terms, offset = _expression(draft, one)
        difference = {key: target.get(key, 0.0) - terms.get(key, 0.0) for key in (*target, *terms)}
        choices.append(draft.binary(f"{name}.{number}"))
        draft.add(f"{name} {number}", difference, (offset - constant, math.inf), None)
        draft.add(f"{name} chosen", difference, (-math.inf, offset - constant), Indicator(column=choices[-1]))
    draft.add(f"{name} choice", dict.fromkeys(choices, 1.0), (1.0, math.inf), None)


def _add_product(draft: _Draft, part: Any, name: str) -> None:
    (target, shift), (one, a), (two, b) = (_expression(draft, e) for e in (part.target, *part.exprs))
    terms = {key: -value for key, value in target.items()}
    for factor, sum_ in ((b, one), (a, two)):
        for key, value in sum_.items():
            terms[key] = terms.get(key, 0.0) + factor * value
    quadratic: dict[tuple[str, str], float] = {}
    for first, x in one.items():
        for second, y in two.items():
            pair = (second, first) if (second, first) in quadratic else (first, second)
            quadratic[pair] = quadratic.get(pair, 0.0) + x * y
    right = shift - a * b
    draft.rows.append(Row(name=name, lower=right, upper=right, coefficients=terms, quadratic=quadratic))


def _add_all_different(draft: _Draft, part: Any, name: str) -> None:
    """Every pair differs by 1 at least, one way or the other."""
    sums = [_expression(draft, one) for one in part.exprs]
    for i, (one, a) in enumerate(sums):
        for j, (two, b) in enumerate(sums[:i]):
            difference = {key: one.get(key, 0.0) - two.get(key, 0.0) for key in (*one, *two)}
            above = draft.binary(f"{name} {i}>{j}")
            draft.add(f"{name} {i},{j}", difference, (1.0 - a + b, math.inf), Indicator(column=above))
            draft.add(f"{name} {i},{j}", difference, (-math.inf, -1.0 - a + b), Indicator(column=above, value=0))


def _expression(draft: _Draft, proto: Any) -> tuple[dict[str, float], float]:
    return draft.sum_of(proto.vars, proto.coeffs), float(proto.offset)


def _objective(proto: Any, names: Sequence[str]) -> Objective:
    if _has(proto, "floating_point_objective"):
        goal = proto.floating_point_objective
        terms = {names[j]: float(value) for j, value in zip(goal.vars, goal.coeffs) if value}
        sense = "maximize" if goal.maximize else "minimize"
        return Objective(sense=sense, coefficients=terms, constant=float(goal.offset))  # type: ignore[arg-type]
    if not _has(proto, "objective"):
        return Objective()
    goal = proto.objective
    factor = float(goal.scaling_factor) or 1.0  # negative where the program maximizes
    terms = {names[j]: factor * float(value) for j, value in zip(goal.vars, goal.coeffs) if value}
    sense = "maximize" if factor < 0 else "minimize"
    return Objective(sense=sense, coefficients=terms, constant=factor * float(goal.offset))  # type: ignore[arg-type]


def _has(proto: Any, field_name: str) -> bool:
    asked = getattr(proto, f"has_{field_name}", None)
    return bool(asked() if asked is not None else proto.HasField(field_name))


def _shifted(interval: tuple[int, int], constant: float) -> tuple[float, float]:
    low, up = interval
    return (-math.inf if low < -_NO_BOUND else low - constant, math.inf if up > _NO_BOUND else up - constant)


def _recorded(original: Any, recorder: Recorder) -> Any:
    def recorded(self: Any, model: Any, *arguments: Any, **named: Any) -> Any:
        recorder.record(lambda: model_of(model, recorder.variables(model)))
        recorder.solved.append(model)
        limit = self.parameters.max_time_in_seconds
        self.parameters.max_time_in_seconds = min(limit, recorder.solve_time_s)
        return original(self, model, *arguments, **named)

    return recorded

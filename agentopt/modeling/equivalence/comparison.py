"""`equiv`: whether two models are the same, proved; or different, proved with a witness; or neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from agentopt.errors import UsageError
from agentopt.modeling.equivalence.implication import Pair, Witness
from agentopt.modeling.equivalence.normal_form import NormalForm, normal_form
from agentopt.modeling.equivalence.refinement import matchings
from agentopt.modeling.exact import ExactProgram, shown
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Model, Products, Row
from agentopt.modeling.proofs import agree
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.verification import verify


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """What is proved about two models.

    Args:
        verdict: `equivalent`: under `mapping`, the same points are feasible, with the same objective; `different`:
            the optima differ, or `witness` is treated differently by the two; `undecided`: neither is proved.
        reason: what the proof is, or why there is none.
        mapping: columns of the first model to those of the second; columns that others determine are left out.
    """

    verdict: Literal["equivalent", "different", "undecided"]
    reason: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    witness: Witness | None = None

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"


def equiv(
    first: Model, second: Model, *, mapping: Mapping[str, str] | None = None, time_limit_s: float = 20.0
) -> Equivalence:
    """Compares two models as mathematics: feasible points and objective, not how they are written.

    Columns of the same name mean the same thing, where both models have the same names. Models whose
    names differ are matched by structure; then only different optima prove a difference, as for models with products,
    indicators or ordered sets.

    Args:
        mapping: which column of `second` a column of `first` means, where names do not say it; one for each.
        time_limit_s: for each of the searches: for witnesses, and for the optima.

    Raises:
        UsageError: `mapping` is not one-to-one between the columns of both.
    """
    if mapping is not None:
        second = _renamed(first, second, mapping)
    if not (first.is_linear and second.is_linear):
        return _compare_nonlinear(first, second, time_limit_s)
    forms = (normal_form(ExactProgram.of(first)), normal_form(ExactProgram.of(second)))
    if all(form.contradiction for form in forms):
        return Equivalence(verdict="equivalent", reason="neither model has a feasible point")
    proof = _same_form(*forms)
    if proof is not None:
        return proof
    optima = _compare_optima(first, second, time_limit_s)
    if first.column_index.keys() != second.column_index.keys():
        return optima or Equivalence(
            verdict="undecided",
            reason="the columns have other names, no matching of them is a proof, and the optima agree",
        )
    by_name = _compare_by_name(first, second, time_limit_s)
    if optima is None:
        return by_name
    return replace(optima, witness=by_name.witness, mapping=by_name.mapping, reason=_joined(optima, by_name))


def _compare_nonlinear(first: Model, second: Model, time_limit_s: float) -> Equivalence:
    """Models with choices through equivalent linear ones, which prove sameness but no difference; else by optima."""
    linear = [linearized(model).model for model in (first, second)]
    if all(model.is_linear for model in linear):
        forms = [normal_form(ExactProgram.of(model)) for model in linear]
        proof = _same_form(forms[0], forms[1])
        if proof is not None:
            return replace(proof, mapping={a: b for a, b in proof.mapping.items() if a in first.column_index})
    reason = (
        "products, indicators and ordered sets: the forms are not the same, and the optima are not proved to differ"
    )
    return _compare_optima(first, second, time_limit_s) or Equivalence(verdict="undecided", reason=reason)


def _joined(optima: Equivalence, by_name: Equivalence) -> str:
    return f"{optima.reason}; {by_name.witness}" if by_name.witness is not None else optima.reason


def _renamed(first: Model, second: Model, mapping: Mapping[str, str]) -> Model:
    """`second` with the names of `first`."""
    if mapping.keys() != first.column_index.keys() or sorted(mapping.values()) != sorted(second.column_index):
        raise UsageError("`mapping` must give one column of the second model for each column of the first")
    back = {theirs: ours for ours, theirs in mapping.items()}

    def renamed(coefficients: Mapping[str, float]) -> dict[str, float]:
        return {back[name]: a for name, a in coefficients.items()}

    def products(quadratic: Products) -> dict[tuple[str, str], float]:
        return {(back[one], back[two]): a for (one, two), a in quadratic.items()}

    def row(old: Row) -> Row:
        indicator = old.indicator and replace(old.indicator, column=back[old.indicator.column])
        linear, quadratic = renamed(old.coefficients), products(old.quadratic)
        return replace(old, coefficients=linear, quadratic=quadratic, indicator=indicator)

    goal = second.objective
    return replace(
        second,
        columns=tuple(replace(column, name=back[column.name]) for column in second.columns),
        rows=tuple(row(old) for old in second.rows),
        objective=replace(goal, coefficients=renamed(goal.coefficients), quadratic=products(goal.quadratic)),
        sets=tuple(replace(ordered, weights=renamed(ordered.weights)) for ordered in second.sets),
    )


def _same_form(first: NormalForm, second: NormalForm) -> Equivalence | None:
    """Equivalence by equal normal forms, under the names or under a mapping that is checked entry by entry."""
    if first.contradiction or second.contradiction:
        return None
    if (first.sense, first.constant) != (second.sense, second.constant):
        return None
    if first.columns.keys() == second.columns.keys():
        same = {name: name for name in first.columns}
        if _is_kept(first, second, same):
            return Equivalence(verdict="equivalent", reason="both have the same normal form", mapping=same)
    for mapping in matchings(first, second):
        if _is_kept(first, second, mapping):
            reason = f"a renaming of {len(mapping)} columns turns the normal form of one into the other's"
            return Equivalence(verdict="equivalent", reason=reason, mapping=mapping)
    return None


def _is_kept(first: NormalForm, second: NormalForm, mapping: Mapping[str, str]) -> bool:
    """Whether `mapping` turns every column and row of `first` into one of `second`, and none is left over."""
    if len(set(mapping.values())) != len(second.columns) or len(first.rows) != len(second.rows):
        return False
    if any(first.columns[ours].key != second.columns[theirs].key for ours, theirs in mapping.items()):
        return False
    return all(
        second.rows.get(frozenset((mapping[name], a) for name, a in terms)) == right
        for terms, right in first.rows.items()
    )


def _compare_by_name(first: Model, second: Model, time_limit_s: float) -> Equivalence:
    same = {column.name: column.name for column in first.columns}
    pair = Pair(first, second, time_limit_s=time_limit_s)
    sets = pair.compare_sets()
    if sets.witness is not None:
        return Equivalence(verdict="different", reason=str(sets.witness), mapping=same, witness=sets.witness)
    if not sets.is_proved:
        return Equivalence(verdict="undecided", reason=sets.reason, mapping=same)
    if first.objective.sense != second.objective.sense:
        reason = "one is minimized and the other maximized, and no points were found that keep the optima apart"
        return Equivalence(verdict="undecided", reason=reason, mapping=same)
    objectives = pair.compare_objectives()
    if objectives.witness is not None:
        witness = objectives.witness
        return Equivalence(verdict="different", reason=str(witness), mapping=same, witness=witness)
    if not objectives.is_proved:
        return Equivalence(verdict="undecided", reason=objectives.reason, mapping=same)
    reason = "every row and bound of each model follows from the other's, and the objectives agree"
    return Equivalence(verdict="equivalent", reason=reason, mapping=same)


def _compare_optima(first: Model, second: Model, time_limit_s: float) -> Equivalence | None:
    """Difference by proved optima, or by points that keep them apart: no matching of columns can make these equal."""
    one, two = (_answer(model, time_limit_s) for model in (first, second))
    if one.is_certified and two.is_certified and one.status != two.status:
        reason = f"the first is {one.status}, the second {two.status}, both proved"
        return Equivalence(verdict="different", reason=reason)
    if one.value is None or two.value is None or agree(one.value, float(two.value)):
        return None
    values = f"{shown(one.value)} in the first and {shown(two.value)} in the second"
    if one.is_certified and two.is_certified:
        return Equivalence(verdict="different", reason=f"the optimum is {values}, both proved")
    low, high = (one, two) if first.objective.sense == "minimize" else (two, one)
    if first.objective.sense != second.objective.sense and low.value < high.value:  # type: ignore[operator]  # not None
        reason = f"one is minimized, the other maximized, and there are points with the objective {values}"
        return Equivalence(verdict="different", reason=reason)
    return None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """A status, and the objective of an exactly feasible point; certified if the status is proved exactly too."""

    status: str
    value: Fraction | None
    is_certified: bool


def _answer(model: Model, time_limit_s: float) -> _Answer:
    solution = solve(model, time_limit_s=time_limit_s)
    verification = verify(model, solution, second_solver=None, time_limit_s=time_limit_s)
    is_feasible = any(check.name == "feasibility" and check.is_exact for check in verification.checks)
    value = Fraction(repr(verification.objective)) if is_feasible and verification.objective is not None else None
    is_certified = verification.solver_verdict == "certified"
    return _Answer(status=solution.status, value=value, is_certified=is_certified)

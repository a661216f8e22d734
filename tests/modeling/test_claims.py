"""What `verify` says of products, indicators and sets: never more than is proved, whatever the solver says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.verification import verify

PROVED = ("certified", "checked")


def column(name: str, upper: float = 3.0) -> Column:
    return Column(name=name, upper=upper, type="integer")


def points(model: Model) -> dict[tuple[int, ...], Fraction]:
    """Every feasible point of an integer box with its objective, by enumeration."""
    program = ExactProgram.of(model)
    boxes = [range(int(c.upper) + 1) for c in model.columns]
    found = {p: [Fraction(v) for v in p] for p in itertools.product(*boxes)}
    return {p: program.objective(x) for p, x in found.items() if not program.violations(x)}


@st.composite
def models(draw: st.DrawFn) -> Model:
    """A small integer model with an indicator, a set or a product."""
    number = st.integers(-2, 3).map(float)
    columns = (column("b", 1.0), column("x"), column("y"))
    rows = []
    for i in range(draw(st.integers(1, 2))):
        terms = {name: draw(number) for name in ("x", "y")}
        upper = draw(number)
        on = draw(st.sampled_from([None, Indicator(column="b", value=0), Indicator(column="b", value=1)]))
        rows.append(Row(name=f"r{i}", upper=upper, coefficients=terms, indicator=on))
    sets = (SpecialOrderedSet(name="s", type=1, weights={"x": 1.0, "y": 2.0}),) if draw(st.booleans()) else ()
    products = {("x", "y"): draw(number)} if draw(st.booleans()) else {}
    costs = {name: draw(number) for name in ("b", "x", "y")}
    sense = draw(st.sampled_from(["minimize", "maximize"]))
    objective = Objective(sense=sense, coefficients=costs, quadratic=products)  # type: ignore[arg-type]  # both are senses
    return Model(columns=columns, rows=tuple(rows), sets=sets, objective=objective)


@settings(max_examples=60, deadline=None)
@given(models(), st.data())
def test_no_lie_about_a_model_with_choices_is_certified(model: Model, data: st.DataObject) -> None:
    feasible = points(model)
    point = data.draw(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3)))
    value = ExactProgram.of(model).objective([Fraction(v) for v in point])
    said = Solution(
        status="optimal", values=tuple(map(float, point)), objective=float(value), bound=float(value), gap=0.0
    )
    best = (min if model.objective.sense == "minimize" else max)(feasible.values(), default=None)
    verdict = verify(model, said, second_solver=None).solver_verdict
    if point not in feasible or feasible[point] != best:
        assert verdict not in PROVED
    if point not in feasible:
        assert verdict == "refuted"


@settings(max_examples=40, deadline=None)
@given(models(), st.sampled_from(["infeasible", "unbounded"]))
def test_no_other_status_of_a_model_with_choices_is_certified_where_it_is_wrong(model: Model, status: str) -> None:
    is_true = status == "infeasible" and not points(model)
    said = Solution(status=status)  # type: ignore[arg-type]  # both are statuses
    assert is_true or verify(model, said, second_solver=None).solver_verdict not in PROVED


@settings(max_examples=40, deadline=None)
@given(models())
def test_what_is_certified_of_our_own_solves_is_what_enumeration_finds(model: Model) -> None:
    found = solve(model)
    verification = verify(model, found, second_solver=None)
    if verification.solver_verdict != "certified":
        return
    feasible = points(model)
    best = (min if model.objective.sense == "minimize" else max)(feasible.values(), default=None)
    assert (found.status == "infeasible") == (best is None)
    assert best is None or verification.objective == float(best)


def test_a_saddle_is_not_certified_as_a_minimum() -> None:
    free = Column(name="x", lower=-1.0, upper=1.0)
    model = Model(columns=(free, replace(free, name="y")), objective=Objective(quadratic={("x", "y"): 1.0}))
    said = Solution(status="optimal", values=(0.0, 0.0), objective=0.0, bound=0.0, gap=0.0)
    assert verify(model, said, second_solver=None).solver_verdict not in PROVED


def test_a_switched_off_row_is_not_held_against_a_point_and_a_switched_on_one_is() -> None:
    row = Row(name="cap", upper=1.0, coefficients={"x": 1.0}, indicator=Indicator(column="b", value=1))
    goal = Objective(sense="maximize", coefficients={"x": 1.0, "b": 0.5})
    model = Model(columns=(column("b", 1.0), column("x")), rows=(row,), objective=goal)
    off = Solution(status="optimal", values=(0.0, 3.0), objective=3.0, bound=3.0, gap=0.0)
    on = Solution(status="optimal", values=(1.0, 3.0), objective=3.5, bound=3.5, gap=0.0)
    assert verify(model, off, second_solver=None).solver_verdict == "certified"
    assert verify(model, on, second_solver=None).solver_verdict == "refuted"


@pytest.mark.parametrize("values", [(0.0, 1.0, 1.0), (0.0, 1e-5, 3.0)])
def test_a_point_with_two_members_of_a_set_of_one_is_refuted(values: tuple[float, ...]) -> None:
    ordered = SpecialOrderedSet(name="s", type=1, weights={"x": 1.0, "y": 2.0})
    columns = (column("b", 1.0), Column(name="x", upper=3.0), Column(name="y", upper=3.0))
    goal = Objective(sense="maximize", coefficients={"x": 1.0, "y": 1.0})
    model = Model(columns=columns, sets=(ordered,), objective=goal)
    said = Solution(status="optimal", values=values, objective=values[1] + values[2], bound=4.0, gap=0.0)
    assert verify(model, said, second_solver=None).solver_verdict == "refuted"

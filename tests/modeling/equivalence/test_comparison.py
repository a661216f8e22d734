"""`equiv`: never wrong either way, and decisive about typical errors. Oracle: enumeration of small boxes."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import UsageError
from agentopt.modeling.equivalence.comparison import Equivalence, equiv
from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row
from tests.modeling.mutations import MUTATIONS, REWRITINGS

PLAN = Model(
    columns=(
        Column(name="open", upper=1.0, type="integer"),
        Column(name="trucks", upper=20.0, type="integer"),
        Column(name="tons"),
        Column(name="stock", upper=35.5),
    ),
    rows=(
        Row(name="demand", lower=40.5, coefficients={"tons": 1.0, "stock": 1.0}),
        Row(name="load", upper=0.0, coefficients={"tons": 1.0, "trucks": -4.0}),
        Row(name="link", upper=0.0, coefficients={"stock": 1.0, "open": -40.0}),
        Row(name="balance", lower=50.0, upper=50.0, coefficients={"tons": 1.0, "stock": 1.0, "trucks": 0.5}),
    ),
    objective=Objective(coefficients={"trucks": 7.0, "tons": 0.3, "stock": 1.5, "open": 11.0}, constant=2.0),
)


def checked(first: Model, second: Model) -> Equivalence:
    """`equiv`, its witness looked at once more."""
    found = equiv(first, second)
    if found.witness is not None:
        models = {"first": first, "second": second}
        sides = {name: not violations(model, found.witness.point) for name, model in models.items()}
        expected = {"both": {"first", "second"}}.get(found.witness.feasible_in, {found.witness.feasible_in})
        assert {name for name, is_feasible in sides.items() if is_feasible} == expected
    return found


def violations(model: Model, point: object) -> list[object]:
    assert isinstance(point, dict)
    return list(ExactProgram.of(model).violations([point[column.name] for column in model.columns]))


@pytest.mark.parametrize("rewriting", REWRITINGS)
def test_a_rewritten_model_is_equivalent(rewriting: str) -> None:
    for seed in range(2):
        assert equiv(PLAN, REWRITINGS[rewriting](PLAN, random.Random(seed))).verdict == "equivalent"


@pytest.mark.parametrize("kind", MUTATIONS)
def test_an_injected_error_is_shown_by_a_witness_or_by_the_optima(kind: str) -> None:
    mutant = MUTATIONS[kind](PLAN, random.Random(kind))
    assert mutant is not None

    found = checked(PLAN, mutant)

    assert found.verdict in ("different", "equivalent"), found
    assert (found.verdict == "different") or kind in ("missing non-negativity", "misread number"), found


def test_a_witness_names_the_row_it_breaks() -> None:
    loosened = replace(PLAN, rows=PLAN.rows[:1] + PLAN.rows[2:])

    found = checked(loosened, PLAN)

    assert found.witness is not None
    assert (found.witness.feasible_in, found.witness.breaks) == ("first", "row `load`")
    assert "breaks row `load` of the second" in str(found)


def test_another_objective_is_shown_at_a_point_of_both() -> None:
    dearer = replace(PLAN, objective=replace(PLAN.objective, constant=3.0))

    assert checked(PLAN, dearer).verdict == "different"


def test_a_row_that_follows_from_the_others_changes_nothing() -> None:
    implied = Row(name="implied", lower=40.0, coefficients={"tons": 1.0, "open": 40.0})

    found = equiv(PLAN, replace(PLAN, rows=(*PLAN.rows, implied)))

    assert found.verdict == "equivalent"
    assert "follows" in found.reason


def test_a_defined_objective_is_the_same_objective() -> None:
    terms = {**PLAN.objective.coefficients, "total": -1.0}
    named = Model(
        columns=(*PLAN.columns, Column(name="total", lower=float("-inf"))),
        rows=(*PLAN.rows, Row(name="definition", lower=-2.0, upper=-2.0, coefficients=terms)),
        objective=Objective(coefficients={"total": 1.0}),
    )

    assert equiv(PLAN, named).verdict == "equivalent"


def test_roles_may_be_swapped_with_the_names() -> None:
    def model(first: str, second: str) -> Model:
        return Model(
            columns=(Column(name="x"), Column(name="y")),
            rows=(Row(name="r", lower=3.0, coefficients={first: 2.0, second: 1.0}),),
            objective=Objective(coefficients={first: 5.0, second: 4.0}),
        )

    found = equiv(model("x", "y"), model("y", "x"))

    assert (found.verdict, found.mapping) == ("equivalent", {"x": "y", "y": "x"})


def test_a_given_mapping_takes_the_place_of_names() -> None:
    other = REWRITINGS["permuted and renamed"](PLAN, random.Random(1))
    names = equiv(PLAN, other).mapping
    loosened = replace(other, rows=tuple(row for row in other.rows if len(row.coefficients) != 3))

    assert equiv(PLAN, loosened, mapping=names).witness is not None
    with pytest.raises(UsageError, match="one column of the second"):
        equiv(PLAN, other, mapping={"open": "v0"})


def test_one_that_is_infeasible_differs_from_one_that_is_not() -> None:
    never = replace(PLAN, rows=(*PLAN.rows, Row(name="no", upper=-1.0, coefficients={"open": 1.0})))

    assert equiv(PLAN, never).verdict == "different"
    assert equiv(never, replace(never, objective=Objective())).verdict == "equivalent"


def test_products_are_not_overlooked() -> None:
    def disc(radius: float) -> Model:
        return Model(
            columns=(Column(name="x", upper=9.0), Column(name="y", upper=9.0)),
            rows=(Row(name="r", upper=radius, quadratic={("x", "x"): 1.0, ("y", "y"): 1.0}),),
            objective=Objective(coefficients={"x": -1.0}),
        )

    assert equiv(disc(4.0), disc(25.0)).verdict == "undecided"


def test_models_with_indicators_are_compared_through_linear_ones() -> None:
    def switch(most: float) -> Model:
        return Model(
            columns=(Column(name="on", upper=1.0, type="integer"), Column(name="a", upper=4.0)),
            rows=(Row(name="off", upper=most, coefficients={"a": 1.0}, indicator=Indicator(column="on", value=0)),),
            objective=Objective(sense="maximize", coefficients={"on": -5.0, "a": 1.0}),
        )

    assert equiv(switch(1.0), switch(1.0)).verdict == "equivalent"
    assert equiv(switch(1.0), switch(2.0)).verdict == "different"


def test_empty_models_are_equivalent() -> None:
    assert equiv(Model(), Model()).verdict == "equivalent"
    assert equiv(Model(), Model(objective=Objective(constant=1.0))).verdict == "different"


def small_models(names: tuple[str, ...]) -> st.SearchStrategy[Model]:
    number = st.integers(-2, 3).map(float)
    row = st.tuples(st.tuples(number, number), st.sampled_from(["<=", ">=", "="]), number)

    def built(rows: list[tuple[tuple[float, float], str, float]], costs: tuple[float, float]) -> Model:
        return Model(
            columns=tuple(Column(name=name, upper=3.0, type="integer") for name in names),
            rows=tuple(
                Row(
                    name=f"r{i}",
                    lower=float("-inf") if sense == "<=" else right,
                    upper=float("inf") if sense == ">=" else right,
                    coefficients={n: a for n, a in zip(names, terms) if a},
                )
                for i, (terms, sense, right) in enumerate(rows)
            ),
            objective=Objective(coefficients=dict(zip(names, costs))),
        )

    return st.builds(built, st.lists(row, max_size=3), st.tuples(number, number))


def value_table(model: Model) -> dict[tuple[int, ...], Fraction]:
    program = ExactProgram.of(model)
    points = ([Fraction(v) for v in values] for values in itertools.product(range(4), repeat=2))
    return {tuple(int(v) for v in p): program.objective(p) for p in points if not program.violations(p)}


@settings(max_examples=25, deadline=None)
@given(small_models(("x", "y")), small_models(("x", "y")))
def test_the_verdict_is_what_enumeration_says(first: Model, second: Model) -> None:
    one, two = value_table(first), value_table(second)
    mirrored = {(b, a): value for (a, b), value in two.items()}

    found = checked(first, second)

    if found.verdict == "equivalent":
        assert one in (two, mirrored)
    elif found.verdict == "different":
        assert one != two

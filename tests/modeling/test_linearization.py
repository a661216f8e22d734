"""`linearized` against enumeration: the same points are feasible, with the same objective."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.modeling.exact import exact
from agentopt.modeling.linearization import implied_bounds, linearized
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet
from agentopt.modeling.solvers.highs import solve

BINARY = Column(name="z", upper=1.0, type="integer")


def is_feasible(model: Model, point: dict[str, float]) -> bool:
    """The definition, read off the documentation of `Row` and `SpecialOrderedSet`."""
    for row in model.rows:
        total = sum((exact(a) * exact(point[n]) for n, a in row.coefficients.items()), Fraction(0))
        total += sum((exact(a) * exact(point[p]) * exact(point[q]) for (p, q), a in row.quadratic.items()), Fraction(0))
        is_on = row.indicator is None or point[row.indicator.column] == row.indicator.value
        if is_on and not row.lower <= total <= row.upper:
            return False
    for ordered in model.sets:
        places = [place for place, name in enumerate(ordered.members) if point[name] != 0]
        if len(places) > ordered.type or (len(places) == 2 and places[1] - places[0] != 1):
            return False
    return True


def whole_points(model: Model) -> Iterator[dict[str, float]]:
    boxes = [range(math.ceil(column.lower), math.floor(column.upper) + 1) for column in model.columns]
    for values in itertools.product(*boxes):
        yield {column.name: float(value) for column, value in zip(model.columns, values)}


def assert_equivalent(model: Model) -> None:
    """Every whole point of `model` is feasible exactly when its linear model is, with that point fixed."""
    linear = linearized(model)
    assert linear.kept == ()
    assert linear.model.is_linear
    for point in whole_points(model):
        fixed = tuple(
            replace(column, lower=point[column.name], upper=point[column.name]) if column.name in point else column
            for column in linear.model.columns
        )
        solution = solve(replace(linear.model, columns=fixed))
        assert (solution.status == "optimal") == is_feasible(model, point), point
        if solution.values is not None and solution.objective is not None:
            goal = model.objective
            value = sum(a * point[n] for n, a in goal.coefficients.items())
            value += sum(a * point[p] * point[q] for (p, q), a in goal.quadratic.items())
            assert solution.objective == pytest.approx(goal.constant + value)
            assert linear.restored(solution.values) == tuple(point.values())


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("bounds", [(-math.inf, 2.0), (1.0, math.inf), (1.0, 1.0), (-1.0, 2.0), (-9.0, 9.0)])
def test_an_indicator_row_becomes_big_m_rows(value: int, bounds: tuple[float, float]) -> None:
    row = Row(
        name="link",
        lower=bounds[0],
        upper=bounds[1],
        coefficients={"x": 2.0, "y": -1.0},
        indicator=Indicator(column="z", value=value),
    )
    columns = (Column(name="x", lower=-1.0, upper=2.0), Column(name="y", upper=3.0, type="integer"), BINARY)

    assert_equivalent(Model(columns=columns, rows=(row,)))


def test_an_indicator_that_is_in_its_own_row_is_exact() -> None:
    row = Row(name="r", upper=2.0, coefficients={"x": 1.0, "z": 1.5}, indicator=Indicator(column="z"))

    assert_equivalent(Model(columns=(Column(name="x", upper=4.0, type="integer"), BINARY), rows=(row,)))


def test_the_big_m_is_the_least_that_the_bounds_allow() -> None:
    row = Row(name="r", upper=0.1, coefficients={"x": 0.3}, indicator=Indicator(column="z"))
    model = Model(columns=(Column(name="x", upper=7.0), BINARY), rows=(row,))

    assert linearized(model).model.rows == (Row(name="r", upper=2.1, coefficients={"x": 0.3, "z": 2.0}),)


def test_an_indicator_row_without_bounds_is_kept_and_said() -> None:
    row = Row(name="r", upper=1.0, coefficients={"x": 1.0}, indicator=Indicator(column="z"))
    model = Model(columns=(Column(name="x"), BINARY), rows=(row,))

    linear = linearized(model)

    assert linear.model == model
    assert linear.kept == ("row r: no finite bound on its activity, so no big-M for its upper side",)


def test_bounds_that_a_row_implies_give_the_big_m() -> None:
    row = Row(name="r", upper=1.0, coefficients={"x": 1.0}, indicator=Indicator(column="z"))
    implying = Row(name="s", upper=5.0, coefficients={"x": 2.0, "z": 1.0})

    model = Model(columns=(Column(name="x"), BINARY), rows=(row, implying))

    assert linearized(model).model.rows[0] == Row(name="r", upper=2.5, coefficients={"x": 1.0, "z": 1.5})


def test_implied_bounds_are_those_of_each_row_in_turn() -> None:
    rows = (
        Row(name="a", lower=1.0, upper=1.0, coefficients={"x": 1.0, "y": -2.0}),
        Row(name="b", upper=3.0, coefficients={"y": 1.0}),
        Row(name="c", lower=0.0, coefficients={"free": 1.0, "x": 1.0, "y": 1.0}),
    )
    columns = (Column(name="x"), Column(name="y", lower=-math.inf), Column(name="free", lower=-math.inf))

    found = implied_bounds(Model(columns=columns, rows=rows))

    assert found == {"x": (0, 7), "y": (Fraction(-1, 2), 3), "free": (-10, None)}


@pytest.mark.parametrize("kind", [1, 2])
def test_an_ordered_set_becomes_a_choice(kind: int) -> None:
    columns = tuple(Column(name=name, lower=low, upper=2.0) for name, low in (("c", -1.0), ("a", 0.0), ("b", 0.0)))
    ordered = SpecialOrderedSet(name="s", type=kind, weights={"c": 3.0, "a": 1.0, "b": 2.0})  # type: ignore[arg-type]

    assert_equivalent(Model(columns=(*columns, replace(BINARY, name="s.1")), sets=(ordered,)))


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_set_that_says_nothing_leaves_nothing(size: int) -> None:
    columns = tuple(Column(name=f"x{j}") for j in range(2))
    ordered = SpecialOrderedSet(name="s", type=2, weights={f"x{j}": float(j) for j in range(size)})

    linear = linearized(Model(columns=columns, sets=(ordered,)))

    assert linear.model == Model(columns=columns)


def test_products_with_a_binary_column_become_columns() -> None:
    columns = (Column(name="x", lower=-2.0, upper=2.0), BINARY, replace(BINARY, name="w"))
    row = Row(name="r", upper=1.0, coefficients={"z": 1.0}, quadratic={("x", "z"): 1.0, ("w", "w"): 1.0})
    objective = Objective(sense="maximize", quadratic={("z", "w"): 3.0, ("z", "x"): -1.0}, constant=2.0)

    assert_equivalent(Model(columns=columns, rows=(row,), objective=objective))


def test_a_product_of_continuous_columns_is_kept_and_said() -> None:
    columns = (Column(name="x", upper=2.0), Column(name="y", upper=2.0))
    model = Model(columns=columns, objective=Objective(quadratic={("x", "y"): 1.0}))

    linear = linearized(model)

    assert linear.model == model
    assert "such as x*y" in linear.kept[0]


def test_a_linear_model_is_left_as_it_is() -> None:
    model = Model(columns=(Column(name="x"),), rows=(Row(name="r", lower=1.0, coefficients={"x": 1.0}),))

    assert linearized(model).model == model
    assert linearized(model).changes == ()


_BOX = st.tuples(st.integers(-2, 0), st.integers(0, 2))


@given(
    boxes=st.lists(_BOX, min_size=3, max_size=3),
    terms=st.lists(st.sampled_from([-1.5, -1.0, 0.1, 2.0]), min_size=3, max_size=3),
    upper=st.sampled_from([-1.0, 0.3, 1.0]),
    value=st.sampled_from([0, 1]),
    kind=st.sampled_from([1, 2]),
)
@settings(max_examples=12, derandomize=True, deadline=None)
def test_any_small_model_keeps_its_points(
    boxes: list[tuple[int, int]], terms: list[float], upper: float, value: int, kind: int
) -> None:
    columns = tuple(Column(name=f"x{j}", lower=low, upper=up) for j, (low, up) in enumerate(boxes))
    names = [column.name for column in columns]
    row = Row(name="r", upper=upper, coefficients=dict(zip(names, terms)), indicator=Indicator(column="z", value=value))
    ordered = SpecialOrderedSet(name="s", type=kind, weights=dict(zip(names, (1.0, 2.0, 3.0))))  # type: ignore[arg-type]
    objective = Objective(quadratic={("x0", "z"): terms[0]}, coefficients={"x1": 1.0})

    assert_equivalent(Model(columns=(*columns, BINARY), rows=(row,), sets=(ordered,), objective=objective))

"""Rational arithmetic on models: each statement has a hand-made or enumerated oracle."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.modeling.exact import ExactProgram, Sparse, exact, shown, solve_exactly
from agentopt.modeling.model import Column, Model, Objective, Row

F = Fraction
PROGRAM = ExactProgram.of(
    Model(
        columns=(Column(name="x", type="integer"), Column(name="y", upper=0.3)),
        rows=(Row(name="r", lower=0.1, upper=0.3, coefficients={"x": 0.1, "y": 0.2}),),
        objective=Objective(sense="maximize", coefficients={"x": 1.0, "y": 3.0}, constant=0.5),
    )
)


def test_a_float_stands_for_its_decimal() -> None:
    assert exact(0.1) + exact(0.2) == exact(0.3)
    assert exact(1e-07) == F(1, 10**7)


def test_the_objective_is_in_its_own_sense() -> None:
    assert PROGRAM.objective([F(2), F(1, 10)]) == F(28, 10)


def test_a_point_on_the_boundary_breaks_nothing() -> None:
    assert PROGRAM.violations([F(3), F(0)]) == []
    assert PROGRAM.violations([F(1), F(0)]) == []


def test_everything_broken_is_found_worst_first() -> None:
    broken = PROGRAM.violations([F(7, 2), F(1)])

    assert [(v.what, v.amount) for v in broken] == [
        ("bounds of column `y`", F(7, 10)),
        ("integrality of column `x`", F(1, 2)),
        ("row `r`", F(1, 4)),
    ]


def test_semicontinuous_columns_are_zero_or_within_bounds() -> None:
    program = ExactProgram.of(Model(columns=(Column(name="x", lower=2.0, upper=5.0, type="semicontinuous"),)))

    assert program.violations([F(0)]) == []
    assert program.violations([F(2)]) == []
    assert program.violations([F(1, 2)])[0].amount == F(1, 2)
    assert (program.lower, program.upper) == ([F(0)], [F(5)])


def test_the_dual_bound_is_weak_duality() -> None:
    assert PROGRAM.dual_bound([F(-15)]) == F(-45, 10)  # min -x - 3y >= -15 * 0.3, reached at x = 3
    assert PROGRAM.dual_bound([F(-10)]) == F(-33, 10)
    assert PROGRAM.dual_bound([F(-1)]) is None  # x has no upper bound


def test_no_bound_follows_from_a_row_without_that_side() -> None:
    program = ExactProgram.of(Model(columns=(Column(name="x"),), rows=(Row(name="r", upper=1.0),)))

    assert program.dual_bound([F(1)]) is None
    assert program.dual_bound([F(-1)]) == F(-1)


@pytest.mark.parametrize(("ray", "answer"), [((1, 0), False), ((2, 1), True), ((0, 1), False), ((-1, 0), False)])
def test_rays_are_checked_against_rows_bounds_and_objective(ray: tuple[int, int], answer: bool) -> None:
    program = ExactProgram.of(
        Model(
            columns=(Column(name="x"), Column(name="y")),
            rows=(Row(name="r", upper=1.0, coefficients={"x": 1.0, "y": -2.0}),),
            objective=Objective(coefficients={"x": -1.0, "y": 0.5}),
        )
    )

    assert program.is_improving_ray([F(step) for step in ray]) is answer


def test_a_row_with_a_lower_bound_stops_a_ray_downwards() -> None:
    columns = (Column(name="x"),)
    objective = Objective(sense="maximize", coefficients={"x": 1.0})
    falling = Row(name="r", lower=-5.0, coefficients={"x": -1.0})
    rising = Row(name="r", lower=-5.0, coefficients={"x": 1.0})

    for row, answer in ((falling, False), (rising, True)):
        program = ExactProgram.of(Model(columns=columns, rows=(row,), objective=objective))
        assert program.is_improving_ray([F(1)]) is answer


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(st.integers(-3, 3), min_size=n + 1, max_size=n + 1),
                                                    min_size=n, max_size=n)))  # fmt: skip
@settings(max_examples=150, derandomize=True, deadline=None)
def test_solving_exactly_solves_exactly(system: list[list[int]]) -> None:
    size = len(system)
    rows: list[Sparse] = [{j: F(a) for j, a in enumerate(row[:size]) if a} for row in system]

    x = solve_exactly(rows, [F(row[size]) for row in system])

    determinant = round(float(np.linalg.det(np.array([row[:size] for row in system]))))
    assert (x is None) == (determinant == 0)
    if x is not None:
        assert all(sum(a * x[j] for j, a in row.items()) == right[size] for row, right in zip(rows, system))


def test_too_much_work_is_given_up() -> None:
    rows = [{j: F(1, 1 + i + j) for j in range(12)} for i in range(12)]

    assert solve_exactly(rows, [F(1)] * 12, work=50) is None
    assert solve_exactly(rows, [F(1)] * 12) is not None


def test_numbers_are_shown_exactly_where_short() -> None:
    assert [shown(F(7)), shown(F(1, 4)), shown(F(1, 3))] == ["7", "0.25", "1/3"]
    assert shown(F(10**9 + 1, 3 * 10**8 + 7)).startswith("~3.33333")
    assert math.isclose(float(shown(F(10**15, 7 * 10**7 + 1))[1:]), 10**15 / (7 * 10**7 + 1))


@pytest.mark.parametrize("long", [1, 3**200])
def test_whole_numbers_are_divided_without_rounding(long: int) -> None:
    rows = [{0: Fraction(3), 1: Fraction(1)}, {1: Fraction(7)}]
    right = [Fraction(1), Fraction(2, long)]
    y = right[1] / 7
    assert solve_exactly(rows, right) == [(1 - y) / 3, y]

"""What is proved about products, indicators and ordered sets; and that what is not is never called proved."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.modeling import explain, solve, verify
from agentopt.modeling.convexity import is_convex
from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet
from agentopt.modeling.nonlinear import tangent_bound
from agentopt.modeling.solvers.base import Solution

BOWL = Model(  # (x - 1)² + (y - 2)² on x + y <= 2: the optimum 0.5 is at (0.5, 1.5)
    columns=(Column(name="x"), Column(name="y")),
    rows=(Row(name="r", upper=2.0, coefficients={"x": 1.0, "y": 1.0}),),
    objective=Objective(
        coefficients={"x": -2.0, "y": -4.0}, constant=5.0, quadratic={("x", "x"): 1.0, ("y", "y"): 1.0}
    ),
)
DISC = Model(
    columns=(Column(name="x", lower=-math.inf), Column(name="y", lower=-math.inf)),
    rows=(Row(name="disc", upper=25.0, quadratic={("x", "x"): 1.0, ("y", "y"): 1.0}),),
    objective=Objective(sense="maximize", coefficients={"x": 3.0, "y": 4.0}),
)
SWITCH = Model(
    columns=(Column(name="on", upper=1.0, type="integer"), Column(name="a", upper=4.0), Column(name="b", upper=4.0)),
    rows=(Row(name="off", upper=1.0, coefficients={"a": 1.0}, indicator=Indicator(column="on", value=0)),),
    sets=(SpecialOrderedSet(name="one", type=1, weights={"a": 1.0, "b": 2.0}),),
    objective=Objective(sense="maximize", coefficients={"on": -2.5, "a": 2.0, "b": 1.0}),
)


def verdicts(model: Model, solution: Solution) -> dict[str, str]:
    return {check.name: check.verdict for check in verify(model, solution, second_solver=None).checks}


def test_a_convex_optimum_is_proved_by_a_tangent_plane() -> None:
    verification = verify(BOWL, solve(BOWL), second_solver=None)

    assert verification.objective == pytest.approx(0.5, abs=1e-6)
    assert verification.solver_verdict in ("certified", "checked")


def test_a_point_that_is_not_optimal_is_not_proved() -> None:
    worse = Solution(status="optimal", objective=1.0, values=(1.0, 1.0))

    assert verdicts(BOWL, worse)["optimality"] == "not checked"


def test_the_tangent_bound_is_below_every_feasible_value() -> None:
    program = ExactProgram.of(BOWL)
    for at in ((0, 0), (3, 1), (Fraction(1, 2), Fraction(3, 2))):
        bound = tangent_bound(program, [Fraction(value) for value in at])
        assert bound is not None
        assert program.own_sense(bound) <= Fraction(1, 2)


def test_rows_with_products_are_evaluated_exactly() -> None:
    inside = Solution(status="optimal", objective=25.0, values=(3.0, 4.0))
    outside = Solution(status="optimal", objective=25.07, values=(3.01, 4.01))

    assert verdicts(DISC, inside) == {
        "feasibility": "proved", "objective": "proved", "optimality": "not checked",
        "bound and gap": "not checked", "second solver": "not checked",
    }  # fmt: skip
    assert verdicts(DISC, outside)["feasibility"] == "refuted"
    broken = verify(DISC, outside, second_solver=None).checks[0]
    assert "row `disc` is broken by 0.1402" in broken.detail


def test_choices_are_proved_on_an_equivalent_linear_model() -> None:
    verification = verify(SWITCH, solve(SWITCH), second_solver=None)

    assert (verification.objective, verification.solver_verdict) == (5.5, "certified")


def test_a_broken_indicator_and_a_broken_set_are_named() -> None:
    switch = verify(SWITCH, Solution(status="optimal", objective=8.0, values=(0.0, 4.0, 0.0)), second_solver=None)
    crowded = verify(SWITCH, Solution(status="optimal", objective=3.0, values=(0.0, 1.0, 1.0)), second_solver=None)

    assert "row `off` is broken by 3" in switch.checks[0].detail
    assert "set `one` is broken by 1" in crowded.checks[0].detail


def test_an_infeasible_switch_is_proved() -> None:
    model = replace(SWITCH, rows=(*SWITCH.rows, Row(name="both", lower=9.0, coefficients={"a": 1.0, "b": 1.0})))

    assert verify(model, solve(model), second_solver=None).solver_verdict == "certified"


def test_an_infeasible_switch_is_explained_in_its_own_names() -> None:
    rows = (
        Row(name="must", lower=3.0, coefficients={"a": 1.0}),
        Row(name="shut", upper=0.0, coefficients={"on": 1.0}),
    )
    model = replace(SWITCH, rows=(*SWITCH.rows, *rows))

    explanation = explain(model, solve(model))

    assert explanation.rows == ("off", "must", "shut")
    assert "upper bound from 1 to 3" in explanation.text


def test_a_local_optimum_is_said_to_be_one() -> None:
    verification = verify(DISC, Solution(status="feasible", objective=25.0, values=(3.0, 4.0), is_local=True))

    assert "the search was a local one" in str(verification)
    assert verification.solver_verdict == "unproven"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=6, max_size=6))
def test_convexity_is_what_the_eigenvalues_say(entries: list[int]) -> None:
    a, b, c, d, e, f = entries
    matrix = np.array([[2 * a, d, e], [d, 2 * b, f], [e, f, 2 * c]], dtype=float)
    pairs = {(0, 0): a, (1, 1): b, (2, 2): c, (0, 1): d, (0, 2): e, (1, 2): f}
    least = float(np.linalg.eigvalsh(matrix).min())

    found = is_convex({pair: Fraction(value) for pair, value in pairs.items()})

    assert found == (least > -1e-9)

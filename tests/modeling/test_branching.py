"""Branching proofs against complete enumeration of small integer programs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.modeling.branching import contradiction, prove
from agentopt.modeling.exact import ExactProgram
from agentopt.modeling.model import Column, Model, Objective, Row

_BOX = 3
_ENTRY = st.integers(-4, 4).map(float)


@st.composite
def integer_models(draw: st.DrawFn) -> Model:
    """One to three integer columns in 0..3, up to three rows with one or two sides."""
    names = [f"x{j}" for j in range(draw(st.integers(1, 3)))]
    rows = []
    for i in range(draw(st.integers(0, 3))):
        lower, upper = sorted((draw(st.integers(-6, 8)), draw(st.integers(-6, 8))))
        coefficients = {name: draw(_ENTRY) for name in names}
        rows.append(Row(name=f"r{i}", lower=float(lower), upper=float(upper), coefficients=coefficients))
    columns = tuple(Column(name=name, upper=float(_BOX), type="integer") for name in names)
    objective = Objective(coefficients={name: draw(_ENTRY) for name in names})
    return Model(columns=columns, rows=tuple(rows), objective=objective)


def costs_of_all_points(program: ExactProgram) -> Sequence[Fraction]:
    points = itertools.product(range(_BOX + 1), repeat=len(program.lower))
    exact_points = [[Fraction(value) for value in point] for point in points]
    return [program.objective(x) for x in exact_points if not program.violations(x)]


@given(integer_models())
@settings(max_examples=120, derandomize=True, deadline=None)
def test_proofs_agree_with_enumeration(model: Model) -> None:
    program = ExactProgram.of(model)
    costs = costs_of_all_points(program)

    exists = prove(program, None)
    if not costs:
        assert exists.outcome == "proved"
        return
    assert exists.outcome == "refuted"
    assert exists.point is not None
    assert not program.violations(exists.point)
    assert prove(program, min(costs)).outcome == "proved"
    above = prove(program, min(costs) + Fraction(1, 3))
    assert above.outcome == "refuted"
    assert above.point is not None
    assert program.objective(above.point) == min(costs)


def test_a_tree_that_grows_too_large_is_given_up() -> None:
    # 2 (x0 + ... + x9) + 10 y = 11 has no whole solution, which only the divisor shows
    names = [f"x{j}" for j in range(10)]
    columns = tuple(Column(name=name, upper=1.0, type="integer") for name in names)
    row = Row(name="r", lower=9.5, upper=10.5, coefficients={**dict.fromkeys(names, 2.0), "y": 1.0})
    slack = Column(name="y", lower=1.0, upper=1.0)

    proof = prove(ExactProgram.of(Model(columns=(*columns, slack), rows=(row,))), None, max_nodes=20)

    assert (proof.outcome, proof.nodes) == ("open", 20)
    assert "20 nodes" in proof.reason


def test_semicontinuous_columns_are_left_open() -> None:
    model = Model(columns=(Column(name="x", lower=1.0, upper=2.0, type="semicontinuous"),))

    assert prove(ExactProgram.of(model), None).outcome == "open"


@pytest.mark.parametrize(
    ("model", "word"),
    [
        (Model(columns=(Column(name="x", lower=2.0, upper=1.0),)), "column `x`"),
        (Model(columns=(Column(name="x", lower=0.2, upper=0.9, type="integer"),)), "no whole number"),
        (Model(rows=(Row(name="r", lower=2.0, upper=1.0),)), "row `r` has a lower bound"),
        (
            Model(
                columns=(
                    Column(name="x", lower=-math.inf, type="integer"),
                    Column(name="y", lower=-math.inf, type="integer"),
                ),
                rows=(Row(name="r", lower=0.1, upper=0.1, coefficients={"x": 0.2, "y": -0.4}),),
            ),
            "multiples of 1/5",
        ),
    ],
)
def test_single_rows_and_columns_that_hold_for_no_point(model: Model, word: str) -> None:
    assert word in (contradiction(ExactProgram.of(model)) or "")


def test_a_continuous_column_makes_every_value_reachable() -> None:
    columns = (Column(name="x", type="integer"), Column(name="y"))
    row = Row(name="r", lower=1.0, upper=1.0, coefficients={"x": 2.0, "y": 2.0})

    assert contradiction(ExactProgram.of(Model(columns=columns, rows=(row,)))) is None

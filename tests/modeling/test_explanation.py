"""Explanations: the conflict, the smallest change and the ray, against brute force and closed forms."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from typing import Any

import pytest

from agentopt.modeling.conflict import find_conflict
from agentopt.modeling.explanation import explain
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve

SHORT = Model(  # 120 are asked for, at most 40 + 50 can be had
    columns=(Column(name="x"), Column(name="y", upper=50.0), Column(name="z")),
    rows=(
        Row(name="other", upper=500.0, coefficients={"x": 1.0, "z": 1.0}),
        Row(name="demand", lower=120.0, coefficients={"x": 1.0, "y": 1.0}),
        Row(name="cap", upper=40.0, coefficients={"x": 1.0}),
    ),
    objective=Objective(sense="maximize", coefficients={"x": 1.0}),
)


def test_infeasible_is_explained_in_the_models_names() -> None:
    explanation = explain(SHORT, solve(SHORT))

    assert str(explanation) == (
        "The model is infeasible: these 3 constraints cannot hold together:\n"
        "  demand: x + y >= 120\n"
        "  cap: x <= 40\n"
        "  bound y <= 50\n"
        "Without any one of them, the others can hold together.\n"
        "The smallest change that makes the model feasible, each row counted in its own unit:\n"
        "  row `demand`: lower bound from 120 to 90 (by 30)\n"
        "Each of these changes alone makes it feasible too:\n"
        "  row `demand`: lower bound from 120 to 90 (by 30)\n"
        "  row `cap`: upper bound from 40 to 70 (by 30)"
    )
    assert (explanation.rows, explanation.columns) == (("demand", "cap"), ("y",))
    assert explanation.changes == {"demand": pytest.approx(-30.0)}


def test_whole_values_can_be_the_conflict() -> None:
    model = Model(
        columns=(Column(name="x", type="integer", upper=9.0), Column(name="y", type="integer", upper=9.0)),
        rows=(
            Row(name="sum", lower=3.0, upper=3.0, coefficients={"x": 1.0, "y": 1.0}),
            Row(name="equal", lower=0.0, upper=0.0, coefficients={"x": 1.0, "y": -1.0}),
            Row(name="idle", upper=100.0, coefficients={"x": 1.0}),
        ),
    )

    explanation = explain(model, solve(model))

    assert explanation.rows == ("sum", "equal")
    assert "only because columns must take whole values" in explanation.text
    assert sum(map(abs, explanation.changes.values())) == pytest.approx(1.0)


def test_a_single_row_can_be_the_conflict() -> None:
    model = Model(
        columns=(Column(name="x", type="integer"),),
        rows=(Row(name="odd", lower=1.0, upper=1.0, coefficients={"x": 2.0}),),
    )

    explanation = explain(model, solve(model))

    assert "this constraint cannot hold:\n  odd: 2 x = 1" in explanation.text
    assert "row `odd`: from 1 to 0 (by 1)" in explanation.text


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (Model(columns=(Column(name="x", lower=3.0, upper=1.0),)), "column `x`"),
        (Model(rows=(Row(name="r", lower=3.0, upper=1.0),)), "row `r`"),
        (Model(rows=(Row(name="r", lower=3.0),)), "row `r`: lower bound from 3 to 0 (by 3)"),
    ],
    ids=["crossed column", "crossed row", "empty row"],
)
def test_bounds_that_cross_are_explained(model: Model, line: str) -> None:
    explanation = explain(model, solve(model))

    assert line in explanation.text
    assert "whole values" not in explanation.text


def subset(model: Model, rows: Any) -> Model:
    return replace(model, rows=tuple(model.rows[i] for i in rows))


@pytest.mark.parametrize("kind", ["continuous", "integer"])
@pytest.mark.parametrize("seed", range(12))
def test_conflicts_are_conflicts_and_irreducible(seed: int, kind: Any) -> None:
    rng = random.Random(seed)
    names = ["x", "y", "z"]
    rows = tuple(
        Row(name=f"r{i}", upper=float(rng.randint(-4, 6)), coefficients={n: float(rng.randint(-3, 3)) for n in names})
        for i in range(12)
    )
    model = Model(columns=tuple(Column(name=n, lower=-9.0, upper=9.0, type=kind) for n in names), rows=rows)
    if solve(model).status != "infeasible":
        model = replace(model, rows=(*rows, Row(name="far", lower=70.0, coefficients=dict.fromkeys(names, 1.0))))

    conflict = find_conflict(model, solve(model))

    assert conflict.is_irreducible
    rows_in = [member.index for member in conflict.members if member.kind == "row"]
    assert solve(subset(model, rows_in)).status == "infeasible"
    for dropped in rows_in:
        bounds = {member.kind: member.index for member in conflict.members if member.kind != "row"}
        part = subset(model, [i for i in rows_in if i != dropped])
        columns = tuple(
            replace(
                column,
                lower=column.lower if ("lower", j) in bounds.items() else -math.inf,
                upper=column.upper if ("upper", j) in bounds.items() else math.inf,
            )
            for j, column in enumerate(part.columns)
        )
        if len(bounds) == len([m for m in conflict.members if m.kind != "row"]):
            assert solve(replace(part, columns=columns)).status == "optimal"


def test_the_smallest_change_is_smallest() -> None:
    model = replace(SHORT, columns=tuple(replace(column, type="integer") for column in SHORT.columns))
    small = replace(model, rows=(replace(model.rows[1], lower=12.0), replace(model.rows[2], upper=4.0)),
                    columns=(model.columns[0], replace(model.columns[1], upper=5.0)))  # fmt: skip

    changes = explain(small, solve(small)).changes

    least = min(max(0, 12 - x - y) + max(0, x - 4) for x, y in itertools.product(range(20), range(6)))
    assert sum(map(abs, changes.values())) == pytest.approx(least)


def test_unbounded_is_explained_by_a_ray_in_names() -> None:
    model = Model(
        columns=(Column(name="make"), Column(name="sell"), Column(name="idle", upper=3.0)),
        rows=(
            Row(name="balance", upper=0.0, coefficients={"sell": 3.0, "make": -2.0}),
            Row(name="least", lower=1.0, coefficients={"sell": 1.0}),
            Row(name="apart", upper=1.0, coefficients={"idle": 1.0}),
        ),
        objective=Objective(sense="maximize", coefficients={"sell": 5.0, "make": -1.0, "idle": 1.0}),
    )

    explanation = explain(model, solve(model))

    assert str(explanation) == (
        "The model is unbounded: the objective (maximize) improves forever along make +3, sell +2.\n"
        "Each such step changes it by 7, and no row or bound stops it.\n"
        "Rows with these columns:\n"
        "  balance: 3 sell - 2 make <= 0 (its left side does not change)\n"
        "  least: sell >= 1 (its left side rises without a bound on that side)"
    )
    assert explanation.ray == {"make": 3.0, "sell": 2.0}


def test_a_column_in_no_row_is_said_to_be_so() -> None:
    model = Model(columns=(Column(name="gain"),), objective=Objective(sense="maximize", coefficients={"gain": 1.0}))

    assert "No row contains these columns." in explain(model, solve(model)).text


def test_an_optimum_is_summed_up() -> None:
    model = replace(SHORT, rows=(SHORT.rows[0], SHORT.rows[2]))

    text = explain(model, solve(model)).text

    assert text == "Status optimal, objective 40.\nColumns that are not 0: x = 40.\nRows at a bound: cap."


def test_a_stop_without_a_point_is_said_to_be_so() -> None:
    assert "without a point: time_limit" in explain(SHORT, Solution(status="time_limit")).text


def test_long_explanations_are_cut_and_say_so() -> None:
    names = [f"x{j}" for j in range(40)]
    row = Row(name="all", lower=100.0, coefficients=dict.fromkeys(names, 1.0))
    model = Model(columns=tuple(Column(name=name, upper=1.0) for name in names), rows=(row,))

    assert "... (29 more)" in explain(model, solve(model)).text

"""Relations between optima: they hold for a right solver, and a wrong one is found out by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentopt.modeling.checks import Check
from agentopt.modeling.metamorphic import check_relations, dual, relatives
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve

LINEAR = Model(
    columns=(Column(name="x"), Column(name="y", upper=3.0)),
    rows=(
        Row(name="a", lower=2.0, coefficients={"x": 1.0, "y": 1.0}),
        Row(name="b", lower=-1.0, upper=4.0, coefficients={"x": 1.0, "y": -1.0}),
        Row(name="c", lower=7.0, upper=7.0, coefficients={"x": 2.0, "y": 3.0}),
    ),
    objective=Objective(coefficients={"x": 3.0, "y": 5.0}, constant=1.0),
)
WHOLE = replace(LINEAR, columns=tuple(replace(column, type="integer") for column in LINEAR.columns))
INFEASIBLE = replace(LINEAR, rows=(*LINEAR.rows, Row(name="d", upper=1.0, coefficients={"x": 1.0, "y": 1.0})))
UNBOUNDED = Model(columns=(Column(name="x"),), objective=Objective(sense="maximize", coefficients={"x": 1.0}))


@pytest.mark.parametrize(
    "model", [LINEAR, WHOLE, INFEASIBLE, UNBOUNDED, Model()], ids=["linear", "whole", "inf", "unb", "empty"]
)
def test_every_relation_holds(model: Model) -> None:
    checks = check_relations(model, solve(model))

    assert {check.verdict for check in checks} == {"proved"}, "\n".join(check.detail for check in checks)
    assert len({check.name for check in checks}) == len(checks)


def test_an_optimum_has_more_relations_than_a_status() -> None:
    assert len(list(relatives(LINEAR, solve(LINEAR)))) > len(list(relatives(INFEASIBLE, solve(INFEASIBLE))))


def test_a_wrong_optimum_is_found_out() -> None:
    right = solve(LINEAR)
    assert right.objective is not None
    wrong = replace(right, objective=right.objective + 1.0)

    refuted = {check.name for check in check_relations(LINEAR, wrong) if check.verdict == "refuted"}

    assert {"relation: dual", "relation: rows permuted", "relation: better than the optimum"} <= refuted


def test_a_solver_that_drops_the_last_row_is_found_out() -> None:
    def careless(model: Model, *, time_limit_s: float = 60.0, **options: float) -> Solution:
        return solve(replace(model, rows=model.rows[:-1]))

    checks = check_relations(WHOLE, careless(WHOLE), careless)

    assert any(check.verdict == "refuted" for check in checks)


def test_a_solve_that_did_not_finish_is_not_checked() -> None:
    checks = check_relations(LINEAR, Solution(status="time_limit"))

    assert [check.verdict for check in checks] == ["not checked"]

    def tired(model: Model, **options: float) -> Solution:
        return Solution(status="time_limit")

    unfinished: list[Check] = check_relations(LINEAR, solve(LINEAR), tired)
    assert {check.verdict for check in unfinished} == {"not checked"}


def test_the_dual_of_a_maximum_is_a_minimum_with_the_same_value() -> None:
    model = Model(
        columns=(Column(name="x"), Column(name="y", lower=-1.0, upper=2.0)),
        rows=(Row(name="r", upper=4.0, coefficients={"x": 1.0, "y": 1.0}),),
        objective=Objective(sense="maximize", coefficients={"x": 3.0, "y": 1.0}),
    )

    assert dual(model).objective.sense == "minimize"
    assert solve(dual(model)).objective == solve(model).objective == 14.0

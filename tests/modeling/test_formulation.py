"""Looks at a formulation: each finds what it is for, and is quiet about a model without it."""

from __future__ import annotations

from dataclasses import replace

from agentopt.modeling.formulation import audit, audit_big_m, audit_columns, audit_integrality, audit_rows
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet
from agentopt.modeling.solvers.highs import solve

PLAN = Model(
    columns=(Column(name="made", upper=400.0), Column(name="open", upper=1.0, type="integer")),
    rows=(
        Row(name="demand", lower=30.0, coefficients={"made": 1.0}),
        Row(name="link", upper=0.0, coefficients={"made": 1.0, "open": -400.0}),
    ),
    objective=Objective(coefficients={"made": 2.0, "open": 70.0}),
)


def with_row(row: Row) -> Model:
    return replace(PLAN, rows=(*PLAN.rows, row))


def test_a_sound_model_gets_no_warning() -> None:
    assert [one.result for one in audit(PLAN, solve(PLAN))] == ["fine"] * 4


def test_columns_that_nothing_ties_are_named() -> None:
    extra = (Column(name="idle"), Column(name="bonus", upper=3.0))
    objective = replace(PLAN.objective, coefficients={**PLAN.objective.coefficients, "bonus": -1.0})

    found = audit_columns(replace(PLAN, columns=(*PLAN.columns, *extra), objective=objective))

    assert (found.result, found.names) == ("warning", ("idle", "bonus"))


def test_a_column_of_an_indicator_or_a_set_is_not_idle() -> None:
    model = Model(
        columns=(Column(name="z", upper=1.0, type="integer"), Column(name="x"), Column(name="y")),
        rows=(Row(name="r", upper=1.0, coefficients={"x": 1.0}, indicator=Indicator(column="z")),),
        sets=(SpecialOrderedSet(name="s", type=1, weights={"x": 1.0, "y": 2.0}),),
    )

    assert audit_columns(model).result == "fine"


def test_a_row_that_can_never_bind_is_told_with_its_reach() -> None:
    found = audit_rows(with_row(Row(name="idle", upper=500.0, coefficients={"made": 1.0, "open": 10.0})))

    assert found.result == "fine"
    assert "row `idle` can never bind: its sum lies between 0 and 410" in found.detail


def test_a_repeated_row_is_named_with_the_other() -> None:
    found = audit_rows(with_row(replace(PLAN.rows[0], name="again")))

    assert "row `again` repeats row `demand`" in found.detail


def test_an_unbounded_sum_that_cannot_bind_is_told_without_an_end() -> None:
    free = replace(PLAN, columns=(Column(name="made"), PLAN.columns[1]))

    assert (
        "at least 0"
        in audit_rows(replace(free, rows=(*free.rows, Row(name="idle", lower=-1.0, coefficients={"made": 1.0})))).detail
    )


def test_a_huge_coefficient_of_a_binary_column_is_named() -> None:
    found = audit_big_m(with_row(Row(name="m", upper=0.0, coefficients={"made": 1.0, "open": -1e9})), solve(PLAN))

    assert found.names == ("m",)


def test_a_big_m_that_binds_is_named() -> None:
    model = replace(PLAN, objective=replace(PLAN.objective, sense="maximize"))
    model = replace(model, rows=(Row(name="m", upper=0.0, coefficients={"made": 1.0, "open": -100.0}),))

    found = audit_big_m(model, solve(model))

    assert "it binds at the optimum" in found.detail


def test_whole_numbers_that_would_change_a_continuous_optimum_are_a_warning() -> None:
    model = Model(
        columns=(Column(name="buses"),),
        rows=(Row(name="seats", lower=400.0, coefficients={"buses": 60.0}),),
        objective=Objective(coefficients={"buses": 1.0}),
    )

    found = audit_integrality(model, solve(model))

    assert found.result == "warning"
    assert found.numbers["all integer"] == 7.0
    even = replace(model, rows=(replace(model.rows[0], lower=420.0),))
    assert audit_integrality(even, solve(even)).result == "fine"


def test_without_an_optimum_integrality_is_not_checked() -> None:
    model = with_row(Row(name="no", lower=500.0, coefficients={"made": 1.0}))

    assert audit_integrality(model, solve(model)).result == "not checked"

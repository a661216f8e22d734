"""Changed data: what a model does not use, and what it answers the wrong way round."""

from __future__ import annotations

from typing import Any

import pytest

from agentopt.errors import RunError, UsageError
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.sensitivity import check_role, family, leaves, unused_data

DATA: dict[str, Any] = {
    "supply": [20, 30],
    "demand": [15, 25.5],
    "cost": {"a": 2.0, "ü": 3.5},
    "name": "x",
    "flag": True,
}


def build(data: Any) -> Model:
    costs = [data["cost"]["a"], data["cost"]["ü"]]
    return Model(
        columns=tuple(Column(name=f"x{i}{j}") for i in (0, 1) for j in (0, 1)),
        rows=tuple(
            [
                Row(name=f"s{i}", upper=float(data["supply"][i]), coefficients={f"x{i}0": 1.0, f"x{i}1": 1.0})
                for i in (0, 1)
            ]
            + [
                Row(name=f"d{j}", lower=float(data["demand"][j]), coefficients={f"x0{j}": 1.0, f"x1{j}": 1.0})
                for j in (0, 1)
            ]
        ),
        objective=Objective(coefficients={f"x{i}{j}": costs[i] + j for i in (0, 1) for j in (0, 1)}),
    )


def without_demand_of_the_second(data: Any) -> Model:
    return build({**data, "demand": [data["demand"][0], 1]})


def test_leaves_are_numbers_only() -> None:
    paths = set(leaves(DATA))

    assert ("cost", "ü") in paths
    assert len(paths) == 6
    assert list(leaves({})) == []
    assert family(("demand", 3, "tons")) == "demand[*].tons"


def test_every_number_that_is_used_is_quiet() -> None:
    assert unused_data(build, DATA).result == "fine"


def test_a_number_that_no_coefficient_depends_on_is_named() -> None:
    found = unused_data(without_demand_of_the_second, DATA)

    assert (found.result, found.names) == ("warning", ("demand[1]",))


def test_with_few_builds_a_family_is_changed_together() -> None:
    assert unused_data(without_demand_of_the_second, DATA, max_builds=3).result == "fine"
    assert unused_data(lambda data: build(DATA), DATA, max_builds=3).names == (
        "supply[*]",
        "demand[*]",
        "cost.a",
        "cost.ü",
    )


def test_a_builder_that_fails_on_changed_data_uses_them() -> None:
    def strict(data: Any) -> Model:
        if data != DATA:
            raise RunError("these are other data")
        return build(data)

    assert unused_data(strict, DATA).result == "fine"
    assert check_role(strict, DATA, "supply[*]", "capacity").result == "not checked"


def test_capacity_helps_and_demand_does_not() -> None:
    assert check_role(build, DATA, "supply[*]", "capacity").result == "fine"
    assert check_role(build, DATA, "demand[*]", "demand").result == "fine"
    assert check_role(build, DATA, "cost.a", "cost").result == "fine"


def test_a_sum_the_wrong_way_round_is_found() -> None:
    def flipped(data: Any) -> Model:
        model = build(data)
        rows = [
            Row(name=r.name, lower=r.upper, coefficients=r.coefficients) if r.name[0] == "s" else r for r in model.rows
        ]
        return Model(columns=model.columns, rows=tuple(rows), objective=model.objective)

    found = check_role(flipped, DATA, "supply[*]", "capacity")

    assert found.result == "warning"
    assert "more capacity makes the optimum worse" in found.detail


def test_infeasible_counts_as_worse() -> None:
    assert "infeasible" in check_role(build, DATA, "demand[*]", "demand", factor=10.0).detail


def test_an_unknown_family_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"demand\[\*\]"):
        check_role(build, DATA, "demands", "demand")

"""From documents to models: rows, columns, names, and every complaint with its place."""

from __future__ import annotations

from typing import Any

import pytest

from agentopt.modeling import solve
from agentopt.modeling.declarative.compilation import MOST_COLUMNS, compile_document
from agentopt.modeling.declarative.document import DocumentError, read_document
from agentopt.modeling.model import Column, Model, Row
from tests.modeling.declarative.documents import data, document, row, transport, variable

INFINITE = float("inf")


def compiled(written: dict[str, Any]) -> Model:
    return compile_document(read_document(written)).model


def complaint(written: dict[str, Any]) -> str:
    with pytest.raises(DocumentError) as raised:
        compiled(written)
    return str(raised.value)


def test_transport_has_the_optimum_found_by_hand() -> None:
    solution = solve(compiled(transport()))
    assert solution.objective == pytest.approx(40 + 60 + 90 + 60)


def test_rows_and_columns_are_called_by_their_indices() -> None:
    model = compiled(transport())
    assert [c.name for c in model.columns][:4] == ["ship[A,1]", "ship[A,2]", "ship[A,3]", "ship[B,1]"]
    assert [r.name for r in model.rows][1:3] == ["supply_limit[B]", "demand_met[1]"]
    assert model.rows[0] == Row(
        name="supply_limit[A]", upper=30, coefficients={"ship[A,1]": 1, "ship[A,2]": 1, "ship[A,3]": 1}
    )


@pytest.mark.parametrize(
    ("given", "column"),
    [
        ({}, Column(name="x")),
        ({"lower": None}, Column(name="x", lower=-INFINITE)),
        ({"lower": -2, "upper": "cap / 4", "type": "integer"}, Column(name="x", lower=-2, upper=2.5, type="integer")),
        ({"type": "binary", "upper": None}, Column(name="x", lower=0, upper=1, type="integer")),
        ({"type": "binary", "lower": 1, "upper": 9}, Column(name="x", lower=1, upper=1, type="integer")),
    ],
)
def test_bounds_and_types(given: dict[str, Any], column: Column) -> None:
    model = compiled(document([variable("x", **given)], parameters=[data("cap", 10)]))
    assert model.columns == (column,)


@pytest.mark.parametrize(
    ("expression", "lower", "upper", "coefficients"),
    [
        ("x + 2 <= 2 * y + 5", -INFINITE, 3, {"x": 1, "y": -2}),
        ("x >= 4", 4, INFINITE, {"x": 1}),
        ("4 >= x", -INFINITE, 4, {"x": 1}),
        ("4 <= x", 4, INFINITE, {"x": 1}),
        ("4 == x", 4, 4, {"x": 1}),
        ("x == x", 0, 0, {}),
        ("5 <= 3", 2, INFINITE, {}),
    ],
)
def test_sides_of_a_row(expression: str, lower: float, upper: float, coefficients: dict[str, float]) -> None:
    model = compiled(document([variable("x"), variable("y")], constraints=[row("r", expression)]))
    assert model.rows == (Row(name="r", lower=lower, upper=upper, coefficients=coefficients),)


def test_a_row_without_variables_that_does_not_hold_makes_the_model_infeasible() -> None:
    assert solve(compiled(document([variable("x")], constraints=[row("r", "5 <= 3")]))).status == "infeasible"


def test_a_chain_is_two_rows() -> None:
    model = compiled(document([variable("x")], constraints=[row("r", "1 <= x <= 4")]))
    assert [(r.name, r.lower, r.upper) for r in model.rows] == [("r:1", 1, INFINITE), ("r:2", -INFINITE, 4)]


def test_decimals_stay_as_they_are_written() -> None:
    model = compiled(document([variable("x")], "0.1 * x + 0.2 * x"))
    assert model.objective.coefficients == {"x": 0.3}


def test_inventory_with_a_condition_for_the_first_week() -> None:
    written = document(
        [variable("make", "t in weeks", upper=8), variable("stock", "t in weeks")],
        "sum(t * make[t] + stock[t] for t in weeks)",
        [row("balance", "(stock[t - 1] if t > 1 else 0) + make[t] == demand[t] + stock[t]", "t in weeks")],
        sets=[{"name": "weeks", "members": [1, 2, 3]}],
        parameters=[data("demand", [5, 5, 9], "t in weeks")],
    )
    solution = solve(compiled(written))
    assert solution.objective == pytest.approx(5 + 2 * 6 + 3 * 8 + 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"constraints": [row("r", "x[1] <= 3")]}, "constraint `r`: `x[1]` does not exist; there are x"),
        ({"constraints": [row("r", "z <= 3")]}, "constraint `r`: there is no parameter, variable or index `z`"),
        ({"constraints": [row("r", "x < 3")]}, "constraint `r`: `x < 3`: a constraint has `<=`"),
        ({"constraints": [row("r", "x + 3")]}, "constraint `r`: `x + 3` compares nothing"),
        ({"constraints": [row("r", "x >= p[i]", "i in I")]}, "constraint `r`: at i = 3: `p[3]` does not exist"),
        ({"constraints": [row("r", "x >= i", "i in I if i > 9")]}, "holds for no index at all"),
        ({"constraints": [row("x", "x >= 1")]}, "name `x`: two parts of the document have it"),
        ({"variables": []}, "variables: there is none"),
        ({"variables": [variable("2x")]}, "name `2x`: a name is letters"),
        ({"variables": [variable("sum")]}, "name `sum`"),
        ({"variables": [variable("x", "i in K")]}, "variable `x`: there is no set `K`"),
        ({"variables": [variable("x", upper="y")]}, "variable `x`: there is no parameter, variable or index `y`"),
        ({"parameters": [data("p", [1, 2], "i in I")]}, "parameter `p`: `values` gives 2 entries where `I` has 3"),
        ({"parameters": [data("p", 1, "i in I")]}, "parameter `p`: `values` gives one number"),
        ({"parameters": [data("p", [1])]}, "parameter `p`: `values` must be one number"),
        ({"sets": [{"name": "I", "members": [1, 1]}]}, "set `I`: the member 1 occurs twice"),
    ],
)
def test_complaints_name_their_place(changes: dict[str, Any], words: str) -> None:
    sets = [{"name": "I", "members": [1, 2, 3]}, {"name": "J", "members": [1, 2]}]
    given = {"sets": sets, "parameters": [data("p", [1, 2], "j in J")], **changes}
    assert words in complaint({**document([variable("x")]), **given})


def test_complaints_are_all_said_at_once() -> None:
    rows = [row("a", "ghost >= 1"), row("b", "x ** 2 <= 4"), row("c", "x >= 1")]
    assert [line.split(":")[0] for line in complaint(document([variable("x")], constraints=rows)).splitlines()] == [
        "constraint `a`",
        "constraint `b`",
    ]


def test_a_model_that_is_too_large_is_refused() -> None:
    sets = [{"name": "I", "members": list(range(200))}]
    assert f"more than {MOST_COLUMNS} columns" in complaint(document([variable("x", "i in I, j in I")], sets=sets))


def test_parameters_that_nothing_depends_on_are_listed() -> None:
    written = transport()
    written["parameters"] += [data("budget", 500), data("bonus", [1, 2, 3], "s in stores")]
    written["constraints"].append(row("extra", "ship['A', 1] >= bonus[2]"))
    assert compile_document(read_document(written)).unused == ("budget", "bonus[1]", "bonus[3]")


def test_a_coefficient_that_is_no_float_is_refused() -> None:
    assert "beyond 1e308" in complaint(document([variable("x")], "(10 ** 20) ** 17 * x"))


def test_members_that_read_the_same_are_refused_as_names() -> None:
    sets = [{"name": "I", "members": [1, "1"]}]
    assert "two columns are called `x[1]`" in complaint(document([variable("x", "i in I")], sets=sets))


def test_a_long_sum_that_is_written_out_is_read() -> None:
    model = compiled(document([variable("x")], " + ".join(["x"] * 900)))
    assert model.objective.coefficients == {"x": 900}


def test_an_expression_that_is_nested_too_deeply_is_refused() -> None:
    assert "constraint `r`: the expression is nested" in complaint(
        document([variable("x")], constraints=[row("r", "-" * 900 + "x >= 1")])
    )

"""`Model`: what it accepts, JSON and text forms, names."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import UsageError
from agentopt.modeling.model import (
    Column,
    ColumnType,
    Indicator,
    Model,
    Objective,
    Row,
    SpecialOrderedSet,
    unique_names,
)

PLAN = Model(
    columns=(
        Column(name="chairs", type="integer"),
        Column(name="tables", upper=12.5),
        Column(name="open", upper=1.0, type="integer"),
        Column(name="lot", lower=2.0, upper=5.0, type="semicontinuous"),
        Column(name="drift", lower=-math.inf),
    ),
    rows=(
        Row(name="wood", upper=40.0, coefficients={"chairs": 2.0, "tables": 3.0}),
        Row(name="hours", lower=1.0, upper=9.0, coefficients={"chairs": 1.0, "drift": -0.5}),
        Row(name="link", lower=0.0, upper=0.0, coefficients={"lot": 1.0, "open": -1.0}),
    ),
    objective=Objective(sense="maximize", coefficients={"chairs": 5.0, "tables": -1.0}, constant=-7.0),
)


def test_text_reads_as_algebra() -> None:
    assert PLAN.to_text() == (
        "maximize 5 chairs - tables - 7\n"
        "subject to\n"
        "  wood: 2 chairs + 3 tables <= 40\n"
        "  hours: 1 <= chairs - 0.5 drift <= 9\n"
        "  link: lot - open = 0\n"
        "where\n"
        "  chairs >= 0, integer\n"
        "  0 <= tables <= 12.5\n"
        "  open binary\n"
        "  lot = 0 or 2 <= lot <= 5\n"
        "  drift free"
    )


def test_text_says_how_much_it_left_out() -> None:
    columns = tuple(Column(name=f"x{j}", upper=float(j + 1)) for j in range(100))
    rows = tuple(Row(name=f"r{i}", upper=1.0, coefficients={"x0": 1.0}) for i in range(100))
    model = Model(columns=columns, rows=rows, objective=Objective(coefficients={c.name: 1.0 for c in columns}))

    text = model.to_text(max_rows=5, max_terms=3)

    assert "x0 + x1 + x2 + ... (97 more terms)" in text
    assert "... (95 more rows)" in text
    assert "... (95 more lines of bounds)" in text


def test_columns_with_equal_bounds_share_a_line() -> None:
    model = Model(columns=tuple(Column(name=f"x{j}") for j in range(30)))

    assert ", x19, ... (10 more) >= 0" in model.to_text()


def test_empty_model_has_a_text() -> None:
    assert Model().to_text() == "minimize 0"


def test_json_reads_back_equal() -> None:
    text = json.dumps(PLAN.to_json(), allow_nan=False)

    assert Model.from_json(json.loads(text)) == PLAN


def test_json_writes_infinite_bounds_as_words() -> None:
    assert PLAN.to_json()["columns"][4] == {"name": "drift", "lower": "-inf", "upper": "inf", "type": "continuous"}


_NUMBERS = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)
_TYPES: st.SearchStrategy[ColumnType] = st.sampled_from(("continuous", "integer", "semicontinuous", "semiinteger"))


@given(st.lists(st.tuples(st.text(min_size=1), _NUMBERS, _NUMBERS, _TYPES), unique_by=lambda entry: entry[0]))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_any_columns_read_back_equal(entries: list[tuple[str, float, float, ColumnType]]) -> None:
    columns = tuple(Column(name=name, lower=low, upper=up, type=kind) for name, low, up, kind in entries)
    model = Model(columns=columns, objective=Objective(coefficients={c.name: c.lower for c in columns}))

    assert Model.from_json(json.loads(json.dumps(model.to_json()))) == model


@pytest.mark.parametrize(
    "data", [None, [], {}, {"schema": 2}, {"schema": 3}, {"schema": 1}, {"schema": 1, "columns": [3], "rows": []}]
)
def test_json_that_is_no_model_is_refused(data: object) -> None:
    with pytest.raises(UsageError):
        Model.from_json(data)


def test_crossed_bounds_are_a_model() -> None:
    assert Model(columns=(Column(name="x", lower=3.0, upper=1.0),)).columns[0].lower == 3.0


@pytest.mark.parametrize(
    ("column", "word"),
    [
        (Column(name="x", lower=math.nan), "NaN"),
        (Column(name="x", lower=math.inf), "lies between"),
        (Column(name="x", upper=-math.inf), "lies between"),
        (Column(name=""), "not empty"),
        (Column(name="x", type="binary"), "binary"),  # type: ignore[arg-type]
    ],
)
def test_a_column_that_means_nothing_is_refused(column: Column, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Model(columns=(column,))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_coefficient_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match="row `r` has coefficient"):
        Model(columns=(Column(name="x"),), rows=(Row(name="r", coefficients={"x": value}),))
    with pytest.raises(UsageError, match="the objective"):
        Model(columns=(Column(name="x"),), objective=Objective(coefficients={"x": value}))
    with pytest.raises(UsageError, match="constant"):
        Model(objective=Objective(constant=value))


def test_a_sense_that_is_not_one_is_refused() -> None:
    with pytest.raises(UsageError, match="sense"):
        Model(objective=Objective(sense="max"))  # type: ignore[arg-type]


def test_a_coefficient_of_no_column_is_refused() -> None:
    with pytest.raises(UsageError, match="`y`, which is not a column"):
        Model(columns=(Column(name="x"),), rows=(Row(name="r", coefficients={"y": 1.0}),))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two columns are called `x`"):
        Model(columns=(Column(name="x"), Column(name="x")))


def test_names_are_made_unique_as_stated() -> None:
    assert unique_names(["x", "", "x", "x", "x#2", "", "c1"], "c") == ["x", "c1", "x#3", "x#4", "x#2", "c5", "c1#2"]


@given(st.lists(st.sampled_from(["", "a", "a#2", "a#3", "c0", "c1", "b"]), max_size=12))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_unique_names_are_unique_and_keep_first_bearers(names: list[str]) -> None:
    unique = unique_names(names, "c")

    assert len(set(unique)) == len(names)
    for name in set(names) - {""}:
        assert name in unique


def test_importing_modeling_loads_no_solver() -> None:
    code = (
        "import sys, agentopt.modeling as m; from agentopt.modeling import Model, solve, verify, explain\n"
        "heavy = {'highspy', 'numpy', 'scipy', 'pyscipopt'} & set(sys.modules); assert not heavy, heavy\n"
        "assert all(hasattr(m, name) for name in m.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


CHOICE = Model(
    columns=(Column(name="x", upper=4.0), Column(name="y", upper=4.0), Column(name="open", upper=1.0, type="integer")),
    rows=(
        Row(name="ring", upper=9.0, coefficients={"x": -1.0}, quadratic={("x", "x"): 1.0, ("y", "x"): -2.0}),
        Row(name="shut", upper=0.0, coefficients={"x": 1.0}, indicator=Indicator(column="open", value=0)),
    ),
    objective=Objective(coefficients={"x": 1.0}, quadratic={("y", "y"): -1.0}),
    sets=(SpecialOrderedSet(name="one", type=1, weights={"y": 2.0, "x": 1.0}),),
)


def test_products_indicators_and_sets_read_as_algebra() -> None:
    assert CHOICE.to_text() == (
        "minimize x - y^2\n"
        "subject to\n"
        "  ring: -x + x^2 - 2 y*x <= 9\n"
        "  shut: open = 0 implies x <= 0\n"
        "  one: at most 1 of (x, y) is not 0\n"
        "where\n"
        "  0 <= x, y <= 4\n"
        "  open binary"
    )


def test_products_indicators_and_sets_read_back_equal_from_schema_2() -> None:
    data = json.loads(json.dumps(CHOICE.to_json(), allow_nan=False))

    assert data["schema"] == 2
    assert Model.from_json(data) == CHOICE


def test_a_linear_model_is_written_as_schema_1() -> None:
    data = PLAN.to_json()

    assert (data["schema"], list(data)) == (1, ["schema", "name", "columns", "rows", "objective"])
    assert {key for row in data["rows"] for key in row} == {"name", "lower", "upper", "coefficients"}


def test_a_model_says_what_it_needs_of_a_solver() -> None:
    assert (PLAN.is_linear, PLAN.is_quadratic, PLAN.has_logic) == (True, False, False)
    assert (CHOICE.is_linear, CHOICE.is_quadratic, CHOICE.has_logic) == (False, True, True)
    continuous = Model(columns=CHOICE.columns[:2], sets=CHOICE.sets)
    assert (continuous.is_mixed_integer, continuous.is_linear) == (True, False)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"objective": Objective(quadratic={("x", "q"): 1.0})}, "not a pair of columns"),
        ({"objective": Objective(quadratic={("x",): 1.0})}, "not a pair of columns"),  # type: ignore[dict-item]
        ({"objective": Objective(quadratic={("x", "y"): 1.0, ("y", "x"): 1.0})}, "twice"),
        ({"objective": Objective(quadratic={("x", "y"): math.nan})}, "not a finite number"),
        ({"rows": (Row(name="r", indicator=Indicator(column="x")),)}, "not a binary column"),
        ({"rows": (Row(name="r", indicator=Indicator(column="q")),)}, "not a binary column"),
        ({"rows": (Row(name="r", indicator=Indicator(column="open", value=2)),)}, "expected 0 or 1"),
        ({"sets": (SpecialOrderedSet(name="s", type=3, weights={}),)}, "expected 1 or 2"),  # type: ignore[arg-type]
        ({"sets": (SpecialOrderedSet(name="s", type=1, weights={"x": 1.0, "y": 1.0}),)}, "equal weights"),
        ({"sets": (SpecialOrderedSet(name="s", type=1, weights={"q": 1.0}),)}, "not a column"),
        ({"sets": (SpecialOrderedSet(name="s", type=1, weights={}),) * 2}, "two sets"),
    ],
)
def test_a_part_that_means_nothing_is_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        replace(CHOICE, **{"rows": (), "sets": (), **change})  # type: ignore[arg-type]

"""MPS and LP files through HiGHS."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from agentopt.errors import FormatError, UsageError
from agentopt.modeling.model import Column, ColumnType, Indicator, Model, Objective, Row, SpecialOrderedSet
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.solvers.highs_model import read_model, write_model

PLAN = Model(
    columns=(
        Column(name="x", type="integer"),
        Column(name="y", lower=-math.inf, upper=4.0),
        Column(name="z", lower=2.0, upper=5.0, type="semicontinuous"),
    ),
    rows=(
        Row(name="low", lower=1.0, coefficients={"x": 1.0, "y": -0.5}),
        Row(name="range", lower=-3.0, upper=6.0, coefficients={"x": 1.0, "y": 3.0}),
        Row(name="same", lower=2.0, upper=2.0, coefficients={"z": 1.0, "x": 1e-3}),
    ),
    objective=Objective(sense="maximize", coefficients={"x": -1.0, "y": 2.25}, constant=-7.5),
)


@pytest.mark.parametrize("suffix", [".mps", ".lp"])
def test_a_file_reads_back_as_the_same_model(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plan{suffix}"

    write_model(PLAN, path)
    back = read_model(path)

    assert sorted(back.columns, key=lambda c: c.name) == sorted(PLAN.columns, key=lambda c: c.name)
    assert back.objective == PLAN.objective
    if suffix == ".mps":
        assert {row.name: row for row in back.rows} == {row.name: row for row in PLAN.rows}
    else:
        assert {row.name for row in back.rows} == {"low", "rangelo", "rangeup", "same"}


def test_names_that_the_format_cannot_hold_become_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = Model(columns=(Column(name="ship['A','B']", upper=2.0),), rows=(Row(name="ü", upper=1.0),))

    with caplog.at_level("INFO"):
        write_model(model, tmp_path / "m.mps")

    assert [c.name for c in read_model(tmp_path / "m.mps").columns] == ["c0"]
    assert "cannot be written" in caplog.text


def test_the_optimum_survives_the_file(tmp_path: Path) -> None:
    write_model(PLAN, tmp_path / "m.mps")

    assert solve(read_model(tmp_path / "m.mps")).objective == pytest.approx(solve(PLAN).objective)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.lp").write_text("what is this\n")

    with pytest.raises(FormatError, match=r"m\.lp"):
        read_model(tmp_path / "m.lp")
    with pytest.raises(FormatError, match=r"absent\.lp"):
        read_model(tmp_path / "absent.lp")


@pytest.mark.parametrize("suffix", [".mps", ".lp"])
def test_a_quadratic_objective_survives_the_file(tmp_path: Path, suffix: str) -> None:
    products = {("x", "x"): 1.5, ("x", "y"): -2.0, ("y", "y"): 4.0}
    model = Model(
        columns=(Column(name="x"), Column(name="y", upper=3.0)),
        rows=(Row(name="r", lower=1.0, coefficients={"x": 1.0, "y": 1.0}),),
        objective=Objective(coefficients={"x": 1.0}, quadratic=products),
    )

    write_model(model, tmp_path / f"q{suffix}")

    assert read_model(tmp_path / f"q{suffix}") == model


def test_a_quadratic_file_says_half_of_its_bracket(tmp_path: Path) -> None:
    (tmp_path / "q.lp").write_text("minimize\n obj: x + [ 2 x ^ 2 + 6 x * y ] / 2\nsubject to\n r: x + y >= 1\nend\n")

    assert read_model(tmp_path / "q.lp").objective.quadratic == {("x", "x"): 1.0, ("x", "y"): 3.0}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rows": (Row(name="r", quadratic={("x", "y"): 1.0}),)}, "`r` has products"),
        ({"sets": (SpecialOrderedSet(name="s", type=1, weights={"x": 1.0}),)}, "`s` has an ordered set"),
        ({"rows": (Row(name="r", indicator=Indicator(column="z")),)}, "`r` has an indicator"),
    ],
)
def test_what_highs_cannot_hold_is_not_written(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    columns = (Column(name="x"), Column(name="y"), Column(name="z", upper=1.0, type="integer"))

    with pytest.raises(UsageError, match=word):
        write_model(Model(columns=columns, **change), tmp_path / "m.mps")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt"):
        write_model(PLAN, tmp_path / "m.txt")


@pytest.mark.parametrize(("kind", "expected"), [("semicontinuous", -2.5), ("semiinteger", -2.0)])
def test_a_semicontinuous_column_whose_bounds_hold_0_may_be_negative(kind: ColumnType, expected: float) -> None:
    column = Column(name="x", lower=-2.5, upper=3.0, type=kind)

    solution = solve(Model(columns=(column,), objective=Objective(coefficients={"x": 1.0})))

    assert (solution.status, solution.objective) == ("optimal", expected)

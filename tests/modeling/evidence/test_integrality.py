"""The audit asks only where types decide the optimum."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentopt.modeling.evidence.integrality import integrality_findings
from agentopt.modeling.model import Column, ColumnType, Model, Objective, Row
from agentopt.sandbox.local import LocalSandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox(preload=("numpy", "highspy")) as opened:
        yield opened


def model(kind: ColumnType, limit: float = 7) -> Model:
    row = Row(name="r", upper=limit, coefficients={"trips": 2})
    objective = Objective(sense="maximize", coefficients={"trips": 1})
    return Model(columns=(Column(name="trips", type=kind),), rows=(row,), objective=objective)


def test_a_continuous_variable_whose_type_matters_is_asked_about(sandbox: LocalSandbox) -> None:
    (found,) = integrality_findings(model("continuous"), 3.5, sandbox)
    assert "is 3.5; with every variable integer it is 3." in found.text
    assert "continuous `trips`" in found.text
    assert found.is_question


def test_an_integer_variable_whose_type_matters_is_asked_about(sandbox: LocalSandbox) -> None:
    (found,) = integrality_findings(model("integer"), 3, sandbox)
    assert "with every variable continuous it is 3.5" in found.text


@pytest.mark.parametrize("kind", ["continuous", "integer"])
def test_types_that_do_not_matter_are_no_question(sandbox: LocalSandbox, kind: ColumnType) -> None:
    assert integrality_findings(model(kind, limit=8), 4, sandbox) == []


def test_binary_variables_are_left_as_they_are(sandbox: LocalSandbox) -> None:
    columns = (Column(name="open", upper=1, type="integer"),)
    row = Row(name="r", upper=1, coefficients={"open": 2})
    written = Model(columns=columns, rows=(row,), objective=Objective(sense="maximize", coefficients={"open": 1}))
    assert integrality_findings(written, 0, sandbox) == []


def test_a_reading_without_solution_is_said(sandbox: LocalSandbox) -> None:
    row = Row(name="r", lower=1, upper=1, coefficients={"x": 2})
    (found,) = integrality_findings(Model(columns=(Column(name="x"),), rows=(row,)), 0, sandbox)
    assert "there is no solution" in found.text

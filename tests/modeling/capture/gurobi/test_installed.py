"""Programs captured through the installed gurobipy: as Gurobi itself solves them, and as the dialect reads them."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from agentopt.adapters.answer import answer_of
from agentopt.canonical import Json
from agentopt.modeling.capture.harness import capture
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.highs import solve
from agentopt.sandbox.local import LocalSandbox
from tests.modeling.capture.gurobi.test_dialect import COSTS, PIECEWISE
from tests.modeling.capture.gurobi.test_styles import HEAD, PROGRAMS

pytestmark = [
    pytest.mark.modeling_libs,
    pytest.mark.skipif(importlib.util.find_spec("gurobipy") is None, reason="gurobipy is not installed"),
    pytest.mark.filterwarnings("ignore:Passing a tupledict:DeprecationWarning"),
]

ALIKE = (
    "sparse matmul", "qp mvar", "mvar 2d axis", "netflow commodities", "quadexpr tools", "pwl obj", "pwl concave max",
    "sos tupledict", "minmax", "tsp mtz", "inventory dict", "column building", "chg rhs coeff", "semiint",
    "scheduling bigM", "cutting stock master with relax",
)  # fmt: skip
NAMED_OR_ORDERED_DIFFERENTLY = (
    "max_ generator const", "abs_ func", "indicator forms", "and or", "diet dicts", "params", "infeasible template",
)  # fmt: skip
START = HEAD + "m = gp.Model()\nx = m.addVar(ub=4); y = m.addVar(ub=3); m.setObjective(x + y, GRB.MAXIMIZE)\n"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the programs write their files."""
    monkeypatch.chdir(tmp_path)


def last_model(result: Json) -> Model:
    assert result["error"] is None, result
    assert not any("failed" in note for note in result["notes"]), result["notes"]
    return Model.from_json(result["models"][-1])


@pytest.mark.parametrize("name", ALIKE)
def test_the_dialect_reads_the_model_that_gurobi_holds(name: str) -> None:
    program = HEAD + PROGRAMS[name][0]

    assert last_model(capture(program, gurobipy="installed")) == last_model(capture(program))


@pytest.mark.parametrize("name", [*ALIKE, *NAMED_OR_ORDERED_DIFFERENTLY])
def test_the_captured_model_has_the_known_optimum(name: str) -> None:
    body, expected = PROGRAMS[name]

    model = last_model(capture(HEAD + body, gurobipy="installed"))

    solution = solve(linearized(model).model)
    found = solution.objective if solution.status == "optimal" else solution.status
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-6, abs=1e-6))


@pytest.mark.parametrize("name", [one for one in ALIKE if one != "pwl obj"])
def test_the_program_reads_gurobis_own_answer(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    body, expected = PROGRAMS[name]

    last_model(capture(f"{HEAD}{body}\nprint('Gurobi says', m.ObjVal)\n", gurobipy="installed"))

    said = float(capsys.readouterr().out.rpartition("Gurobi says")[2])
    assert said == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("change", COSTS)
def test_a_later_cost_replaces_a_piecewise_linear_one_as_in_the_dialect(change: str) -> None:
    program = PIECEWISE.format(change=change)

    held, read = last_model(capture(program, gurobipy="installed")), last_model(capture(program))

    assert held == replace(read, name=held.name)  # Gurobi calls a copy `_copy`


def test_columns_without_a_name_get_that_of_the_programs_variable() -> None:
    program = f"{START}ship = m.addVars(['A', 'Ü'], ub=2)\nm.optimize()\n"

    model = last_model(capture(program, gurobipy="installed"))

    assert [column.name for column in model.columns] == ["x", "y", "ship['A']", "ship['Ü']"]


def test_names_are_not_taken_from_variables_of_another_model() -> None:
    program = f"{HEAD}other = gp.Model()\nwrong = other.addVar()\nother.update()\n"
    program += "m = gp.Model()\nright = m.addVar(ub=1)\nm.optimize()\n"

    assert last_model(capture(program, gurobipy="installed")).columns[0].name == "right"


def test_a_range_comes_with_the_slack_column_that_gurobi_adds() -> None:
    model = last_model(capture(f"{START}m.addRange(x + y, 1, 2, 'near')\nm.optimize()\n", gurobipy="installed"))

    assert "near: x + y + Rgnear = 2" in model.to_text()
    assert model.columns[2].name == "Rgnear"
    assert solve(model).objective == 2


def test_a_model_that_build_returns_without_solving_it_is_captured() -> None:
    program = f"{HEAD}def build(data):\n    m = gp.Model()\n    x = m.addVar(ub=data['u'], obj=-1)\n    return m\n"

    model = last_model(capture(program, {"u": 3}, gurobipy="installed"))

    assert model.to_text() == "minimize -x\nwhere\n  0 <= x <= 3"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("m.addGenConstrExp(x, y, 'growth'); m.optimize()", "`growth`"),
        ("m.setObjectiveN(x, 0, 1); m.setObjectiveN(y, 1, 2); m.optimize()", "several objectives"),
        ("m.NumScenarios = 2; m.optimize()", "several scenarios"),
        ("m.optimize(lambda model, where: None)", "callback"),
        ("m.optimizeAsync()", "use `optimize`"),
        ("z = m.addVar(); m.addGenConstrPWL(z, y, [0, 1], [0, 1]); m.optimize()", "no bound beyond 1"),
    ],
)
def test_what_cannot_be_captured_is_named(body: str, word: str) -> None:
    error = capture(START + body, gurobipy="installed")["error"]

    assert error["kind"] == "unsupported", error
    assert word in error["message"]


def test_a_model_too_large_for_the_licence_is_captured_and_the_refusal_told() -> None:
    result = capture(f"{START}m.addVars(2001)\nm.optimize()\n", gurobipy="installed")

    assert result["error"] is None
    assert len(result["models"][-1]["columns"]) == 2003
    assert "Model too large for size-limited license" in result["notes"][0]


def test_gurobi_runs_inside_the_sandbox() -> None:
    with LocalSandbox() as sandbox:
        answer = answer_of(HEAD + PROGRAMS["tsp mtz"][0], None, sandbox, gurobipy="installed")

    assert (answer.status, answer.verdict) == ("optimal", "certified"), answer.text
    assert answer.value == pytest.approx(PROGRAMS["tsp mtz"][1])


def test_the_package_is_as_it_was_afterwards() -> None:
    import gurobipy

    before = gurobipy.Model.optimize
    capture(f"{START}m.optimize()\n", gurobipy="installed")

    assert gurobipy.Model.optimize is before

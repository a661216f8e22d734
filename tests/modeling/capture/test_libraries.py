"""Programs of every library, captured as they stand: each library in a process of its own."""

from __future__ import annotations

import functools
import importlib.util
import json
import subprocess
import sys
from typing import Any

import pytest

from agentopt.modeling.capture.libraries import DIALECTS
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.highs import solve
from tests.modeling.capture import library_programs as programs

LIBRARIES = {
    "pulp": programs.PULP,
    "pyomo": programs.PYOMO,
    "pyscipopt": programs.PYSCIPOPT,
    "ortools.linear_solver": programs.LINEAR_SOLVER,
    "ortools.sat": programs.CP_SAT,
    "ortools.math_opt": programs.MATH_OPT,
    "cvxpy": programs.CVXPY,
    "linopy": programs.LINOPY,
}
HEAVY = ("ortools", "cvxpy", "linopy")
CASES = [
    pytest.param(
        library, name, id=f"{library}-{name}", marks=pytest.mark.modeling_libs if library.startswith(HEAVY) else ()
    )
    for library, family in LIBRARIES.items()
    for name in family
]
_RUN = """
import contextlib, io, json, sys, warnings
warnings.simplefilter("ignore")
from agentopt.modeling.capture.harness import capture
answers = {}
for name, source in json.load(sys.stdin).items():
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        result = capture(source)
    answers[name] = {**result, "printed": said.getvalue().strip()}
print("\\nANSWERS" + json.dumps(answers))
"""


@functools.cache
def captured(library: str) -> dict[str, Any]:
    """What capturing said about every program of a library, and what the programs printed."""
    sources = json.dumps({name: program.source for name, program in LIBRARIES[library].items()})
    done = subprocess.run(
        [sys.executable, "-c", _RUN], input=sources, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: dict[str, Any] = json.loads(done.stdout.partition("ANSWERS")[2])
    return answers


@pytest.mark.parametrize(("library", "name"), [case for case in CASES if case.id != "pyscipopt-square"])
def test_the_captured_model_has_the_known_optimum(library: str, name: str) -> None:
    program, result = LIBRARIES[library][name], captured(library)[name]

    assert (result["error"], result["notes"]) == (None, []), result
    model = Model.from_json(result["models"][-1])
    linear = linearized(model)
    assert linear.kept == () or model.objective.quadratic
    solution = solve(linear.model)
    found = solution.objective if solution.status == "optimal" else solution.status
    assert found == (program.optimum if isinstance(program.optimum, str) else pytest.approx(program.optimum, abs=1e-6))


def test_quadratic_rows_are_captured_although_highs_does_not_take_them() -> None:
    result = captured("pyscipopt")["square"]

    assert Model.from_json(result["models"][-1]).rows[1].quadratic == {("x", "x"): -1.0, ("y", "y"): -1.0}


@pytest.mark.parametrize(("library", "name"), CASES)
def test_the_program_reads_the_solution_it_expects(library: str, name: str) -> None:
    program, result = LIBRARIES[library][name], captured(library)[name]

    assert program.printed is None or result["printed"] == program.printed


@pytest.mark.modeling_libs
@pytest.mark.parametrize("library", DIALECTS)
def test_every_library_is_there_for_these_tests(library: str) -> None:
    assert library == "gurobipy" or importlib.util.find_spec(library) is not None

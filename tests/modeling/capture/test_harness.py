"""Capturing models from programs of both dialects. The programs are small; their optima are known in closed form."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from agentopt.errors import MissingDependency, UsageError
from agentopt.modeling.capture.harness import capture
from agentopt.modeling.capture.libraries import libraries_of
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.verification import verify

HIGHSPY = """
import highspy
h = highspy.Highs()
x = [h.addIntegral(lb=0, name=n) for n in ("chairs", "tables")]
wood = h.addConstr(2 * x[0] + 3 * x[1] <= 12)
h.addConstr(x[0] <= 4, name="demand")
h.maximize(5 * x[0] + 4 * x[1])
print("best", h.getObjectiveValue())
"""
MILP = """
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
r = milp(-np.array([5, 4]), integrality=np.ones(2), bounds=Bounds(0, [4, np.inf]),
         constraints=LinearConstraint([[2, 3]], ub=[12]))
print("best", -r.fun)
"""
LINPROG = """
from scipy import optimize
r = optimize.linprog([-5, -4], A_ub=[[2, 3]], b_ub=[12], bounds=[(0, 4), (0, None)], integrality=[1, 1])
print("best", -r.fun)
"""


def last_model(result: Any) -> Model:
    assert result["error"] is None, result
    return Model.from_json(result["models"][-1])


def test_a_script_with_highspy_is_captured(capfd: pytest.CaptureFixture[str]) -> None:
    result = capture(HIGHSPY)

    assert result["notes"] == []
    assert last_model(result).to_text() == (
        "maximize 5 chairs + 4 tables\n"
        "subject to\n"
        "  wood: 2 chairs + 3 tables <= 12\n"
        "  demand: chairs <= 4\n"
        "where\n"
        "  chairs, tables >= 0, integer"
    )
    assert capfd.readouterr().out == "best 24.0\n"


@pytest.mark.parametrize("program", [HIGHSPY, MILP, LINPROG], ids=["highspy", "milp", "linprog"])
def test_the_dialects_give_the_same_optimum(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = last_model(capture(program))
    sign = -1 if model.objective.sense == "minimize" else 1  # scipy only minimizes

    verification = verify(model, solve(model), claim=sign * 24.0)

    assert verification.solver_verdict == "certified"
    assert capsys.readouterr().out == "best 24.0\n"


def test_the_result_is_plain_json() -> None:
    assert json.loads(json.dumps(capture(MILP), allow_nan=False))["error"] is None


def test_scipy_names_come_from_its_arguments() -> None:
    program = (
        "from scipy.optimize import linprog\n"
        "linprog([1, 1], A_ub=[[-1, 0]], b_ub=[-2], A_eq=[[1, -1]], b_eq=[0.5], bounds=(None, 7))"
    )

    assert last_model(capture(program)).to_text() == (
        "minimize x[0] + x[1]\n"
        "subject to\n"
        "  A_ub[0]: -x[0] <= -2\n"
        "  A_eq[0]: x[0] - x[1] = 0.5\n"
        "where\n"
        "  x[0], x[1] <= 7"
    )


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ("None", [(0, math.inf)] * 2),
        ("(0, None)", [(0, math.inf)] * 2),
        ("[(1, 2)]", [(1, 2)] * 2),
        ("[(None, 2), (1, None)]", [(-math.inf, 2), (1, math.inf)]),
        ("[[1, 2], [3, 4]]", [(1, 2), (3, 4)]),
        ("np.array([[1, np.inf], [3, 4]])", [(1, math.inf), (3, 4)]),
        ("(1, 5)", [(1, 5)] * 2),
    ],
)
def test_every_form_of_bounds_that_linprog_takes(bounds: str, expected: list[tuple[float, float]]) -> None:
    program = f"import numpy as np\nfrom scipy.optimize import linprog\nr = linprog([1, 1], bounds={bounds})"

    assert [(c.lower, c.upper) for c in last_model(capture(program)).columns] == expected


@pytest.mark.parametrize(
    "constraints",
    [
        "LinearConstraint([[1, 1]], 1, 3)",
        "[LinearConstraint([[1, 1]], 1, 3)]",
        "([[1, 1]], 1, 3)",
        "[([[1, 1]], 1, 3)]",
        "(LinearConstraint(csr_array([[1, 1]]), [1], [3]),)",
        "[([[1, 1]], 1, 3), ([[1, 1]], 1, 3), ([[1, 1]], 1, 3)]",
    ],
)
def test_every_form_of_constraints_that_milp_takes(constraints: str) -> None:
    program = (
        "from scipy.optimize import LinearConstraint, milp\nfrom scipy.sparse import csr_array\n"
        f"r = milp([1, 2], constraints={constraints})\nassert r.fun == 1"
    )

    rows = last_model(capture(program)).rows

    assert {(row.lower, row.upper, *row.coefficients.values()) for row in rows} == {(1.0, 3.0, 1.0, 1.0)}


def test_names_come_from_the_programs_variables() -> None:
    program = """
import highspy
def build(data):
    h = highspy.Highs()
    ship = {(a, b): h.addVariable(ub=9) for a in data["from"] for b in data["to"]}
    grid = [[h.addVariable() for _ in range(2)] for _ in range(2)]
    for last in grid[1]:
        pass
    spare = h.addBinary()
    h.addVariable()
    supply = {a: h.addConstr(sum(ship[a, b] for b in data["to"]) <= 5) for a in data["from"]}
    h.addConstr(spare + grid[0][1] <= 5)
    h.setObjective(sum(ship.values()), highspy.ObjSense.kMaximize)
    return h
"""
    model = last_model(capture(program, {"from": ["A"], "to": ["B", "Ü"]}))

    names = [column.name for column in model.columns]
    assert names == [
        "ship['A','B']",
        "ship['A','Ü']",
        "grid[0,0]",
        "grid[0,1]",
        "grid[1,0]",
        "grid[1,1]",
        "spare",
        "c7",
    ]
    assert [row.name for row in model.rows] == ["supply['A']", "r1"]
    assert solve(model).objective == pytest.approx(5.0)


def test_variables_after_a_deletion_give_no_names() -> None:
    program = (
        "import highspy\nh = highspy.Highs()\nx = h.addVariables(3, ub=4)\nh.deleteVariable(0)\nh.maximize(x[1] + 0)\n"
    )

    assert [column.name for column in last_model(capture(program)).columns] == ["c0", "c1"]


def test_the_compiled_class_is_captured_too() -> None:
    program = (
        "import highspy\nh = highspy.highs._Highs()\nh.addCol(1.0, 1.0, 4.0, 0, [], [])\n"
        "h.addCol(1.0, 2.0, 4.0, 0, [], [])\nh.deleteCols(1, [0])\nh.run()\n"
    )

    assert last_model(capture(program)).to_text() == "minimize c0\nwhere\n  2 <= c0 <= 4"


def test_duplicate_and_missing_names_are_made_unique() -> None:
    program = (
        "import highspy\nh = highspy.Highs()\n"
        "h.addVariable(name='x'); h.addVariable(name='x'); h.addVariable()\nh.minimize()\n"
    )

    assert [column.name for column in last_model(capture(program)).columns] == ["x", "x#2", "c2"]


@pytest.mark.parametrize(
    "solve_call",
    [
        "h.run()",
        "h.solve()",
        "h.optimize()",
        "h.maximize()",
        "h.joinSolve(h.startSolve())",
        "h.HandleKeyboardInterrupt = True; h.solve()",
    ],
)
def test_every_way_to_solve_is_seen(solve_call: str) -> None:
    program = f"import highspy\nh = highspy.Highs()\nh.addVariable(ub=2.5, obj=1, name='x')\n{solve_call}\n"

    assert last_model(capture(program)).columns[0].upper == 2.5


def test_pass_model_keeps_ranges_types_and_constant() -> None:
    program = """
import highspy, numpy as np
lp = highspy.HighsLp()
lp.num_col_, lp.num_row_ = 2, 1
lp.col_cost_, lp.offset_, lp.sense_ = np.array([1.0, -2.0]), 7.5, highspy.ObjSense.kMaximize
lp.col_lower_, lp.col_upper_ = np.array([-1e30, 2.0]), np.array([highspy.kHighsInf, 5.0])
lp.row_lower_, lp.row_upper_ = np.array([-3.0]), np.array([4.0])
lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
lp.a_matrix_.start_, lp.a_matrix_.index_ = np.array([0, 1, 2]), np.array([0, 0])
lp.a_matrix_.value_ = np.array([1.0, 0.5])
lp.integrality_ = [highspy.HighsVarType.kInteger, highspy.HighsVarType.kSemiContinuous]
h = highspy.Highs()
h.passModel(lp)
h.run()
"""
    assert last_model(capture(program)).to_text() == (
        "maximize c0 - 2 c1 + 7.5\n"
        "subject to\n"
        "  r0: -3 <= c0 + 0.5 c1 <= 4\n"
        "where\n"
        "  c0 free, integer\n"
        "  c1 = 0 or 2 <= c1 <= 5"
    )


def test_a_quadratic_objective_is_captured() -> None:
    program = (
        "import highspy, numpy as np\nh = highspy.Highs()\nx = h.addVariable(lb=-1, ub=1, name='x')\n"
        "h.passHessian(1, 1, 1, np.array([0]), np.array([0]), np.array([2.0]))\nh.run()"
    )

    assert last_model(capture(program)).objective.quadratic == {("x", "x"): 1.0}


def test_the_model_counts_although_the_program_fails_afterwards() -> None:
    result = capture(HIGHSPY + "\nprint(1 / 0)\n")

    assert result["error"] is None
    assert len(result["models"]) == 1
    assert result["notes"] == [
        "the program failed after its model was captured: ZeroDivisionError: division by zero (line 10)"
    ]


def test_the_last_of_several_models_counts() -> None:
    result = capture(HIGHSPY + "h.addConstr(x[1] <= 0)\nh.run()\nh.run()\n")

    assert len(result["models"]) == 2
    assert len(last_model(result).rows) == 3
    assert result["notes"] == ["the program solved 2 models; the last one counts"]


def test_many_models_do_not_fill_the_result() -> None:
    result = capture(HIGHSPY + "for k in range(30):\n    h.changeColBounds(0, 0, k)\n    h.run()\n")

    assert len(result["models"]) == 8
    assert result["notes"] == ["the program solved 31 models; the last one counts"]


def test_a_program_that_only_prints_built_no_model() -> None:
    error = capture("print(42)")["error"]

    assert error["kind"] == "no_model"
    assert error["message"].startswith("the program built no model")


def test_an_entry_that_solves_nothing_is_named() -> None:
    error = capture("import highspy\ndef solve_it():\n    pass\n")["error"]

    assert "`solve_it` was called and solved nothing" in error["message"]


def test_functions_that_nobody_calls_are_named() -> None:
    error = capture("import highspy\ndef one():\n    pass\ndef two():\n    pass\n")["error"]

    assert "it defines `one`, `two`, and none of them was called" in error["message"]


_ENTRY = """
import highspy
def read(limit):
    return float(limit)
def {name}({parameters}):
    h = highspy.Highs()
    x = h.addVariable(ub=read(limit), name="x")
    h.maximize(x)
    {ending}
"""


@pytest.mark.parametrize("name", ["solve", "main", "run", "build_model", "optimize", "anything_else"])
@pytest.mark.parametrize("parameters", ["limit=4", "limit", "limit, spare=1"])
def test_the_entry_is_called_where_the_script_solves_nothing(name: str, parameters: str) -> None:
    program = _ENTRY.format(name=name, parameters=parameters, ending="return h.getObjectiveValue()")

    result = capture(program, {"limit": 4, "unused": 5}) if parameters != "limit=4" else capture(program)

    assert last_model(result).columns[0].upper == 4.0
    assert result["returned"] == 4.0


def test_a_script_that_solves_needs_no_entry() -> None:
    result = capture(_ENTRY.format(name="main", parameters="limit=4", ending="return 1") + "main(limit=7)\n")

    assert (last_model(result).columns[0].upper, result["returned"], result["notes"]) == (7.0, None, [])


def test_the_only_parameter_gets_the_data_as_a_whole() -> None:
    program = _ENTRY.format(name="solve", parameters="data", ending="return None").replace("=read(limit)", "=data['u']")

    assert last_model(capture(program, {"u": 3})).columns[0].upper == 3.0


def test_an_entry_that_needs_data_where_there_are_none_is_an_error() -> None:
    error = capture(_ENTRY.format(name="solve", parameters="limit", ending="return h"))["error"]

    assert (error["kind"], "`solve` takes an argument" in error["message"]) == ("convention", True)


def test_an_entry_may_return_a_model_that_it_does_not_solve() -> None:
    program = (
        "import highspy\ndef create_model():\n    h = highspy.Highs()\n    x = h.addVariable(ub=2)\n    return h\n"
    )

    assert last_model(capture(program)).to_text() == "minimize 0\nwhere\n  0 <= x <= 2"


def test_ortools_beside_highspy_is_refused_in_words() -> None:
    import highspy  # noqa: F401

    error = capture("from ortools.sat.python import cp_model\n")["error"]

    assert (error["kind"], "does not preload highspy" in error["message"]) == ("convention", True)


def test_a_library_that_a_text_only_mentions_is_not_watched() -> None:
    program = "# pulp, ortools and cvxpy\nimport highspy\nh = highspy.Highs()\nh.addVariable(ub=1, name='a pulp')\n"

    assert libraries_of(program) == {"highspy"}


def test_a_model_that_is_never_solved_is_named() -> None:
    error = capture("import highspy\nmodel = highspy.Highs()\nmodel.addVariable(ub=1)\n")["error"]

    assert (error["kind"], "built a `Highs` in `model` but never solved it" in error["message"]) == ("no_model", True)


def test_a_failure_before_the_solve_is_an_error_with_its_line() -> None:
    error = capture("import highspy\nh = highspy.Highs()\nh.addVariable(lb=unknown)\n")["error"]

    assert (error["kind"], error["line"]) == ("program", 3)
    assert error["message"] == "NameError: name 'unknown' is not defined"
    assert "h.addVariable(lb=unknown)" in error["traceback"]
    assert "harness" not in error["traceback"]


def test_a_program_that_does_not_parse_is_an_error_with_its_line() -> None:
    error = capture("x = 1\ny = (\n")["error"]

    assert (error["kind"], error["line"]) == ("syntax", 2)


@pytest.mark.parametrize(("ending", "kind"), [("exit()", "no_model"), ("sys.exit(3)", "program")])
def test_a_program_may_end_itself(ending: str, kind: str) -> None:
    assert capture(f"import sys\n{ending}\n")["error"]["kind"] == kind


@pytest.mark.parametrize(
    ("program", "call"),
    [
        (
            "import highspy\nh = highspy.Highs()\nh.addVariable(ub=1)\n"
            "h.setOptionValue('solve_relaxation', True)\nh.run()",
            "solve_relaxation",
        ),
        ("from scipy.optimize import minimize\nminimize(lambda x: x @ x, [1.0])", "scipy.optimize.minimize"),
        (HIGHSPY + "from scipy.optimize import linear_sum_assignment as a\na([[1.0]])", "linear_sum_assignment"),
        ("from scipy.optimize import linprog\nimport warnings\nwarnings.simplefilter('ignore')\n"
         "linprog([1], bounds=(0, 2), integrality=1, method='highs-ds')", "integrality"),
    ],
    ids=["relaxation", "nonlinear", "assignment", "ignored integrality"],
)  # fmt: skip
def test_what_cannot_be_captured_exactly_is_an_error_that_names_the_call(program: str, call: str) -> None:
    error = capture(program)["error"]

    assert error["kind"] == "unsupported", error
    assert call in error["message"]


def test_what_scipy_refuses_is_the_programs_failure() -> None:
    error = capture("from scipy.optimize import linprog\nlinprog([1, 2], A_ub=[[1]], b_ub=[1])")["error"]

    assert error["kind"] == "program", error
    assert "A_ub" in error["message"]


def test_build_gets_the_data_only_if_it_takes_it() -> None:
    solving = "    h = highspy.Highs()\n    h.addVariable(ub=u, name='x')\n    h.maximize()\n    return u\n"

    with_data = capture(f"import highspy\ndef build(data):\n    u = data['u']\n{solving}", {"u": 3})
    without = capture(f"import highspy\ndef build():\n    u = 4\n{solving}", {"u": 3})
    default = capture(f"import highspy\ndef build(u=5):\n{solving}")

    assert [result["returned"] for result in (with_data, without, default)] == [3, 4, 5]
    assert [last_model(result).columns[0].upper for result in (with_data, without, default)] == [3.0, 4.0, 5.0]


def test_build_that_needs_data_where_there_is_none_is_an_error() -> None:
    error = capture("def build(data):\n    return 1\n")["error"]

    assert (error["kind"], "without data" in error["message"]) == ("convention", True)


def test_a_script_with_a_main_guard_runs() -> None:
    indented = "".join(f"    {line}\n" for line in HIGHSPY.splitlines())

    last_model(capture(f"def main():\n{indented}\nif __name__ == '__main__':\n    main()\n"))


def test_a_returned_model_that_was_solved_counts_once() -> None:
    result = capture(
        "import highspy\ndef build():\n    h = highspy.Highs()\n    h.addVariable(ub=1)\n    h.run()\n    return h\n"
    )

    assert (len(result["models"]), result["returned"], result["notes"]) == (1, None, [])


def test_a_long_solve_inside_the_program_is_cut_short() -> None:
    program = """
import highspy, random
random.seed(7)
h = highspy.Highs()
x = [h.addBinary() for _ in range(60)]
for _ in range(8):
    w = [random.randint(20, 100) for _ in x]
    h.addConstr(sum(a * b for a, b in zip(w, x)) <= sum(w) // 2)
h.maximize(sum(random.randint(20, 100) * b for b in x))
"""
    result = capture(program, solve_time_s=0.2)

    assert len(last_model(result).columns) == 60


def test_nothing_stays_patched() -> None:
    import highspy
    import scipy.optimize

    before = (highspy.highs._Highs.run, scipy.optimize.milp, sys.modules["__main__"])
    capture(HIGHSPY + MILP + "1 / 0")

    assert (highspy.highs._Highs.run, scipy.optimize.milp, sys.modules["__main__"]) == before


def test_a_program_without_scipy_does_not_load_it() -> None:
    code = (
        "import sys\nfrom agentopt.modeling.capture.harness import capture\n"
        f"assert capture({HIGHSPY!r})['error'] is None\nassert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_installed_gurobipy_is_refused_with_the_command_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gurobipy", None)

    with pytest.raises(MissingDependency, match=r"pip install 'agentopt\[gurobipy\]'"):
        capture("import gurobipy", gurobipy="installed")


def test_a_gurobipy_of_an_unknown_source_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'real', not one of"):
        capture("import gurobipy", gurobipy="real")  # type: ignore[arg-type]

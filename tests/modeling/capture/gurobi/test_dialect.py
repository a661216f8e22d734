"""The gurobipy dialect, call by call: what it refuses, and what programs may rely on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agentopt.modeling.capture.harness import capture
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row
from agentopt.modeling.solvers.highs import solve

HEAD = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model("m")
x, y = m.addVar(ub=4, name="x"), m.addVar(ub=3, name="y")
b = m.addVar(vtype=GRB.BINARY, name="b")
"""


def model_of(body: str) -> Model:
    result = capture(f"{HEAD}{body}\nm.optimize()\n")
    assert (result["error"], result["notes"]) == (None, []), result
    return Model.from_json(result["models"][-1])


def check(body: str) -> None:
    """Runs statements about a model that is solved; the program's own assertions decide."""
    result = capture(HEAD + body + "\nprint('done')\n")
    assert (result["error"], result["notes"]) in (
        (None, []),
        (None, ["the program solved 2 models; the last one counts"]),
    )


def test_no_gurobipy_is_left_behind() -> None:
    before = sys.modules.get("gurobipy")

    capture(HEAD + "1 / 0")

    assert sys.modules.get("gurobipy") is before


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("m.addConstr(x < 3)", "not strict"),
        ("m.addConstr(x + y > 3)", "not strict"),
        ("m.addConstr(x != 3)", "`!=` is no constraint"),
        ("m.addConstr(1 <= x + y <= 3)", "lb <= expr <= ub"),
        ("if x + y: pass", "no truth value"),
        ("m.addConstr(x + y)", "takes a comparison"),
        ("m.addConstrs([x <= 1, y <= 1])", "takes a generator expression"),
        ("m.addConstr((x == 1) >> (y <= 1))", "starts from a binary variable"),
        ("m.addConstr((b <= 1) >> (y <= 1))", "binary == 0"),
        ("m.addVar(vtype='Q')", "variable type 'Q'"),
        ("m.addVar(lb='a')", "`LB` is a number"),
        ("m.addVar(ub=float('nan'))", "NaN"),
        ("m.addVars(2, lb={0: 1})", "no value for the key 1"),
        ("m.setObjective('x')", "is no variable, expression or number"),
        ("x.colour = 3", "cannot be set"),
        ("m.setObjective(x, 'smallest')", "neither GRB.MINIMIZE nor GRB.MAXIMIZE"),
        ("x.X", "Unable to retrieve attribute 'X'"),
        ("m.ObjVal", "Unable to retrieve attribute 'ObjVal'"),
        ("m.Params.Unheard", "`Unheard` was not set"),
        ("gp.multidict({1: [2, 3], 2: [4]})", "different lengths"),
        ("m.addVars(2, ub=[1, 2, 3])", "`ub` has 3 values for 2 variables"),
        ("m.addVars(2, name=['a'])", "`name` has 1 values for 2 variables"),
        ("m.addSOS(1, [x, y], [1])", "1 weights for 2 variables"),
        ("m.setObjective(x * float('nan')); m.optimize()", "NaN"),
    ],
)
def test_a_mistake_is_an_error_in_words(body: str, word: str) -> None:
    error = capture(HEAD + body)["error"]

    assert error["kind"] == "program", error
    assert word in error["message"]
    assert error["line"] == HEAD.count("\n") + 1


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("x * y * b", "more than two variables"),
        ("x ** 3", "powers above 2"),
        ("1 / x", "division by a variable"),
        ("m.addGenConstrExp(x, y)", "`Model.addGenConstrExp`"),
        ("m.addGenConstrPow(x, y, 0.5)", "only squares"),
        ("m.optimize(lambda m, where: None)", "callback"),
        ("m.feasRelaxS(0, True, False, True)", "`Model.feasRelaxS`"),
        ("gp.norm([x, y], 2)", "`norm` is not supported"),
        ("m.addGenConstrPWL(m.addVar(), y, [0, 1], [0, 1])", "no bound beyond 1"),
        ("m.setObjectiveN(x, 0, priority=1); m.setObjectiveN(y, 1, priority=2); m.optimize()", "several priorities"),
    ],
)
def test_what_is_unsupported_is_named_even_where_the_program_catches_it(body: str, word: str) -> None:
    program = f"{HEAD}try:\n    {body}\nexcept Exception as error:\n    print(error)\nm.optimize()\n"

    error = capture(program)["error"]

    assert error["kind"] == "unsupported", error
    assert word in error["message"]


def test_everything_a_model_holds_is_captured() -> None:
    model = model_of(
        "m.setObjective(2 * x - y + x * y - x ** 2 + 3, GRB.MAXIMIZE)\n"
        "m.addConstr(x + y <= 5, 'cap')\n"
        "m.addQConstr(x * x + y * y <= 9, 'ring')\n"
        "m.addConstr((b == 0) >> (x <= 1), name='shut')\n"
        "m.addRange(x - y, -1, 1, 'near')\n"
    )

    assert model == Model(
        name="m",
        columns=(
            Column(name="x", upper=4.0),
            Column(name="y", upper=3.0),
            Column(name="b", upper=1.0, type="integer"),
        ),
        rows=(
            Row(name="cap", upper=5.0, coefficients={"x": 1.0, "y": 1.0}),
            Row(name="ring", upper=9.0, quadratic={("x", "x"): 1.0, ("y", "y"): 1.0}),
            Row(name="shut", upper=1.0, coefficients={"x": 1.0}, indicator=Indicator(column="b", value=0)),
            Row(name="near", lower=-1.0, upper=1.0, coefficients={"x": 1.0, "y": -1.0}),
        ),
        objective=Objective(
            sense="maximize",
            coefficients={"x": 2.0, "y": -1.0},
            constant=3.0,
            quadratic={("x", "y"): 1.0, ("x", "x"): -1.0},
        ),
    )


def test_variables_without_names_are_called_as_in_the_program() -> None:
    model = model_of("ship = m.addVars(['A', 'B'], 2)\nspare = m.addVar()\nm.addVar()")

    names = [column.name for column in model.columns[3:]]
    assert names == ["ship['A',0]", "ship['A',1]", "ship['B',0]", "ship['B',1]", "spare", "C8"]


def test_equal_names_are_made_unique() -> None:
    model = model_of("m.addVar(name='x')\nm.addConstr(x <= 1, 'r'); m.addConstr(y <= 1, 'r')")

    assert [column.name for column in model.columns] == ["x", "y", "b", "x#2"]
    assert [row.name for row in model.rows] == ["r", "r#2"]


@pytest.mark.parametrize(
    "statement",
    [
        "assert gp.tuplelist([(1, 'a'), (1, 'b'), (2, 'a')]).select(1, '*') == [(1, 'a'), (1, 'b')]",
        "assert gp.tuplelist([(1, 'a'), (1, 'b'), (2, 'a')]).select('*', ['a', 'c']) == [(1, 'a'), (2, 'a')]",
        "assert gp.multidict({'a': 1, 'b': 2}) == [['a', 'b'], {'a': 1, 'b': 2}]",
        "assert gp.multidict({}) == [[]]",
        "d = gp.tupledict({(1, 2): x, (1, 3): y})\nassert d.prod({(1, 2): 5}).getCoeff(0) == 5",
        "d = gp.tupledict({(1, 2): x, (1, 3): y})\nassert d.sum('*', 3).size() == 1",
        "v = m.addVars(3)\nassert [v.prod([1, 2, 3]).getCoeff(i) for i in range(3)] == [1, 2, 3]",
        "assert gp.quicksum([]).getConstant() == 0 and gp.quicksum([1, x, 2 * y]).size() == 2",
        "assert list(m.addConstrs(x <= i for i in range(2))) == [0, 1]",
        "c = m.addConstrs((x + i <= j for i in range(2) for j in 'a' if False), 'none')\nassert c == {}",
        "assert m.addVars([(1, 2), (3, 4)], 'ab', name='t')[3, 4, 'ab'].VarName == 't[3,4,ab]'",
        "m.update(); assert m.NumVars == 3 and m.NumBinVars == 1 and m.IsMIP == 1 and m.numvars == 3",
        "assert m.getVarByName('y') is y and m.getVarByName('q') is None and y.index == 1",
        "assert x.LB == 0 and b.ub == 1 and m.Params.MIPGap == 1e-4 and x.lb == 0.0",
        "m.Params.timeLimit = 5\nassert m.params.TimeLimit == 5",
        "m.setParam(GRB.Param.MIPGap, 0)\nassert m.Params.mipgap == 0",
        "import numpy as np\nassert (np.float64(2) * x).getCoeff(0) == 2 and (x * np.int64(3)).getCoeff(0) == 3",
        "import numpy as np\nassert (np.array([1, 2]) * x).shape == (2,)",
        "e = x + 1\nf = e\ne += y\nassert f is e and (x - x).getCoeff(0) == 0 and e.copy() is not e",
        "import numpy as np\nv = m.addMVar(3)\nassert np.sum(v).size() == 3 and (np.dot([1, 2, 0], v)).size() == 2",
        "import numpy as np\nv = m.addMVar(2)\nassert gp.concatenate((v, v)).shape == np.hstack([v, v]).shape == (4,)",
        "assert gp.vstack([m.addMVar(2), m.addMVar(2)]).shape == (2, 2) and gp.gurobi.version()[0] == 12",
        "assert gp.StatusConstClass.OPTIMAL == 2",
        "assert x.sameAs(x) and not x.sameAs(y) and {x: 1, y: 2}[y] == 2",
    ],
)
def test_small_things_work_as_documented(statement: str) -> None:
    check(f"{statement}\nm.optimize()")


def test_a_changed_model_is_solved_again() -> None:
    check(
        "c = m.addConstr(x + y <= 5, 'c')\nm.setObjective(x + y, GRB.MAXIMIZE)\nm.optimize()\n"
        "assert (m.ObjVal, m.SolCount, c.Slack, m.MIPGap) == (5, 1, 0, 0)\n"
        "m.remove(c); m.remove(b)\nm.optimize()\nassert m.ObjVal == 7 and m.NumConstrs == 0 and m.X == [4, 3]"
    )


def test_a_removed_variable_is_in_no_row_product_or_set() -> None:
    model = model_of(
        "m.addConstr(x + y + b <= 5, 'c')\nm.addQConstr(x * y + y * y <= 4, 'q')\nm.addSOS(1, [x, y, b])\n"
        "m.setObjective(x * y + x + y)\nm.remove(x)"
    )

    assert [column.name for column in model.columns] == ["y", "b"]
    assert [(row.coefficients, row.quadratic) for row in model.rows] == [
        ({"y": 1.0, "b": 1.0}, {}),
        ({}, {("y", "y"): 1.0}),
    ]
    assert (model.objective.coefficients, model.objective.quadratic, model.sets[0].members) == (
        {"y": 1.0},
        {},
        ("y", "b"),
    )


def test_a_variable_of_another_model_is_an_error_in_words() -> None:
    error = capture(HEAD + "n = gp.Model()\nn.addConstr(x <= 1)\nn.optimize()")["error"]

    assert (error["kind"], "`x` belongs to another model, or was removed" in error["message"]) == ("program", True)


def test_a_copy_is_a_model_of_its_own() -> None:
    check(
        "m.addConstr(2 * x + b <= 5)\nm.setObjective(x + 2 * b, GRB.MAXIMIZE)\nn, r = m.copy(), m.relax()\n"
        "n.getVars()[0].UB = 1\nassert x.UB == 4 and all(v.VType == 'C' for v in r.getVars())\n"
        "n.optimize()\nassert n.ObjVal == 3\nm.optimize()\nassert m.ObjVal == 4 and m.fixed().getVars()[2].LB == 1"
    )


def test_an_infeasible_model_has_no_solution_to_read() -> None:
    check(
        "m.addConstr(x + y >= 8, 'much'); m.optimize()\nassert m.Status == GRB.INFEASIBLE == 3 and m.SolCount == 0\n"
        "m.computeIIS()\nassert m.getConstrs()[0].IISConstr and x.IISUB and y.IISUB and not b.IISUB\n"
        "try:\n    x.X\n    raise SystemExit('x.X can be read')\nexcept AttributeError:\n    pass"
    )


def test_an_infeasible_model_with_an_implication_is_captured_though_no_conflict_is_computed() -> None:
    result = capture(f"{HEAD}m.addConstr(x >= 5)\nm.addConstr((b == 1) >> (y <= 1))\nm.optimize()\nm.computeIIS()\n")

    assert (result["error"], len(result["models"])) == (None, 1)
    assert "`Model.computeIIS` does not take" in result["notes"][0]


def test_an_error_that_the_program_caught_is_named_where_nothing_was_solved() -> None:
    program = (
        f"{HEAD}try:\n    m.addConstr(x < 3)\n    m.optimize()\nexcept gp.GurobiError as error:\n    print(error)\n"
    )

    error = capture(program)["error"]

    assert (error["kind"], "caught an error" in error["message"]) == ("no_model", True)
    assert "a constraint is not strict" in error["message"]


def test_a_sum_that_grows_after_it_was_an_operand_does_not_move_the_bounds_of_the_result() -> None:
    model = model_of("z, e = m.addVar(name='z'), x + 0\nm.addConstr(z == gp.max_(e, y))\ne -= 100 * y + 50")

    assert model.columns[3].upper == 4


def test_a_model_that_no_file_can_hold_is_not_lost_by_writing_it(tmp_path: Path) -> None:
    check(f"m.addConstr(x * y <= 2)\nm.write({str(tmp_path / 'm.lp')!r})\nm.remove(m.getQConstrs())\nm.optimize()")


def test_an_objective_of_matrices_is_the_one_of_its_entries() -> None:
    model = model_of(
        "import numpy as np\nv = [x, y]\nm.setMObjective(np.array([[1, 2], [0, 3]]), [4, 5], 6, v, v, v, GRB.MAXIMIZE)"
    )

    assert model.objective == Objective(
        sense="maximize",
        coefficients={"x": 4.0, "y": 5.0},
        constant=6.0,
        quadratic={("x", "x"): 1.0, ("x", "y"): 2.0, ("y", "y"): 3.0},
    )


def test_a_model_goes_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.mps"

    check(
        f"m.addConstr(x + y <= 5, 'c')\nm.setObjective(x + 2 * y + 1, GRB.MAXIMIZE)\nm.write({str(path)!r})\n"
        f"again = gp.read({str(path)!r})\nagain.optimize()\nassert again.ObjVal == 9\n"
        "m.optimize()\nassert m.ObjVal == 9"
    )


def test_a_model_that_is_built_and_not_solved_is_named() -> None:
    error = capture(HEAD)["error"]

    assert (error["kind"], "built a `Model` in `m` but never solved it" in error["message"]) == ("no_model", True)


def test_build_may_return_a_model_that_it_does_not_solve() -> None:
    result = capture("import gurobipy as gp\ndef build():\n    m = gp.Model()\n    x = m.addVars(2)\n    return m\n")

    assert [column["name"] for column in result["models"][-1]["columns"]] == ["x[0]", "x[1]"]


PIECEWISE = """
import gurobipy as gp
m = gp.Model()
x = m.addVar(ub=10, name="x"); y = m.addVar(ub=10, obj=2, name="y")
m.addConstr(x + y == 8)
m.setPWLObj(x, [0, 5, 10], [0, 5, 20])
m.update()
{change}
m.optimize()
"""
COSTS = {
    "pass": 5 + 2 * 3,
    "m.setPWLObj(x, [0, 5, 10], [0, 5, 20])": 5 + 2 * 3,
    "m.setPWLObj(x, [0, 10], [0, 5])": 8 / 2,
    "x.Obj = 1": 8,
    "m.setObjective(3 * y - x)": -8,
    "m.remove(x); m.update(); m = m.copy()": 2 * 8,
    "m = m.copy(); m.setPWLObj(m.getVarByName('x'), [0, 10], [0, 5])": 8 / 2,
}
"""What is done to a cost of 1 up to x = 5 and of 3 beyond, beside 2 for each y, and the optimum then."""


@pytest.mark.parametrize("change", COSTS)
def test_a_later_cost_replaces_a_piecewise_linear_one(change: str) -> None:
    model = Model.from_json(capture(PIECEWISE.format(change=change))["models"][-1])

    assert solve(linearized(model).model).objective == pytest.approx(COSTS[change])

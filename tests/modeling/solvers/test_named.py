"""Every solver by name: statuses, refusals, and that none of them gets in another's way."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from agentopt.errors import UsageError
from agentopt.modeling import solve
from agentopt.modeling.metamorphic import check_relations
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.cp_sat import why_not
from agentopt.modeling.solvers.named import SOLVERS

LINEAR = Model(  # the optimum is 3.5 at x = 3.5, y = 0 and 3 in whole numbers
    columns=(Column(name="x"), Column(name="y")),
    rows=(
        Row(name="a", upper=7.0, coefficients={"x": 2.0, "y": 3.0}),
        Row(name="b", lower=-5.0, upper=5.0, coefficients={"x": 1.0, "y": -0.5}),
    ),
    objective=Objective(sense="maximize", coefficients={"x": 1.0, "y": 1.0}, constant=10.0),
)
WHOLE = replace(LINEAR, columns=tuple(replace(column, type="integer") for column in LINEAR.columns))
FIXED_CHARGE = Model(  # 7370 is what a solver finds that takes the tons for whole numbers
    columns=(Column(name="open", upper=1.0, type="integer"), Column(name="tons", upper=9.0)),
    rows=(
        Row(name="need", lower=2.5, coefficients={"tons": 1.0}),
        Row(name="link", upper=0.0, coefficients={"tons": 1.0, "open": -9.0}),
    ),
    objective=Objective(coefficients={"open": 5.0, "tons": 2.0}),
)
CURVED = Model(  # two local minima in the box: -1.0625 at x = -1.25 is not what starts near 1 find
    columns=(Column(name="x", lower=-2.0, upper=1.0), Column(name="y", lower=-1.0, upper=1.0)),
    rows=(Row(name="r", upper=1.0, coefficients={"y": 1.0}, quadratic={("x", "x"): 1.0}),),
    objective=Objective(coefficients={"x": 0.5}, quadratic={("x", "y"): 1.0}),
)


def without_point(model: Model) -> Model:
    return replace(model, rows=(*model.rows, Row(name="c", lower=8.0, coefficients={"x": 2.0, "y": 3.0})))


def without_end(model: Model) -> Model:
    return replace(model, rows=())


@pytest.mark.parametrize(
    ("solver", "model", "optimum"),
    [
        ("highs", LINEAR, 13.5),
        ("highs", WHOLE, 13.0),
        ("scip", LINEAR, 13.5),
        ("scip", WHOLE, 13.0),
        pytest.param("glop", LINEAR, 13.5, marks=pytest.mark.modeling_libs),
        pytest.param("pdlp", LINEAR, 13.5, marks=pytest.mark.modeling_libs),
        pytest.param("cp_sat", WHOLE, 13.0, marks=pytest.mark.modeling_libs),
    ],
)
def test_every_solver_finds_the_optimum_and_tells_the_statuses_apart(solver: str, model: Model, optimum: float) -> None:
    found = solve(model, solver=solver, time_limit_s=10.0)

    assert found.status == "optimal"
    assert found.objective == pytest.approx(optimum, abs=1e-6)
    assert solve(without_point(model), solver=solver, time_limit_s=10.0).status == "infeasible"
    if solver in ("highs", "scip", "glop"):
        assert solve(without_end(model), solver=solver, time_limit_s=10.0).status == "unbounded"


def test_a_solve_can_be_reported() -> None:
    record = solve(WHOLE, time_limit_s=7.0, seed=3).record()

    assert record["solver"].startswith("HiGHS")
    assert record["options"] == {"time_limit_s": 7.0, "gap": 0.0, "seed": 3, "threads": 1}
    assert (record["status"], record["objective"]) == ("optimal", 13.0)
    assert record["time_s"] > 0


def test_an_unknown_solver_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"'gurobi'.*highs, scip"):
        solve(LINEAR, solver="gurobi")


@pytest.mark.parametrize("limits", [{"time_limit_s": -1.0}, {"gap": -0.1}])
def test_negative_limits_are_usage_errors(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="not negative"):
        solve(LINEAR, **limits)  # type: ignore[arg-type]  # floats by name


def test_cp_sat_refuses_what_it_cannot_hold_exactly() -> None:
    assert "`tons` is continuous" in why_not(FIXED_CHARGE)
    free = Model(columns=(Column(name="x", type="integer"),), objective=Objective(coefficients={"x": 1.0}))
    assert "`x`" in why_not(free)
    tiny = Row(name="tiny", upper=1.0, coefficients={"x": 1e-17, "y": 1.0})
    assert "row `tiny`" in why_not(replace(WHOLE, rows=(*WHOLE.rows, tiny)))
    assert why_not(WHOLE) == ""


@pytest.mark.modeling_libs
def test_cp_sat_scales_decimals_exactly_and_gives_a_bound() -> None:
    model = replace(WHOLE, objective=Objective(sense="maximize", coefficients={"x": 0.1, "y": 0.25}, constant=-1.0))

    found = solve(model, solver="cp_sat")

    assert (found.objective, found.bound, found.gap) == (-0.5, -0.5, 0.0)


@pytest.mark.modeling_libs
def test_cp_sat_takes_semicontinuous_whole_numbers() -> None:
    column = Column(name="x", lower=3.0, upper=5.0, type="semiinteger")
    row = Row(name="r", upper=4.0, coefficients={"x": 1.0})
    for sense, value in (("maximize", 4.0), ("minimize", 0.0)):
        objective = Objective(sense=sense, coefficients={"x": 1.0})  # type: ignore[arg-type]  # both are senses
        assert solve(Model(columns=(column,), rows=(row,), objective=objective), solver="cp_sat").objective == value


@pytest.mark.modeling_libs
def test_highs_still_answers_where_ortools_is_loaded() -> None:
    code = (
        "import ortools.linear_solver.pywraplp\n"
        "from agentopt.modeling import Column, Model, Objective, solve\n"
        "goal = Objective(sense='maximize', coefficients={'x': 1.0})\n"
        "m = Model(columns=(Column(name='x', upper=2.0),), objective=goal)\n"
        "print(solve(m).objective, solve(m, solver='glop').objective)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2.0", "2.0"]


@pytest.mark.parametrize("solver", ["glop", "pdlp"])
@pytest.mark.modeling_libs
def test_solvers_of_linear_programs_refuse_integers_and_products(solver: str) -> None:
    assert "`x` is integer" in solve(WHOLE, solver=solver).message
    assert solve(CURVED, solver=solver).status == "error"


def test_scip_is_global_where_a_local_search_need_not_be() -> None:
    pytest.importorskip("pyscipopt", reason="the extra `scip` is not installed")
    least = min(
        0.5 * x + x * y
        for x in (k / 200 for k in range(-400, 201))
        for y in (k / 200 for k in range(-200, 201))
        if x * x + y <= 1
    )

    found = solve(CURVED, solver="scip")
    local = solve(CURVED, solver="local")

    assert found.status == "optimal"
    assert found.objective == pytest.approx(least, abs=1e-2)
    assert (local.status, local.is_local) == ("feasible", True)
    assert "not proved" in local.message


def test_a_local_search_refuses_choices() -> None:
    assert solve(WHOLE, solver="local").status == "error"


def test_highs_refuses_products_that_it_cannot_solve() -> None:
    assert "row `r`" in solve(CURVED).message
    saddle = replace(CURVED, rows=())
    assert "convex" in solve(saddle).message
    whole = replace(WHOLE, objective=Objective(quadratic={("x", "x"): 1.0}))
    assert "integer" in solve(whole).message


def test_scip_takes_indicators_and_sets() -> None:
    pytest.importorskip("pyscipopt", reason="the extra `scip` is not installed")
    from agentopt.modeling.model import Indicator, SpecialOrderedSet

    model = Model(
        columns=(Column(name="on", upper=1.0, type="integer"), *(Column(name=n, upper=4.0) for n in "abc")),
        rows=(
            Row(name="off", upper=1.0, coefficients={"a": 1.0}, indicator=Indicator(column="on", value=0)),
            Row(name="always", upper=6.0, coefficients={"a": 1.0, "b": 1.0, "c": 1.0}),
        ),
        sets=(SpecialOrderedSet(name="near", type=2, weights={"a": 1.0, "b": 2.0, "c": 3.0}),),
        objective=Objective(sense="maximize", coefficients={"on": -2.5, "a": 2.0, "b": 1.0, "c": 1.1}),
    )
    # with `on`: 8 + 2 - 2.5 = 7.5; without: a = 1 and b = 4 give 6, b and c give 2 + 4.4 = 6.4
    for solver in ("highs", "scip"):
        assert solve(model, solver=solver).objective == pytest.approx(7.5, abs=1e-6)


@pytest.mark.parametrize(
    "solver", ["highs", *(pytest.param(s, marks=pytest.mark.modeling_libs) for s in ("glop", "scip", "cp_sat"))]
)
def test_every_relation_holds_for_every_solver(solver: str) -> None:
    model = LINEAR if solver == "glop" else WHOLE

    def limited(model: Model, *, time_limit_s: float = 5.0, **options: float) -> Solution:
        return SOLVERS[solver](model, time_limit_s=time_limit_s)

    checks = check_relations(model, solve(model), limited)

    assert [check for check in checks if check.verdict == "refuted"] == []
    assert sum(check.verdict == "proved" for check in checks) >= 8

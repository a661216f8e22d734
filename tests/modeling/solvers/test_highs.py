"""HiGHS as a solver of `Model`: statuses, edge cases, evidence. Oracles: closed form, enumeration, scipy, SCIP."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from agentopt.errors import UsageError
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers import scip
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import relaxation, solve, solve_json

FREE: dict[str, Any] = {"lower": -math.inf, "upper": math.inf}
DIET = Model(
    columns=(Column(name="x"), Column(name="y")),
    rows=(
        Row(name="a", upper=4.0, coefficients={"x": 1.0, "y": 1.0}),
        Row(name="b", lower=-3.0, upper=6.0, coefficients={"x": 1.0, "y": 3.0}),
    ),
    objective=Objective(sense="maximize", coefficients={"x": 3.0, "y": 2.0}, constant=10.0),
)


def hard_model(size: int = 60) -> Model:
    """A multi-row knapsack that takes HiGHS minutes."""
    rng = random.Random(7)
    names = [f"x{j}" for j in range(size)]
    weights = [{name: float(rng.randint(20, 100)) for name in names} for _ in range(8)]
    return Model(
        columns=tuple(Column(name=name, upper=1.0, type="integer") for name in names),
        rows=tuple(Row(name=f"k{i}", upper=sum(row.values()) // 2, coefficients=row) for i, row in enumerate(weights)),
        objective=Objective(sense="maximize", coefficients={name: float(rng.randint(20, 100)) for name in names}),
    )


def one_column(row: Row | None = None, objective: float = 1.0, **column: Any) -> Model:
    return Model(
        columns=(Column(name="x", **column),),
        rows=() if row is None else (row,),
        objective=Objective(coefficients={"x": objective}),
    )


def test_a_linear_program_comes_with_duals_and_basis() -> None:
    solution = solve(DIET)

    assert (solution.status, solution.objective, solution.values) == ("optimal", 22.0, (4.0, 0.0))
    assert (solution.row_duals, solution.reduced_costs) == ((3.0, 0.0), (0.0, -1.0))
    assert (solution.column_basis, solution.row_basis) == (("basic", "lower"), ("upper", "basic"))
    assert (solution.bound, solution.gap) == (22.0, 0.0)
    assert solution.solver.startswith("HiGHS 1.")


def test_an_empty_model_has_its_constant_as_optimum() -> None:
    solution = solve(Model(objective=Objective(constant=5.0)))

    assert (solution.status, solution.objective, solution.values) == ("optimal", 5.0, ())


def test_a_row_without_columns_can_be_infeasible() -> None:
    assert solve(Model(rows=(Row(name="r", lower=1.0),))).status == "infeasible"
    assert solve(Model(rows=(Row(name="r", upper=1.0),))).status == "optimal"


def test_without_rows_the_bounds_decide() -> None:
    assert solve(one_column(lower=2.0, upper=3.0)).objective == 2.0
    assert solve(one_column(lower=2.0, upper=2.0)).objective == 2.0
    assert solve(one_column(lower=3.0, upper=2.0)).status == "infeasible"


@pytest.mark.parametrize("kind", ["continuous", "integer"])
def test_a_free_column_is_unbounded_and_its_point_is_given(kind: str) -> None:
    solution = solve(one_column(type=kind, **FREE))

    assert solution.status == "unbounded"
    assert solution.values is not None


def test_an_unbounded_program_with_rows_has_a_ray() -> None:
    row = Row(name="r", upper=1.0, coefficients={"x": 1.0})

    assert solve(one_column(row, **FREE)).primal_ray == (-1.0,)


def test_no_objective_limit_and_no_point_is_infeasible() -> None:
    model = Model(
        columns=(Column(name="x", type="integer"), Column(name="y", type="integer")),
        rows=(Row(name="r", lower=1.0, upper=1.0, coefficients={"y": 2.0}),),
        objective=Objective(sense="maximize", coefficients={"x": 1.0}),
    )

    assert solve(model).status == "infeasible"
    assert solve(relaxation(model)).status == "unbounded"


def test_equalities_alone_have_their_one_solution() -> None:
    rows = (
        Row(name="s", lower=5.0, upper=5.0, coefficients={"x": 1.0, "y": 1.0}),
        Row(name="d", lower=1.0, upper=1.0, coefficients={"x": 1.0, "y": -1.0}),
    )
    model = Model(columns=(Column(name="x"), Column(name="y")), rows=rows)

    assert solve(model).values == (3.0, 2.0)


def test_an_infeasible_linear_program_has_a_farkas_ray() -> None:
    model = dataclasses.replace(DIET, rows=(*DIET.rows, Row(name="c", lower=9.0, coefficients={"x": 1.0})))

    solution = solve(model)

    assert solution.status == "infeasible"
    assert solution.values is None
    assert solution.farkas_ray is not None
    assert solution.farkas_ray[2] * (solution.farkas_ray[0] + solution.farkas_ray[1]) < 0


def test_an_integer_equality_without_whole_solution_is_infeasible() -> None:
    row = Row(name="r", lower=1.0, upper=1.0, coefficients={"x": 2.0})

    solution = solve(one_column(row, type="integer"))

    assert (solution.status, solution.farkas_ray) == ("infeasible", None)


@pytest.mark.parametrize("coefficient", [1e-10, 1e16])
def test_coefficients_that_highs_would_drop_or_refuse_are_kept(coefficient: float) -> None:
    row = Row(name="r", lower=coefficient, coefficients={"x": coefficient})

    assert solve(one_column(row)).objective == pytest.approx(1.0)


def test_semicontinuous_columns_may_be_zero() -> None:
    lot = one_column(lower=2.0, upper=5.0, type="semicontinuous")
    row = Row(name="r", lower=1.0, coefficients={"x": 1.0})

    assert solve(lot).objective == 0.0
    assert solve(dataclasses.replace(lot, rows=(row,))).objective == 2.0


def test_a_time_limit_never_gives_an_optimum() -> None:
    solution = solve(hard_model(), time_limit_s=0.05)

    assert solution.status in ("feasible", "time_limit")
    assert (solution.values is None) == (solution.status == "time_limit")
    assert solution.gap is None or solution.gap > 0


def test_negative_limits_are_refused() -> None:
    with pytest.raises(UsageError, match="not negative"):
        solve(DIET, time_limit_s=-1.0)


def test_the_gap_is_closed_where_the_default_of_highs_would_stop() -> None:
    rng = random.Random(3)
    names = [f"x{j}" for j in range(14)]
    value = {name: float(rng.randint(100_000, 100_900)) for name in names}
    weight = {name: float(rng.randint(30, 60)) for name in names}
    model = Model(
        columns=tuple(Column(name=name, upper=1.0, type="integer") for name in names),
        rows=(Row(name="w", upper=300.0, coefficients=weight),),
        objective=Objective(sense="maximize", coefficients=value),
    )
    fits = (pick for pick in itertools.product((0, 1), repeat=14)
            if sum(taken * weight[name] for taken, name in zip(pick, names)) <= 300)  # fmt: skip
    best = max(sum(taken * value[name] for taken, name in zip(pick, names)) for pick in fits)

    assert solve(model).objective == best


@pytest.mark.parametrize("seed", range(25))
def test_random_linear_programs_agree_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width, height = int(rng.integers(1, 6)), int(rng.integers(0, 6))
    matrix = rng.integers(-4, 5, (height, width)).astype(float)
    upper, cost = rng.integers(-3, 10, height).astype(float), rng.integers(-5, 6, width).astype(float)
    names = [f"x{j}" for j in range(width)]
    rows = tuple(
        Row(name=f"r{i}", upper=float(upper[i]), coefficients=dict(zip(names, map(float, matrix[i]))))
        for i in range(height)
    )
    columns = tuple(Column(name=name, upper=20.0) for name in names)
    model = Model(columns=columns, rows=rows, objective=Objective(coefficients=dict(zip(names, map(float, cost)))))
    arguments = {"A_ub": matrix, "b_ub": upper} if height else {}

    expected = scipy.optimize.linprog(cost, bounds=(0, 20), **arguments)
    solution = solve(model)

    assert solution.status == {0: "optimal", 2: "infeasible"}[expected.status]
    if expected.status == 0:
        assert solution.objective == pytest.approx(expected.fun, abs=1e-9)


def test_solution_json_reads_back_equal() -> None:
    for solution in (solve(DIET), solve(one_column(**FREE)), Solution(status="feasible", bound=math.inf, gap=math.inf)):
        assert Solution.from_json(json.loads(json.dumps(solution.to_json(), allow_nan=False))) == solution


@pytest.mark.parametrize("data", [None, {}, {"schema": 1, "status": "fine"}])
def test_json_that_is_no_solution_is_refused(data: object) -> None:
    with pytest.raises(UsageError):
        Solution.from_json(data)


def test_solve_json_is_solve_for_another_process() -> None:
    answer = Solution.from_json(solve_json("", DIET.to_json(), {"time_limit_s": 5.0}))

    expected = solve(DIET, time_limit_s=5.0)
    assert dataclasses.replace(answer, time_s=0.0) == dataclasses.replace(expected, time_s=0.0)


def test_a_process_that_solved_with_other_threads_still_gets_an_answer() -> None:
    code = (
        "import highspy; h = highspy.Highs(); h.silent()\n"
        "h.setOptionValue('threads', 2); h.addVariable(ub=1); h.run()\n"
        "from agentopt.modeling.model import *; from agentopt.modeling.solvers.highs import solve\n"
        "s = solve(Model(columns=(Column(name='x', upper=2.0, type='integer'),),"
        " objective=Objective(sense='maximize', coefficients={'x': 1.0})))\n"
        "assert (s.status, s.objective) == ('optimal', 2.0), s\n"
        "assert 'threads' in s.message, s"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "model",
    [
        DIET,
        relaxation(DIET),
        one_column(type="integer", **FREE),
        one_column(Row(name="r", lower=1.0, upper=1.0, coefficients={"x": 2.0}), type="integer"),
        Model(rows=(Row(name="r", lower=1.0),)),
    ],
    ids=["linear", "relaxed", "unbounded", "infeasible", "no columns"],
)
def test_scip_agrees(model: Model) -> None:
    pytest.importorskip("pyscipopt", reason="the extra `scip` is not installed")

    ours, theirs = solve(model), scip.solve(model, time_limit_s=20.0)

    assert theirs.status == ours.status, theirs
    if ours.status == "optimal":
        assert theirs.objective == pytest.approx(ours.objective)


def test_scip_says_that_it_does_not_take_semicontinuous_columns() -> None:
    pytest.importorskip("pyscipopt", reason="the extra `scip` is not installed")

    solution = scip.solve(one_column(lower=2.0, upper=5.0, type="semicontinuous"))

    assert (solution.status, "semicontinuous" in solution.message) == ("error", True)

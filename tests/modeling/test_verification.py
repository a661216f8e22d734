"""What verification proves, and that every kind of check can refute."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentopt.errors import MissingDependency, UsageError
from agentopt.modeling.checks import Check, Verification
from agentopt.modeling.model import Column, Model, Objective, Row, Sense
from agentopt.modeling.solvers import scip
from agentopt.modeling.solvers.base import Solution
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.verification import verify

FREE: dict[str, Any] = {"lower": -math.inf, "upper": math.inf}
THIRDS = Model(  # the optimum 1/3 is no decimal
    columns=(Column(name="x"), Column(name="y")),
    rows=(
        Row(name="a", lower=1.0, upper=1.0, coefficients={"x": 3.0, "y": 0.3}),
        Row(name="b", upper=1.0, coefficients={"x": 1.0, "y": 0.7}),
    ),
    objective=Objective(coefficients={"x": 1.0, "y": 1.0}),
)
KNAPSACK = Model(  # the linear relaxation is far from the optimum 5 at x = 5
    columns=(Column(name="x", type="integer"), Column(name="y", type="integer")),
    rows=(
        Row(name="a", upper=250.0, coefficients={"x": 50.0, "y": 31.0}),
        Row(name="b", lower=-4.0, coefficients={"x": 3.0, "y": -2.0}),
    ),
    objective=Objective(sense="maximize", coefficients={"x": 1.0, "y": 0.64}),
)
MIXED = Model(  # one truck per 4 tons, ship 10 tons: 3 trucks
    columns=(Column(name="trucks", type="integer"), Column(name="tons")),
    rows=(
        Row(name="demand", lower=10.0, coefficients={"tons": 1.0}),
        Row(name="load", upper=0.0, coefficients={"tons": 1.0, "trucks": -4.0}),
    ),
    objective=Objective(coefficients={"trucks": 7.0, "tons": 0.1}, constant=2.0),
)
INFEASIBLE = replace(THIRDS, rows=(*THIRDS.rows, Row(name="c", lower=9.0, coefficients={"x": 1.0})))
UNBOUNDED = Model(
    columns=(Column(name="x", type="integer"), Column(name="y")),
    rows=(Row(name="a", upper=1.0, coefficients={"x": 1.0, "y": -2.0}),),
    objective=Objective(sense="maximize", coefficients={"x": 1.0}),
)


def check(verification: Verification, name: str) -> Check:
    return next(check for check in verification.checks if check.name == name)


def verdicts(verification: Verification) -> dict[str, str]:
    return {check.name: check.verdict for check in verification.checks}


@pytest.mark.parametrize(
    ("model", "objective"),
    [(THIRDS, 1 / 3), (KNAPSACK, 5.0), (MIXED, 24.0), (Model(objective=Objective(constant=3.0)), 3.0)],
    ids=["linear", "integer", "mixed", "empty"],
)
def test_an_optimum_is_certified(model: Model, objective: float) -> None:
    verification = verify(model, solve(model), claim=objective, second_solver=None)

    assert verification.solver_verdict == "certified", str(verification)
    assert verification.objective == pytest.approx(objective, abs=1e-12)


def test_a_report_reads_well() -> None:
    verification = verify(KNAPSACK, solve(KNAPSACK), claim=4.0)

    assert str(verification) == (
        "The solver says optimal; this is refuted.\n"
        "  feasibility: proved exactly: every row, bound and integrality holds\n"
        "  objective: proved exactly: 5, recomputed; the solver states the same within 1e-06 relative\n"
        "  optimality: proved exactly: exact dual bounds close every branch (9 linear programs)\n"
        "  bound and gap: not checked: the solver's word: bound 5.0, gap 0.0\n"
        "  second solver: not checked: not asked, the checks above decide\n"
        "  claim: refuted: 4.0 is claimed, the objective is 5\n"
        "  model against text: not checked: that the model says what the problem says is not provable here"
    )


def test_the_exact_vertex_repairs_rounding() -> None:
    feasibility = check(verify(THIRDS, solve(THIRDS)), "feasibility")

    assert (feasibility.verdict, feasibility.is_exact) == ("proved", True)
    assert "exact vertex next to the solver's point" in feasibility.detail


def test_a_point_within_tolerance_is_said_to_be_so() -> None:
    near = Solution(status="optimal", objective=1.5, values=(3.0 + 4e-7,))
    model = Model(columns=(Column(name="x", lower=3.0, upper=3.0),), objective=Objective(coefficients={"x": 0.5}))
    rounded = replace(near, values=(0.0, 3.0 - 4e-7), objective=3.0)
    wide = Model(
        columns=(Column(name="x", upper=0.0), Column(name="y", lower=3.0)),
        rows=(Row(name="flat", lower=3.0, coefficients={"x": 1.0, "y": 1.0}),),
        objective=Objective(coefficients={"x": 1.0, "y": 1.0}),
    )

    for verification in (verify(model, near), verify(wide, rounded)):
        assert verification.solver_verdict == "certified"
        assert "exact vertex" in check(verification, "feasibility").detail


BETWEEN = Model(
    columns=(Column(name="x"), Column(name="y")),
    rows=(Row(name="r", lower=1.0, upper=1.0, coefficients={"x": 0.3, "y": 0.3}),),
)


def test_an_exact_vertex_elsewhere_is_said_to_be_so() -> None:
    verification = verify(BETWEEN, Solution(status="optimal", objective=0.0, values=(1.1, 2.2333333)))

    assert verification.solver_verdict == "certified"
    assert "the solver's own point is another one, which breaks something by 1e-08" in str(verification)


def test_without_an_exact_vertex_the_tolerance_is_named() -> None:
    model = replace(BETWEEN, objective=Objective(coefficients={"x": 1.0}))

    verification = verify(model, Solution(status="feasible", objective=1.1, values=(1.1, 2.2333333)))

    feasibility = check(verification, "feasibility")
    assert (feasibility.verdict, feasibility.is_exact) == ("proved", False)
    assert feasibility.detail == "within tolerance 1e-06, not exactly: row `r` is broken by 1e-08"


def test_a_broken_row_is_refuted_by_name_and_amount() -> None:
    solution = replace(solve(THIRDS), values=(0.5, 0.0))

    verification = verify(THIRDS, solution)

    assert check(verification, "feasibility").verdict == "refuted"
    assert check(verification, "feasibility").detail == "row `a` is broken by 0.5"
    assert check(verification, "optimality").verdict == "refuted"
    assert verification.solver_verdict == "refuted"


def test_a_broken_bound_and_integrality_are_refuted() -> None:
    fractional = verify(KNAPSACK, replace(solve(KNAPSACK), values=(4.5, 0.0), objective=4.5))
    negative = verify(KNAPSACK, replace(solve(KNAPSACK), values=(-1.0, 0.0), objective=-1.0))

    assert "integrality of column `x`" in check(fractional, "feasibility").detail
    assert "bounds of column `x`" in check(negative, "feasibility").detail


def test_a_value_that_is_no_number_is_refuted() -> None:
    verification = verify(KNAPSACK, replace(solve(KNAPSACK), values=(math.nan, 0.0)), second_solver=None)

    assert verification.solver_verdict == "refuted"


def test_a_wrong_objective_is_refuted() -> None:
    verification = verify(MIXED, replace(solve(MIXED), objective=24.1))

    assert verdicts(verification)["objective"] == "refuted"


def test_a_linear_point_that_is_not_best_is_refuted() -> None:
    model = Model(columns=(Column(name="x", lower=1.0, upper=9.0),), objective=Objective(coefficients={"x": 2.0}))

    verification = verify(model, Solution(status="optimal", objective=4.0, values=(2.0,)))

    assert check(verification, "optimality").verdict == "refuted"
    assert "another feasible point has the objective 2" in check(verification, "optimality").detail


def test_an_integer_point_that_is_not_best_is_refuted() -> None:
    verification = verify(KNAPSACK, Solution(status="optimal", objective=4.0, values=(4.0, 0.0)))

    assert check(verification, "optimality").verdict == "refuted"
    assert check(verification, "optimality").numbers["better"] > 4.0


def test_continuous_columns_that_are_not_best_for_their_integers_are_refuted() -> None:
    verification = verify(MIXED, Solution(status="optimal", objective=24.1, values=(3.0, 11.0)))

    assert check(verification, "integers fixed").verdict == "refuted"


@pytest.mark.parametrize("claim", [5.0001, 4.9999, math.nan, math.inf, -5.0])
def test_a_wrong_claim_is_refuted(claim: float) -> None:
    verification = verify(KNAPSACK, solve(KNAPSACK), claim=claim)

    assert verdicts(verification)["claim"] == "refuted"
    assert verification.solver_verdict == "refuted"


def test_a_claim_within_a_millionth_holds() -> None:
    assert verdicts(verify(KNAPSACK, solve(KNAPSACK), claim=5.000004))["claim"] == "proved"


def test_a_claim_about_an_infeasible_model_is_refuted() -> None:
    assert verdicts(verify(INFEASIBLE, solve(INFEASIBLE), claim=0.0))["claim"] == "refuted"


def test_infeasibility_is_certified() -> None:
    odd = Model(
        columns=(Column(name="x", type="integer"),),
        rows=(Row(name="odd", lower=1.0, upper=1.0, coefficients={"x": 2.0}),),
    )
    tree = Model(  # no single row shows it, nor does the linear relaxation
        columns=(Column(name="x", type="integer"), Column(name="y", type="integer")),
        rows=(
            Row(name="s", lower=1.0, upper=1.0, coefficients={"x": 1.0, "y": 1.0}),
            Row(name="d", lower=0.0, upper=0.0, coefficients={"x": 1.0, "y": -1.0}),
        ),
    )
    for model, words in ((INFEASIBLE, "Farkas"), (odd, "multiples of 2"), (tree, "every branch")):
        verification = verify(model, solve(model))
        assert verification.solver_verdict == "certified"
        assert words in check(verification, "infeasibility").detail


def test_a_farkas_proof_does_not_need_the_solvers_ray() -> None:
    assert verify(INFEASIBLE, Solution(status="infeasible")).solver_verdict == "certified"
    assert verify(INFEASIBLE, Solution(status="infeasible", farkas_ray=(1.0, 1.0, 1.0))).solver_verdict == "certified"


@pytest.mark.parametrize("model", [THIRDS, KNAPSACK, MIXED, UNBOUNDED])
def test_a_feasible_model_called_infeasible_is_refuted(model: Model) -> None:
    verification = verify(model, Solution(status="infeasible", farkas_ray=(1.0, -1.0)))

    assert verification.solver_verdict == "refuted", str(verification)
    assert "a feasible point exists" in check(verification, "infeasibility").detail


@pytest.mark.parametrize("kind", ["continuous", "integer"])
def test_unboundedness_is_certified(kind: Any) -> None:
    free = Model(columns=(Column(name="x", type=kind, **FREE),), objective=Objective(coefficients={"x": 1.0}))

    for model in (UNBOUNDED, free):
        assert verify(model, solve(model)).solver_verdict == "certified"
        assert verify(model, Solution(status="unbounded")).solver_verdict == "certified"


@pytest.mark.parametrize("model", [THIRDS, KNAPSACK, MIXED])
def test_a_bounded_model_called_unbounded_is_refuted(model: Model) -> None:
    verification = verify(model, Solution(status="unbounded", values=solve(model).values, primal_ray=(1.0, 1.0)))

    assert check(verification, "unboundedness").verdict == "refuted"


def test_a_stopped_solve_is_unproven_however_good_its_point() -> None:
    stopped = replace(solve(KNAPSACK), status="feasible", bound=5.3, gap=0.06)

    assert verify(KNAPSACK, stopped).solver_verdict == "unproven"
    assert verify(KNAPSACK, Solution(status="time_limit")).solver_verdict == "unproven"


def test_an_agreeing_second_solver_makes_it_checked() -> None:
    def agrees(model: Model, *, time_limit_s: float) -> Solution:
        return solve(model)

    verification = verify(KNAPSACK, solve(KNAPSACK), second_solver=agrees, max_nodes=1)

    assert verdicts(verification)["optimality"] == "not checked"
    assert verification.solver_verdict == "checked"


def test_a_second_solver_with_a_better_point_refutes() -> None:
    def better(model: Model, *, time_limit_s: float) -> Solution:
        return Solution(status="optimal", objective=5.0, values=(5.0, 0.0), solver="other")

    worse = Solution(status="optimal", objective=4.0, values=(4.0, 0.0))
    verification = verify(KNAPSACK, worse, second_solver=better, max_nodes=0)

    assert verdicts(verification)["second solver"] == "refuted"


def test_a_second_solver_that_is_wrong_is_not_believed() -> None:
    def wrong(model: Model, *, time_limit_s: float) -> Solution:
        return Solution(status="optimal", objective=6.0, values=(6.0, 0.0), solver="other")

    verification = verify(KNAPSACK, solve(KNAPSACK), second_solver=wrong, max_nodes=0)

    assert verdicts(verification)["second solver"] == "not checked"
    assert verification.solver_verdict == "unproven"


def test_a_missing_second_solver_is_named_with_its_command() -> None:
    def missing(model: Model, *, time_limit_s: float) -> Solution:
        raise MissingDependency("pyscipopt", "scip", "a second solver")

    verification = verify(KNAPSACK, solve(KNAPSACK), second_solver=missing, max_nodes=0)

    assert "pip install 'agentopt[scip]'" in check(verification, "second solver").detail


def test_scip_is_asked_where_the_proof_is_open() -> None:
    pytest.importorskip("pyscipopt", reason="the extra `scip` is not installed")

    verification = verify(KNAPSACK, solve(KNAPSACK), second_solver=scip.solve, max_nodes=0)

    assert verification.solver_verdict == "checked", str(verification)
    assert "SCIP" in check(verification, "second solver").detail


def test_values_of_another_model_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="1 values, the model 2 columns"):
        verify(KNAPSACK, Solution(status="optimal", objective=1.0, values=(1.0,)))


def test_degenerate_and_badly_scaled_programs_are_certified() -> None:
    degenerate = Model(
        columns=(Column(name="x"), Column(name="y")),
        rows=tuple(Row(name=f"r{i}", upper=4.0, coefficients={"x": 1.0, "y": 1.0 + i}) for i in range(4)),
        objective=Objective(sense="maximize", coefficients={"x": 1.0, "y": 1.0}),
    )
    scaled = Model(
        columns=(Column(name="x"), Column(name="y")),
        rows=(
            Row(name="big", upper=1e9, coefficients={"x": 1e6, "y": 3.0}),
            Row(name="small", upper=1e-3, coefficients={"x": 1e-7, "y": 1e-6}),
        ),
        objective=Objective(sense="maximize", coefficients={"x": 1e-4, "y": 1e3}),
    )
    for model in (degenerate, scaled):
        verification = verify(model, solve(model))
        assert verification.solver_verdict == "certified", str(verification)


_ENTRY = st.integers(-5, 5).map(lambda value: value / 10)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Up to four columns, bounded or not, integer or not, and up to four rows with decimal coefficients."""
    columns = tuple(
        Column(
            name=f"x{j}",
            lower=draw(st.sampled_from((0.0, -1.5, -math.inf))),
            upper=draw(st.sampled_from((2.5, 7.0, math.inf))),
            type=draw(st.sampled_from(("continuous", "continuous", "integer"))),
        )
        for j in range(draw(st.integers(1, 4)))
    )
    rows = tuple(
        Row(
            name=f"r{i}",
            lower=draw(st.sampled_from((-math.inf, -2.0, 0.3))),
            upper=draw(st.sampled_from((0.3, 4.1, math.inf))),
            coefficients={column.name: draw(_ENTRY) for column in columns},
        )
        for i in range(draw(st.integers(0, 4)))
    )
    costs = {column.name: draw(_ENTRY) for column in columns}
    senses: tuple[Sense, ...] = ("minimize", "maximize")
    sense = draw(st.sampled_from(senses))
    return Model(columns=columns, rows=rows, objective=Objective(sense=sense, coefficients=costs, constant=0.7))


@given(models())
@settings(max_examples=150, derandomize=True, deadline=None)
def test_what_the_solver_says_of_random_models_is_proved(model: Model) -> None:
    verification = verify(model, solve(model), second_solver=None)

    assert verification.solver_verdict == "certified", f"{model.to_text()}\n{verification}"


@given(models(), st.sampled_from((-0.5, 0.01, 3.0)), st.integers(0, 3))
@settings(max_examples=80, derandomize=True, deadline=None)
def test_corrupted_values_are_refuted(model: Model, change: float, position: int) -> None:
    solution = solve(model)
    assume(solution.status == "optimal" and solution.values is not None)
    values = list(solution.values or ())
    name = model.columns[position % len(values)].name
    assume(model.objective.coefficients[name] != 0)
    values[position % len(values)] += change

    corrupted = replace(solution, values=tuple(values))

    assert verify(model, corrupted, second_solver=None).solver_verdict == "refuted"


@given(models(), st.sampled_from((-1.0, 1e-4, 2.0)))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_corrupted_claims_are_refuted(model: Model, change: float) -> None:
    solution = solve(model)
    assume(solution.status == "optimal")
    right = verify(model, solution, claim=solution.objective, second_solver=None)
    wrong = verify(model, solution, claim=(solution.objective or 0.0) + change, second_solver=None)

    assert (verdicts(right)["claim"], verdicts(wrong)["claim"]) == ("proved", "refuted")


def test_a_large_linear_program_is_certified() -> None:
    size = 40
    columns = tuple(Column(name=f"x{i},{j}") for i in range(size) for j in range(size))
    supply = tuple(
        Row(name=f"s{i}", upper=10.3, coefficients={f"x{i},{j}": 1.0 for j in range(size)}) for i in range(size)
    )
    demand = tuple(
        Row(name=f"d{j}", lower=7.1 + j / 100, coefficients={f"x{i},{j}": 1.0 for i in range(size)})
        for j in range(size)
    )
    costs = {f"x{i},{j}": float((7 * i + 13 * j) % 29 + 1) for i in range(size) for j in range(size)}
    model = Model(columns=columns, rows=supply + demand, objective=Objective(coefficients=costs))

    assert verify(model, solve(model)).solver_verdict == "certified"


CORPUS = Path(__file__).parents[3] / "shared" / "data" / "modeling_dev.jsonl"


@pytest.mark.skipif(not CORPUS.is_file(), reason="the problem collection lies outside the repository")
def test_reference_programs_are_captured_and_their_optimum_is_certified(capsys: pytest.CaptureFixture[str]) -> None:
    from agentopt.modeling.capture.harness import capture

    problems = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    problems = [problem for problem in problems if problem.get("reference_code")]
    for problem in problems:
        captured = capture(problem["reference_code"])
        assert captured["error"] is None, problem["id"]
        model = Model.from_json(captured["models"][-1])
        verification = verify(model, solve(model), second_solver=None)
        answers = problem["answer_set"] or [problem["answer"]]
        assert any(verification.objective == pytest.approx(answer, rel=1e-6) for answer in answers), problem["id"]
        assert verification.solver_verdict == "certified", f"{problem['id']}\n{verification}"
    assert len(problems) == 90


def test_a_higher_level_checks_more() -> None:
    solution = solve(KNAPSACK)

    fast, standard, rigorous = (
        verify(KNAPSACK, solution, level=level, second_solver=None) for level in ("fast", "standard", "rigorous")
    )

    assert {check.name for check in fast.checks} == {check.name for check in standard.checks}
    relations = [check for check in rigorous.checks if check.name.startswith("relation: ")]
    assert len(relations) >= 10
    assert {check.verdict for check in relations} == {"proved"}
    assert rigorous.solver_verdict == "certified"


def test_an_unknown_level_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="fast, standard, rigorous"):
        verify(KNAPSACK, solve(KNAPSACK), level="exact")  # type: ignore[arg-type]  # the mistake under test


def test_a_solution_without_a_basis_is_certified_by_another_solve() -> None:
    boxed = replace(THIRDS, columns=tuple(replace(column, upper=9.0) for column in THIRDS.columns))
    solution = replace(solve(boxed), column_basis=None, row_basis=None)

    assert verify(boxed, solution, second_solver=None).solver_verdict == "certified"

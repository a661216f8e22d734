"""Programs that build their model with PuLP: `LpProblem.solve` is recorded and answered by HiGHS."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.capture.solving import Answer, answer_to
from agentopt.modeling.model import Column, Model, Objective, Row, SpecialOrderedSet, unique_names

_STATUSES: Mapping[str, tuple[int, int]] = {  # `status` and `sol_status` of PuLP
    "optimal": (1, 1),
    "feasible": (1, 2),
    "infeasible": (-1, -1),
    "unbounded": (-2, -2),
}


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `LpProblem.solve` record the model and answer without PuLP's solvers, which are programs of their own."""
    import pulp

    def recorded(self: Any, solver: Any = None, **_: Any) -> int:
        model = recorder.record(lambda: model_of(self, recorder.variables(self)))
        recorder.solved.append(self)
        if model is None:
            raise pulp.PulpSolverError(recorder.refused[-1])
        _take(self, answer_to(model, time_limit_s=recorder.solve_time_s))
        self.solver = solver
        return int(self.status)

    def refused(*_: Any, **__: Any) -> None:
        recorder.refused.append("pulp `LpProblem.sequentialSolve`: several objectives, a model has one")
        raise pulp.PulpSolverError(recorder.refused[-1])

    return [
        replace_attribute(pulp.LpProblem, "solve", recorded),
        replace_attribute(pulp.LpProblem, "sequentialSolve", refused),
    ]


def is_model(value: object) -> bool:
    """`value` is a `pulp.LpProblem`."""
    return is_instance(value, "pulp", "LpProblem")


def model_of(problem: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The model of an `LpProblem`; PuLP names everything itself.

    Raises:
        CannotCapture: a number in it is none.
    """
    variables = [variable for variable in problem.variables() if variable.name != "__dummy"]
    names = dict(zip(variables, unique_names((variable.name for variable in variables), "c")))
    rows = []
    constraints = _constraints(problem)
    for name, (_, constraint) in zip(unique_names((name for name, _ in constraints), "r"), constraints):
        right = -float(constraint.constant)
        rows.append(
            Row(
                name=name,
                lower=-math.inf if constraint.sense == -1 else right,
                upper=math.inf if constraint.sense == 1 else right,
                coefficients=_terms(constraint, names),
            )
        )
    goal = problem.objective
    sets = [
        SpecialOrderedSet(name=f"sos{kind} {name}", type=1 if kind == 1 else 2, weights=_terms(members, names))
        for kind, family in ((1, problem.sos1), (2, problem.sos2))
        for name, members in family.items()
    ]
    return Model(
        name=problem.name or "",
        columns=tuple(_column(variable, names[variable]) for variable in variables),
        rows=tuple(rows),
        objective=Objective(
            sense="maximize" if problem.sense == -1 else "minimize",
            coefficients={} if goal is None else _terms(goal, names),
            constant=0.0 if goal is None else float(goal.constant),
        ),
        sets=tuple(sets),
    )


def _constraints(problem: Any) -> list[tuple[str, Any]]:
    """Constraints by name, in order."""
    if callable(problem.constraints):
        return [(constraint.name, constraint) for constraint in problem.constraints()]
    return list(problem.constraints.items())


def _terms(sum_: Any, names: Mapping[Any, str]) -> dict[str, float]:
    terms = {names[variable]: float(value) for variable, value in sum_.items() if variable in names and value}
    if not all(map(math.isfinite, terms.values())):
        raise CannotCapture(f"pulp: a coefficient of `{sum_}` is not a finite number")
    return terms


def _column(variable: Any, name: str) -> Column:
    lower = -math.inf if variable.lowBound is None else float(variable.lowBound)
    upper = math.inf if variable.upBound is None else float(variable.upBound)
    return Column(name=name, lower=lower, upper=upper, type="integer" if variable.cat == "Integer" else "continuous")


def _take(problem: Any, answer: Answer) -> None:
    """Values, duals and status, where PuLP's own solvers put them."""
    variables = [variable for variable in problem.variables() if variable.name != "__dummy"]
    for place, variable in enumerate(variables):
        variable.varValue = None if answer.values is None else answer.values[place]
        variable.dj = None if answer.reduced_costs is None else answer.reduced_costs[place]
    for place, (_, constraint) in enumerate(_constraints(problem)):
        constraint.pi = None if answer.row_duals is None else answer.row_duals[place]
        constraint.slack = None if answer.values is None else -(constraint.value() or 0.0)
    problem.status, problem.sol_status = _STATUSES.get(answer.solution.status, (0, 0))
    problem.solutionTime = problem.solutionCpuTime = answer.solution.time_s

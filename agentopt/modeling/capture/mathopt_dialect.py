"""Programs that build their model with OR-Tools' MathOpt."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, unique_names


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `mathopt.solve` record the model and then solve it; a solver that is not there is replaced by SCIP."""
    from ortools.math_opt.python import mathopt

    solve = mathopt.solve

    def recorded(model: Any, solver_type: Any, **named: Any) -> Any:
        recorder.record(lambda: model_of(model, recorder.variables(model)))
        recorder.solved.append(model)
        given = named.get("params") or mathopt.SolveParameters()
        given.time_limit = datetime.timedelta(seconds=recorder.solve_time_s)
        named["params"] = given
        if solver_type.name in ("GUROBI", "XPRESS", "SANTORINI"):
            solver_type = mathopt.SolverType.GSCIP
        return solve(model, solver_type, **named)

    return [replace_attribute(mathopt, "solve", recorded)]


def is_model(value: object) -> bool:
    """`value` is a `mathopt.Model`."""
    return is_instance(value, "ortools.math_opt.python.mathopt", "Model")


def model_of(model: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The model of a `mathopt.Model`.

    Raises:
        CannotCapture: it has several objectives, or a condition without a column.
    """
    if list(model.auxiliary_objectives()):
        raise CannotCapture("mathopt `add_auxiliary_objective`: there are several objectives, a model has one")
    variables = list(model.variables())
    names = dict(zip(variables, unique_names((variable.name for variable in variables), "c")))
    columns = tuple(
        Column(
            name=names[one],
            lower=one.lower_bound,
            upper=one.upper_bound,
            type="integer" if one.integer else "continuous",
        )
        for one in variables
    )
    rows = [_row(one, one.terms(), names) for one in model.linear_constraints()]
    for one in model.get_quadratic_constraints():
        products = _products(one.quadratic_terms(), names)
        rows.append(replace(_row(one, one.linear_terms(), names), quadratic=products))
    for one in model.get_indicator_constraints():
        if one.indicator_variable is None:
            raise CannotCapture(f"mathopt indicator `{one.name}`: its variable was deleted")
        when = Indicator(column=names[one.indicator_variable], value=0 if one.activate_on_zero else 1)
        rows.append(replace(_row(one, one.terms(), names), indicator=when))
    unique = unique_names((row.name for row in rows), "r")
    goal = model.objective
    objective = Objective(
        sense="maximize" if goal.is_maximize else "minimize",
        coefficients={names[term.variable]: term.coefficient for term in goal.linear_terms()},
        constant=goal.offset,
        quadratic=_products(goal.quadratic_terms(), names),
    )
    return Model(
        columns=columns, rows=tuple(replace(row, name=name) for row, name in zip(rows, unique)), objective=objective
    )


def _row(constraint: Any, terms: Any, names: Mapping[Any, str]) -> Row:
    return Row(
        name=constraint.name,
        lower=constraint.lower_bound,
        upper=constraint.upper_bound,
        coefficients={names[term.variable]: term.coefficient for term in terms},
    )


def _products(terms: Any, names: Mapping[Any, str]) -> dict[tuple[str, str], float]:
    return {(names[term.key.first_var], names[term.key.second_var]): term.coefficient for term in terms}

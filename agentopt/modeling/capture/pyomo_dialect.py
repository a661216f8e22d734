"""Programs that build their model with Pyomo: any solver is answered by HiGHS, after the model was recorded."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.capture.solving import Answer, answer_to
from agentopt.modeling.model import Column, Model, Objective, Row, SpecialOrderedSet, unique_names

_CONDITIONS: Mapping[str, str] = {
    "optimal": "optimal", "infeasible": "infeasible", "unbounded": "unbounded", "feasible": "maxTimeLimit",
    "time_limit": "maxTimeLimit",
}  # fmt: skip
# Component types of extensions whose active members say something that is in no constraint.
_NOT_ROWS = {"Disjunction", "LogicalConstraint", "Complementarity", "DifferentialEquation", "IndexedComplementarity"}
_APPSI = ("Highs", "Gurobi", "Cbc", "Cplex", "Ipopt", "MAiNGO")


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `SolverFactory(...)` and the appsi solvers give a solver that records the model and lets HiGHS answer."""
    import pyomo.environ as pyo
    from pyomo.contrib import appsi

    class Recording(_Recording):
        """The solver that the program gets."""

        _recorder = recorder

    factory = type(pyo.SolverFactory)
    made = lambda _, name=None, **options: Recording(str(name), options)  # noqa: E731
    patches = [replace_attribute(factory, "__call__", made)]
    for name in _APPSI:
        if hasattr(appsi.solvers, name):
            patches.append(replace_attribute(appsi.solvers, name, Recording))
    return patches


def is_model(value: object) -> bool:
    """`value` is a Pyomo model with its data."""
    return is_instance(value, "pyomo.core.base.PyomoModel", "ConcreteModel")


class _Recording:
    """A solver of Pyomo."""

    _recorder: Recorder

    def __init__(self, name: str = "appsi_highs", options: Mapping[str, Any] | None = None) -> None:
        self.name, self.options, self.config = name, _Options(options or {}), _Options({})
        self.highs_options: dict[str, Any] = {}

    def available(self, *_: Any, **__: Any) -> bool:
        """It always is."""
        return True

    license_is_valid = available

    def set_instance(self, model: Any, *_: Any, **__: Any) -> None:
        """What a persistent solver keeps."""
        self._instance = model

    def __enter__(self) -> _Recording:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def solve(self, model: Any = None, *_: Any, **__: Any) -> Any:
        """Records, solves, loads the solution into the model, and returns Pyomo's results.

        Raises:
            ValueError: the model is none that can be captured.
        """
        recorder, model = self._recorder, self._instance if model is None else model
        captured = recorder.record(lambda: model_of(model, recorder.variables(model)))
        recorder.solved.append(model)
        if captured is None:
            raise ValueError(recorder.refused[-1])
        answer = answer_to(captured, time_limit_s=recorder.solve_time_s)
        _take(model, answer)
        return _results(answer, captured)


class _Options(dict[str, Any]):
    """Options by key or attribute, recorded and not used."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def model_of(model: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The model of a Pyomo model; Pyomo names everything itself.

    Raises:
        CannotCapture: it is not linear or quadratic, has several objectives, or components that are no constraints.
    """
    import pyomo.environ as pyo

    for component in model.component_objects(active=True):
        if component.ctype.__name__ in _NOT_ROWS:
            raise CannotCapture(f"pyomo `{component.ctype.__name__}` {component.name}: only constraints are captured")
    variables = list(model.component_data_objects(pyo.Var))
    rows_of = list(model.component_data_objects(pyo.Constraint, active=True))
    goals = list(model.component_data_objects(pyo.Objective, active=True))
    if len(goals) > 1:
        raise CannotCapture(f"pyomo: {len(goals)} objectives are active, a model has one")
    names = {id(variable): name for variable, name in zip(variables, unique_names((v.name for v in variables), "c"))}
    rows = []
    for name, constraint in zip(unique_names((one.name for one in rows_of), "r"), rows_of):
        sum_ = _sum_of(constraint.body, names, constraint.name)
        lower, upper = pyo.value(constraint.lower), pyo.value(constraint.upper)
        rows.append(
            Row(
                name=name,
                lower=-math.inf if lower is None else float(lower) - sum_.constant,
                upper=math.inf if upper is None else float(upper) - sum_.constant,
                coefficients=sum_.coefficients,
                quadratic=sum_.quadratic,
            )
        )
    objective = Objective()
    if goals:
        sum_ = _sum_of(goals[0].expr, names, goals[0].name)
        objective = replace(sum_, sense="maximize" if goals[0].sense == pyo.maximize else "minimize")
    columns = tuple(_column(variable, names[id(variable)]) for variable in variables)
    return Model(columns=columns, rows=tuple(rows), objective=objective, sets=_sets(model, names))


def _sum_of(body: Any, names: Mapping[int, str], where: str) -> Objective:
    """A Pyomo expression as the sum of an `Objective`."""
    repn = importlib.import_module("pyomo.repn").generate_standard_repn(body, compute_values=True, quadratic=True)
    if repn.nonlinear_expr is not None:
        raise CannotCapture(f"pyomo `{where}`: `{str(repn.nonlinear_expr)[:80]}` is neither linear nor quadratic")
    linear = {names[id(v)]: float(value) for v, value in zip(repn.linear_vars, repn.linear_coefs) if value}
    quadratic: dict[tuple[str, str], float] = {}
    for (one, two), value in zip(repn.quadratic_vars, repn.quadratic_coefs):
        pair = (names[id(one)], names[id(two)])
        pair = (pair[1], pair[0]) if (pair[1], pair[0]) in quadratic else pair
        quadratic[pair] = quadratic.get(pair, 0.0) + float(value)
    return Objective(coefficients=linear, constant=float(repn.constant), quadratic=quadratic)


def _column(variable: Any, name: str) -> Column:
    if variable.fixed:  # its value is in the rows; the column only reports it
        return Column(name=name, lower=float(variable.value), upper=float(variable.value))
    lower, upper = variable.bounds
    if not (variable.is_continuous() or variable.is_integer() or variable.is_binary()):
        raise CannotCapture(f"pyomo `{variable.name}`: its domain {variable.domain} is neither real nor whole numbers")
    return Column(
        name=name,
        lower=-math.inf if lower is None else float(lower),
        upper=math.inf if upper is None else float(upper),
        type="continuous" if variable.is_continuous() else "integer",
    )


def _sets(model: Any, names: Mapping[int, str]) -> tuple[SpecialOrderedSet, ...]:
    import pyomo.environ as pyo

    sets = []
    for one in model.component_data_objects(pyo.SOSConstraint, active=True):
        weights = {names[id(variable)]: float(weight) for variable, weight in one.get_items()}
        sets.append(SpecialOrderedSet(name=one.name, type=one.level, weights=weights))
    return tuple(sets)


def _take(model: Any, answer: Answer) -> None:
    """Values into the variables, and duals into a suffix `dual` that the program declared."""
    import pyomo.environ as pyo

    if answer.values is not None:
        for variable, value in zip(model.component_data_objects(pyo.Var), answer.values):
            if not variable.fixed:
                is_whole = variable.is_integer() or variable.is_binary()
                variable.set_value(round(value) if is_whole else value, skip_validation=True)
    duals = getattr(model, "dual", None)
    if answer.row_duals is not None and isinstance(duals, pyo.Suffix):
        for constraint, value in zip(model.component_data_objects(pyo.Constraint, active=True), answer.row_duals):
            duals[constraint] = value


def _results(answer: Answer, captured: Model) -> Any:
    opt = importlib.import_module("pyomo.opt")
    results = opt.SolverResults()
    condition = getattr(opt.TerminationCondition, _CONDITIONS.get(answer.solution.status, "unknown"))
    results.solver.termination_condition = condition
    results.solver.status = opt.SolverStatus.ok if answer.values is not None else opt.SolverStatus.warning
    results.solver.time = answer.solution.time_s
    results.problem.sense = opt.ProblemSense.minimize
    if captured.objective.sense == "maximize":
        results.problem.sense = opt.ProblemSense.maximize
    if answer.objective is not None:
        results.problem.lower_bound = results.problem.upper_bound = answer.objective
    return results

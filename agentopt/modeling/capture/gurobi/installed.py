"""Programs run with the installed gurobipy: what they solve is read through its public calls, then solved by Gurobi.

The model is rebuilt as one of the dialect, which writes general constraints as rows. The program reads Gurobi's own
answer, so it needs a licence as anywhere; the one that comes with the package takes models of some size only, and a
model that it refuses is captured all the same, for that happens before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from agentopt.modeling.capture.gurobi import model as dialect_model
from agentopt.modeling.capture.gurobi.attributes import GurobiError
from agentopt.modeling.capture.gurobi.export import captured
from agentopt.modeling.capture.gurobi.expressions import LinExpr, TempConstr, Var, quicksum
from agentopt.modeling.capture.naming import bound_names
from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.model import Model

_INFINITY = 1e20  # from here on Gurobi takes a number for infinite
_OTHER_SOLVES = ("optimizeAsync", "optimizeBatch")


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `Model.optimize` of gurobipy record the model, and then solve it silently and for a limited time."""
    import gurobipy

    optimize = gurobipy.Model.optimize

    def recorded_optimize(self: Any, callback: Any = None, **named: Any) -> Any:
        if callback is not None or named:
            _refuse(recorder, "optimize` with a callback: what it adds is not in the model; add all rows first")
        recorder.record(lambda: model_of(self, recorder.variables(self)))
        recorder.solved.append(self)
        self.Params.OutputFlag = 0
        self.Params.TimeLimit = min(self.Params.TimeLimit, recorder.solve_time_s)
        return optimize(self)

    def refused(name: str) -> Any:
        return lambda *_, **__: _refuse(recorder, f"{name}`: use `optimize`")

    return [
        replace_attribute(gurobipy.Model, "optimize", recorded_optimize),
        *(replace_attribute(gurobipy.Model, name, refused(name)) for name in _OTHER_SOLVES),
    ]


def is_model(value: object) -> bool:
    """`value` is a `gurobipy.Model` of the installed package."""
    return is_instance(value, "gurobipy", "Model")


def model_of(model: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:
    """The model of a `gurobipy.Model`, named by it, else by the program's variables.

    A row of `addRange` comes as Gurobi keeps it: an equation with a slack column `Rg<row>`.

    Raises:
        CannotCapture: it has several objectives or scenarios, or a general constraint that no rows can say.
    """
    model.update()
    if model.IsMultiObj:
        raise CannotCapture("gurobipy `Model.setObjectiveN`: there are several objectives, a model has one")
    if model.NumScenarios:
        raise CannotCapture("gurobipy `NumScenarios`: several scenarios are several models")
    try:
        return captured(_rebuilt(model, namespaces), [])
    except GurobiError as error:
        raise CannotCapture(f"gurobipy: {error}") from error


def _refuse(recorder: Recorder, what: str) -> NoReturn:
    message = f"gurobipy: `Model.{what}"
    recorder.refused.append(message)
    raise CannotCapture(message)


def _rebuilt(model: Any, namespaces: Sequence[Mapping[str, Any]]) -> dialect_model.Model:
    """The same model in the dialect."""

    class Rebuilt(dialect_model.Model):
        """A model whose refusals reach the caller as errors alone."""

        _recorder = Recorder(filename="", namespace={}, solve_time_s=0.0)

    made = Rebuilt(model.ModelName)
    variables = model.getVars()
    names = _names(variables, namespaces)
    own = [made.addVar(v.LB, v.UB, 0.0, v.VType, name) for v, name in zip(variables, names)]
    made.setObjective(_sum(model.getObjective(), own), model.ModelSense)
    for constraint in model.getConstrs():
        row = TempConstr(_sum(model.getRow(constraint), own) - constraint.RHS, constraint.Sense)
        made._add_row(row, constraint.ConstrName)
    for constraint in model.getQConstrs():
        row = TempConstr(_sum(model.getQCRow(constraint), own) - constraint.QCRHS, constraint.QCSense)
        made._add_row(row, constraint.QCName)
    for ordered in model.getSOSs():
        kind, members, weights = model.getSOS(ordered)
        made.addSOS(kind, [own[member.index] for member in members], weights)
    for constraint in model.getGenConstrs():
        _add_general(made, model, constraint, own)
    for variable, costed in zip(variables, own):
        if model.NumPWLObjVars and (points := model.getPWLObj(variable)):
            made.setPWLObj(costed, *zip(*points))
    return made


def _names(variables: Sequence[Any], namespaces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names that the program gave; Gurobi's own (`C3`) give way to those of the program's variables."""
    import gurobipy

    def index_of(variable: Any) -> int | None:
        index = int(variable.index)
        return index if 0 <= index < len(variables) and variables[index].sameAs(variable) else None

    derived = bound_names(namespaces, gurobipy.Var, index_of)
    own = [variable.VarName for variable in variables]
    return [derived.get(index, name) if name == f"C{index}" else name for index, name in enumerate(own)]


def _sum(expression: Any, own: Sequence[Var]) -> LinExpr:
    """A linear or quadratic expression of gurobipy, in the variables of the rebuilt model."""
    import gurobipy

    terms: list[Any] = []
    if isinstance(expression, gurobipy.QuadExpr):
        for place in range(expression.size()):
            one, two = own[expression.getVar1(place).index], own[expression.getVar2(place).index]
            terms.append(expression.getCoeff(place) * one * two)
        expression = expression.getLinExpr()
    terms += [expression.getCoeff(place) * own[expression.getVar(place).index] for place in range(expression.size())]
    total: LinExpr = quicksum([*terms, expression.getConstant()])
    return total


def _add_general(made: dialect_model.Model, model: Any, constraint: Any, own: Sequence[Var]) -> None:
    """Adds a general constraint of `model` to `made`.

    Raises:
        CannotCapture: no rows say exactly what it says.
    """
    from gurobipy import GRB

    kind, name = constraint.GenConstrType, constraint.GenConstrName
    if kind == GRB.GENCONSTR_MAX:
        result, operands, constant = model.getGenConstrMax(constraint)
        made.addGenConstrMax(own[result.index], [own[one.index] for one in operands], _finite(constant), name)
    elif kind == GRB.GENCONSTR_MIN:
        result, operands, constant = model.getGenConstrMin(constraint)
        made.addGenConstrMin(own[result.index], [own[one.index] for one in operands], _finite(constant), name)
    elif kind == GRB.GENCONSTR_ABS:
        result, operand = model.getGenConstrAbs(constraint)
        made.addGenConstrAbs(own[result.index], own[operand.index], name)
    elif kind == GRB.GENCONSTR_AND:
        result, operands = model.getGenConstrAnd(constraint)
        made.addGenConstrAnd(own[result.index], [own[one.index] for one in operands], name)
    elif kind == GRB.GENCONSTR_OR:
        result, operands = model.getGenConstrOr(constraint)
        made.addGenConstrOr(own[result.index], [own[one.index] for one in operands], name)
    elif kind == GRB.GENCONSTR_INDICATOR:
        switch, value, left, sense, right = model.getGenConstrIndicator(constraint)
        made.addGenConstrIndicator(own[switch.index], value, _sum(left, own), sense, right, name)
    elif kind == GRB.GENCONSTR_PWL:
        argument, result, places, values = model.getGenConstrPWL(constraint)
        made.addGenConstrPWL(own[argument.index], own[result.index], places, values, name)
    else:
        raise CannotCapture(f"gurobipy `{name}`: a general constraint of type {kind}, which no rows say exactly")


def _finite(constant: float) -> float | None:
    """The constant of a maximum or minimum; Gurobi says that there is none by an infinite one."""
    return constant if abs(constant) < _INFINITY else None

"""Programs that build their model with PySCIPOpt: linear, quadratic and indicator constraints, and ordered sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet, unique_names

_INFINITY = 1e20


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `pyscipopt.Model` a class whose `optimize` records the model and then solves it for a limited time."""
    import pyscipopt

    class RecordedModel(pyscipopt.Model):  # type: ignore[misc]
        """A model that remembers what the compiled class does not give back: indicator rows and ordered sets."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._implied: list[tuple[Any, dict[str, Any]]] = []
            self._ordered: list[tuple[int, list[Any], Any, str]] = []
            self.hideOutput()

        def addConsIndicator(self, cons: Any, binvar: Any = None, activeone: bool = True, **named: Any) -> Any:
            made = super().addConsIndicator(cons, binvar=binvar, activeone=activeone, **named)
            when = {"column": (binvar or self.getVars()[-1]).name, "value": int(activeone)}
            self._implied.append((cons, {**when, "name": named.get("name", "")}))
            return made

        def addConsSOS1(self, vars: Any, weights: Any = None, name: str = "", **named: Any) -> Any:
            self._ordered.append((1, list(vars), weights, name))
            return super().addConsSOS1(vars, weights, name, **named)

        def addConsSOS2(self, vars: Any, weights: Any = None, name: str = "", **named: Any) -> Any:
            self._ordered.append((2, list(vars), weights, name))
            return super().addConsSOS2(vars, weights, name, **named)

        def optimize(self) -> None:
            recorder.record(lambda: model_of(self, recorder.variables(self)))
            recorder.solved.append(self)
            limit = min(self.getParam("limits/time"), recorder.solve_time_s)
            self.setParam("limits/time", limit)
            super().optimize()

    RecordedModel.__name__ = RecordedModel.__qualname__ = "Model"
    return [
        replace_attribute(pyscipopt, "Model", RecordedModel),
        replace_attribute(pyscipopt.scip, "Model", RecordedModel),
    ]


def is_model(value: object) -> bool:
    """`value` is a `pyscipopt.Model`."""
    return is_instance(value, "pyscipopt", "Model")


def model_of(model: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The model of a `pyscipopt.Model`; SCIP names everything itself.

    Raises:
        CannotCapture: a constraint is neither linear nor quadratic, or of a kind that is not captured.
    """
    slacks = {f"indslack_{when['name']}" for _, when in model._implied}
    variables = [variable for variable in model.getVars() if variable.name not in slacks]
    names = unique_names((variable.name for variable in variables), "c")
    columns = tuple(_column(variable, name) for variable, name in zip(variables, names))
    name_of = {variable.name: name for variable, name in zip(variables, names)}
    implied = {f"indlin_{when['name']}" for _, when in model._implied}
    rows = [
        _row(model, one, name_of)
        for one in model.getConss()
        if one.name not in implied and one.getConshdlrName() not in ("indicator", "SOS1", "SOS2")
    ]
    for expression, when in model._implied:
        rows.append(_implied_row(expression, when, name_of))
    unique = unique_names((row.name for row in rows), "r")
    sets = tuple(
        SpecialOrderedSet(
            name=name,
            type=1 if kind == 1 else 2,
            weights={name_of[v.name]: float(w) for v, w in zip(members, weights or range(1, len(members) + 1))},
        )
        for name, (kind, members, weights, _) in zip(
            unique_names((one[3] for one in model._ordered), "sos"), model._ordered
        )
    )
    linear, quadratic, constant = _terms(model.getObjective(), name_of, "the objective")
    objective = Objective(
        sense="maximize" if model.getObjectiveSense() == "maximize" else "minimize",
        coefficients=linear,
        constant=constant + model.getObjoffset(),
        quadratic=quadratic,
    )
    named = tuple(replace(row, name=name) for row, name in zip(rows, unique))
    return Model(columns=columns, rows=named, objective=objective, sets=sets)


def _row(model: Any, constraint: Any, name_of: Mapping[str, str]) -> Row:
    kind = constraint.getConshdlrName()
    if constraint.isLinear():
        linear = {name_of[name]: float(value) for name, value in model.getValsLinear(constraint).items() if value}
        quadratic: dict[tuple[str, str], float] = {}
    elif kind == "nonlinear" and model.checkQuadraticNonlinear(constraint):
        products, squares, terms = model.getTermsQuadratic(constraint)
        linear = {name_of[variable.name]: float(value) for variable, value in terms if value}
        quadratic = {(name_of[a.name], name_of[b.name]): float(value) for a, b, value in products}
        for variable, square, value in squares:
            name = name_of[variable.name]
            quadratic[name, name] = quadratic.get((name, name), 0.0) + float(square)
            if value:
                linear[name] = linear.get(name, 0.0) + float(value)
    else:
        raise CannotCapture(
            f"pyscipopt `{constraint.name}`: a `{kind}` constraint that is neither linear nor quadratic"
        )
    lower, upper = model.getLhs(constraint), model.getRhs(constraint)
    return Row(name=constraint.name, lower=_bound(lower), upper=_bound(upper), coefficients=linear, quadratic=quadratic)


def _implied_row(constraint: Any, when: Mapping[str, Any], name_of: Mapping[str, str]) -> Row:
    linear, quadratic, constant = _terms(constraint.expr, name_of, when["name"])
    lower, upper = constraint._lhs, constraint._rhs
    return Row(
        name=when["name"],
        lower=-math.inf if lower is None else float(lower) - constant,
        upper=math.inf if upper is None else float(upper) - constant,
        coefficients=linear,
        quadratic=quadratic,
        indicator=Indicator(column=name_of[when["column"]], value=when["value"]),
    )


def _terms(
    expression: Any, name_of: Mapping[str, str], where: str
) -> tuple[dict[str, float], dict[tuple[str, str], float], float]:
    """Linear terms, products and constant of an expression."""
    linear: dict[str, float] = {}
    quadratic: dict[tuple[str, str], float] = {}
    constant = 0.0
    for term, value in expression.terms.items():
        parts = [name_of[variable.name] for variable in term.vartuple]
        if len(parts) > 2:
            raise CannotCapture(f"pyscipopt {where}: a product of {len(parts)} variables")
        if not parts:
            constant += float(value)
        elif len(parts) == 1:
            linear[parts[0]] = float(value)
        else:
            quadratic[parts[0], parts[1]] = float(value)
    return linear, quadratic, constant


def _column(variable: Any, name: str) -> Column:
    is_whole = variable.vtype() in ("BINARY", "INTEGER")
    lower, upper = variable.getLbOriginal(), variable.getUbOriginal()
    return Column(name=name, lower=_bound(lower), upper=_bound(upper), type="integer" if is_whole else "continuous")


def _bound(bound: float) -> float:
    return math.copysign(math.inf, bound) if abs(bound) >= _INFINITY else float(bound)

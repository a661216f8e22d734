"""Programs that build their model with linopy: solving is recorded, and done by HiGHS whatever solver was named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agentopt.modeling.capture.matrices import products_of, rows_of
from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.model import Column, ColumnType, Model, Objective, Row, unique_names

_TYPES: Mapping[str, ColumnType] = {"C": "continuous", "B": "integer", "I": "integer", "S": "semicontinuous"}


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `linopy.Model.solve` record the model and then solve it with highspy, for a limited time."""
    import linopy

    solve = linopy.Model.solve

    def recorded(self: Any, *_: Any, **named: Any) -> Any:
        recorder.record(lambda: model_of(self, recorder.variables(self)))
        recorder.solved.append(self)
        kept = {name: named[name] for name in ("sanitize_zeros", "sanitize_infinities") if name in named}
        limit = {"time_limit": recorder.solve_time_s, "output_flag": False}
        return solve(self, "highs", io_api="direct", progress=False, **kept, **limit)

    return [replace_attribute(linopy.Model, "solve", recorded)]


def is_model(value: object) -> bool:
    """`value` is a `linopy.Model`."""
    return is_instance(value, "linopy", "Model")


def model_of(model: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The model of a `linopy.Model`, names such as `ship[a,b]` made of its variables and coordinates.

    Raises:
        CannotCapture: it has special ordered sets, which linopy keeps in a form that is not read.
    """
    if any("sos_type" in model.variables[name].attrs for name in model.variables):
        raise CannotCapture("linopy `add_sos_constraints`: special ordered sets of linopy are not captured")
    matrices = model.matrices
    names = unique_names(map(_shown, model.variables.get_label_position(matrices.vlabels)), "c")
    row_names = unique_names(map(_shown, model.constraints.get_label_position(list(matrices.clabels))), "r")
    columns = tuple(
        Column(name=name, lower=float(low), upper=float(up), type=_TYPES[str(kind)])
        for name, low, up, kind in zip(names, matrices.lb, matrices.ub, matrices.vtypes)
    )
    rows: list[Row] = []
    if matrices.A is not None:
        lower = np.where(matrices.sense == "<", -np.inf, matrices.b)
        upper = np.where(matrices.sense == ">", np.inf, matrices.b)
        rows = rows_of(matrices.A, names, row_names, lower, upper)
    constant = getattr(model.objective.expression, "const", 0.0)
    objective = Objective(
        sense="maximize" if model.objective.sense == "max" else "minimize",
        coefficients={name: float(value) for name, value in zip(names, matrices.c) if value},
        constant=float(np.asarray(constant).sum()),
        quadratic=products_of(matrices.Q, names),
    )
    return Model(columns=columns, rows=tuple(rows), objective=objective)


def _shown(position: tuple[str, Mapping[str, Any]]) -> str:
    name, coordinates = position
    return f"{name}[{','.join(str(one) for one in coordinates.values())}]" if coordinates else str(name)

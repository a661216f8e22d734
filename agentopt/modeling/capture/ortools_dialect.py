"""Programs that build their model with OR-Tools' `pywraplp`; its rewrite `model_builder` is not captured.

OR-Tools and highspy cannot share a process, so the program's own solve goes on, for a limited time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.model import Column, Model, Objective, Row, unique_names


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `Solver.Solve` record the model; a solver that is not there is replaced by SCIP."""
    from ortools.linear_solver import pywraplp

    solve, create = pywraplp.Solver.Solve, pywraplp.Solver.CreateSolver

    def recorded(self: Any, *arguments: Any) -> Any:
        recorder.record(lambda: model_of(self, recorder.variables(self)))
        recorder.solved.append(self)
        self.SetTimeLimit(int(recorder.solve_time_s * 1000))
        return solve(self, *arguments)

    def created(name: str) -> Any:
        made = create(name) if pywraplp.Solver.SupportsProblemType(_kind(pywraplp, name)) else None
        return made if made is not None else create("SCIP")

    return [
        replace_attribute(pywraplp.Solver, "Solve", recorded),
        replace_attribute(pywraplp.Solver, "CreateSolver", staticmethod(created)),
    ]


def is_model(value: object) -> bool:
    """`value` is a `pywraplp.Solver`."""
    return is_instance(value, "ortools.linear_solver.pywraplp", "Solver")


def model_of(solver: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The model of a `pywraplp.Solver`.

    Raises:
        CannotCapture: its integer variables are given to a solver that ignores that.
    """
    from ortools.linear_solver import linear_solver_pb2

    proto = linear_solver_pb2.MPModelProto()
    solver.ExportModelToProto(proto)
    if not solver.IsMip() and any(variable.is_integer for variable in proto.variable):
        raise CannotCapture("pywraplp: this solver ignores that variables are integer; create one with `SCIP`")
    names = unique_names((variable.name for variable in proto.variable), "c")
    columns = tuple(
        Column(
            name=name,
            lower=variable.lower_bound,
            upper=variable.upper_bound,
            type="integer" if variable.is_integer else "continuous",
        )
        for name, variable in zip(names, proto.variable)
    )
    rows = tuple(
        Row(
            name=name,
            lower=row.lower_bound,
            upper=row.upper_bound,
            coefficients={names[j]: value for j, value in zip(row.var_index, row.coefficient) if value},
        )
        for name, row in zip(unique_names((row.name for row in proto.constraint), "r"), proto.constraint)
    )
    costs = {name: v.objective_coefficient for name, v in zip(names, proto.variable) if v.objective_coefficient}
    objective = Objective(
        sense="maximize" if proto.maximize else "minimize", coefficients=costs, constant=proto.objective_offset
    )
    return Model(columns=columns, rows=rows, objective=objective)


def _kind(pywraplp: Any, name: str) -> int:
    """The number of a solver's name, as `CreateSolver` takes it."""
    known = {
        "CBC": "CBC_MIXED_INTEGER_PROGRAMMING", "SCIP": "SCIP_MIXED_INTEGER_PROGRAMMING",
        "GLOP": "GLOP_LINEAR_PROGRAMMING", "SAT": "SAT_INTEGER_PROGRAMMING", "CP_SAT": "SAT_INTEGER_PROGRAMMING",
        "PDLP": "PDLP_LINEAR_PROGRAMMING", "CLP": "CLP_LINEAR_PROGRAMMING", "BOP": "BOP_INTEGER_PROGRAMMING",
        "GUROBI": "GUROBI_MIXED_INTEGER_PROGRAMMING", "CPLEX": "CPLEX_MIXED_INTEGER_PROGRAMMING",
        "XPRESS": "XPRESS_MIXED_INTEGER_PROGRAMMING", "HIGHS": "HIGHS_MIXED_INTEGER_PROGRAMMING",
        "GLPK": "GLPK_MIXED_INTEGER_PROGRAMMING",
    }  # fmt: skip
    wanted = known.get(name.upper().removesuffix("_LP").removesuffix("_MIP"), name.upper())
    return int(getattr(pywraplp.Solver, wanted, pywraplp.Solver.SCIP_MIXED_INTEGER_PROGRAMMING))

"""Programs that build their model with CVXPY: problems that are linear or quadratic once CVXPY has rewritten them.

What is captured is the canonical form that CVXPY gives to HiGHS: the program's variables by name, and the variables
that CVXPY adds for functions such as `abs` or `maximum`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agentopt.modeling.capture.matrices import products_of, rows_of
from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, is_instance, replace_attribute
from agentopt.modeling.model import Column, Model, Objective, Row, unique_names


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `Problem.solve` record the model; a solver that is not there is left to CVXPY's choice."""
    import cvxpy

    solve = cvxpy.Problem.solve

    def recorded(self: Any, solver: Any = None, *arguments: Any, **named: Any) -> Any:
        recorder.record(lambda: model_of(self, recorder.variables(self)))
        recorder.solved.append(self)
        known = solver if str(solver).upper() in cvxpy.installed_solvers() else None
        options = named if known is not None or solver is None else {}
        return solve(self, known, *arguments, **options)

    return [replace_attribute(cvxpy.Problem, "solve", recorded)]


def is_model(value: object) -> bool:
    """`value` is a `cvxpy.Problem`."""
    return is_instance(value, "cvxpy", "Problem")


def model_of(problem: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """The canonical model of a `cvxpy.Problem`.

    Raises:
        CannotCapture: CVXPY cannot write it as a linear or quadratic program.
    """
    import cvxpy

    try:
        data, _, inverse = problem.get_problem_data(cvxpy.HIGHS)
    except (cvxpy.error.SolverError, cvxpy.error.DCPError, ValueError) as error:
        raise CannotCapture(f"cvxpy: not a linear or quadratic program: {str(error).splitlines()[0]}") from error
    cost = np.asarray(data["c"] if "c" in data else data["q"], dtype=float).ravel()
    names = _names(problem, data["param_prob"], len(cost), inverse)
    sign = -1.0 if isinstance(problem.objective, cvxpy.Maximize) else 1.0
    return Model(
        columns=_columns(data, names),
        rows=_rows(data, names),
        objective=Objective(
            sense="maximize" if sign < 0 else "minimize",
            coefficients={name: sign * float(value) for name, value in zip(names, cost) if value},
            constant=sign
            * float(np.asarray(data["param_prob"].apply_parameters()[1]).ravel()[0]),  # (cost, constant, …)
            quadratic=products_of(data.get("P"), names, sign),
        ),
    )


def _columns(data: Mapping[str, Any], names: Sequence[str]) -> tuple[Column, ...]:
    binary, whole = set(data.get("bool_vars_idx") or ()), set(data.get("int_vars_idx") or ())
    sides = []
    for key, default in (("lower_bounds", -math.inf), ("upper_bounds", math.inf)):
        given = data.get(key)
        sides.append(np.full(len(names), default) if given is None else np.asarray(given, dtype=float).ravel())
    return tuple(
        Column(
            name=name,
            lower=max(float(low), 0.0) if place in binary else float(low),
            upper=min(float(up), 1.0) if place in binary else float(up),
            type="integer" if place in binary or place in whole else "continuous",
        )
        for place, (name, low, up) in enumerate(zip(names, *sides))
    )


def _rows(data: Mapping[str, Any], names: Sequence[str]) -> tuple[Row, ...]:
    """Equations first, then inequalities, in the order of CVXPY's matrices."""
    if "F" in data:
        blocks = [(data["A"], data["b"], True), (data["F"], data["G"], False)]
    else:
        count = data["dims"].zero
        matrix, right = data["A"].tocsr(), np.asarray(data["b"], dtype=float)
        blocks = [(matrix[:count], right[:count], True), (matrix[count:], right[count:], False)]
    rows: list[Row] = []
    for matrix, given, is_equation in blocks:
        if matrix is not None and matrix.shape[0]:
            right = np.asarray(given, dtype=float).ravel()
            row_names = [f"{'equal' if is_equation else 'most'}[{place}]" for place in range(len(right))]
            rows += rows_of(matrix, names, row_names, right if is_equation else np.full(len(right), -math.inf), right)
    return tuple(rows)


def _names(problem: Any, parametrized: Any, width: int, inverse: Any) -> list[str]:
    """`x[i,j]` for the entries of the program's variables, which CVXPY stores by column; added ones have no name."""
    names = [""] * width
    moved: dict[int, int] = {}
    for one in inverse:
        changed = getattr(one, "id2new_var", None) or (one if isinstance(one, Mapping) else {})
        moved.update({old: new.id for old, new in changed.items() if isinstance(old, int) and hasattr(new, "id")})
    starts = parametrized.var_id_to_col
    for variable in problem.variables():
        start = starts.get(variable.id, starts.get(moved.get(variable.id, -1)))
        if start is None:
            continue
        for place in range(variable.size):
            index = np.unravel_index(place, variable.shape, order="F") if variable.shape else ()
            shown = f"[{','.join(str(int(part)) for part in index)}]" if index else ""
            names[start + place] = f"{variable.name()}{shown}"
    return unique_names((name or f"added[{place}]" for place, name in enumerate(names)), "c")

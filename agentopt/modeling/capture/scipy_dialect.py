"""Programs that call `scipy.optimize.linprog` or `scipy.optimize.milp`."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, replace_attribute
from agentopt.modeling.model import Column, ColumnType, Model, Objective, Row

Array = npt.NDArray[np.float64]
_INFINITE_BOUND = 1e20  # HiGHS, which scipy calls, reads any bound from here on as infinite
_INTEGRALITY: Mapping[int, ColumnType] = {0: "continuous", 1: "integer", 2: "semicontinuous", 3: "semiinteger"}
# Other ways to optimize with scipy; none of them states a linear model that could be read off.
_NOT_LINEAR = (
    "minimize", "minimize_scalar", "differential_evolution", "dual_annealing", "basinhopping", "shgo", "brute",
    "direct", "linear_sum_assignment", "quadratic_assignment", "nnls", "lsq_linear", "least_squares",
)  # fmt: skip


def watch(recorder: Recorder) -> list[Patch]:
    """Makes `linprog` and `milp` record their model and then solve it; other optimizers are recorded as refused."""
    import scipy.optimize

    patches = []
    for name, model_of in (("linprog", model_of_linprog), ("milp", model_of_milp)):
        original = getattr(scipy.optimize, name)
        patches.append(replace_attribute(scipy.optimize, name, _recording(original, model_of, recorder)))
    for name in _NOT_LINEAR:
        original = getattr(scipy.optimize, name)
        patches.append(replace_attribute(scipy.optimize, name, _refusing(original, name, recorder)))
    return patches


def is_model(value: object) -> bool:  # noqa: ARG001
    """No: scipy has functions that take a model, and no model."""
    return False


def model_of(value: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:  # noqa: ARG001
    """Not called: no value is a model."""
    raise CannotCapture(f"`{type(value).__name__}` of scipy is no model")


def model_of_linprog(given: Mapping[str, Any]) -> Model:
    """The model of a `linprog` call: `x[j]` are its columns, `A_ub[i]` and `A_eq[i]` its rows.

    Args:
        given: the arguments by name.

    Raises:
        CannotCapture: `integrality` is given to a method that ignores it.
    """
    method = given.get("method", "highs")
    if given.get("integrality") is not None and method != "highs":
        raise CannotCapture(f"`linprog(method={method!r})` ignores `integrality`")
    cost = np.asarray(given["c"], dtype=float).ravel()
    rows = []
    for matrix, right, has_lower in (("A_ub", "b_ub", False), ("A_eq", "b_eq", True)):
        if given.get(matrix) is None:
            continue
        terms = _dense(given[matrix], len(cost))
        upper = np.asarray(given[right], dtype=float).ravel()
        lower = upper if has_lower else np.full(len(upper), -np.inf)
        rows += _rows(matrix, terms, lower, upper)
    bounds = given.get("bounds", (0, None))
    pairs = np.array([(0.0, np.inf)] if bounds is None else _without_none(bounds), dtype=float).reshape(-1, 2)
    lower, upper = np.broadcast_to(pairs, (len(cost), 2)).T
    return _model(cost, lower, upper, given.get("integrality"), rows)


def model_of_milp(given: Mapping[str, Any]) -> Model:
    """The model of a `milp` call: `x[j]` are its columns, `constraints[k][i]` its rows.

    Args:
        given: the arguments by name.
    """
    from scipy.optimize import Bounds, LinearConstraint

    cost = np.asarray(given["c"], dtype=float).ravel()
    bounds = given.get("bounds")
    if bounds is None:
        bounds = Bounds(0, np.inf)
    elif not isinstance(bounds, Bounds):
        bounds = Bounds(*bounds)
    rows = []
    for k, constraint in enumerate(_constraints(given.get("constraints"))):
        linear = constraint if isinstance(constraint, LinearConstraint) else LinearConstraint(*constraint)
        terms = _dense(linear.A, len(cost))
        lower, upper = (np.broadcast_to(np.asarray(side, dtype=float), len(terms)) for side in (linear.lb, linear.ub))
        rows += _rows(f"constraints[{k}]", terms, lower, upper)
    lower, upper = (np.broadcast_to(np.asarray(side, dtype=float), len(cost)) for side in (bounds.lb, bounds.ub))
    return _model(cost, lower, upper, given.get("integrality"), rows)


def _constraints(given: Any) -> list[Any]:
    """What `milp` takes for its constraints: one, several, or the three parts of one."""
    from scipy.optimize import LinearConstraint

    if given is None:
        return []
    if isinstance(given, LinearConstraint):
        return [given]
    parts = list(given)
    if len(parts) == 3 and not isinstance(parts[0], LinearConstraint):
        try:
            return [LinearConstraint(*parts)]
        except (TypeError, ValueError):
            return parts  # three constraints, each a tuple of three parts
    return parts


def _model(cost: Array, lower: Array, upper: Array, integrality: Any, rows: list[Row]) -> Model:
    kinds = np.broadcast_to(np.asarray(0 if integrality is None else integrality, dtype=int), len(cost))
    columns = tuple(
        Column(name=f"x[{j}]", lower=_bound(low), upper=_bound(up), type=_INTEGRALITY[int(kind)])
        for j, (low, up, kind) in enumerate(zip(lower, upper, kinds))
    )
    coefficients = {f"x[{j}]": float(value) for j, value in enumerate(cost) if value != 0}
    return Model(columns=columns, rows=tuple(rows), objective=Objective(coefficients=coefficients))


def _rows(name: str, terms: Array, lower: Array, upper: Array) -> list[Row]:
    if len(terms) != len(lower):
        raise ValueError(f"`{name}` has {len(terms)} rows, its bounds are {len(lower)}")
    return [
        Row(
            name=f"{name}[{i}]",
            lower=_bound(low),
            upper=_bound(up),
            coefficients={f"x[{j}]": float(row[j]) for j in np.flatnonzero(row)},
        )
        for i, (row, low, up) in enumerate(zip(terms, lower, upper))
    ]


def _dense(matrix: Any, width: int) -> Array:
    dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
    terms = np.atleast_2d(np.asarray(dense, dtype=float))
    if terms.size and terms.shape[1] != width:
        raise ValueError(f"a constraint matrix has {terms.shape[1]} columns, the objective {width}")
    return terms.reshape(-1, width)


def _without_none(bounds: Any) -> list[tuple[float, float]]:
    """Pairs of bounds, `None` as the infinity of its side; one pair stands for all columns."""
    pairs = list(bounds)
    if len(pairs) == 2 and not any(hasattr(side, "__len__") for side in pairs):
        pairs = [pairs]
    return [(-np.inf if low is None else low, np.inf if up is None else up) for low, up in pairs]


def _bound(bound: float) -> float:
    return math.copysign(math.inf, bound) if abs(bound) >= _INFINITE_BOUND else float(bound)


def _recording(original: Any, model_of: Callable[[Mapping[str, Any]], Model], recorder: Recorder) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return original(*args, **kwargs)  # says what is wrong with the arguments
        refused_before = len(recorder.refused)
        recorder.record(lambda: _read(original.__name__, model_of, given))
        if str(given.get("method", "highs")).startswith("highs"):
            options = dict(given.get("options") or {})
            options["time_limit"] = min(options.get("time_limit") or recorder.solve_time_s, recorder.solve_time_s)
            given["options"] = options
        try:
            return original(**given)
        except (ValueError, TypeError):
            del recorder.refused[refused_before:]  # scipy refuses the call too, in its own words
            raise

    return recorded


def _read(name: str, model_of: Callable[[Mapping[str, Any]], Model], given: Mapping[str, Any]) -> Model:
    try:
        return model_of(given)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise CannotCapture(f"`scipy.optimize.{name}`: its arguments were not understood: {error}") from error


def _refusing(original: Any, name: str, recorder: Recorder) -> Any:
    @functools.wraps(original)
    def refused(*args: Any, **kwargs: Any) -> Any:
        recorder.refused.append(
            f"`scipy.optimize.{name}`: it states no linear model; `linprog` and `milp` of scipy are captured"
        )
        return original(*args, **kwargs)

    return refused

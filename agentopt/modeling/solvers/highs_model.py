"""`Model` to and from `highspy.HighsLp`, and to and from MPS and LP files."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentopt.errors import FormatError, UsageError
from agentopt.modeling.model import Column, ColumnType, Model, Objective, Row, unique_names

_TYPES: dict[ColumnType, str] = {
    "continuous": "kContinuous",
    "integer": "kInteger",
    "semicontinuous": "kSemiContinuous",
    "semiinteger": "kSemiInteger",
}
_INFINITE_BOUND = 1e20  # HiGHS reads any bound from here on as infinite
# Names that survive both file formats; others make HiGHS write its own names for all of them.
_WRITABLE_NAME = re.compile(r"(?![eE]\d)(?!(?i:inf|infinity|free|st|bin|gen|end)$)[A-Za-z_][A-Za-z0-9_.#()~]*")
_log = logging.getLogger(__name__)


def to_highs(model: Model) -> Any:
    """The `highspy.HighsLp` of `model`, without names; of its objective, the linear part (see `to_hessian`).

    Raises:
        UsageError: there are quadratic rows, indicator rows or special ordered sets, which HiGHS does not take.
    """
    import highspy
    import numpy as np

    _check_for_highs(model)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(model.columns), len(model.rows)
    cost = np.zeros(len(model.columns))
    for name, value in model.objective.coefficients.items():
        cost[model.column_index[name]] = value
    lp.col_cost_ = cost
    lp.offset_ = model.objective.constant
    lp.sense_ = highspy.ObjSense.kMaximize if model.objective.sense == "maximize" else highspy.ObjSense.kMinimize
    lp.col_lower_ = np.array([column.lower for column in model.columns], dtype=float)
    lp.col_upper_ = np.array([column.upper for column in model.columns], dtype=float)
    lp.row_lower_ = np.array([row.lower for row in model.rows], dtype=float)
    lp.row_upper_ = np.array([row.upper for row in model.rows], dtype=float)
    starts, indices, values = [0], [], []
    for row in model.rows:
        indices += [model.column_index[name] for name in row.coefficients]
        values += list(row.coefficients.values())
        starts.append(len(indices))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.array(starts, dtype=np.int32)
    lp.a_matrix_.index_ = np.array(indices, dtype=np.int32)
    lp.a_matrix_.value_ = np.array(values, dtype=float)
    if model.is_mixed_integer:
        lp.integrality_ = [getattr(highspy.HighsVarType, _TYPES[_type_for_highs(column)]) for column in model.columns]
    return lp


def _type_for_highs(column: Column) -> ColumnType:
    """The type of `column`; a semicontinuous one with a negative lower bound, which HiGHS refuses, may be plain."""
    if not (column.is_semi and column.lower < 0 <= column.upper):
        return column.type
    return "integer" if column.is_integer else "continuous"


def to_hessian(model: Model) -> Any:
    """The `highspy.HighsHessian` of the quadratic objective: its products are half of `x' H x`; `None` without any."""
    import highspy
    import numpy as np

    if not model.objective.quadratic:
        return None
    entries: dict[tuple[int, int], float] = {}
    for pair, value in model.objective.quadratic.items():
        column, row = sorted(model.column_index[name] for name in pair)
        entries[column, row] = value * (2.0 if column == row else 1.0)
    hessian = highspy.HighsHessian()
    hessian.dim_ = len(model.columns)
    hessian.format_ = highspy.HessianFormat.kTriangular
    places = sorted(entries)
    counts = np.bincount([column for column, _ in places], minlength=len(model.columns))
    hessian.start_ = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    hessian.index_ = np.array([row for _, row in places], dtype=np.int32)
    hessian.value_ = np.array([entries[place] for place in places], dtype=float)
    return hessian


def _check_for_highs(model: Model) -> None:
    quadratic = [row.name for row in model.rows if row.quadratic]
    conditional = [row.name for row in model.rows if row.indicator is not None]
    for what, names in (
        ("products", quadratic),
        ("an indicator", conditional),
        ("an ordered set", [ordered.name for ordered in model.sets]),
    ):
        if names:
            remedy = "" if what == "products" else "; `linearized` replaces it where bounds allow"
            raise UsageError(f"`{names[0]}` has {what}, which HiGHS does not take{remedy}")


def from_highs(lp: Any, *, column_names: Sequence[str], row_names: Sequence[str], hessian: Any = None) -> Model:
    """The `Model` of a `highspy.HighsLp`; bounds from 1e20 on are infinite, as HiGHS reads them.

    Args:
        column_names, row_names: one per column and row; made unique with `unique_names`.
        hessian: `highspy.HighsHessian` of the objective, if that is quadratic.
    """
    import highspy

    column_names, row_names = unique_names(column_names, "c"), unique_names(row_names, "r")
    types = {getattr(highspy.HighsVarType, highs_name): name for name, highs_name in _TYPES.items()}
    kinds = list(lp.integrality_) or [highspy.HighsVarType.kContinuous] * lp.num_col_
    columns = tuple(
        Column(name=name, lower=_bound(lower), upper=_bound(upper), type=types[kind])
        for name, lower, upper, kind in zip(column_names, lp.col_lower_, lp.col_upper_, kinds)
    )
    rows = tuple(
        Row(name=name, lower=_bound(lower), upper=_bound(upper), coefficients=coefficients)
        for name, lower, upper, coefficients in zip(
            row_names, lp.row_lower_, lp.row_upper_, _matrix_rows(lp, column_names)
        )
    )
    objective = Objective(
        sense="maximize" if lp.sense_ == highspy.ObjSense.kMaximize else "minimize",
        coefficients={name: float(value) for name, value in zip(column_names, lp.col_cost_) if value != 0},
        constant=float(lp.offset_),
        quadratic={} if hessian is None or hessian.dim_ == 0 else _products(hessian, column_names),
    )
    return Model(columns=columns, rows=rows, objective=objective)


def read_model(path: Path) -> Model:
    """The model in an MPS or LP file, read by HiGHS: linear or quadratic in the objective, no sets, no indicators.

    Raises:
        FormatError: HiGHS cannot read the file or finds no columns in it.
    """
    import highspy

    highs = highspy.Highs()
    highs.silent()
    if not path.is_file() or highs.readModel(str(path)) == highspy.HighsStatus.kError:
        raise FormatError(f"{path}: HiGHS cannot read this as an MPS or LP file")
    lp = highs.getLp()
    if lp.num_col_ == 0:  # what HiGHS makes of a text that is no LP file
        raise FormatError(f"{path}: HiGHS finds no columns in this file")
    return from_highs(
        lp,
        column_names=_names(lp.col_names_, lp.num_col_),
        row_names=_names(lp.row_names_, lp.num_row_),
        hessian=highs.getModel().hessian_,
    )


def write_model(model: Model, path: Path) -> None:
    """Writes `model` as `.mps` or `.lp`, through HiGHS, which keeps 15 significant digits.

    LP files have no rows with two bounds: such a row becomes two, called `<name>lo` and `<name>up`.
    Names that the formats cannot hold (spaces, brackets, letters beyond ASCII) make all columns, or
    all rows, be called `c0`, `c1`, … or `r0`, `r1`, … in the file; the log says so.

    Raises:
        UsageError: another suffix, HiGHS cannot write there, or its formats cannot hold the model: quadratic rows,
            indicator rows and special ordered sets.
    """
    import highspy

    if path.suffix not in (".mps", ".lp"):
        raise UsageError(f"`{path}` ends in {path.suffix!r}, a model is written as .mps or .lp")
    lp = to_highs(model)
    for kind, names in (("col", [c.name for c in model.columns]), ("row", [r.name for r in model.rows])):
        if all(_WRITABLE_NAME.fullmatch(name) for name in names):
            setattr(lp, f"{kind}_names_", names)
        else:
            _log.info("%s: the %s names cannot be written, numbers stand for them", path, kind)
    highs = highspy.Highs()
    highs.silent()
    highs.passModel(lp)
    hessian = to_hessian(model)
    if hessian is not None:
        highs.passHessian(hessian)
    if highs.writeModel(str(path)) == highspy.HighsStatus.kError:
        raise UsageError(f"HiGHS could not write the model to `{path}`")


def _names(names: Sequence[str], count: int) -> list[str]:
    return list(names) or [""] * count


def _products(hessian: Any, column_names: Sequence[str]) -> dict[tuple[str, str], float]:
    """Coefficients of the products in `x' H x / 2`, whether the matrix is stored whole or as a triangle."""
    import highspy

    is_triangle = hessian.format_ == highspy.HessianFormat.kTriangular
    starts, indices, values = list(hessian.start_), list(hessian.index_), list(hessian.value_)
    products: dict[tuple[str, str], float] = {}
    for column in range(hessian.dim_):
        for position in range(starts[column], starts[column + 1]):
            first, second = sorted((column, indices[position]))
            weight = 1.0 if is_triangle and first != second else 0.5
            pair = (column_names[first], column_names[second])
            products[pair] = products.get(pair, 0.0) + weight * float(values[position])
    return {pair: value for pair, value in products.items() if value != 0}


def _matrix_rows(lp: Any, column_names: Sequence[str]) -> list[dict[str, float]]:
    """Coefficients of every row by column name, whichever way the matrix is stored."""
    import highspy

    matrix = lp.a_matrix_
    rows: list[dict[str, float]] = [{} for _ in range(lp.num_row_)]
    is_by_column = matrix.format_ == highspy.MatrixFormat.kColwise
    starts, indices, values = list(matrix.start_), list(matrix.index_), list(matrix.value_)
    for major in range(lp.num_col_ if is_by_column else lp.num_row_):
        for position in range(starts[major], starts[major + 1]):
            column, row = (major, indices[position]) if is_by_column else (indices[position], major)
            if values[position] != 0:
                rows[row][column_names[column]] = float(values[position])
    return rows


def _bound(bound: float) -> float:
    return math.copysign(math.inf, bound) if abs(bound) >= _INFINITE_BOUND else float(bound)

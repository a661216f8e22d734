"""The module `gurobipy` that programs find while they are captured: written from its public documentation.

It builds models, records them when `optimize` is called and solves them with HiGHS. It is no solver of its own, and
not the gurobipy package, which `installed` captures through where it is asked for. Changes are seen at once, where
Gurobi waits for `update`; and what it cannot express raises an error that names the call, and is recorded as refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from agentopt.errors import UsageError
from agentopt.modeling.capture.gurobi import model as dialect_model
from agentopt.modeling.capture.gurobi.attributes import GurobiError
from agentopt.modeling.capture.gurobi.constants import GRB
from agentopt.modeling.capture.gurobi.constraints import SOS, Column, Constr, Env
from agentopt.modeling.capture.gurobi.containers import multidict, tupledict, tuplelist
from agentopt.modeling.capture.gurobi.export import captured
from agentopt.modeling.capture.gurobi.expressions import GenExpr, LinExpr, QuadExpr, TempConstr, Var, quicksum
from agentopt.modeling.capture.gurobi.matrix import MatrixExpr, concatenate, hstack, vstack
from agentopt.modeling.capture.recorder import CannotCapture, Recorder, install_module, replace_attribute
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.highs_model import read_model

if TYPE_CHECKING:
    from agentopt.modeling.capture.libraries import Undo

Built = TypeVar("Built", bound=dialect_model.Model)


def watch(recorder: Recorder) -> list[Undo]:
    """Makes `import gurobipy` find the dialect, whose models go to `recorder`."""
    made = module(recorder)
    return [
        install_module("gurobipy", made),
        install_module("gurobipy.gurobipy", made),
        replace_attribute(GurobiError, "_raised", recorder.raised),
    ]


def is_model(value: object) -> bool:
    """`value` is a model of the dialect."""
    return isinstance(value, dialect_model.Model)


def model_of(made: dialect_model.Model, namespaces: Sequence[Mapping[str, Any]]) -> Model:
    """The model that `made` holds; see `captured`.

    Raises:
        CannotCapture: a number in it is none.
    """
    try:
        return captured(made, namespaces)
    except GurobiError as error:
        raise CannotCapture(f"gurobipy: {error}") from error


def module(recorder: Recorder) -> ModuleType:
    """A fresh `gurobipy`."""

    class RecordedModel(dialect_model.Model):
        """A model whose `optimize` records it."""

        _recorder = recorder

    RecordedModel.__name__ = RecordedModel.__qualname__ = "Model"

    def read(path: str, env: Env | None = None) -> RecordedModel:
        """The model in an LP or MPS file."""
        return _read(RecordedModel("", env), path)

    made = ModuleType("gurobipy")
    names: dict[str, Any] = {
        "GRB": GRB, "Model": RecordedModel, "Env": Env, "GurobiError": GurobiError, "Var": Var, "MVar": MatrixExpr,
        "MLinExpr": MatrixExpr, "Constr": Constr, "QConstr": Constr, "GenConstr": Constr, "MConstr": MatrixExpr,
        "SOS": SOS, "LinExpr": LinExpr, "QuadExpr": QuadExpr, "TempConstr": TempConstr, "GenExpr": GenExpr,
        "Column": Column, "quicksum": quicksum, "multidict": multidict, "tupledict": tupledict,
        "tuplelist": tuplelist, "max_": _extreme("max"), "min_": _extreme("min"), "and_": _extreme("and"),
        "or_": _extreme("or"), "abs_": _absolute, "read": read, "setParam": _nothing,
        "disposeDefaultEnv": _nothing, "resetParams": _nothing, "gurobi": made, "paramHelp": _nothing,
        "StatusConstClass": GRB.Status, "version": _version, "concatenate": concatenate, "hstack": hstack,
        "vstack": vstack,
    }  # fmt: skip
    vars(made).update(names, __all__=sorted(names), __getattr__=_unknown(recorder), __version__="12.0.0")
    return made


def _unknown(recorder: Recorder) -> Callable[[str], Any]:
    def unknown(name: str) -> Any:
        if not name.startswith("__"):
            recorder.refused.append(f"gurobipy: `{name}` is not supported")
        raise AttributeError(f"`gurobipy.{name}` is not supported by the dialect")

    return unknown


def _extreme(kind: str) -> Callable[..., GenExpr]:
    def general(*operands: Any, constant: float | None = None) -> GenExpr:
        """The right-hand side `<kind>_(operands)` of a general constraint."""
        several = operands[0] if len(operands) == 1 else operands
        if hasattr(several, "values"):
            several = several.values()
        return GenExpr(kind, [several] if isinstance(several, (Var, LinExpr)) else list(several), constant)

    return general


def _absolute(operand: Any) -> GenExpr:
    return GenExpr("abs", [operand])


def _version() -> tuple[int, int, int]:
    return GRB.VERSION_MAJOR, GRB.VERSION_MINOR, GRB.VERSION_TECHNICAL


def _nothing(*_: Any, **__: Any) -> None:
    """A call that says nothing about a model."""


def _read(made: Built, path: str) -> Built:
    try:
        known = read_model(Path(path))
    except UsageError as error:
        raise GurobiError(str(error)) from error
    kinds = {"continuous": "C", "integer": "I", "semicontinuous": "S", "semiinteger": "N"}
    own = {}
    for column in known.columns:
        cost = known.objective.coefficients.get(column.name, 0.0)
        own[column.name] = made.addVar(column.lower, column.upper, cost, kinds[column.type], column.name)
    made.ModelSense, made.ObjCon = 1 if known.objective.sense == "minimize" else -1, known.objective.constant
    products = {(own[one], own[two]): value for (one, two), value in known.objective.quadratic.items()}
    made.__dict__["_objective_products"] = products
    for row in known.rows:
        left = quicksum(value * own[name] for name, value in row.coefficients.items())
        made._add_row(TempConstr(left, "range", (row.lower, row.upper)), row.name)
    return made

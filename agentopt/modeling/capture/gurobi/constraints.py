"""Constraints of a model, parameters, environments and columns of the dialect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from agentopt.modeling.capture.gurobi.attributes import Attributed, GurobiError
from agentopt.modeling.capture.gurobi.expressions import LinExpr, TempConstr, Var

if TYPE_CHECKING:
    from agentopt.modeling.capture.gurobi.building import Building


class Constr(Attributed):
    """A row of a model: `linear + products` compared with `RHS`, or between two bounds."""

    SETTABLE: ClassVar[Mapping[str, Any]] = {
        "RHS": 0.0, "QCRHS": 0.0, "Sense": "=", "QCSense": "=", "ConstrName": "", "QCName": "", "GenConstrName": "",
        "Lazy": 0, "CTag": "", "DStart": 1e101, "CBasis": 0,
    }  # fmt: skip
    READABLE = ("Pi", "QCPi", "Slack", "QCSlack", "index", "IISConstr", "IISQConstr", "IISGenConstr")
    _ALIASES: ClassVar[Mapping[str, str]] = {
        "QCRHS": "RHS", "QCSense": "Sense", "QCName": "ConstrName", "GenConstrName": "ConstrName"
    }  # fmt: skip

    def __init__(self, model: Building, comparison: TempConstr, name: str) -> None:
        left, sense = comparison.left, comparison.sense
        lower, upper = comparison.right if sense == "range" else (-left._constant, -left._constant)
        if sense == "range":
            lower, upper = lower - left._constant, upper - left._constant
        self.__dict__.update(
            _model=model,
            _number=model._rows_made,
            _linear=dict(left._linear),
            _products=dict(left._products),
            _condition=comparison.condition,
            _range=(lower, upper) if sense == "range" else None,
            _pi=None,
            _iis=0,
            RHS=upper,
            Sense="=" if sense == "range" else sense,
        )
        if name:
            self.__dict__["ConstrName"] = name

    def __repr__(self) -> str:
        return f"<gurobi.Constr {self.ConstrName}>"

    def _bounds(self) -> tuple[float, float]:
        if self._range is not None:
            return self._range  # type: ignore[no-any-return]
        return (
            -math.inf if self.Sense == "<" else self.RHS,
            math.inf if self.Sense == ">" else self.RHS,
        )

    def _default(self, name: str) -> Any:
        name = self._ALIASES.get(name, name)
        if name in self.__dict__:
            return self.__dict__[name]
        return f"R{self._number}" if name == "ConstrName" else super()._default(name)

    def _write(self, name: str, value: Any) -> None:
        name = self._ALIASES.get(name, name)
        if name in ("RHS", "Sense") and self._range is not None:
            raise self._model._refuse(f"`{name}` of a constraint with two bounds")
        if name == "Sense":
            value = sense_of(value)
        super()._write(name, float(value) if name == "RHS" else value)

    def _read(self, name: str) -> Any:
        if name == "index":
            return next(place for place, one in enumerate(self._model._constraints) if one is self)
        if name.startswith("IIS"):
            return self._iis
        if name in ("Slack", "QCSlack"):
            total = sum(value * variable.X for variable, value in self._linear.items())
            total += sum(value * one.X * two.X for (one, two), value in self._products.items())
            return self.RHS - total
        if self._pi is None:
            raise AttributeError(f"Unable to retrieve attribute '{name}'")
        return self._pi

    def getRow(self) -> LinExpr:
        """Its linear sum."""
        row = LinExpr()
        row._linear = dict(self._linear)
        return row


class SOS:
    """A special ordered set."""

    def __init__(self, kind: Any, members: list[tuple[Var, float]], name: str) -> None:
        self.kind, self.members, self.name = kind, members, name


class Column:
    """Coefficients of a new variable in constraints that exist."""

    def __init__(self, coefficients: Any = None, constraints: Any = None) -> None:
        self._terms: list[tuple[float, Constr]] = []
        if coefficients is not None:
            self.addTerms(coefficients, constraints)

    def addTerms(self, coefficients: Any, constraints: Any) -> None:
        """Adds one coefficient, or a list of them."""
        if isinstance(constraints, Constr):
            coefficients, constraints = [coefficients], [constraints]
        self._terms += [(float(value), one) for value, one in zip(coefficients, constraints, strict=True)]


_DEFAULTS: Mapping[str, Any] = {
    "timelimit": math.inf, "mipgap": 1e-4, "mipgapabs": 1e-10, "outputflag": 1, "logtoconsole": 1, "threads": 0,
    "seed": 0, "method": -1, "presolve": -1, "feasibilitytol": 1e-6, "intfeastol": 1e-5, "optimalitytol": 1e-6,
    "nonconvex": -1, "mipfocus": 0, "heuristics": 0.05, "cuts": -1, "poolsolutions": 10, "poolsearchmode": 0,
    "solutionnumber": 0, "infunbdinfo": 0, "dualreductions": 1, "lazyconstraints": 0, "logfile": "",
}  # fmt: skip


class Parameters:
    """`Model.Params`: recorded as given; only `TimeLimit` changes what is done, and it can only shorten it."""

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_given", {str(name).lower(): value for name, value in (given or {}).items()})

    def __setattr__(self, name: str, value: Any) -> None:
        self._given[name.lower()] = value

    def __getattr__(self, name: str) -> Any:
        key = name.lower()
        if key in self._given:
            return self._given[key]
        if key in _DEFAULTS:
            return _DEFAULTS[key]
        raise AttributeError(f"the parameter `{name}` was not set, and its default is not known here")


class Env:
    """An environment: its parameters count for the models made in it."""

    def __init__(self, *_: Any, params: Mapping[str, Any] | None = None, **__: Any) -> None:
        self._parameters = Parameters(params)

    @property
    def Params(self) -> Parameters:
        """Its parameters."""
        return self._parameters

    def setParam(self, name: str, value: Any) -> None:
        """Records a parameter."""
        setattr(self._parameters, str(name), value)

    def start(self) -> None:
        """Nothing: there is no licence to check."""

    dispose = close = start

    def __enter__(self) -> Env:
        return self

    def __exit__(self, *_: object) -> None:
        pass


_SENSES = {"<": "<", ">": ">", "=": "=", "<=": "<", ">=": ">", "==": "="}


def sense_of(value: Any) -> str:
    """`<`, `>` or `=` for any spelling of it."""
    if value not in _SENSES:
        raise GurobiError(f"the sense {value!r} is none of <, > and =")
    return _SENSES[value]

"""`Model` of the gurobipy dialect: variables, constraints and an objective, solved by us and captured."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from agentopt.errors import UsageError
from agentopt.modeling.capture.gurobi import export
from agentopt.modeling.capture.gurobi.attributes import Attributed, GurobiError, Unsupported
from agentopt.modeling.capture.gurobi.building import Building
from agentopt.modeling.capture.gurobi.constants import GRB
from agentopt.modeling.capture.gurobi.constraints import SOS, Constr, Env, Parameters
from agentopt.modeling.capture.gurobi.containers import tupledict
from agentopt.modeling.capture.gurobi.expressions import (
    LinExpr,
    TempConstr,
    Var,
)
from agentopt.modeling.capture.gurobi.keys import value_at
from agentopt.modeling.capture.gurobi.matrix import MatrixExpr
from agentopt.modeling.capture.gurobi.unsupported import UNSUPPORTED, WITHOUT_MEANING
from agentopt.modeling.capture.recorder import Recorder
from agentopt.modeling.capture.solving import answer_to
from agentopt.modeling.conflict import find_conflict
from agentopt.modeling.linearization import linearized
from agentopt.modeling.solvers.highs_model import write_model

_SENSES = {"min": 1, "max": -1, "minimize": 1, "maximize": -1, "MIN": 1, "MAX": -1}
_COUNTS = ("NumVars", "NumConstrs", "NumSOS", "NumQConstrs", "NumGenConstrs", "NumIntVars", "NumBinVars", "NumNZs")


class Model(Building):
    """A model as a program builds it with gurobipy."""

    SETTABLE: ClassVar[Mapping[str, Any]] = {
        "ModelName": "", "ModelSense": 1, "ObjCon": 0.0, "NumStart": 0, "NumObj": 1, "NumScenarios": 0,
    }  # fmt: skip
    READABLE = (
        *_COUNTS, "Status", "ObjVal", "ObjBound", "ObjBoundC", "MIPGap", "Runtime", "Work", "SolCount", "IterCount",
        "NodeCount", "BarIterCount", "IsMIP", "IsQP", "IsQCP", "IsMultiObj", "Params", "X", "VarName", "Pi", "RC",
        "PoolObjVal", "ConstrVio", "IntVio", "BoundVio", "Fingerprint",
    )  # fmt: skip
    _recorder: ClassVar[Recorder]

    def __init__(self, name: str = "", env: Env | None = None) -> None:
        parameters = Parameters(None if env is None else env._parameters._given)
        self.__dict__.update(
            ModelName=name,
            _parameters=parameters,
            _variables=[],
            _constraints=[],
            _sets=[],
            _objective_products={},
            _objectives={},
            _piecewise_costs={},
            _extremes=[],
            _variables_made=0,
            _rows_made=0,
            _result={"Status": GRB.LOADED},
        )

    def __repr__(self) -> str:
        return f"<gurobi.Model {self.ModelName}: {len(self._constraints)} constrs, {len(self._variables)} vars>"

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name in WITHOUT_MEANING:
            return lambda *_, **__: None
        if name in UNSUPPORTED:
            raise self._refuse(f"`Model.{name}`: {UNSUPPORTED[name]}")
        return super().__getattr__(name)

    def _refuse(self, message: str) -> Unsupported:
        """An error that is noted as well, for a program may catch it."""
        self._recorder.refused.append(f"gurobipy: {message}")
        return Unsupported(message)

    def _write(self, name: str, value: Any) -> None:
        if name == "ModelSense":
            value = _SENSES.get(value, value)
            if value not in (1, -1):
                raise GurobiError(f"the sense {value!r} is neither GRB.MINIMIZE nor GRB.MAXIMIZE")
        super()._write(name, value)

    def _read(self, name: str) -> Any:
        if name == "Params":
            return self._parameters
        if name in _COUNTS or name.startswith("Is"):
            return self._count(name)
        if name in ("X", "VarName", "RC"):
            return [getattr(variable, name) for variable in self._variables]
        if name == "Pi":
            return [constraint.Pi for constraint in self.getConstrs()]
        return self._result_value({"ObjBoundC": "ObjBound", "PoolObjVal": "ObjVal"}.get(name, name))

    def _result_value(self, name: str) -> Any:
        objective, bound = self._result.get("ObjVal"), self._result.get("ObjBound")
        if name == "SolCount":
            return int(objective is not None)
        if name in ("IterCount", "NodeCount", "BarIterCount", "Work", "Fingerprint"):
            return 0.0
        if name.endswith("Vio") and objective is not None:
            return 0.0
        if name == "MIPGap" and objective is not None and bound is not None:
            return abs(objective - bound) / max(abs(objective), 1e-10)
        value = self._result.get(name)
        if value is None:
            raise AttributeError(f"Unable to retrieve attribute '{name}'")
        return value

    def _count(self, name: str) -> int:
        kinds = [variable.VType for variable in self._variables]
        quadratic = [one for one in self._constraints if one._products]
        conditional = [one for one in self._constraints if one._condition is not None]
        counts = {
            "NumVars": len(kinds),
            "NumConstrs": len(self._constraints) - len(quadratic) - len(conditional),
            "NumQConstrs": len(quadratic),
            "NumGenConstrs": len(conditional),
            "NumSOS": len(self._sets),
            "NumIntVars": sum(kind in "BIN" for kind in kinds),
            "NumBinVars": kinds.count("B"),
            "NumNZs": sum(len(one._linear) for one in self._constraints),
            "IsMIP": int(any(kind != "C" for kind in kinds) or bool(self._sets) or bool(conditional)),
            "IsQP": int(bool(self._objective_products)),
            "IsQCP": int(bool(quadratic)),
            "IsMultiObj": int(len(self._objectives) > 1),
        }
        return counts[name]

    def _position(self, variable: Var) -> int:
        return next((place for place, one in enumerate(self._variables) if one is variable), -1)

    def optimize(self, callback: Callable[..., Any] | None = None) -> None:
        """Records the model, and solves it for as long as the recorder allows."""
        if callback is not None:
            raise self._refuse("`Model.optimize` with a callback: what it adds is not in the model; add all rows first")
        self._blend_objectives()
        recorder = self._recorder
        model = export.captured(self, recorder.variables(self))
        recorder.record(lambda: model)
        recorder.solved.append(self)
        limit = min(float(self.Params.TimeLimit), recorder.solve_time_s)
        export.take_solution(self, answer_to(model, time_limit_s=limit))

    def update(self) -> None:
        """Nothing: changes are seen at once, also by `getVars`, `copy` and `relax`, which in Gurobi need this call."""

    def setParam(self, name: str, value: Any) -> None:
        """Records a parameter."""
        setattr(self._parameters, str(name), value)

    def getParamInfo(self, name: str) -> Any:
        """Name, type, value, least, largest and default of a parameter."""
        value = getattr(self._parameters, str(name))
        return (name, type(value), value, -math.inf, math.inf, value)

    def computeIIS(self, *_: Any) -> None:
        """Marks the rows and bounds that cannot hold together, as `find_conflict` finds them."""
        linear = linearized(export.captured(self, []))
        if not linear.model.is_linear or linear.changes:
            raise GurobiError("`Model.computeIIS` does not take products, indicators and sets; it changes no model")
        conflict = find_conflict(linear.model, time_limit_s=self._recorder.solve_time_s)
        found = {(member.kind, member.index) for member in conflict.members}
        for place, constraint in enumerate(self._constraints):
            constraint.__dict__["_iis"] = int(("row", place) in found)
        for place, variable in enumerate(self._variables):
            variable.__dict__["_iis"] = (int(("lower", place) in found), int(("upper", place) in found))

    def write(self, path: str) -> None:
        """Writes `.lp` and `.mps` (indicators and sets as rows) and values to `.sol`.

        Nothing is written for other suffixes, and where HiGHS cannot hold the model: a file is no part of it.
        """
        file = Path(path)
        if file.suffix == ".sol":
            file.write_text("".join(f"{v.VarName} {v.X!r}\n" for v in self._variables), encoding="utf-8")
        if file.suffix not in (".lp", ".mps"):
            return
        with contextlib.suppress(UsageError):
            write_model(linearized(export.captured(self, [])).model, file)

    def getVars(self) -> list[Var]:
        """All variables."""
        return list(self._variables)

    def getConstrs(self) -> list[Constr]:
        """All linear constraints."""
        return [one for one in self._constraints if not one._products and one._condition is None]

    def getQConstrs(self) -> list[Constr]:
        """All quadratic constraints."""
        return [one for one in self._constraints if one._products]

    def getGenConstrs(self) -> list[Constr]:
        """All implications."""
        return [one for one in self._constraints if one._condition is not None]

    def getSOSs(self) -> list[SOS]:
        """All special ordered sets."""
        return list(self._sets)

    def getVarByName(self, name: str) -> Var | None:
        """The variable of that name; `None` if there is none."""
        return next((variable for variable in self._variables if variable.VarName == name), None)

    def getConstrByName(self, name: str) -> Constr | None:
        """The constraint of that name; `None` if there is none."""
        return next((constraint for constraint in self._constraints if constraint.ConstrName == name), None)

    def getAttr(self, name: str, objects: Any = None) -> Any:
        """An attribute of the model, or of each of `objects`."""
        if objects is None:
            return getattr(self, str(name))
        if isinstance(objects, Mapping):
            return tupledict({key: getattr(one, str(name)) for key, one in objects.items()})
        return [getattr(one, str(name)) for one in objects]

    def setAttr(self, name: str, *values: Any) -> None:
        """Sets an attribute of the model, or of each of a list of objects."""
        if len(values) == 1:
            setattr(self, str(name), values[0])
            return
        objects, given = values
        if isinstance(objects, (Attributed, MatrixExpr)):
            setattr(objects, str(name), given)
            return
        members = objects.items() if isinstance(objects, Mapping) else enumerate(objects)
        for place, (key, one) in enumerate(members):
            setattr(one, str(name), value_at(given, key, place))

    def copy(self) -> Model:
        """The same model with variables of its own."""
        twin = type(self)(self.ModelName)
        twin.__dict__["_parameters"] = Parameters(self._parameters._given)
        twin.__dict__.update(ModelSense=self.ModelSense, ObjCon=self.ObjCon)
        own = {v: twin.addVar(v.LB, v.UB, v.Obj, v.VType, v.VarName) for v in self._variables}
        for one in self._constraints:
            comparison = TempConstr(LinExpr(), "range", one._range) if one._range else TempConstr(LinExpr(), one.Sense)
            comparison.left._linear = {own[v]: value for v, value in one._linear.items()}
            comparison.left._products = {(own[a], own[b]): value for (a, b), value in one._products.items()}
            comparison.left._constant = 0.0 if one._range else -one.RHS
            comparison.condition = None if one._condition is None else (own[one._condition[0]], one._condition[1])
            twin._add_row(comparison, one.ConstrName)
        for one in self._sets:
            twin._sets.append(SOS(one.kind, [(own[v], weight) for v, weight in one.members], one.name))
        products = {(own[a], own[b]): value for (a, b), value in self._objective_products.items()}
        twin.__dict__["_objective_products"] = products
        twin_of = {**own, **dict(zip(self._constraints, twin._constraints)), **dict(zip(self._sets, twin._sets))}
        for variable, parts in self._piecewise_costs.items():
            twin._piecewise_costs[own[variable]] = [twin_of[part] for part in parts if part in twin_of]
        for index, (goal, priority, weight) in self._objectives.items():
            twin._objectives[index] = (_moved(goal, own), priority, weight)
        for result, operands, kind in self._extremes:
            twin._extremes.append((own[result], [_moved(operand, own) for operand in operands], kind))
        return twin

    def relax(self) -> Model:
        """The same model with continuous variables."""
        twin = self.copy()
        for variable in twin._variables:
            variable.VType = {"B": "C", "I": "C", "N": "S"}.get(variable.VType, variable.VType)
        return twin

    def fixed(self) -> Model:
        """The same model with its whole variables fixed at the solution."""
        twin = self.copy()
        for variable, original in zip(twin._variables, self._variables):
            if original.VType in "BI":
                variable.VType = GRB.CONTINUOUS
                variable.LB = variable.UB = original.X
        return twin


def _moved(sum_: LinExpr, own: Mapping[Var, Var]) -> LinExpr:
    """The same expression of other variables."""
    moved = sum_._copy()
    moved._linear = {own[variable]: value for variable, value in sum_._linear.items()}
    moved._products = {(own[a], own[b]): value for (a, b), value in sum_._products.items()}
    return moved

"""`Model` of the gurobipy dialect: variables, constraints and an objective, solved by us and captured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from agentopt.errors import UsageError
from agentopt.modeling.capture.gurobi import export
from agentopt.modeling.capture.gurobi.attributes import Attributed, GurobiError, Unsupported
from agentopt.modeling.capture.gurobi.constants import GRB
from agentopt.modeling.capture.gurobi.constraints import SOS, Column, Constr, Env, Parameters, sense_of
from agentopt.modeling.capture.gurobi.containers import tupledict
from agentopt.modeling.capture.gurobi.expressions import (
    GenExpr,
    LinExpr,
    QuadExpr,
    TempConstr,
    Var,
    compared,
    expression,
    is_number,
    quicksum,
)
from agentopt.modeling.capture.gurobi.general import add_general, add_piecewise
from agentopt.modeling.capture.gurobi.keys import keyed, keys_of, name_of, value_at
from agentopt.modeling.capture.gurobi.matrix import MatrixExpr
from agentopt.modeling.capture.recorder import Recorder
from agentopt.modeling.capture.solving import answer_to
from agentopt.modeling.conflict import find_conflict
from agentopt.modeling.linearization import linearized
from agentopt.modeling.solvers.highs_model import write_model

_SENSES = {"min": 1, "max": -1, "minimize": 1, "maximize": -1, "MIN": 1, "MAX": -1}
_COUNTS = ("NumVars", "NumConstrs", "NumSOS", "NumQConstrs", "NumGenConstrs", "NumIntVars", "NumBinVars", "NumNZs")
_NO_MEANING = (
    "printAttr", "printStats", "printQuality", "display", "reset", "resetParams", "message", "terminate", "sync",
    "tune", "getTuneResult", "dispose", "close", "presolve", "setLogCallback", "discardConcurrentEnvs",
)  # fmt: skip


class Model(Attributed):
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
        if name in _NO_MEANING:
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

    # Variables

    def addVar(
        self,
        lb: Any = 0.0,
        ub: Any = GRB.INFINITY,
        obj: Any = 0.0,
        vtype: Any = GRB.CONTINUOUS,
        name: str = "",
        column: Column | None = None,
    ) -> Var:
        """A new variable."""
        variable = Var(self, self._variables_made, {})
        if vtype == GRB.BINARY:
            lb, ub = max(float(lb), 0.0), min(float(ub), 1.0)
        for attribute, value in (("LB", lb), ("UB", ub), ("Obj", obj), ("VType", vtype)):
            setattr(variable, attribute, value)
        if name:
            variable.VarName = str(name)
        self.__dict__["_variables_made"] += 1
        self._variables.append(variable)
        for value, constraint in column._terms if column is not None else ():
            constraint._linear[variable] = value
        return variable

    def addVars(
        self,
        *indices: Any,
        lb: Any = 0.0,
        ub: Any = GRB.INFINITY,
        obj: Any = 0.0,
        vtype: Any = GRB.CONTINUOUS,
        name: Any = "",
    ) -> tupledict:
        """A family of variables, by key."""
        family = tupledict()
        for place, key in enumerate(keys_of(indices)):
            low, up, cost, kind = (value_at(given, key, place) for given in (lb, ub, obj, vtype))
            own = name_of(name, key) if isinstance(name, str) else name[place]
            family[key] = self.addVar(low, up, cost, kind, own)
        return family

    def addMVar(
        self,
        shape: Any,
        lb: Any = 0.0,
        ub: Any = GRB.INFINITY,
        obj: Any = 0.0,
        vtype: Any = GRB.CONTINUOUS,
        name: str = "",
    ) -> MatrixExpr:
        """An array of variables."""
        import numpy as np

        sizes = (shape,) if is_number(shape) else tuple(shape)
        entries = np.empty(tuple(int(size) for size in sizes), dtype=object)
        sides = [np.broadcast_to(np.asarray(given, dtype=object), entries.shape) for given in (lb, ub, obj, vtype)]
        for place in np.ndindex(*entries.shape):
            low, up, cost, kind = (side[place] for side in sides)
            entries[place] = self.addVar(low, up, cost, kind, name_of(name, place))
        return MatrixExpr(entries)

    def _add_auxiliary(
        self, name: str, lower: float = 0.0, upper: float = GRB.INFINITY, kind: str = GRB.CONTINUOUS
    ) -> Var:
        return self.addVar(lower, upper, 0.0, kind, name)

    # Constraints

    def addConstr(self, constr: Any, *rest: Any, **named: Any) -> Any:
        """A new constraint; also in the older form `left, sense, right, name`."""
        if rest and not isinstance(constr, (TempConstr, MatrixExpr)) and rest[0] in ("<", ">", "=", "<=", ">=", "=="):
            constr, rest = compared(expression(constr), sense_of(rest[0]), rest[1]), rest[2:]
        elif "sense" in named:
            constr = compared(expression(constr), sense_of(named.pop("sense")), named.pop("rhs"))
        name = str(rest[0] if rest else named.get("name", "") or "")
        if isinstance(constr, MatrixExpr):
            import numpy as np

            entries = np.empty(constr.shape, dtype=object)
            for place, one in constr.constraints():
                entries[place] = self._add_row(one, name_of(name, place))
            return MatrixExpr(entries)
        if isinstance(constr, bool) or type(constr).__name__ in ("bool_", "bool"):
            constr = TempConstr(LinExpr(0.0 if constr else 1.0), "<")  # a comparison without any variable
        if not isinstance(constr, TempConstr):
            raise GurobiError(f"`addConstr` takes a comparison, got {type(constr).__name__}")
        if isinstance(constr.right, GenExpr):
            if constr.condition is not None:
                raise self._refuse("an implication of a general constraint")
            return add_general(self, constr.left, constr.right, name or f"{constr.right.kind}{self._rows_made}")[0]
        return self._add_row(constr, name)

    addLConstr = addQConstr = addConstr

    def _add_row(self, comparison: TempConstr, name: str) -> Constr:
        condition = comparison.condition
        if condition is not None and condition[0].VType != GRB.BINARY:
            raise GurobiError(f"an implication starts from a binary variable, `{condition[0].VarName}` is none")
        row = Constr(self, comparison, name)
        self.__dict__["_rows_made"] += 1
        self._constraints.append(row)
        return row

    def addConstrs(self, generator: Any, name: str = "") -> tupledict:
        """A family of constraints, by the values of the generator's loop variables."""
        family = tupledict()
        for key, comparison in keyed(generator):
            family[key] = self.addConstr(comparison, name_of(name, key))
        return family

    def addRange(self, expr: Any, lower: Any, upper: Any, name: str = "") -> Any:
        """A constraint with two bounds."""
        return self._add_row(expression(expr) == [lower, upper], name)

    def addMConstr(self, A: Any, x: Any, sense: Any, b: Any, name: str = "") -> Any:
        """`A x` compared with `b`, entry by entry."""
        x = self.getVars() if x is None else x
        product = A @ (x if isinstance(x, MatrixExpr) else MatrixExpr(x))
        senses = [sense] * product.shape[0] if isinstance(sense, str) else list(sense)
        rights = b if hasattr(b, "__len__") else [b] * product.shape[0]
        return [
            self.addConstr(compared(left, sense_of(one), float(right)), name_of(name, place))
            for place, (left, one, right) in enumerate(zip(product, senses, rights))
        ]

    def addGenConstrIndicator(
        self, binvar: Var, binval: Any, lhs: Any, sense: Any = None, rhs: Any = None, name: str = ""
    ) -> Any:
        """A constraint that holds where a binary variable has a value."""
        implied = lhs if isinstance(lhs, TempConstr) else compared(expression(lhs), sense_of(sense), rhs)
        return self.addConstr((binvar == int(binval)) >> implied, name)

    def addGenConstrMax(self, resvar: Var, vars: Any, constant: float | None = None, name: str = "") -> Any:
        """`resvar` is the largest of the variables and the constant."""
        return self.addConstr(resvar == GenExpr("max", list(vars), constant), name)

    def addGenConstrMin(self, resvar: Var, vars: Any, constant: float | None = None, name: str = "") -> Any:
        """`resvar` is the smallest of the variables and the constant."""
        return self.addConstr(resvar == GenExpr("min", list(vars), constant), name)

    def addGenConstrAbs(self, resvar: Var, argvar: Any, name: str = "") -> Any:
        """`resvar` is the absolute value of `argvar`."""
        return self.addConstr(resvar == GenExpr("abs", [argvar]), name)

    def addGenConstrAnd(self, resvar: Var, vars: Any, name: str = "") -> Any:
        """`resvar` is 1 exactly if all of the binary variables are."""
        return self.addConstr(resvar == GenExpr("and", list(vars)), name)

    def addGenConstrOr(self, resvar: Var, vars: Any, name: str = "") -> Any:
        """`resvar` is 1 exactly if one of the binary variables is."""
        return self.addConstr(resvar == GenExpr("or", list(vars)), name)

    def addGenConstrPWL(self, xvar: Var, yvar: Var, xpts: Any, ypts: Any, name: str = "") -> Any:
        """`yvar` is a piecewise-linear function of `xvar`."""
        points = [(float(x), float(y)) for x, y in zip(xpts, ypts, strict=True)]
        return add_piecewise(self, xvar, yvar, points, name or f"pwl{self._rows_made}")[0]

    def addGenConstrPow(self, xvar: Var, yvar: Var, a: float, name: str = "", options: str = "") -> Any:
        """`yvar` is the square of `xvar`; other powers are refused."""
        if a not in (1, 2):
            raise self._refuse(f"`Model.addGenConstrPow` with exponent {a:g}: only squares are supported")
        return self._add_row(yvar == xvar**a, name)

    def setPWLObj(self, var: Var, x: Any, y: Any) -> None:
        """Adds a piecewise-linear function of `var` to the objective."""
        value = self._add_auxiliary(f"{var.VarName} cost", lower=-GRB.INFINITY)
        value.Obj, var.Obj = 1.0, 0.0
        self.addGenConstrPWL(var, value, x, y, f"{var.VarName} pieces")

    def addSOS(self, type: int, vars: Any, wts: Any = None) -> SOS:
        """A special ordered set."""
        members = list(vars.values() if isinstance(vars, Mapping) else vars)
        return self._add_set(type, members, list(wts) if wts is not None else list(range(1, len(members) + 1)), "")

    def _add_set(self, kind: int, members: list[Var], weights: list[float], name: str) -> SOS:
        ordered = SOS(kind, [(variable, float(weight)) for variable, weight in zip(members, weights)], name)
        self._sets.append(ordered)
        return ordered

    def chgCoeff(self, constr: Constr, var: Var, newval: float) -> None:
        """Sets one coefficient."""
        constr._linear[var] = float(newval)

    def getCoeff(self, constr: Constr, var: Var) -> float:
        """One coefficient."""
        return float(constr._linear.get(var, 0.0))

    def getRow(self, constr: Constr) -> LinExpr:
        """The linear sum of a constraint."""
        return constr.getRow()

    def remove(self, what: Any) -> None:
        """Removes variables, constraints or sets, one or many."""
        if isinstance(what, Mapping):
            what = list(what.values())
        if isinstance(what, (list, tuple, MatrixExpr)):
            for one in list(what):
                self.remove(one)
            return
        for place in ("_variables", "_constraints", "_sets"):
            self.__dict__[place] = [one for one in self.__dict__[place] if one is not what]
        if isinstance(what, Var):
            for constraint in self._constraints:
                constraint._linear.pop(what, None)

    # Objective

    def setObjective(self, expr: Any, sense: Any = None) -> None:
        """Replaces the objective, and the sense if one is given."""
        goal = expression(expr)
        for variable in self._variables:
            variable.__dict__["Obj"] = 0.0
        for variable, value in goal._linear.items():
            variable.Obj = value
        self.__dict__["_objective_products"] = dict(goal._products)
        self.ObjCon = goal._constant
        if sense is not None:
            self.ModelSense = sense

    def getObjective(self, index: int | None = None) -> LinExpr:
        """The objective."""
        if index:
            raise self._refuse("`Model.getObjective` of several objectives")
        goal = QuadExpr() if self._objective_products else LinExpr()
        goal._linear = {variable: variable.Obj for variable in self._variables if variable.Obj}
        goal._products, goal._constant = dict(self._objective_products), self.ObjCon
        return goal

    def setObjectiveN(
        self, expr: Any, index: int = 0, priority: int = 0, weight: float = 1.0, *_: Any, **__: Any
    ) -> None:
        """One of several objectives; those of one priority are added with their weights, more priorities refused."""
        self._objectives[index] = (expression(expr)._copy(), priority, float(weight))

    def _blend_objectives(self) -> None:
        priorities = {priority for _, priority, _ in self._objectives.values()}
        if len(priorities) > 1:
            raise self._refuse("`Model.setObjectiveN` with several priorities: a model has one objective")
        if self._objectives:
            self.setObjective(quicksum(goal * weight for goal, _, weight in self._objectives.values()))

    # Solving

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
        """Nothing: changes are seen at once."""

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
            raise self._refuse("`Model.computeIIS` of a model with products, indicators or sets")
        conflict = find_conflict(linear.model, time_limit_s=self._recorder.solve_time_s)
        found = {(member.kind, member.index) for member in conflict.members}
        for place, constraint in enumerate(self._constraints):
            constraint.__dict__["_iis"] = int(("row", place) in found)
        for place, variable in enumerate(self._variables):
            variable.__dict__["_iis"] = (int(("lower", place) in found), int(("upper", place) in found))

    def write(self, path: str) -> None:
        """Writes `.lp` and `.mps` (indicators and sets as rows) and values to `.sol`; other files are not written."""
        file = Path(path)
        if file.suffix == ".sol":
            file.write_text("".join(f"{v.VarName} {v.X!r}\n" for v in self._variables), encoding="utf-8")
        if file.suffix not in (".lp", ".mps"):
            return
        try:
            write_model(linearized(export.captured(self, [])).model, file)
        except UsageError as error:
            raise GurobiError(str(error)) from error

    # Looking at it

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
        keys = list(objects) if isinstance(objects, Mapping) else range(len(objects))
        for place, key in enumerate(keys):
            setattr(objects[key], str(name), value_at(given, key, place))

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
        for result, operands, kind in self._extremes:
            moved = [operand._copy() for operand in operands]
            for operand in moved:
                operand._linear = {own[variable]: value for variable, value in operand._linear.items()}
            twin._extremes.append((own[result], moved, kind))
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


UNSUPPORTED: Mapping[str, str] = {
    "cbLazy": "rows added by a callback are not in the model",
    "cbCut": "rows added by a callback are not in the model",
    "feasRelaxS": "add the slack variables yourself, with their cost in the objective",
    "feasRelax": "add the slack variables yourself, with their cost in the objective",
    "addGenConstrExp": "an exponential is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrExpA": "an exponential is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrLog": "a logarithm is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrLogA": "a logarithm is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrSin": "a sine is neither linear nor quadratic",
    "addGenConstrCos": "a cosine is neither linear nor quadratic",
    "addGenConstrTan": "a tangent is neither linear nor quadratic",
    "addGenConstrLogistic": "a logistic function is neither linear nor quadratic",
    "addGenConstrPoly": "a polynomial is supported up to squares: write it as an expression",
    "addGenConstrNorm": "write the norm with `abs_`, `max_` or squares",
    "addGenConstrNL": "general nonlinear constraints are not supported",
    "setMObjective": "write the objective as an expression",
    "addMQConstr": "write the constraint as an expression",
    "addMLinConstr": "use `addMConstr`",
    "optimizeAsync": "use `optimize`",
    "optimizeBatch": "use `optimize`",
    "singleScenarioModel": "several scenarios are several models",
    "setObjectiveNConstant": "put the constant into the expression",
    "getPoolSolution": "one solution is kept",
}

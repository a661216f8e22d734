"""What a program calls to build a model of the gurobipy dialect: variables, constraints, sets and the objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentopt.modeling.capture.gurobi.attributes import Attributed, GurobiError, Unsupported
from agentopt.modeling.capture.gurobi.constants import GRB
from agentopt.modeling.capture.gurobi.constraints import SOS, Column, Constr, sense_of
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


class Building(Attributed):
    """The part of a `Model` that builds it."""

    def _refuse(self, message: str) -> Unsupported:
        raise NotImplementedError

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
        keys = keys_of(indices)
        for argument, given in (("lb", lb), ("ub", ub), ("obj", obj), ("vtype", vtype), ("name", name)):
            if isinstance(given, (list, tuple)) and len(given) != len(keys):
                raise GurobiError(f"`addVars`: `{argument}` has {len(given)} values for {len(keys)} variables")
        for place, key in enumerate(keys):
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

    def addConstr(self, constr: Any = None, *rest: Any, **named: Any) -> Any:
        """A new constraint; also in the older form `lhs, sense, rhs, name`."""
        constr = named.pop("lhs") if constr is None and "lhs" in named else constr
        if rest and not isinstance(constr, (TempConstr, MatrixExpr)) and rest[0] in ("<", ">", "=", "<=", ">=", "=="):
            constr, rest = compared(expression(constr), sense_of(rest[0]), rest[1]), rest[2:]
        elif "sense" in named:
            constr = compared(expression(constr), sense_of(named.pop("sense")), named.pop("rhs"))
        name = str(rest[0] if rest else named.get("name", "") or "")
        if isinstance(constr, MatrixExpr):
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
        """Makes a piecewise-linear function of `var` its cost, in place of any other."""
        var.Obj = 0.0
        before = len(self._variables), len(self._constraints), len(self._sets)
        value = self._add_auxiliary(f"{var.VarName} cost", lower=-GRB.INFINITY)
        value.Obj = 1.0
        self.addGenConstrPWL(var, value, x, y, f"{var.VarName} pieces")
        made = zip((self._variables, self._constraints, self._sets), before)
        self._piecewise_costs[var] = [part for parts, count in made for part in parts[count:]]

    def _drop_piecewise_cost(self, var: Var) -> None:
        self.remove(self._piecewise_costs.pop(var, []))

    def addSOS(self, type: int, vars: Any, wts: Any = None) -> SOS:
        """A special ordered set."""
        members = list(vars.values() if isinstance(vars, Mapping) else vars)
        return self._add_set(type, members, list(wts) if wts is not None else list(range(1, len(members) + 1)), "")

    def _add_set(self, kind: int, members: list[Var], weights: list[float], name: str) -> SOS:
        if len(members) != len(weights):
            raise GurobiError(f"`addSOS`: {len(weights)} weights for {len(members)} variables")
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
            self._drop_piecewise_cost(what)
            for constraint in self._constraints:
                constraint._linear.pop(what, None)
                constraint.__dict__["_products"] = _without(what, constraint._products)
            for ordered in self._sets:
                ordered.members = [(one, weight) for one, weight in ordered.members if one is not what]
            self.__dict__["_objective_products"] = _without(what, self._objective_products)

    def setObjective(self, expr: Any, sense: Any = None) -> None:
        """Replaces the objective, and the sense if one is given."""
        goal = expression(expr)
        for variable in list(self._piecewise_costs):
            self._drop_piecewise_cost(variable)
        for variable in self._variables:
            variable.__dict__["Obj"] = 0.0
        for variable, value in goal._linear.items():
            variable.Obj = value
        self.__dict__["_objective_products"] = dict(goal._products)
        self.ObjCon = goal._constant
        if sense is not None:
            self.ModelSense = sense

    def setMObjective(
        self, Q: Any, c: Any, constant: float, xQ_L: Any = None, xQ_R: Any = None, xc: Any = None, sense: Any = None
    ) -> None:
        """Replaces the objective by `xQ_L' Q xQ_R + c' xc + constant`; without variables, by those of the model."""
        left, right, linear = (
            one if isinstance(one, MatrixExpr) else MatrixExpr(self.getVars() if one is None else one)
            for one in (xQ_L, xQ_R, xc)
        )
        goal = expression(0.0 if c is None else np.asarray(c, dtype=float) @ linear)
        self.setObjective(goal + (0.0 if Q is None else left @ Q @ right) + constant, sense)

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


def _without(variable: Var, products: Mapping[tuple[Var, Var], float]) -> dict[tuple[Var, Var], float]:
    """The products of other variables."""
    return {pair: value for pair, value in products.items() if pair[0] is not variable and pair[1] is not variable}

"""Programs in the styles that people and models write, per library, with optima that are known in closed form."""

from __future__ import annotations

from typing import NamedTuple


class Program(NamedTuple):
    """A program, its optimum or status, and what it prints.

    Args:
        optimum: number, or `infeasible` or `unbounded`.
        printed: `None` where a library prints more than the program does.
    """

    source: str
    optimum: float | str
    printed: str | None = None


# The same problems in every library.
# plan:    max 5 x + 4 y + 10, 6 x + 4 y <= 24, x + 2 y <= 6: 21 + 10 at (3, 1.5)
# knapsack: values 60 100 120, weights 10 20 30, 50: 220
# ship:    two plants (20, 30), shops (10, 25, 15): 125, as in the tests of gurobipy
# empty:   x >= 5 and 2 x <= 8
# pick:    min 2 a + 3 b, a + b == 4, 1 <= a - b <= 2, whole numbers: a = 3, b = 1 -> 9
# square:  min (x - 3)^2 + y^2 with x + y <= 2, x <= 1.5: 2.25

PULP = {
    "plan": Program(
        """
import pulp
prob = pulp.LpProblem("plan", pulp.LpMaximize)
x = pulp.LpVariable("x", lowBound=0)
y = pulp.LpVariable("y", lowBound=0)
prob += 5 * x + 4 * y + 10, "profit"
prob += 6 * x + 4 * y <= 24, "wood"
prob += x + 2 * y <= 6, "hours"
prob.solve(pulp.PULP_CBC_CMD(msg=0))
print(pulp.LpStatus[prob.status], pulp.value(prob.objective), x.varValue, y.value())
""",
        31.0,
        "Optimal 31.0 3.0 1.5",
    ),
    "knapsack": Program(
        """
from pulp import *
items = ["a", "b", "c"]
value = dict(zip(items, [60, 100, 120])); weight = dict(zip(items, [10, 20, 30]))
model = LpProblem("Knapsack_Problem", LpMaximize)
take = LpVariable.dicts("take", items, cat="Binary")
model += lpSum(value[i] * take[i] for i in items)
model += lpSum(weight[i] * take[i] for i in items) <= 50
model.solve()
print(LpStatus[model.status], sorted(v.name for v in model.variables() if v.varValue > 0.5))
""",
        220.0,
        "Optimal ['take_b', 'take_c']",
    ),
    "ship": Program(
        """
import pulp
supply = {"A": 20, "B": 30}; demand = {"u": 10, "v": 25, "w": 15}
cost = {"A": {"u": 2, "v": 4, "w": 5}, "B": {"u": 3, "v": 1, "w": 7}}
prob = pulp.LpProblem("ship", pulp.LpMinimize)
flow = pulp.LpVariable.dicts("flow", (supply, demand), 0)
prob += pulp.lpSum(flow[p][s] * cost[p][s] for p in supply for s in demand)
for p in supply:
    prob += pulp.lpSum(flow[p][s] for s in demand) <= supply[p], f"supply_{p}"
for s in demand:
    prob += pulp.lpSum(flow[p][s] for p in supply) == demand[s], f"demand_{s}"
status = prob.solve(pulp.GUROBI(msg=False)) if False else prob.solve()
assert status == pulp.LpStatusOptimal
""",
        125.0,
    ),
    "empty": Program(
        """
import pulp
prob = pulp.LpProblem("none", pulp.LpMinimize)
x = pulp.LpVariable("x", 0, cat=pulp.LpInteger)
prob += x
prob += x >= 5
prob += 2 * x <= 8
prob.solve()
print(pulp.LpStatus[prob.status], x.varValue)
""",
        "infeasible",
        "Infeasible None",
    ),
    "pick": Program(
        """
import pulp
prob = pulp.LpProblem("pick")
a, b = (pulp.LpVariable(n, lowBound=-10, upBound=10, cat="Integer") for n in "ab")
prob.setObjective(2 * a + 3 * b)
prob.addConstraint(a + b == 4, "both")
prob += a - b >= 1
prob += a - b <= 2
prob.solve()
print(int(a.value()), int(b.value()))
""",
        9.0,
        "3 1",
    ),
}

PYOMO = {
    "plan": Program(
        """
import pyomo.environ as pyo
m = pyo.ConcreteModel()
m.x = pyo.Var(domain=pyo.NonNegativeReals)
m.y = pyo.Var(within=pyo.NonNegativeReals)
m.profit = pyo.Objective(expr=5 * m.x + 4 * m.y + 10, sense=pyo.maximize)
m.wood = pyo.Constraint(expr=6 * m.x + 4 * m.y <= 24)
m.hours = pyo.Constraint(expr=m.x + 2 * m.y - 1 <= 5)
m.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
results = pyo.SolverFactory("glpk").solve(m, tee=False)
assert results.solver.termination_condition == pyo.TerminationCondition.optimal
print(pyo.value(m.profit), m.x(), m.dual[m.wood], m.dual[m.hours])
""",
        31.0,
        "31.0 3.0 0.75 0.5",
    ),
    "knapsack": Program(
        """
from pyomo.environ import *
items = ["a", "b", "c"]
model = ConcreteModel()
model.I = Set(initialize=items)
model.v = Param(model.I, initialize=dict(zip(items, [60, 100, 120])))
model.w = Param(model.I, initialize=dict(zip(items, [10, 20, 30])), mutable=True)
model.take = Var(model.I, domain=Binary)
model.capacity = Constraint(expr=sum(model.w[i] * model.take[i] for i in model.I) <= 50)
model.value = Objective(rule=lambda m: sum(m.v[i] * m.take[i] for i in m.I), sense=maximize)
solver = SolverFactory("appsi_highs")
solver.options["time_limit"] = 10
solver.solve(model)
print([i for i in model.I if value(model.take[i]) > 0.5], value(model.value))
""",
        220.0,
        "['b', 'c'] 220",
    ),
    "ship": Program(
        """
import pyomo.environ as pyo
def create(supply, demand, cost):
    m = pyo.AbstractModel()
    m = pyo.ConcreteModel("ship")
    m.P, m.S = pyo.Set(initialize=supply.keys()), pyo.Set(initialize=demand.keys())
    m.flow = pyo.Var(m.P, m.S, bounds=(0, None))
    @m.Constraint(m.P)
    def supplied(m, p):
        return sum(m.flow[p, s] for s in m.S) <= supply[p]
    @m.Constraint(m.S)
    def demanded(m, s):
        return sum(m.flow[p, s] for p in m.P) == demand[s]
    m.cost = pyo.Objective(expr=sum(cost[p, s] * m.flow[p, s] for p in m.P for s in m.S))
    return m
model = create({"A": 20, "B": 30}, {"u": 10, "v": 25, "w": 15},
               {("A", "u"): 2, ("A", "v"): 4, ("A", "w"): 5, ("B", "u"): 3, ("B", "v"): 1, ("B", "w"): 7})
from pyomo.contrib import appsi
appsi.solvers.Highs().solve(model)
print(pyo.value(model.cost), model.flow["B", "v"].value)
""",
        125.0,
        "125.0 25.0",
    ),
    "empty": Program(
        """
import pyomo.environ as pyo
m = pyo.ConcreteModel()
m.x = pyo.Var(domain=pyo.NonNegativeIntegers)
m.o = pyo.Objective(expr=m.x)
m.c = pyo.ConstraintList()
m.c.add(m.x >= 5)
m.c.add(2 * m.x <= 8)
result = pyo.SolverFactory("cbc").solve(m)
print(result.solver.termination_condition)
""",
        "infeasible",
        "infeasible",
    ),
    "pick": Program(
        """
import pyomo.environ as pyo
m = pyo.ConcreteModel()
m.a = pyo.Var(domain=pyo.Integers); m.b = pyo.Var(domain=pyo.Integers, bounds=(-10, 10)); m.f = pyo.Var()
m.f.fix(4)
m.both = pyo.Constraint(expr=m.a + m.b == m.f)
m.near = pyo.Constraint(expr=(1, m.a - m.b, 2))
m.o = pyo.Objective(expr=2 * m.a + 3 * m.b)
pyo.SolverFactory("gurobi").solve(m)
print(pyo.value(m.a), pyo.value(m.b))
""",
        9.0,
        "3 1",
    ),
    "square": Program(
        """
import pyomo.environ as pyo
m = pyo.ConcreteModel()
m.x = pyo.Var(bounds=(0, 1.5)); m.y = pyo.Var(bounds=(0, None))
m.c = pyo.Constraint(expr=m.x + m.y <= 2)
m.o = pyo.Objective(expr=(m.x - 3) ** 2 + m.y ** 2)
pyo.SolverFactory("ipopt").solve(m)
print(round(pyo.value(m.o), 6))
""",
        2.25,
        "2.25",
    ),
}

PYSCIPOPT = {
    "plan": Program(
        """
from pyscipopt import Model
m = Model("plan")
x, y = m.addVar("x"), m.addVar("y", vtype="C")
m.setObjective(5 * x + 4 * y + 10, "maximize")
m.addCons(6 * x + 4 * y <= 24, "wood")
m.addCons(x + 2 * y <= 6)
m.optimize()
print(m.getStatus(), m.getObjVal(), m.getVal(x))
""",
        31.0,
        "optimal 31.0 3.0",
    ),
    "knapsack": Program(
        """
from pyscipopt import Model, quicksum
v, w = [60, 100, 120], [10, 20, 30]
model = Model()
take = {i: model.addVar(vtype="B", name=f"take_{i}") for i in range(3)}
model.addCons(quicksum(w[i] * take[i] for i in take) <= 50)
model.setObjective(quicksum(v[i] * take[i] for i in take), sense="maximize")
model.hideOutput()
model.optimize()
print([i for i in take if model.getVal(take[i]) > 0.5])
""",
        220.0,
        "[1, 2]",
    ),
    "empty": Program(
        """
import pyscipopt
m = pyscipopt.Model()
x = m.addVar("x", vtype="I")
m.addCons(x >= 5); m.addCons(2 * x <= 8)
m.setObjective(x)
m.optimize()
print(m.getStatus())
""",
        "infeasible",
        "infeasible",
    ),
    "pick": Program(
        """
from pyscipopt import Model
m = Model()
a, b = m.addVar("a", vtype="I", lb=None, ub=None), m.addVar("b", vtype="I", lb=-10, ub=10)
m.addCons(a + b == 4, name="both")
m.addCons((a - b >= 1) if False else (1 <= (a - b <= 2)))
m.setObjective(2 * a + 3 * b, "minimize")
m.optimize()
print(round(m.getObjVal()))
""",
        9.0,
        "9",
    ),
    "square": Program(
        """
from pyscipopt import Model
m = Model()
x, y, t = m.addVar("x", ub=1.5), m.addVar("y"), m.addVar("t", lb=None)
m.addCons(x + y <= 2)
m.addCons(t >= x ** 2 - 6 * x + 9 + y * y)
m.setObjective(t)
m.optimize()
print(round(m.getObjVal(), 4))
""",
        2.25,
        "2.25",
    ),
    "implied": Program(
        """
from pyscipopt import Model
m = Model()
z, x = m.addVar("z", vtype="B"), m.addVar("x", ub=9)
m.addConsIndicator(x <= 3, binvar=z, name="limit")
m.setObjective(x + 4 * z, "maximize")
m.optimize()
print(round(m.getObjVal(), 4))
""",
        9.0,
        "9.0",
    ),
}

LINEAR_SOLVER = {
    "plan": Program(
        """
from ortools.linear_solver import pywraplp
solver = pywraplp.Solver.CreateSolver("GLOP")
x = solver.NumVar(0, solver.infinity(), "x")
y = solver.NumVar(0, solver.infinity(), "y")
solver.Add(6 * x + 4 * y <= 24, "wood")
ct = solver.Constraint(-solver.infinity(), 6, "hours")
ct.SetCoefficient(x, 1); ct.SetCoefficient(y, 2)
solver.Maximize(5 * x + 4 * y + 10)
status = solver.Solve()
if status == pywraplp.Solver.OPTIMAL:
    print(round(solver.Objective().Value(), 6), round(x.solution_value(), 6))
""",
        31.0,
        "31.0 3.0",
    ),
    "knapsack": Program(
        """
from ortools.linear_solver import pywraplp
def main():
    data = {"v": [60, 100, 120], "w": [10, 20, 30]}
    solver = pywraplp.Solver.CreateSolver("GUROBI")
    x = {i: solver.BoolVar(f"x_{i}") for i in range(3)}
    solver.Add(sum(data["w"][i] * x[i] for i in x) <= 50)
    objective = solver.Objective()
    for i in x:
        objective.SetCoefficient(x[i], data["v"][i])
    objective.SetMaximization()
    solver.Solve()
    print(round(objective.Value()))
if __name__ == "__main__":
    main()
""",
        220.0,
        "220",
    ),
    "empty": Program(
        """
from ortools.linear_solver import pywraplp
s = pywraplp.Solver("none", pywraplp.Solver.CBC_MIXED_INTEGER_PROGRAMMING)
x = s.IntVar(0, s.infinity(), "x")
s.Add(x >= 5); s.Add(2 * x <= 8)
s.Minimize(x)
print(s.Solve() == pywraplp.Solver.INFEASIBLE)
""",
        "infeasible",
        "True",
    ),
    "pick": Program(
        """
from ortools.linear_solver import pywraplp
s = pywraplp.Solver.CreateSolver("SCIP")
a, b = (s.IntVar(-10, 10, n) for n in "ab")
s.Add(a + b == 4, "both")
near = s.RowConstraint(1, 2, "near")
near.SetCoefficient(a, 1); near.SetCoefficient(b, -1)
s.Minimize(2 * a + 3 * b)
s.Solve()
print(int(a.solution_value()), int(b.solution_value()))
""",
        9.0,
        "3 1",
    ),
}

CP_SAT = {
    "knapsack": Program(
        """
from ortools.sat.python import cp_model
model = cp_model.CpModel()
x = [model.NewBoolVar(f"x{i}") for i in range(3)]
model.Add(sum(w * v for w, v in zip([10, 20, 30], x)) <= 50)
model.Maximize(sum(p * v for p, v in zip([60, 100, 120], x)))
solver = cp_model.CpSolver()
if solver.Solve(model) == cp_model.OPTIMAL:
    print(solver.ObjectiveValue(), [solver.Value(v) for v in x])
""",
        220.0,
        "220.0 [0, 1, 1]",
    ),
    "empty": Program(
        """
from ortools.sat.python import cp_model
m = cp_model.CpModel()
x = m.new_int_var(0, 100, "x")
m.add(x >= 5); m.add(2 * x <= 8)
m.minimize(x)
s = cp_model.CpSolver()
print(s.status_name(s.solve(m)))
""",
        "infeasible",
        "INFEASIBLE",
    ),
    "enforced": Program(
        """
from ortools.sat.python import cp_model
m = cp_model.CpModel()
x, y = m.NewIntVar(0, 10, "x"), m.NewIntVar(0, 10, "y")
b, c = m.NewBoolVar("b"), m.NewBoolVar("c")
m.Add(x <= 3).OnlyEnforceIf(b)
m.Add(y <= 4).OnlyEnforceIf(b.Not())
m.Add(x + y <= 6).OnlyEnforceIf([b, c])
m.AddBoolOr([c, b.Not()])
m.AddImplication(b, c)
m.AddExactlyOne([c, b.Not()])
m.Maximize(2 * x + 3 * y - 5)
s = cp_model.CpSolver()
s.Solve(m)
print(s.ObjectiveValue())
""",  # b: x <= 3 and x + y <= 6: 3 * 6 = 18; not b: y <= 4, c false by exactly-one: 20 + 12 = 32; less 5
        27.0,
        "27.0",
    ),
    "makespan": Program(
        """
from ortools.sat.python import cp_model
p = [3, 2, 4, 6]
m = cp_model.CpModel()
on = {(j, k): m.NewBoolVar(f"on_{j}_{k}") for j in range(4) for k in range(2)}
for j in range(4):
    m.AddExactlyOne(on[j, k] for k in range(2))
top = m.NewIntVar(0, 20, "top")
m.AddMaxEquality(top, [sum(p[j] * on[j, k] for j in range(4)) for k in range(2)])
m.Minimize(top)
s = cp_model.CpSolver()
s.Solve(m)
print(s.Value(top))
""",  # 15 in all: 8 and 7
        8.0,
        "8",
    ),
    "different": Program(
        """
from ortools.sat.python import cp_model
m = cp_model.CpModel()
x = [m.NewIntVar(1, 3, f"x{i}") for i in range(3)]
gap = m.NewIntVarFromDomain(cp_model.Domain.FromIntervals([[0, 0], [2, 5]]), "gap")
m.AddAllDifferent(x)
m.Add(gap >= x[0] - x[1])
m.Add(x[0] != 2)
m.Maximize(3 * x[0] + 2 * x[1] + x[2] - gap)
s = cp_model.CpSolver()
s.Solve(m)
print(s.ObjectiveValue())
""",  # x0 = 3: 9 + 4 + 1 - 2 = 12 (gap 2) or 9 + 2 + 2 - 2 = 11; x0 = 1: 3 + 6 + 2 - 0 = 11
        12.0,
        "12.0",
    ),
}

MATH_OPT = {
    "plan": Program(
        """
from ortools.math_opt.python import mathopt
m = mathopt.Model(name="plan")
x, y = m.add_variable(lb=0, name="x"), m.add_variable(lb=0, name="y")
m.add_linear_constraint(6 * x + 4 * y <= 24, name="wood")
m.add_linear_constraint(x + 2 * y <= 6, name="hours")
m.maximize(5 * x + 4 * y + 10)
r = mathopt.solve(m, mathopt.SolverType.GLOP)
print(round(r.objective_value(), 6))
""",
        31.0,
        "31.0",
    ),
    "pick": Program(
        """
import datetime
from ortools.math_opt.python import mathopt
m = mathopt.Model()
a, b = (m.add_integer_variable(lb=-10, ub=10, name=n) for n in "ab")
m.add_linear_constraint(a + b == 4)
m.add_linear_constraint(1 <= (a - b <= 2) if False else mathopt.LowerBoundedLinearExpression(a - b, 1))
m.add_linear_constraint(a - b <= 2)
m.minimize(2 * a + 3 * b)
p = mathopt.SolveParameters(time_limit=datetime.timedelta(minutes=1))
print(mathopt.solve(m, mathopt.SolverType.GUROBI, params=p).variable_values()[a])
""",
        9.0,
        "3.0",
    ),
    "implied": Program(
        """
from ortools.math_opt.python import mathopt
m = mathopt.Model()
z, x = m.add_binary_variable(name="z"), m.add_variable(lb=0, ub=9, name="x")
m.add_indicator_constraint(indicator=z, implied_constraint=x <= 3, name="limit")
m.maximize(x + 4 * z)
print(round(mathopt.solve(m, mathopt.SolverType.GSCIP).objective_value(), 6))
""",
        9.0,
        "9.0",
    ),
}

CVXPY = {
    "plan": Program(
        """
import cvxpy as cp
x = cp.Variable(nonneg=True, name="x"); y = cp.Variable(nonneg=True)
prob = cp.Problem(cp.Maximize(5 * x + 4 * y + 10), [6 * x + 4 * y <= 24, x + 2 * y <= 6])
prob.solve()
print(prob.status, round(prob.value, 4), round(float(x.value), 4))
""",
        31.0,
        "optimal 31.0 3.0",
    ),
    "knapsack": Program(
        """
import cvxpy as cp
import numpy as np
v, w = np.array([60, 100, 120]), np.array([10, 20, 30])
take = cp.Variable(3, boolean=True)
problem = cp.Problem(cp.Maximize(v @ take), [w @ take <= 50])
problem.solve(solver=cp.GLPK_MI)
print(round(problem.value))
""",
        220.0,
        "220",
    ),
    "empty": Program(
        """
import cvxpy as cp
x = cp.Variable(integer=True)
p = cp.Problem(cp.Minimize(x), [x >= 5, 2 * x <= 8])
p.solve(solver=cp.HIGHS)
print(p.status)
""",
        "infeasible",
        "infeasible",
    ),
    "ship": Program(
        """
import cvxpy as cp, numpy as np
cost = np.array([[2, 4, 5], [3, 1, 7]])
flow = cp.Variable((2, 3), name="flow")
constraints = [flow >= 0, cp.sum(flow, axis=1) <= np.array([20, 30]), cp.sum(flow, axis=0) == np.array([10, 25, 15])]
problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply(cost, flow))), constraints)
print(round(problem.solve(), 3))
""",
        125.0,
        "125.0",
    ),
    "square": Program(
        """
import cvxpy as cp
x, y = cp.Variable(name="x"), cp.Variable(name="y")
p = cp.Problem(cp.Minimize(cp.square(x - 3) + y ** 2), [x + y <= 2, x <= 1.5, x >= 0, y >= 0])
p.solve(solver="OSQP", eps_abs=1e-8, eps_rel=1e-8)
print(round(p.value, 3))
""",
        2.25,
        "2.25",
    ),
    "absolute": Program(
        """
import cvxpy as cp
x = cp.Variable(2, name="x")
p = cp.Problem(cp.Minimize(cp.norm1(x - 4) + cp.maximum(x[0], 1) + 2), [cp.sum(x) == 3])
p.solve()
print(round(p.value, 4))
""",  # x0 from 1 on costs 1 more for itself and saves nothing: |x0 - 4| + |x1 - 4| = 5 at x0 <= 1, so 5 + 1 + 2
        8.0,
        "8.0",
    ),
}

LINOPY = {
    "plan": Program(
        """
import linopy
m = linopy.Model()
x, y = m.add_variables(lower=0, name="x"), m.add_variables(lower=0, name="y")
m.add_constraints(6 * x + 4 * y <= 24, name="wood")
m.add_constraints(x + 2 * y <= 6)
m.add_objective(5 * x + 4 * y, sense="max")
m.solve(solver_name="gurobi")
print(float(m.objective.value), float(x.solution))
""",
        21.0,
        None,
    ),
    "knapsack": Program(
        """
import linopy, pandas as pd
items = pd.Index(["a", "b", "c"], name="item")
m = linopy.Model()
take = m.add_variables(binary=True, coords=[items], name="take")
m.add_constraints((take * pd.Series([10, 20, 30], index=items)).sum() <= 50, name="capacity")
m.add_objective((take * pd.Series([60, 100, 120], index=items)).sum(), sense="max")
status, condition = m.solve()
assert (status, condition) == ("ok", "optimal")
assert take.solution.values.tolist() == [0, 1, 1]
""",
        220.0,
    ),
    "empty": Program(
        """
import linopy
m = linopy.Model()
x = m.add_variables(lower=0, integer=True, name="x")
m.add_constraints(x >= 5); m.add_constraints(2 * x <= 8)
m.add_objective(1 * x)
print(m.solve("highs")[1])
""",
        "infeasible",
    ),
    "ship": Program(
        """
import linopy, xarray as xr
P, S = ["A", "B"], ["u", "v", "w"]
cost = xr.DataArray([[2, 4, 5], [3, 1, 7]], coords={"plant": P, "shop": S})
m = linopy.Model()
flow = m.add_variables(lower=0, coords=cost.coords, name="flow")
m.add_constraints(flow.sum("shop") <= xr.DataArray([20, 30], coords={"plant": P}), name="supply")
m.add_constraints(flow.sum("plant") == xr.DataArray([10, 25, 15], coords={"shop": S}), name="demand")
m.add_objective((cost * flow).sum())
m.solve()
assert round(float(m.objective.value), 6) == 125
""",
        125.0,
    ),
    "square": Program(
        """
import linopy
m = linopy.Model()
x, y = m.add_variables(lower=0, upper=1.5, name="x"), m.add_variables(lower=0, name="y")
m.add_constraints(x + y <= 2)
m.add_objective(x * x - 6 * x + y * y)
m.solve()
""",  # 2.25 without the constant 9, which linopy's objectives do not take
        -6.75,
    ),
}

"""Programs in the styles that people and models write gurobipy in, each with an optimum known without our solver."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from agentopt.modeling.capture.harness import capture
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.highs import solve


def captured(program: str, data: Any = None) -> Model:
    result = capture(program, data)
    assert result["error"] is None, result
    return Model.from_json(result["models"][-1])


def optimum(model: Model) -> float | str:
    linear = linearized(model)
    assert linear.kept == () or model.is_quadratic, linear.kept
    solution = solve(linear.model)
    return solution.objective if solution.status == "optimal" and solution.objective is not None else solution.status


def best(values: Iterable[float | None], choose: Callable[[Iterable[float]], float] = max) -> float:
    return choose(value for value in values if value is not None)


PRODUCT_MIX = """
from gurobipy import *
m = Model("mix")
x = m.addVar(vtype=GRB.CONTINUOUS, name="x")
y = m.addVar(vtype=GRB.CONTINUOUS, name="y")
m.setObjective(3*x + 5*y, GRB.MAXIMIZE)
m.addConstr(x <= 4, "plant1")
m.addConstr(2*y <= 12, "plant2")
m.addConstr(3*x + 2*y <= 18, "plant3")
m.optimize()
if m.status == GRB.OPTIMAL:
    print(f"Optimal value: {m.objVal:g}", x.x, y.x, [c.Pi for c in m.getConstrs()])
"""  # Hillier and Lieberman's Wyndor Glass: 36 at (2, 6), shadow prices 0, 1.5 and 1

KNAPSACK = """
import gurobipy as gp
from gurobipy import GRB
def solve(values=[60, 100, 120, 30], weights=[10, 20, 30, 15], capacity=50):
    n = len(values)
    model = gp.Model("knapsack")
    model.Params.OutputFlag = 0
    take = model.addVars(n, vtype=GRB.BINARY, name="take")
    model.setObjective(gp.quicksum(values[i] * take[i] for i in range(n)), GRB.MAXIMIZE)
    model.addConstr(gp.quicksum(weights[i] * take[i] for i in range(n)) <= capacity, name="capacity")
    model.optimize()
    if model.status == GRB.OPTIMAL:
        return model.objVal
    return None
if __name__ == "__main__":
    print(solve())
"""
_KNAPSACK = best(
    sum(v for v, t in zip((60, 100, 120, 30), taken) if t)
    if sum(w for w, t in zip((10, 20, 30, 15), taken) if t) <= 50
    else None
    for taken in itertools.product((0, 1), repeat=4)
)

TRANSPORT = """
import gurobipy as gp
from gurobipy import GRB
plants, supply = gp.multidict({"A": 20, "B": 30})
shops, demand = gp.multidict({"u": 10, "v": 25, "w": 15})
arcs, cost = gp.multidict({("A","u"): 2, ("A","v"): 4, ("A","w"): 5, ("B","u"): 3, ("B","v"): 1, ("B","w"): 7})
with gp.Env(empty=True) as env:
    env.setParam("OutputFlag", 0)
    env.start()
    with gp.Model(env=env) as m:
        flow = m.addVars(arcs, obj=cost, name="flow")
        m.addConstrs((flow.sum(p, "*") <= supply[p] for p in plants), "supply")
        m.addConstrs((flow.sum("*", s) == demand[s] for s in shops), "demand")
        m.ModelSense = GRB.MINIMIZE
        m.optimize()
        solution = m.getAttr("X", flow)
        print(sum(solution[a] * cost[a] for a in arcs), m.ObjVal)
"""  # B serves v (25); A has 20 for u or w: w saves 2 there, u saves 1 -> A: w 15, u 5; B: u 5: 25 + 75 + 10 + 15

ASSIGNMENT = """
import gurobipy as gp
import numpy as np
C = np.array([[9, 2, 7], [6, 4, 3], [5, 8, 1]])
m = gp.Model()
x = m.addVars(3, 3, vtype="B", name="x")
m.setObjective(sum(C[i, j] * x[i, j] for i in range(3) for j in range(3)))
for i in range(3):
    m.addConstr(sum(x[i, j] for j in range(3)) == 1, f"row_{i}")
    m.addConstr(sum(x[j, i] for j in range(3)) == 1, name=f"column_{i}")
m.optimize()
"""
_COSTS = ((9, 2, 7), (6, 4, 3), (5, 8, 1))
_ASSIGNMENT = min(sum(_COSTS[i][p[i]] for i in range(3)) for p in itertools.permutations(range(3)))

FACILITY = """
import gurobipy as gp
from gurobipy import GRB
open_cost = [12, 5, 6]
serve = [[2, 9, 7], [8, 3, 4], [5, 5, 1]]
F, C = range(3), range(3)
m = gp.Model("cflp")
is_open = m.addVars(F, vtype=GRB.BINARY, obj=open_cost, name="open")
x = m.addVars(C, F, ub=1.0, name="serve")
m.addConstrs((gp.quicksum(x[c, f] for f in F) == 1 for c in C), name="all")
m.addConstrs((x[c, f] <= is_open[f] for c in C for f in F), name="link")
m.setObjective(is_open.prod({f: open_cost[f] for f in F})
               + gp.quicksum(serve[c][f] * x[c, f] for c in C for f in F), GRB.MINIMIZE)
m.optimize()
"""
_SERVE = ((2, 9, 7), (8, 3, 4), (5, 5, 1))
_FACILITY = min(
    sum((12, 5, 6)[f] for f in chosen) + sum(min(row[f] for f in chosen) for row in _SERVE)
    for size in (1, 2, 3)
    for chosen in itertools.combinations(range(3), size)
)

TSP = """
import gurobipy as gp
from gurobipy import GRB
D = [[0, 3, 9, 4], [3, 0, 5, 8], [9, 5, 0, 2], [4, 8, 2, 0]]
n = len(D)
m = gp.Model()
x = m.addVars([(i, j) for i in range(n) for j in range(n) if i != j], vtype=GRB.BINARY, name="x")
u = m.addVars(range(1, n), lb=1, ub=n - 1, vtype=GRB.CONTINUOUS, name="u")
m.addConstrs(x.sum(i, "*") == 1 for i in range(n))
m.addConstrs(x.sum("*", j) == 1 for j in range(n))
m.addConstrs((u[i] - u[j] + (n - 1) * x[i, j] <= n - 2 for i in range(1, n) for j in range(1, n) if i != j), "mtz")
m.setObjective(gp.quicksum(D[i][j] * x[i, j] for i, j in x), GRB.MINIMIZE)
m.optimize()
tour = [a for a in x if x[a].X > 0.5]
assert len(tour) == n
"""
_D = ((0, 3, 9, 4), (3, 0, 5, 8), (9, 5, 0, 2), (4, 8, 2, 0))
_TSP = min(sum(_D[a][b] for a, b in zip((0, *p), (*p, 0))) for p in itertools.permutations((1, 2, 3)))

MAKESPAN = """
import gurobipy as gp
from gurobipy import GRB
p = {"a": 3, "b": 2, "c": 4, "d": 6}
machines = [1, 2]
m = gp.Model("makespan")
x = m.addVars(p.keys(), machines, vtype=GRB.BINARY, name="x")
load = m.addVars(machines, name="load")
top = m.addVar(name="top")
m.addConstrs(load[k] == gp.quicksum(p[j] * x[j, k] for j in p) for k in machines)
m.addConstrs(x.sum(j, "*") == 1 for j in p)
m.addConstr(top == gp.max_(load), name="top")
for v in load.values():
    v.ub = 20
m.setObjective(top, GRB.MINIMIZE)
m.optimize()
"""
_MAKESPAN = min(
    max(sum(p for p, k in zip((3, 2, 4, 6), on) if k == machine) for machine in (0, 1))
    for on in itertools.product((0, 1), repeat=4)
)

FIXED_CHARGE = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
make = m.addVars(3, ub=[40, 30, 50], name="make")
setup = m.addVars(3, vtype=GRB.BINARY, name="setup")
for i in range(3):
    m.addGenConstrIndicator(setup[i], False, make[i] <= 0, name=f"off{i}")
    m.addConstr((setup[i] == 1) >> (make[i] >= 10), name=f"least{i}")
m.addConstr(make.sum() >= 60, "demand")
m.setObjective(make.prod([2, 3, 1]) + setup.prod([50, 10, 100]), GRB.MINIMIZE)
m.optimize()
"""
_FIXED_CHARGE = min(
    sum((50, 10, 100)[i] for i in chosen)
    + min(
        sum((2, 3, 1)[i] * amount for i, amount in zip(chosen, amounts))
        for amounts in itertools.product(*(range(10, (40, 30, 50)[i] + 1, 5) for i in chosen))
        if sum(amounts) >= 60
    )
    for size in (2, 3)
    for chosen in itertools.combinations(range(3), size)
)

PORTFOLIO = """
import gurobipy as gp
from gurobipy import GRB
sigma = [[4, 0], [0, 1]]
m = gp.Model()
w = m.addVars(2, lb=0, name="w")
m.addConstr(w.sum() == 1)
m.setObjective(gp.quicksum(sigma[i][j] * w[i] * w[j] for i in range(2) for j in range(2)), GRB.MINIMIZE)
m.optimize()
print(m.ObjVal, w[0].X)
"""  # 4 a^2 + (1 - a)^2 is least at a = 1/5, where it is 4/5

PIECEWISE = """
import gurobipy as gp
m = gp.Model()
x = m.addVar(lb=0, ub=10, name="x")
cost = m.addVar(lb=-100, ub=100, name="cost")
m.addGenConstrPWL(x, cost, [0, 4, 10], [0, 8, 11], "cost")
m.addConstr(x >= 7)
m.setObjective(cost)
m.optimize()
"""  # at 7: 8 + 3 * 0.5

SPECIAL_SETS = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model("sos")
a, b, c = (m.addVar(ub=u, name=n) for u, n in ((1, "a"), (1, "b"), (2, "c")))
m.setObjective(2 * a + b + c, GRB.MAXIMIZE)
m.addSOS(GRB.SOS_TYPE1, [a, b])
m.addSOS(GRB.SOS_TYPE1, [a, c], [1, 2])
m.optimize()
"""  # the example of the documentation's sos.py: 3 with b = 1 and c = 2

BLENDED = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
x, y = m.addVar(ub=4, name="x"), m.addVar(ub=4, name="y")
m.addConstr(x + y <= 6)
m.ModelSense = GRB.MAXIMIZE
m.setObjectiveN(x, 0, weight=2)
m.setObjectiveN(y, 1, weight=1)
m.optimize()
"""  # 2 * 4 + 2

RANGE_AND_CONSTANT = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
x = m.addVar(lb=-GRB.INFINITY, name="x")
y = m.addVar(lb=-float("inf"), vtype=GRB.INTEGER, name="y")
m.addRange(x + y, 2, 5, "window")
m.addConstr(x - y == [-1.5, 1.5], "near")
m.addConstr(y, GRB.LESS_EQUAL, 2, "older")
m.setObjective(x + 2 * y - 7, sense=GRB.MAXIMIZE)
m.optimize()
"""  # y = 2, x = 3 -> 7 - 7 = 0: x <= 5 - y = 3 and x <= y + 1.5 = 3.5

RESOLVED = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
x = m.addVar(ub=10, name="x")
limit = m.addConstr(x <= 3, "limit")
m.setObjective(x, GRB.MAXIMIZE)
m.optimize()
first = m.ObjVal
limit.RHS = 8
x.setAttr("UB", 7)
m.update()
m.optimize()
assert (first, m.ObjVal) == (3, 7)
"""

MATRIX = """
import gurobipy as gp
import numpy as np
from gurobipy import GRB
A = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 0.0]])
m = gp.Model("matrix1")
x = m.addMVar(shape=3, vtype=GRB.BINARY, name="x")
m.setObjective(np.array([1.0, 1.0, 2.0]) @ x, GRB.MAXIMIZE)
m.addConstr(A @ x <= np.array([4.0, 10.0]), name="c")
m.addConstr(x[0] + x[1] >= 1)
m.optimize()
print(x.X, m.ObjVal)
"""  # the documentation's matrix1.py: 3 with x and z

INFEASIBLE = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
x = m.addVar(vtype=GRB.INTEGER, name="x")
m.addConstr(x >= 5, "least")
m.addConstr(2 * x <= 8, "most")
m.optimize()
if m.Status in (GRB.INFEASIBLE, GRB.INF_OR_UNBD):
    m.computeIIS()
    print([c.ConstrName for c in m.getConstrs() if c.IISConstr], [v.VarName for v in m.getVars() if v.IISLB])
"""

UNBOUNDED = """
import gurobipy as gp
m = gp.Model()
x = m.addVars(["a", "b"], name="x")
m.addConstr(x["a"] - x["b"] <= 1)
m.setObjective(x.sum(), gp.GRB.MAXIMIZE)
m.optimize()
assert m.SolCount == 0 and m.Status == gp.GRB.UNBOUNDED
"""

LOT_SIZING = """
from gurobipy import Model, GRB, quicksum
demand = [20, 50, 10, 40]
T = range(len(demand))
model = Model('lot')
produce = {t: model.addVar(lb=0, name=f'produce_{t}') for t in T}
stock = {t: model.addVar(lb=0, name=f'stock_{t}') for t in T}
setup = {t: model.addVar(vtype=GRB.BINARY, name=f'setup_{t}') for t in T}
model.update()
for t in T:
    before = stock[t-1] if t > 0 else 0
    model.addConstr(before + produce[t] - stock[t] == demand[t], name=f'balance_{t}')
    model.addConstr(produce[t] <= 120 * setup[t], name=f'link_{t}')
obj = quicksum(60 * setup[t] + 1 * stock[t] for t in T)
model.setObjective(obj, GRB.MINIMIZE)
model.optimize()
for v in model.getVars():
    print('%s %g' % (v.varName, v.x))
"""


def _lot_sizing() -> float:
    """Wagner and Whitin's recursion: each production covers whole periods."""
    demand, cost = (20, 50, 10, 40), [0.0]
    for end in range(1, 5):
        cost.append(
            min(cost[s] + 60 + sum((t - s) * demand[t] for t in range(s, end)) for s in range(end)),
        )
    return cost[-1]


EXPRESSIONS = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
x, y = m.addVar(name="x", ub=9), m.addVar(name="y", ub=9)
e = gp.LinExpr()
e += 2 * x
e -= -y
e.addTerms([1, 3], [x, y])
e.add(gp.LinExpr([(1.0, x)]), 2.0)
e.addConstant(4)
half = (e - 4) / 2
m.addConstr(half <= 20.0, "half")
m.addConstr(-x + 1 >= -y)
m.setObjective(gp.LinExpr([1.0, 1.0], [x, y]))
m.ModelSense = -1
m.optimize()
print(e.getValue(), half.getValue())
"""  # e = 5 x + 4 y + 4: 5 x + 4 y <= 40, x <= y + 1; best y = 9, x = 0.8 -> 9.8

BINARY_PRODUCT = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
z = m.addVars(3, vtype=GRB.BINARY, name="z")
m.addConstr(z.sum() == 2)
m.setObjective(3 * z[0] * z[1] + 5 * z[1] * z[2] + 4 * z[0] * z[2] + z[0] ** 2, GRB.MAXIMIZE)
m.optimize()
"""  # pairs: 3 + 1, 5, 4 + 1

LOGIC = """
import gurobipy as gp
from gurobipy import GRB
m = gp.Model()
a, b, c = (m.addVar(vtype=GRB.BINARY, name=n) for n in "abc")
both, either = m.addVar(vtype=GRB.BINARY, name="both"), m.addVar(vtype=GRB.BINARY, name="either")
m.addConstr(both == gp.and_(a, b))
m.addGenConstrOr(either, [b, c], "either")
m.addConstr(a + b + c <= 2)
m.setObjective(3 * both - 2 * either - c + a, GRB.MAXIMIZE)
m.optimize()
"""
_LOGIC = max(3 * (a and b) - 2 * (b or c) - c + a for a, b, c in itertools.product((0, 1), repeat=3) if a + b + c <= 2)

ABSOLUTE = """
import gurobipy as gp
m = gp.Model()
x = m.addVar(lb=-10, ub=10, name="x")
gap = m.addVar(lb=-gp.GRB.INFINITY, ub=10, name="gap")
size = m.addVar(name="size")
m.addConstr(gap == x - 4)
m.addGenConstrAbs(size, gap)
gap.LB = -14
m.setObjective(size - 0.5 * x, gp.GRB.MAXIMIZE)
m.optimize()
"""  # at x = -10: 14 + 5

NESTED_GENERATOR = """
import gurobipy as gp
from gurobipy import GRB
N, K, T = ["p", "q"], [1, 2], range(3)
m = gp.Model()
x = m.addVars(N, K, T, name="x")
cap = m.addConstrs((gp.quicksum(x[n, k, t] for t in T) <= k * 10 + len(n) for n in N for k in K), name="cap")
assert list(cap) == [("p", 1), ("p", 2), ("q", 1), ("q", 2)]
assert cap["q", 2].ConstrName == "cap[q,2]" and cap["q", 2].RHS == 21
m.setObjective(x.sum(), GRB.MAXIMIZE)
m.optimize()
"""  # 11 + 21 twice

COLUMN_GENERATION = """
import gurobipy as gp
from gurobipy import GRB
master = gp.Model("cutting")
patterns = [[4, 0], [0, 2]]
use = [master.addVar(obj=1, name=f"pattern{i}") for i in range(2)]
rows = [master.addConstr(gp.quicksum(p[k] * u for p, u in zip(patterns, use)) >= d, f"demand{k}")
        for k, d in enumerate([20, 10])]
master.optimize()
duals = [r.Pi for r in rows]
assert [round(d, 6) for d in duals] == [0.25, 0.5]
use.append(master.addVar(obj=1, column=gp.Column([2, 1], rows), name="pattern2"))
master.update()
for v in master.getVars():
    v.VType = GRB.INTEGER
master.optimize()
"""  # min a + b + c, 4 a + 2 c >= 20, 2 b + c >= 10: 10 either way

SEMICONTINUOUS = """
import gurobipy as gp
m = gp.Model()
x = m.addVar(lb=3, ub=8, vtype=gp.GRB.SEMICONT, name="x")
y = m.addVar(ub=2, name="y")
m.addConstr(x + y >= 1)
m.setObjective(x + 4 * y)
m.optimize()
"""  # x = 3, y = 0 costs 3; x = 0, y = 1 costs 4

PROGRAMS: dict[str, tuple[str, float | str]] = {
    "product mix": (PRODUCT_MIX, 36.0),
    "knapsack": (KNAPSACK, _KNAPSACK),
    "transport": (TRANSPORT, 125.0),
    "assignment": (ASSIGNMENT, _ASSIGNMENT),
    "facility": (FACILITY, _FACILITY),
    "tsp": (TSP, _TSP),
    "makespan": (MAKESPAN, _MAKESPAN),
    "fixed charge": (FIXED_CHARGE, _FIXED_CHARGE),
    "portfolio": (PORTFOLIO, 0.8),
    "piecewise": (PIECEWISE, 9.5),
    "special sets": (SPECIAL_SETS, 3.0),
    "blended": (BLENDED, 10.0),
    "range and constant": (RANGE_AND_CONSTANT, 0.0),
    "resolved": (RESOLVED, 7.0),
    "matrix": (MATRIX, 3.0),
    "infeasible": (INFEASIBLE, "infeasible"),
    "unbounded": (UNBOUNDED, "unbounded"),
    "lot sizing": (LOT_SIZING, _lot_sizing()),
    "expressions": (EXPRESSIONS, 9.8),
    "binary product": (BINARY_PRODUCT, 5.0),
    "logic": (LOGIC, _LOGIC),
    "absolute": (ABSOLUTE, 19.0),
    "nested generator": (NESTED_GENERATOR, 64.0),
    "column generation": (COLUMN_GENERATION, 10.0),
    "semicontinuous": (SEMICONTINUOUS, 3.0),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_captured_model_has_the_known_optimum(name: str) -> None:
    program, expected = PROGRAMS[name]
    result = capture(program)

    assert result["error"] is None, result
    assert not any("failed" in note for note in result["notes"]), result["notes"]
    found = optimum(Model.from_json(result["models"][-1]))
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-6, abs=1e-6))


def test_what_the_program_prints_is_the_solution(capsys: pytest.CaptureFixture[str]) -> None:
    captured(PRODUCT_MIX)
    captured(INFEASIBLE)
    captured(TRANSPORT)

    assert capsys.readouterr().out.splitlines() == [
        "Optimal value: 36 2.0 6.0 [0.0, 1.5, 1.0]",
        "['least', 'most'] []",
        "125.0 125.0",
    ]

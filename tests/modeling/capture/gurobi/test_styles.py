"""Further programs in the styles of models and practitioners, each with an optimum known without our solver."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linprog

from agentopt.modeling.capture.harness import capture
from agentopt.modeling.linearization import linearized
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.highs import solve

HEAD = """
import gurobipy as gp
import numpy as np
from gurobipy import GRB
"""


def _netflow() -> float:
    """Two commodities over arcs D-B, D-N, E-B, E-N, by scipy: balances as equations, shared capacities."""
    cost = np.array([1, 2, 3, 4, 11, 12, 13, 14.0])
    balance, right = [], []
    for h, (d, e, b, n) in enumerate([(50, 60, 50, 60), (60, 40, 50, 50)]):
        for arcs, amount in (((0, 1), d), ((2, 3), e), ((0, 2), b), ((1, 3), n)):
            balance.append([float(a - 4 * h in arcs) for a in range(8)])
            right.append(amount)
    shared = np.hstack([np.eye(4), np.eye(4)])
    return float(linprog(cost, shared, [100, 80, 120, 120], balance, right).fun)


def _tour() -> float:
    """The shortest tour through the five points, of all."""
    points = [(0, 0), (4, 0), (4, 3), (0, 3), (2, 5)]
    tours = ((0, *rest, 0) for rest in itertools.permutations(range(1, 5)))
    return min(sum(math.dist(points[a], points[b]) for a, b in itertools.pairwise(tour)) for tour in tours)


def _diet() -> float:
    """Hamburgers, chicken and at most 6 of milk, by scipy."""
    contents = np.array([[410, 420, 100], [24, 32, 8], [26, 10, 2.5]])
    rows = np.vstack([contents[[0, 2]], -contents[[0, 1]]])
    bounds = [(0, None), (0, None), (0, 6)]
    return float(linprog([2.49, 2.89, 0.89], rows, [2200, 65, -1800, -91], bounds=bounds).fun)


def _conditions() -> float:
    """What each choice of two switches allows."""
    allowed = {}
    for on in itertools.combinations(range(3), 2):
        first = 2 if 0 in on else 9
        last = 10 if 2 in on else 1
        allowed[on] = first + (min(5, 10 + last) if 1 in on else 9 + last)
    return max(allowed.values())


PROGRAMS: dict[str, tuple[str, float | str]] = {
    "chain both sides": (
        """
m = gp.Model()
x = m.addVar(name="x"); y = m.addVar(name="y")
m.addConstr(10 >= x + y); m.addConstr(2 <= x); m.addConstr(6 == 2*y - x + 4)
m.setObjective(3*x + y, GRB.MAXIMIZE); m.optimize()
""",
        22,
    ),
    "numpy const left": (
        """
m = gp.Model()
x = m.addVar(ub=np.float64(9)); a = np.array([2.0, 3.0])
m.addConstr(np.float64(7) >= a[0] * x); m.addConstr(np.int64(1) <= x)
m.setObjective(a[1] * x - np.float32(0.5), GRB.MAXIMIZE); m.optimize()
""",
        10.0,
    ),
    "sparse matmul": (
        """
import scipy.sparse as sp
A = sp.csr_matrix(np.array([[1.0, 2, 0], [0, 1, 1]]))
m = gp.Model()
x = m.addMVar(3, name="x")
m.addConstr(A @ x <= np.array([4.0, 3.0]), name="c")
m.setObjective(np.array([1.0, 1, 2]) @ x, GRB.MAXIMIZE); m.optimize()
""",
        10.0,
    ),
    "sparse coo matmul int": (
        """
import scipy.sparse as sp
A = sp.coo_array(([1, 1, 1], ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
m = gp.Model()
x = m.addMVar(2, name="x", vtype=GRB.INTEGER)
m.addConstr(A @ x <= np.array([4.5, 3]))
m.setObjective(x.sum(), GRB.MAXIMIZE); m.optimize()
""",
        4.0,
    ),
    "qp mvar": (
        """
Q = np.array([[2.0, 0.5], [0.5, 1.0]])
m = gp.Model()
w = m.addMVar(2, lb=0.0, name="w")
m.addConstr(w.sum() == 1)
m.setObjective(w @ Q @ w); m.optimize()
print(w.X, m.ObjVal)
""",
        0.875,
    ),
    "qp mvar T": (
        """
Q = np.diag([1.0, 4.0])
m = gp.Model()
w = m.addMVar((2,), name="w")
m.addConstr(np.ones(2) @ w == 1)
m.setObjective(0.5 * w.T @ Q @ w + np.array([0, 0]) @ w, GRB.MINIMIZE); m.optimize()
""",
        0.4,
    ),
    "mvar 2d axis": (
        """
c = np.array([[4, 1, 3], [2, 0, 5], [3, 2, 2]])
m = gp.Model()
x = m.addMVar((3, 3), vtype=GRB.BINARY, name="x")
m.addConstr(x.sum(axis=0) == 1); m.addConstr(x.sum(axis=1) == 1)
m.setObjective((c * x).sum(), GRB.MINIMIZE); m.optimize()
for i in range(3):
    for j in range(3):
        if x[i, j].X > 0.5: print(i, j)
assert x.X.shape == (3, 3)
""",
        5.0,
    ),
    "mvar slices": (
        """
m = gp.Model()
x = m.addMVar((2, 3), ub=np.array([[1, 2, 3], [4, 5, 6]]), name="x")
m.addConstr(x[0, :] + x[1, :] <= 4)
m.addConstrs(x[i, :].sum() <= 7 for i in range(2))
m.addConstr(x[:, 0].sum() >= 1)
m.setObjective(gp.quicksum(x[i, j] for i in range(2) for j in range(3)), GRB.MAXIMIZE); m.optimize()
""",
        12.0,
    ),
    "mvar attributes": (
        """
m = gp.Model()
x = m.addMVar(3, name="x")
x.UB = np.array([1, 2, 3]); x.Obj = 1
x.vtype = GRB.INTEGER
m.ModelSense = GRB.MAXIMIZE
m.addConstr(x <= 2.5)
m.update()
assert list(x.UB) == [1, 2, 3] and x.shape == (3,)
m.optimize()
""",
        5.0,
    ),
    "mvar getattr": (
        """
m = gp.Model()
x = m.addMVar(3, ub=2, name="x")
m.setObjective(x.sum(), GRB.MAXIMIZE)
x.setAttr("UB", 3.0)
m.update()
assert x.getAttr("UB").tolist() == [3, 3, 3]
assert x.tolist()[0].VarName == "x[0]"
assert list(x.VarName) == ["x[0]", "x[1]", "x[2]"]
m.optimize()
assert x.getAttr(GRB.Attr.X).sum() == 9
""",
        9.0,
    ),
    "mvar fromlist hstack": (
        """
m = gp.Model()
a = m.addVar(ub=1, name="a"); b = m.addVar(ub=2, name="b")
v = gp.MVar.fromlist([a, b])
w = m.addMVar(2, ub=5)
z = gp.hstack((v, w))
assert z.shape == (4,)
m.addConstr(z.sum() <= 9)
m.setObjective(np.array([1, 1, 2, 2]) @ z, GRB.MAXIMIZE); m.optimize()
""",
        18.0,
    ),
    "np object arrays": (
        """
m = gp.Model()
x = np.array([m.addVar(ub=i + 1, name=f"x{i}") for i in range(3)])
m.addConstr(np.sum(x) <= 5); m.addConstr(np.dot([1, 0, 1], x) <= 3)
m.setObjective(np.array([1, 2, 3]) @ x, GRB.MAXIMIZE); m.optimize()
""",
        13.0,
    ),
    "addMConstr": (
        """
A = np.array([[1, 1], [1, -1]])
m = gp.Model()
x = m.addMVar(2, name="x")
m.addMConstr(A, x, '<', np.array([4, 2]), name="c")
m.setMObjective(None, np.array([2.0, 1.0]), 3.0, None, None, None, GRB.MAXIMIZE)
m.optimize()
""",
        10.0,
    ),
    "list of tuples addVars": (
        """
arcs = [("s", "a", 4), ("s", "b", 3), ("a", "b", 2), ("a", "t", 3), ("b", "t", 5)]
A = gp.tuplelist((i, j) for i, j, _ in arcs)
cap = {(i, j): c for i, j, c in arcs}
m = gp.Model("maxflow")
f = m.addVars(A, ub=cap, name="f")
for v in ["a", "b"]:
    into = gp.quicksum(f[i, j] for i, j in A.select("*", v))
    m.addConstr(into == gp.quicksum(f[i, j] for i, j in A.select(v, "*")), "bal_" + v)
m.setObjective(gp.quicksum(f[a] for a in A.select("s", "*")), GRB.MAXIMIZE); m.optimize()
""",
        7.0,
    ),
    "netflow commodities": (
        """
commodities = ['P', 'Q']
arcs, capacity = gp.multidict({('D', 'B'): 100, ('D', 'N'): 80, ('E', 'B'): 120, ('E', 'N'): 120})
cost = {(h, i, j): k + (10 if h == 'Q' else 0) for h in commodities for k, (i, j) in enumerate(arcs, 1)}
inflow = {('P','D'): 50, ('P','E'): 60, ('P','B'): -50, ('P','N'): -60, ('Q','D'): 60, ('Q','E'): 40,
          ('Q','B'): -50, ('Q','N'): -50}
m = gp.Model('netflow')
flow = m.addVars(commodities, arcs, obj=cost, name="flow")
m.addConstrs((flow.sum('*', i, j) <= capacity[i, j] for i, j in arcs), "cap")
m.addConstrs((flow.sum(h, '*', j) + inflow.get((h, j), 0) == flow.sum(h, j, '*')
              for h in commodities for j in 'DEBN'), "node")
m.optimize()
if m.Status == GRB.OPTIMAL:
    solution = m.getAttr('X', flow)
    for h in commodities:
        for i, j in arcs:
            if solution[h, i, j] > 0: print(i, j, solution[h, i, j])
""",
        _netflow(),
    ),
    "setAttr list": (
        """
m = gp.Model()
x = m.addVars(3, name="x")
m.setAttr("UB", x, {0: 1, 1: 2, 2: 3}); m.setAttr(GRB.Attr.Obj, x.values(), [1, 1, 1])
m.setAttr("VType", list(x.values()), ["I"] * 3)
m.setAttr("ModelSense", -1)
m.update(); m.optimize()
""",
        6.0,
    ),
    "setAttr scalar broadcast": (
        """
m = gp.Model()
x = m.addVars(3, name="x")
m.setAttr("UB", x, 2.0); m.setAttr("Obj", m.getVars(), 1.0); m.ModelSense = -1
m.optimize()
""",
        6.0,
    ),
    "old addConstr": (
        """
m = gp.Model()
x = m.addVar(); y = m.addVar()
m.addConstr(x + y, GRB.LESS_EQUAL, 4, "c"); m.addConstr(lhs=x, sense=GRB.LESS_EQUAL, rhs=3 - y/2, name="d")
m.setObjective(2*x + y, GRB.MAXIMIZE); m.optimize()
""",
        6.0,
    ),
    "linexpr tools": (
        """
m = gp.Model()
x = m.addVars(4, ub=1, name="x")
e = gp.LinExpr([1, 2, 3, 4], x.values())
f = gp.LinExpr(x[0]); f.addTerms([1.0, 1.0], (x[1], x[2])); f.add(x[3], 2); f.addConstant(-1)
g = gp.LinExpr(3.0); g += 2; g *= 2; g -= 4
m.addConstr(f <= 2); m.addConstr(g >= 0)
m.setObjective(e, GRB.MAXIMIZE); m.optimize()
print(e.getValue(), f.size(), e.getVar(0).VarName, e.getCoeff(1), e.getConstant())
""",
        7.0,
    ),
    "quadexpr tools": (
        """
m = gp.Model()
x = m.addVar(ub=5, name="x"); y = m.addVar(ub=5, name="y")
q = gp.QuadExpr()
q.addTerms([1.0, 1.0], [x, y], [x, y]); q.addTerms([-2.0, -4.0], [x, y]); q.add(5)
q += 0 * x
m.setObjective(q); m.optimize()
print(q.getValue(), q.size(), q.getLinExpr(), q.getVar1(0), q.getCoeff(0))
""",
        0.0,
    ),
    "imul idiv": (
        """
m = gp.Model()
x = m.addVar(ub=3)
e = x + 1
e *= 2
e /= 4
e = -e
m.setObjective(e); m.optimize()
""",
        -2.0,
    ),
    "pwl obj": (
        """
m = gp.Model()
x = m.addVar(ub=10, name="x"); y = m.addVar(ub=10, name="y")
m.addConstr(x + y == 8)
m.setPWLObj(x, [0, 5, 10], [0, 5, 20]); m.setObjective(2 * y)
m.setPWLObj(x, [0, 5, 10], [0, 5, 20])
m.optimize()
""",
        11.0,
    ),
    "pwl obj survives obj": (
        """
m = gp.Model()
x = m.addVar(ub=10, name="x"); y = m.addVar(ub=10, name="y", obj=2)
m.addConstr(x + y == 8)
m.setPWLObj(x, [0, 5, 10], [0, 5, 20])
m.optimize()
""",
        11.0,
    ),
    "pwl concave max": (
        """
m = gp.Model()
x = m.addVar(lb=0, ub=100, name="x"); r = m.addVar(name="r")
m.addGenConstrPWL(x, r, [0, 10, 20, 100], [0, 50, 80, 80], "rev")
m.setObjective(r - 2 * x, GRB.MAXIMIZE); m.optimize()
""",
        40.0,
    ),
    "minmax": (
        """
jobs = [7, 5, 4, 3]
m = gp.Model()
x = m.addVars(4, 2, vtype=GRB.BINARY)
load = m.addVars(2); z = m.addVar(name="z")
m.addConstrs(x.sum(j, "*") == 1 for j in range(4))
m.addConstrs(load[k] == gp.quicksum(jobs[j] * x[j, k] for j in range(4)) for k in range(2))
m.addConstr(z == gp.max_(load), "max")
m.setObjective(z); m.optimize()
""",
        10.0,
    ),
    "max_ generator const": (
        """
m = gp.Model()
x = m.addVars(3, ub=[1, 2, 3], name="x"); z = m.addVar(); t = m.addVar()
m.addConstr(z == gp.max_((x[i] for i in range(3)), constant=2.5)); m.addConstr(t == gp.min_(x[0], x[1], 0.75))
m.setObjective(z + t - x[2], GRB.MAXIMIZE); m.optimize()
""",
        3.25,
    ),
    "maxmin": (
        """
m = gp.Model()
x = m.addVars(2, ub=[4, 6]); z = m.addVar()
m.addConstr(x.sum() <= 7); m.addGenConstrMin(z, [x[0], x[1]], name="least")
m.setObjective(z, GRB.MAXIMIZE); m.optimize()
""",
        3.5,
    ),
    "abs_ func": (
        """
m = gp.Model()
x = m.addVar(lb=-5, ub=8); z = m.addVar()
m.addConstr(z == gp.abs_(x)); m.setObjective(z - 0.1 * x, GRB.MAXIMIZE); m.optimize()
""",
        7.2,
    ),
    "indicator forms": (
        """
m = gp.Model()
b = m.addVars(3, vtype=GRB.BINARY, name="b"); x = m.addVars(3, ub=10, name="x")
m.addConstr((b[0] == 1) >> (x[0] <= 2)); m.addGenConstrIndicator(b[1], True, x[1] + x[2] <= 5, name="i")
m.addGenConstrIndicator(b[2], 0, x[2], GRB.EQUAL, 1)
m.addConstrs((b[i] == 0) >> (x[i] <= 9) for i in range(2))
m.addConstr(b.sum() == 2)
m.setObjective(x.sum(), GRB.MAXIMIZE); m.optimize()
""",
        _conditions(),
    ),
    "and or": (
        """
m = gp.Model()
x = m.addVars(3, vtype=GRB.BINARY); y = m.addVar(vtype=GRB.BINARY); w = m.addVar(vtype=GRB.BINARY)
m.addGenConstrAnd(y, [x[0], x[1]], "and"); m.addConstr(w == gp.or_(x))
m.setObjective(5*y - 2*x.sum() - w, GRB.MAXIMIZE); m.optimize()
""",
        0.0,
    ),
    "sos tupledict": (
        """
m = gp.Model()
x = m.addVars(3, ub=[2, 3, 1], name="x")
m.addSOS(GRB.SOS_TYPE2, [x[i] for i in range(3)], [1, 2, 3])
m.setObjective(x[0] + x[1] + 5 * x[2], GRB.MAXIMIZE); m.optimize()
""",
        8.0,
    ),
    "vtype change": (
        """
m = gp.Model()
x = m.addVar(name="x"); y = m.addVar(ub=2.5)
m.update()
x.VType = GRB.BINARY; y.vType = "I"
m.setObjective(x + y, GRB.MAXIMIZE); m.optimize()
""",
        3.0,
    ),
    "infeasible template": (
        """
try:
    m = gp.Model("bad")
    x = m.addVar(vtype=GRB.INTEGER, name="x"); b = m.addVar(vtype=GRB.BINARY, name="b")
    m.addConstr(x >= 3, "low"); m.addConstr(x <= 2, "high"); m.addGenConstrIndicator(b, 1, x <= 1)
    m.optimize()
    if m.status == GRB.Status.INFEASIBLE:
        m.computeIIS(); m.write("model.ilp")
        for c in m.getConstrs():
            if c.IISConstr: print(c.constrName)
except gp.GurobiError as e:
    print('Error code ' + str(e.errno) + ": " + str(e))
except AttributeError:
    print('Encountered an attribute error')
""",
        "infeasible",
    ),
    "write before": (
        """
import os, tempfile
m = gp.Model("my model")
x = m.addVars(["New York", "L.A. (west)"], ub=3, name="ship to"); y = m.addVar(name="é")
m.addConstr(x.sum() + y <= 5, name="total <= 5"); m.addConstr(x["New York"] * y <= 2, "q")
m.setObjective(x.sum() + y * y, GRB.MAXIMIZE)
with tempfile.TemporaryDirectory() as d:
    for e in ("lp", "mps", "rlp", "json", "prm", "lp.gz"): m.write(os.path.join(d, "m." + e))
m.remove(m.getQConstrs()[0]); m.setObjective(x.sum() + y, GRB.MAXIMIZE)
m.optimize()
""",
        5.0,
    ),
    "params": (
        """
env = gp.Env("", params={"OutputFlag": 0})
m = gp.Model("m", env)
m.Params.TimeLimit = 60; m.setParam("MIPGap", 0.0); m.params.outputFlag = False; m.setParam(GRB.Param.Threads, 1)
m.Params.LogToConsole = 0; m.params.MIPFocus = 1; m.Params.Presolve = 2
gp.setParam("LogFile", "")
assert m.Params.Threads == 1
m.resetParams()
x = m.addVar(ub=2.5, vtype=GRB.INTEGER); m.setObjective(x, sense=GRB.MAXIMIZE); m.optimize()
m.dispose(); env.dispose(); gp.disposeDefaultEnv()
""",
        2.0,
    ),
    "env params": (
        """
env = gp.Env(empty=True)
env.Params.OutputFlag = 0
env.setParam('LogToConsole', 0); env.start()
m = gp.Model(env=env)
x = m.addVar(ub=2.5); m.setObjective(x, sense=GRB.MAXIMIZE); m.optimize()
""",
        2.5,
    ),
    "copy multiobj": (
        """
m = gp.Model()
x = m.addVar(ub=4); y = m.addVar(ub=4); m.addConstr(x + y <= 6)
m.ModelSense = GRB.MAXIMIZE
m.setObjectiveN(2 * x, 0, 1, 1.0, 0, 0, "a"); m.setObjectiveN(y, index=1, priority=1)
n = m.copy(); n.optimize()
""",
        10.0,
    ),
    "tsp mtz": (
        """
import math
pts = [(0, 0), (4, 0), (4, 3), (0, 3), (2, 5)]
n = len(pts)
d = {(i, j): math.dist(pts[i], pts[j]) for i in range(n) for j in range(n) if i != j}
m = gp.Model("tsp")
x = m.addVars(d.keys(), vtype=GRB.BINARY, obj=d, name="x")
u = m.addVars(range(1, n), lb=1, ub=n - 1, vtype=GRB.CONTINUOUS, name="u")
m.addConstrs((x.sum(i, '*') == 1 for i in range(n)), name='out')
m.addConstrs((x.sum('*', i) == 1 for i in range(n)), name='in')
m.addConstrs((u[i] - u[j] + (n - 1) * x[i, j] <= n - 2 for i in range(1, n) for j in range(1, n) if i != j), name="mtz")
m.optimize()
edges = gp.tuplelist((i, j) for i, j in m.getAttr('X', x).keys() if x[i, j].X > 0.5)
assert len(edges.select(0, '*')) == 1
""",
        _tour(),
    ),
    "diet dicts": (
        """
categories, minN, maxN = gp.multidict({'cal': [1800, 2200], 'protein': [91, GRB.INFINITY], 'fat': [0, 65]})
foods, cost = gp.multidict({'hamburger': 2.49, 'chicken': 2.89, 'milk': 0.89})
nv = {('hamburger', 'cal'): 410, ('hamburger', 'protein'): 24, ('hamburger', 'fat'): 26,
      ('chicken', 'cal'): 420, ('chicken', 'protein'): 32, ('chicken', 'fat'): 10,
      ('milk', 'cal'): 100, ('milk', 'protein'): 8, ('milk', 'fat'): 2.5}
m = gp.Model("diet")
buy = m.addVars(foods, name="buy")
m.setObjective(buy.prod(cost), GRB.MINIMIZE)
m.addConstrs((gp.quicksum(nv[f, c] * buy[f] for f in foods) == [minN[c], maxN[c]] for c in categories), "_")
m.optimize()
for v in m.getVars(): print(v.varName, v.x)
m.addConstr(buy.sum(['milk']) <= 6, "dairy"); m.optimize()
""",
        _diet(),
    ),
    "inventory dict": (
        """
T = range(1, 4); d = {1: 5, 2: 9, 3: 4}; c = {1: 1, 2: 4, 3: 2}
m = gp.Model()
p = {t: m.addVar(ub=10, name=f"p[{t}]") for t in T}; inv = {t: m.addVar(name="inv_%d" % t) for t in [0, *T]}
inv[0].ub = 0
bal = {t: m.addConstr(inv[t-1] + p[t] == d[t] + inv[t], name=f"bal{t}") for t in T}
m.setObjective(sum(c[t] * p[t] + 0.5 * inv[t] for t in T)); m.optimize()
print({t: p[t].X for t in T}, [bal[t].Pi for t in T])
""",
        36.5,
    ),
    "generator with nested sum and if": (
        """
I = ["a", "b", "c"]; ok = {("a", 1), ("b", 1), ("b", 2), ("c", 2)}
m = gp.Model()
x = m.addVars(I, [1, 2], vtype=GRB.BINARY, name="x")
m.addConstrs((gp.quicksum(x[i, k] for k in [1, 2] if (i, k) in ok) <= 1 for i in I), name="one")
cap = m.addConstrs((gp.quicksum(x[i, k] for i in I if (i, k) in ok) <= 1 for k in [1, 2] if k > 0), name="cap")
m.addConstrs((x[i, k] == 0 for i in I for k in [1, 2] if (i, k) not in ok), name="no")
m.setObjective(gp.quicksum(w * x[i, k] for w, i in zip([3, 5, 4], I) for k in (1, 2)), GRB.MAXIMIZE); m.optimize()
assert set(cap) == {1, 2} and cap[1].ConstrName == "cap[1]"
""",
        9.0,
    ),
    "column building": (
        """
m = gp.Model()
c = [m.addConstr(gp.LinExpr() <= b, name=f"c{i}") for i, b in enumerate([4, 6])]
m.update()
col = gp.Column(); col.addTerms([1, 2], c)
x = m.addVar(obj=3, column=col); y = m.addVar(obj=2, column=gp.Column(1, c[0]))
m.ModelSense = -1; m.optimize()
""",
        11,
    ),
    "chg rhs coeff": (
        """
m = gp.Model()
x = m.addVar(); y = m.addVar()
c = m.addConstr(x + y <= 4); m.update()
m.chgCoeff(c, x, 2)
c.rhs = 8
c.setAttr("Sense", GRB.LESS_EQUAL)
x.obj = 1
y.Obj = 0.25
m.ModelSense = GRB.MAXIMIZE
x.ub = 3
m.optimize()
assert m.getCoeff(c, x) == 2
""",
        3.5,
    ),
    "big ints lot": (
        """
m = gp.Model()
x = m.addVars(2, 3, 2, vtype="I", ub=np.arange(12).reshape(2, 3, 2), name="x")
m.setObjective(x.sum(), GRB.MAXIMIZE); m.addConstrs(x.sum('*', j, '*') <= 10 for j in range(3)); m.optimize()
""",
        30.0,
    ),
    "closure in function": (
        """
def build(data=None):
    n = 3
    w = [2, 3, 4]
    m = gp.Model()
    x = m.addVars(n, vtype=GRB.BINARY, name="x")
    m.addConstrs(w[i] * x[i] + (lambda k: w[k])(i) * x[i] <= 7 for i in range(n))
    m.setObjective(x.sum(), GRB.MAXIMIZE)
    return m
""",
        2.0,
    ),
    "gap with maximise min ratio": (
        """
m = gp.Model()
x = m.addVar(vtype=GRB.INTEGER, lb=-5, ub=5); y = m.addVar(lb=-3)
m.addConstr(y <= x / 2 + 1 / 4); m.addConstr(-x >= -3.5); m.addConstr(0 >= y - 100)
m.setObjective(-(x - 2 * y) / 2, GRB.MAXIMIZE); m.optimize()
""",
        0.25,
    ),
    "semiint": (
        """
m = gp.Model()
x = m.addVar(lb=4, ub=9, vtype=GRB.SEMIINT); y = m.addVar(ub=2.5)
m.addConstr(x + y >= 4.5); m.setObjective(x + 3*y); m.optimize()
""",
        5.0,
    ),
    "sums of empties": (
        """
m = gp.Model()
x = m.addVar(ub=2); none = m.addVars([], name="n")
m.addConstr(gp.quicksum([]) <= 3)
m.addConstr(sum([]) <= 3, "t")
m.addConstr(none.sum() + x <= 1.5)
m.addConstrs((none[i] <= 1 for i in []), name="z")
m.setObjective(x + none.sum(), GRB.MAXIMIZE); m.optimize()
""",
        1.5,
    ),
    "scheduling bigM": (
        """
p_, M = [3, 2, 4], 20; due = [4, 3, 9]; w = [1, 3, 2]
m = gp.Model()
s = m.addVars(3, name="s"); y = m.addVars(3, 3, vtype=GRB.BINARY); t = m.addVars(3)
for i in range(3):
    for j in range(3):
        if i < j:
            m.addConstr(s[i] + p_[i] <= s[j] + M * (1 - y[i, j])); m.addConstr(s[j] + p_[j] <= s[i] + M * y[i, j])
    m.addConstr(t[i] >= s[i] + p_[i] - due[i])
m.setObjective(gp.quicksum(w[i] * t[i] for i in range(3))); m.optimize()
""",
        1.0,
    ),
    "cutting stock master with relax": (
        """
W, sizes, dem = 10, [3, 4], [6, 4]
pats = [(a, b) for a in range(4) for b in range(3) if 3 * a + 4 * b <= W and a + b]
m = gp.Model()
u = m.addVars(len(pats), vtype=GRB.INTEGER, obj=1.0)
c = m.addConstrs(gp.quicksum(p[k] * u[i] for i, p in enumerate(pats)) >= dem[k] for k in range(2))
r = m.relax(); r.optimize(); print([k.Pi for k in r.getConstrs()])
m.optimize()
print(sum(v.X for v in u.values()))
""",
        4.0,
    ),
    "rhs range attrs": (
        """
m = gp.Model()
x = m.addVar(lb=-GRB.INFINITY); r = m.addRange(x, -2, 3, "r"); print(r.RHS, r.Sense)
m.addConstr(x <= GRB.INFINITY); m.addConstr(x >= -float("inf"))
m.setObjective(x); m.optimize()
""",
        -2.0,
    ),
    "mutated operand": (
        """
m = gp.Model()
x = m.addVars(3, ub=4); z = m.addVar()
e = gp.LinExpr(); e += x[0]
m.addConstr(z == gp.max_(e, x[1])); e += -100 * x[2]; e -= 50
m.setObjective(z, GRB.MAXIMIZE); m.optimize()
""",
        4.0,
    ),
    "mvar chained scalar": (
        """
m = gp.Model()
x = m.addMVar(2, ub=5, name="x"); y = m.addVar(ub=1)
m.addConstr(x <= 3 * y + np.array([0.5, 1])); m.addConstr(np.array([1, 1]) @ x <= 100); m.addConstr(2 >= x[0])
m.setObjective(x @ np.array([1, 2]) - y + 1, GRB.MAXIMIZE); m.optimize()
""",
        10,
    ),
    "mvar +=": (
        """
m = gp.Model()
x = m.addMVar(3, ub=1)
e = gp.MLinExpr.zeros(3)
e += 2 * x
m.addConstr(e <= 1); m.setObjective(sum(x), GRB.MAXIMIZE); m.optimize()
""",
        1.5,
    ),
    "quicksum dict of expr": (
        """
m = gp.Model()
x = m.addVars("abc", name="x") if False else m.addVars(list("abc"), ub=1, name="x")
cost = gp.tupledict({"a": 1, "b": 2, "c": 3})
rev = x.prod(cost); pen = 2 * x.sum()
print(cost.sum(), cost.select("a"))
m.setObjective(rev - pen, GRB.MAXIMIZE); m.optimize()
print(rev.getValue() - pen.getValue(), max(cost.values()))
for k, v in x.items():
    if v.X > 1e-6: print(k, round(v.X, 3))
""",
        1.0,
    ),
    "prod pattern": (
        """
I, J = [1, 2], ["u", "v"]
c = {(i, j): i + (j == "v") for i in I for j in J}
m = gp.Model()
x = m.addVars(I, J, ub=2)
m.setObjective(x.prod(c, 1, "*") - x.prod(c, 2, "u") + x.prod({(2, "v"): 1}), GRB.MAXIMIZE)
m.optimize()
assert x.prod(c, "*", ["u"]).size() == 2
""",
        8,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_captured_model_has_the_known_optimum(name: str) -> None:
    body, expected = PROGRAMS[name]

    result = capture(HEAD + body)

    assert result["error"] is None, result
    assert not any("failed" in note for note in result["notes"]), result["notes"]
    solution = solve(linearized(Model.from_json(result["models"][-1])).model)
    found = solution.objective if solution.status == "optimal" else solution.status
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-6, abs=1e-6))

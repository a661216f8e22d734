"""Reference formulation of the pack `transport`: a capacitated transportation LP with shares.

x[r] ≥ 0 tonnes on road r from depot i(r) to district j(r), x[r] ≤ road limit
min  Σ_r (loading_i + tariff · km_r) x[r]
s.t. stock[i]:  Σ_{r from i} x[r] ≤ stock_i                   outflow[i]: Σ_{r from i} x[r] ≥ p_i/100 · stock_i
     need[j]:   Σ_{r to j} x[r] ≥ need_j                      room[j]:    Σ_{r to j} x[r] ≤ room_j
     share[r]:  x[r] ≤ q_j/100 · Σ_{s to j} x[s]

Source: F. L. Hitchcock, J. Math. Phys. 20 (1941) 224–230; G. B. Dantzig, Linear Programming and Extensions (1963), the
chapters on the transportation problem. Share rows: ratio constraints multiplied out, as in H. P. Williams, Model
Building in Mathematical Programming.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    loading = {depot["name"]: depot["loading_eur_per_t"] for depot in data["depots"]}
    tonnes = {}
    cost = []
    for road in data["roads"]:
        i, j = road["from"], road["to"]
        limit = highspy.kHighsInf if road["limit_t"] is None else road["limit_t"]
        tonnes[i, j] = h.addVariable(0, limit, name=f"ship[{i},{j}]")
        cost.append((loading[i] + data["tariff_eur_per_tkm"] * road["km"]) * tonnes[i, j])
    for depot in data["depots"]:
        i = depot["name"]
        sent = [x for (a, _), x in tonnes.items() if a == i]
        h.addConstr(h.qsum(sent) <= depot["stock_t"], name=f"stock[{i}]")
        h.addConstr(h.qsum(sent) >= depot["min_outflow_percent"] / 100 * depot["stock_t"], name=f"outflow[{i}]")
    for district in data["districts"]:
        j = district["name"]
        received = [(a, x) for (a, b), x in tonnes.items() if b == j]
        total = h.qsum(x for _, x in received)
        h.addConstr(total >= district["need_t"], name=f"need[{j}]")
        h.addConstr(total <= district["room_t"], name=f"room[{j}]")
        for i, x in received:
            h.addConstr(x - district["max_share_percent"] / 100 * total <= 0, name=f"share[{i},{j}]")
    h.setObjective(h.qsum(cost), sense=highspy.ObjSense.kMinimize)
    return h

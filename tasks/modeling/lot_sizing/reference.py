"""Reference formulation of the pack `lot_sizing`: multi-item capacitated lot sizing (big bucket) with minimum lots.

x[f,t] ≥ 0 pallets made, s[f,t] ≥ 0 pallets in stock at the end of week t, y[f,t] ∈ {0, 1} kettle prepared for f in t
min  Σ_{f,t} make_f x[f,t] + setup_f y[f,t] + hold_f s[f,t]
s.t. balance[f,t]: s[f,t−1] + x[f,t] = d[f,t] + s[f,t],   s[f,0] = initial_f (a constant)
     setup[f,t]:   x[f,t] ≤ M[f,t] y[f,t],   M[f,t] = kettle hours left after the set-up / hours per pallet
     min_lot[f,t]: x[f,t] ≥ lot_f y[f,t]           kettle[t]: Σ_f hours_f x[f,t] + setup_hours_f y[f,t] ≤ H_t
     cold_room[t]: Σ_f s[f,t] ≤ R                  final[f]:  s[f,T] ≥ final_f

Source: Y. Pochet, L. A. Wolsey, Production Planning by Mixed Integer Programming (2006), the big-bucket model.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    flavours = data["flavours"]
    weeks = range(len(data["kettle_hours"]))
    make, stock, setup = {}, {}, {}
    for flavour in flavours:
        f = flavour["name"]
        for t in weeks:
            make[f, t] = h.addVariable(0, highspy.kHighsInf, name=f"make[{f},{t + 1}]")
            stock[f, t] = h.addVariable(0, highspy.kHighsInf, name=f"stock[{f},{t + 1}]")
            setup[f, t] = h.addBinary(name=f"setup[{f},{t + 1}]")
    cost = []
    for flavour in flavours:
        f = flavour["name"]
        for t in weeks:
            x, s, y = make[f, t], stock[f, t], setup[f, t]
            before = flavour["initial_pallets"] if t == 0 else stock[f, t - 1]
            h.addConstr(before + x - s == flavour["demand_pallets"][t], name=f"balance[{f},{t + 1}]")
            largest = max(0, data["kettle_hours"][t] - flavour["setup_hours"]) / flavour["hours_per_pallet"]
            h.addConstr(x - largest * y <= 0, name=f"setup[{f},{t + 1}]")
            h.addConstr(x - flavour["min_lot_pallets"] * y >= 0, name=f"min_lot[{f},{t + 1}]")
            cost += [flavour["make_eur"] * x, flavour["setup_eur"] * y, flavour["hold_eur"] * s]
        h.addConstr(stock[f, weeks[-1]] >= flavour["final_pallets"], name=f"final[{f}]")
    for t in weeks:
        hours = [f["hours_per_pallet"] * make[f["name"], t] + f["setup_hours"] * setup[f["name"], t] for f in flavours]
        h.addConstr(h.qsum(hours) <= data["kettle_hours"][t], name=f"kettle[{t + 1}]")
        room = h.qsum(stock[f["name"], t] for f in flavours)
        h.addConstr(room <= data["cold_room_pallets"], name=f"cold_room[{t + 1}]")
    h.setObjective(h.qsum(cost), sense=highspy.ObjSense.kMinimize)
    return h

"""Reference formulation of the pack `production_planning`: product mix with either/or batches and switched overtime.

n[p] ∈ ℤ≥0 boats, y[p] ∈ {0, 1}: model p is built;  o[d] ≥ 0 overtime hours, w[d] ∈ {0, 1}: d works overtime
max  Σ_p margin_p n[p] − tooling_p y[p] − Σ_d rate_d o[d] + supervision_d w[d]
s.t. hours[d]: Σ_p hours_{p,d} n[p] ≤ hours_d + o[d]          overtime[d]: o[d] ≤ max_d w[d]
     overtime_count: Σ_d w[d] ≤ K                             contract[p]: n[p] ≥ contract_p
     batch_min[p]: n[p] ≥ batch_p y[p]                        batch_max[p]: n[p] ≤ market_p y[p]
     mould[g]: Σ_{p in g} y[p] ≤ 1

Source: H. P. Williams, Model Building in Mathematical Programming, product mix, semi-continuous variables and logical
conditions; L. A. Wolsey, Integer Programming (1998), fixed charges.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    models = {p["name"]: p for p in data["models"]}
    boats = {a: h.addIntegral(name=f"boats[{a}]") for a, p in models.items()}
    built = {a: h.addBinary(name=f"built[{a}]") for a in models}
    profit = [p["margin_eur"] * boats[a] - p["tooling_eur"] * built[a] for a, p in models.items()]
    switches = []
    for department in data["departments"]:
        d = department["name"]
        hours = h.addVariable(0, highspy.kHighsInf, name=f"overtime[{d}]")
        works = h.addBinary(name=f"works_overtime[{d}]")
        used = h.qsum(p["hours"][d] * boats[a] for a, p in models.items())
        h.addConstr(used - hours <= department["hours"], name=f"hours[{d}]")
        h.addConstr(hours - department["overtime_max_hours"] * works <= 0, name=f"overtime[{d}]")
        profit.append(-department["overtime_eur_per_hour"] * hours - department["supervision_eur"] * works)
        switches.append(works)
    h.addConstr(h.qsum(switches) <= data["max_overtime_departments"], name="overtime_count")
    for a, p in models.items():
        h.addConstr(boats[a] - p["min_batch"] * built[a] >= 0, name=f"batch_min[{a}]")
        h.addConstr(boats[a] - p["market"] * built[a] <= 0, name=f"batch_max[{a}]")
        h.addConstr(boats[a] >= p["contract"], name=f"contract[{a}]")
    for g, group in enumerate(data["shared_moulds"]):
        h.addConstr(h.qsum(built[a] for a in group) <= 1, name=f"mould[{g + 1}]")
    h.setObjective(h.qsum(profit), sense=highspy.ObjSense.kMaximize)
    return h

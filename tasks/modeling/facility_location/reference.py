"""Reference formulation of the pack `facility_location`: capacitated facility location with minimum load.

y[s] ∈ {0, 1}: plant at site s;  x[s,b] ≥ 0 thousand crates of brewery b washed at s, only where km(s,b) ≤ max_km
min  Σ_s fixed_s y[s] + Σ_{s,b} (wash_s + rate · km(s,b)) x[s,b]
s.t. demand[b]:   Σ_s x[s,b] = volume_b            capacity[s]: Σ_b x[s,b] ≤ capacity_s y[s]
     min_load[s]: Σ_b x[s,b] ≥ p_s/100 · capacity_s y[s]
     max_sites:   Σ_s y[s] ≤ N                     aquifer[a,b]: y[a] + y[b] ≤ 1

Source: M. S. Daskin, Network and Discrete Location (1995); L. A. Wolsey, Integer Programming (1998), facility location.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    is_open = {site["name"]: h.addBinary(name=f"open[{site['name']}]") for site in data["sites"]}
    flow = {}
    cost = []
    for site in data["sites"]:
        s = site["name"]
        cost.append(site["fixed_eur"] * is_open[s])
        for brewery in data["breweries"]:
            b, km = brewery["name"], data["km"][s][brewery["name"]]
            if km <= data["max_km"]:
                flow[s, b] = h.addVariable(0, highspy.kHighsInf, name=f"flow[{s},{b}]")
                cost.append((site["wash_eur_per_kcrate"] + data["eur_per_kcrate_km"] * km) * flow[s, b])
    for brewery in data["breweries"]:
        b = brewery["name"]
        h.addConstr(h.qsum(x for (_, d), x in flow.items() if d == b) == brewery["kcrates"], name=f"demand[{b}]")
    for site in data["sites"]:
        s, capacity = site["name"], site["capacity_kcrates"]
        load = h.qsum(x for (a, _), x in flow.items() if a == s)
        h.addConstr(load - capacity * is_open[s] <= 0, name=f"capacity[{s}]")
        h.addConstr(load - site["min_load_percent"] / 100 * capacity * is_open[s] >= 0, name=f"min_load[{s}]")
    h.addConstr(h.qsum(is_open.values()) <= data["max_sites"], name="max_sites")
    for a, b in data["same_aquifer"]:
        h.addConstr(is_open[a] + is_open[b] <= 1, name=f"aquifer[{a},{b}]")
    h.setObjective(h.qsum(cost), sense=highspy.ObjSense.kMinimize)
    return h

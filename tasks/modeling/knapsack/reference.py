"""Reference formulation of the pack `knapsack`: a bounded multi-dimensional knapsack with set-ups and logic.

n[k] ∈ {0, …, max_k} units of instrument k, m[k] ∈ {0, 1}: k is mounted at all
max  Σ_k first_k m[k] + extra_k (n[k] − m[k])
s.t. mass: Σ_k mass_k n[k] + bracket_k m[k] ≤ M     power: Σ_k power_k n[k] ≤ P     telemetry: Σ_k rate_k n[k] ≤ R
     used[k]: n[k] ≥ m[k]                           mounted[k]: n[k] ≤ max_k m[k]
     exclusive[a,b]: m[a] + m[b] ≤ 1                discipline[d]: Σ_{k in d} m[k] ≥ 1

Source: H. Kellerer, U. Pferschy, D. Pisinger, Knapsack Problems (2004), multidimensional and bounded knapsack; the
fixed-charge link as in L. A. Wolsey, Integer Programming (1998).
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    instruments = {k["name"]: k for k in data["instruments"]}
    units = {a: h.addIntegral(name=f"units[{a}]") for a, k in instruments.items()}
    mounted = {a: h.addBinary(name=f"mounted[{a}]") for a in instruments}

    def used(resource: str) -> highspy.highs_linear_expression:
        return h.qsum(k[resource] * units[a] for a, k in instruments.items())

    brackets = h.qsum(k["bracket_kg"] * mounted[a] for a, k in instruments.items())
    h.addConstr(used("mass_kg") + brackets <= data["mass_limit_kg"], name="mass")
    h.addConstr(used("power_w") <= data["power_limit_w"], name="power")
    h.addConstr(used("telemetry_kbps") <= data["telemetry_limit_kbps"], name="telemetry")
    for a, k in instruments.items():
        h.addConstr(units[a] - mounted[a] >= 0, name=f"used[{a}]")
        h.addConstr(units[a] - k["max_units"] * mounted[a] <= 0, name=f"mounted[{a}]")
    for a, b in data["exclusive_pairs"]:
        h.addConstr(mounted[a] + mounted[b] <= 1, name=f"exclusive[{a},{b}]")
    for discipline in data["disciplines"]:
        members = [mounted[a] for a, k in instruments.items() if k["discipline"] == discipline]
        h.addConstr(h.qsum(members) >= 1, name=f"discipline[{discipline}]")
    points = [
        k["first_points"] * mounted[a] + k["extra_points"] * (units[a] - mounted[a]) for a, k in instruments.items()
    ]
    h.setObjective(h.qsum(points), sense=highspy.ObjSense.kMaximize)
    return h

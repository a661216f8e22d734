"""Reference formulation of the pack `cutting_stock`: cutting stock over all patterns, with offcut credit.

Pattern p of bar type b: counts a[i,p] ≥ 0, not all zero, with Σ_i (length_i + kerf) a[i,p] ≤ length_b and at most D
different pieces; remainder r_p = length_b − Σ_i (length_i + kerf) a[i,p]; credit g_p = rate · r_p / 1000 if r_p ≥ R,
else 0
z[p] ∈ ℤ≥0 bars cut by pattern p
min  Σ_p (cost_b(p) − g_p) z[p]
s.t. ordered[i]: Σ_p a[i,p] z[p] = ordered_i      stock[b]: Σ_{p of b} z[p] ≤ stock_b      saw: Σ_p z[p] ≤ max_bars

All patterns, not only the maximal ones, because a long remainder has a value and pieces are cut exactly as ordered.
Source: P. C. Gilmore, R. E. Gomory, Oper. Res. 9 (1961) 849–859; V. Chvátal, Linear Programming (1983), cutting stock.
"""

import itertools
from typing import Any

import highspy


def patterns(length: float, data: dict[str, Any]) -> list[tuple[int, ...]]:
    """Every admissible cut of one bar, as numbers of pieces in the order of `data["pieces"]`."""
    sizes = [piece["length_mm"] + data["kerf_mm"] for piece in data["pieces"]]
    ranges = [range(min(int(length // size), p["ordered"]) + 1) for size, p in zip(sizes, data["pieces"])]
    return [
        counts
        for counts in itertools.product(*ranges)
        if 0 < sum(n > 0 for n in counts) <= data["max_different"]
        and sum(n * size for n, size in zip(counts, sizes)) <= length
    ]


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    bars, cost = {}, []
    for bar in data["bars"]:
        for counts in patterns(bar["length_mm"], data):
            z = h.addIntegral(name=f"bars[{bar['name']},{'-'.join(map(str, counts))}]")
            bars[bar["name"], counts] = z
            used = sum(n * (p["length_mm"] + data["kerf_mm"]) for n, p in zip(counts, data["pieces"]))
            rest = bar["length_mm"] - used
            credit = data["offcut_eur_per_m"] * rest / 1000 if rest >= data["min_offcut_mm"] else 0.0
            cost.append((bar["cost_eur"] - credit) * z)
    for i, piece in enumerate(data["pieces"]):
        cut = h.qsum(counts[i] * z for (_, counts), z in bars.items() if counts[i])
        h.addConstr(cut == piece["ordered"], name=f"ordered[{piece['name']}]")
    for bar in data["bars"]:
        used_bars = h.qsum(z for (b, _), z in bars.items() if b == bar["name"])
        h.addConstr(used_bars <= bar["stock"], name=f"stock[{bar['name']}]")
    h.addConstr(h.qsum(bars.values()) <= data["max_bars"], name="saw")
    h.setObjective(h.qsum(cost), sense=highspy.ObjSense.kMinimize)
    return h

"""Reference formulation of the pack `blending`: several blends from shared stocks, ratios multiplied out.

x[w,c] ≥ 0 litres of base wine w in cuvée c;  V[c] = Σ_w x[w,c] litres blended;  (1 − loss/100) V[c] litres bottled
max  Σ_c price_c (1 − loss/100) V[c] − Σ_{w,c} cost_w x[w,c]
s.t. stock[w]: Σ_c x[w,c] ≤ litres_w
     contract[c]: (1 − loss/100) V[c] ≥ contract_c       market[c]: (1 − loss/100) V[c] ≤ market_c (where given)
     alcohol_min[c], alcohol_max[c]: lo_c V[c] ≤ Σ_w alcohol_w x[w,c] ≤ hi_c V[c]
     acid[c]: Σ_w acid_w x[w,c] ≥ acid_c V[c]            sugar[c]: Σ_w sugar_w x[w,c] ≤ sugar_c V[c]
     grape[c]: Σ_{w of grape_c} x[w,c] ≥ g_c/100 · V[c]

Source: H. P. Williams, Model Building in Mathematical Programming, blending; A. Charnes, W. W. Cooper, B. Mellon,
Blending aviation gasolines, Econometrica 20 (1952) 135–159.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    wines = {wine["name"]: wine for wine in data["base_wines"]}
    names = [cuvee["name"] for cuvee in data["cuvees"]]
    litres = {(w, c): h.addVariable(0, highspy.kHighsInf, name=f"litres[{w},{c}]") for w in wines for c in names}
    kept = 1 - data["loss_percent"] / 100
    profit = [-wine["cost_eur_per_l"] * litres[w, c] for w, wine in wines.items() for c in names]
    for w, wine in wines.items():
        h.addConstr(h.qsum(litres[w, c] for c in names) <= wine["litres"], name=f"stock[{w}]")
    for cuvee in data["cuvees"]:
        c = cuvee["name"]
        volume = h.qsum(litres[w, c] for w in wines)
        profit.append(cuvee["price_eur_per_l"] * kept * volume)
        h.addConstr(kept * volume >= cuvee["contract_l"], name=f"contract[{c}]")
        if cuvee["market_l"] is not None:
            h.addConstr(kept * volume <= cuvee["market_l"], name=f"market[{c}]")

        # Content relative to a limit: non-negative exactly when the volume-weighted mean is at least the limit.
        def excess(content: str, limit: float, c: str = c) -> highspy.highs_linear_expression:
            return h.qsum((wine[content] - limit) * litres[w, c] for w, wine in wines.items())

        h.addConstr(excess("alcohol_percent", cuvee["alcohol_min_percent"]) >= 0, name=f"alcohol_min[{c}]")
        h.addConstr(excess("alcohol_percent", cuvee["alcohol_max_percent"]) <= 0, name=f"alcohol_max[{c}]")
        h.addConstr(excess("acid_g_per_l", cuvee["acid_min_g_per_l"]) >= 0, name=f"acid[{c}]")
        h.addConstr(excess("sugar_g_per_l", cuvee["sugar_max_g_per_l"]) <= 0, name=f"sugar[{c}]")
        named = h.qsum(litres[w, c] for w, wine in wines.items() if wine["grape"] == cuvee["grape"])
        h.addConstr(named - cuvee["grape_min_percent"] / 100 * volume >= 0, name=f"grape[{c}]")
    h.setObjective(h.qsum(profit), sense=highspy.ObjSense.kMaximize)
    return h

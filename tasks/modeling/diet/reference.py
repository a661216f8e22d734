"""Reference formulation of the pack `diet`: the diet LP with an energy share, food groups and a carrying limit.

x[f] grams of food f per guest and day, 0 ≤ x[f] ≤ max_f;  a[n,f] amount of nutrient n in one gram (table value / 100)
min  guests · Σ_f price_f / 1000 · x[f]
s.t. min[n]: Σ_f a[n,f] x[f] ≥ l_n          max[n]: Σ_f a[n,f] x[f] ≤ u_n          (where given)
     fat_energy: 9 Σ_f a[fat,f] x[f] ≤ s/100 · Σ_f a[energy,f] x[f]
     group[g]: Σ_{f in g} x[f] ≥ m_g        load: guests · Σ_f x[f] / 1000 ≤ mule load in kg

Source: G. J. Stigler, The Cost of Subsistence, J. Farm Econ. 27 (1945) 303–314; G. B. Dantzig, Linear Programming and
Extensions (1963). The share row is a ratio constraint multiplied out.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    foods = {food["name"]: food for food in data["foods"]}
    grams = {f: h.addVariable(0, food["max_g"], name=f"grams[{f}]") for f, food in foods.items()}

    def total(nutrient: str) -> highspy.highs_linear_expression:
        return h.qsum(foods[f]["per_100g"][nutrient] / 100 * x for f, x in grams.items())

    for nutrient in data["nutrients"]:
        n = nutrient["name"]
        if nutrient["min"] is not None:
            h.addConstr(total(n) >= nutrient["min"], name=f"min[{n}]")
        if nutrient["max"] is not None:
            h.addConstr(total(n) <= nutrient["max"], name=f"max[{n}]")
    share = data["max_fat_energy_percent"] / 100
    h.addConstr(data["fat_kcal_per_g"] * total("fat_g") - share * total("energy_kcal") <= 0, name="fat_energy")
    for group in data["groups"]:
        members = [x for f, x in grams.items() if foods[f]["group"] == group["name"]]
        h.addConstr(h.qsum(members) >= group["min_g"], name=f"group[{group['name']}]")
    guests = data["guests"]
    h.addConstr(guests / 1000 * h.qsum(grams.values()) <= data["mule_load_kg"], name="load")
    cost = h.qsum(guests * foods[f]["price_eur_per_kg"] / 1000 * x for f, x in grams.items())
    h.setObjective(cost, sense=highspy.ObjSense.kMinimize)
    return h

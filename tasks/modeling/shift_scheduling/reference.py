"""Reference formulation of the pack `shift_scheduling`: cyclic days-on scheduling with contracts.

n[c,a,k] ∈ ℤ≥0 people on contract c, shift k, whose run of L_c working days begins on day a (the week is a circle)
P[d,k] = Σ_{(c,a): day d lies in the run} n[c,a,k]  people present
min  Σ_{c,a,k} (Σ_{d in run} wage_c · (1 + surcharge_d/100)) n[c,a,k]
s.t. cover[d,k]: P[d,k] ≥ need_{k,d}          headcount[c]: Σ_{a,k} n[c,a,k] ≤ max_c
     experienced[d,k]: Σ_{c experienced} present ≥ e/100 · P[d,k]
     weekend: Σ_{runs that touch no weekend day} n ≥ w/100 · Σ n

Source: K. R. Baker, Workforce allocation in cyclical scheduling problems, Oper. Res. Quart. 27 (1976) 155–167;
W. L. Winston, Operations Research, the post-office scheduling example.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    days = data["days"]
    surcharge = data["surcharge_percent"]
    people, runs, cost = {}, {}, []
    for contract in data["contracts"]:
        c = contract["name"]
        for a, first in enumerate(days):
            run = {days[(a + i) % len(days)] for i in range(contract["days_on"])}
            for k in data["need"]:
                people[c, first, k] = h.addIntegral(name=f"people[{c},{first},{k}]")
                runs[c, first, k] = run
                pay = sum(contract["wage_eur_per_day"] * (1 + surcharge.get(d, 0) / 100) for d in sorted(run))
                cost.append(pay * people[c, first, k])
    for k, needs in data["need"].items():
        for d, need in zip(days, needs):
            present = [key for key in people if key[2] == k and d in runs[key]]
            h.addConstr(h.qsum(people[key] for key in present) >= need, name=f"cover[{d},{k}]")
            expert = {contract["name"] for contract in data["contracts"] if contract["is_experienced"]}
            share = data["experienced_percent"] / 100
            weights = [((1 - share) if key[0] in expert else -share) * people[key] for key in present]
            h.addConstr(h.qsum(weights) >= 0, name=f"experienced[{d},{k}]")
    for contract in data["contracts"]:
        c = contract["name"]
        hired = h.qsum(x for key, x in people.items() if key[0] == c)
        h.addConstr(hired <= contract["max_people"], name=f"headcount[{c}]")
    off = [x for key, x in people.items() if not runs[key] & set(data["weekend"])]
    share = data["weekend_off_percent"] / 100
    h.addConstr(h.qsum(off) - share * h.qsum(people.values()) >= 0, name="weekend")
    h.setObjective(h.qsum(cost), sense=highspy.ObjSense.kMinimize)
    return h

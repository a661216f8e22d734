"""Reference formulation of the pack `crew_assignment`: generalised assignment with logical implications.

x[t,j] ∈ {0, 1} technician t goes to job j;  y[j] ∈ {0, 1} job j is done
max  Σ_j revenue_j y[j] − Σ_{t,j} wage_t x[t,j]
s.t. one_job[t]: Σ_j x[t,j] ≤ 1                       crew[j]: Σ_t x[t,j] = size_j y[j]
     skill[j,q]: Σ_{t has q} x[t,j] ≥ need_{j,q} y[j]
     mentor[t,j]: x[t,j] ≤ Σ_{u is mentor} x[u,j]     for every trainee t     (trainee there ⇒ a mentor there)
     apart[a,b,j]: x[a,j] + x[b,j] ≤ 1                requires[j,k]: y[j] ≤ y[k]
     mandatory[j]: y[j] = 1                           boats: Σ_j y[j] ≤ B

Source: L. A. Wolsey, Integer Programming (1998), assignment and logical constraints; H. P. Williams, Model Building in
Mathematical Programming, logical conditions as 0-1 rows.
"""

from typing import Any

import highspy


def build(data: dict[str, Any]) -> highspy.Highs:
    h = highspy.Highs()
    h.silent()
    people = {t["name"]: t for t in data["technicians"]}
    jobs = {j["name"]: j for j in data["jobs"]}
    done = {j: h.addBinary(name=f"done[{j}]") for j in jobs}
    goes = {(t, j): h.addBinary(name=f"goes[{t},{j}]") for t in people for j in jobs}
    mentors = [t for t, person in people.items() if person["is_mentor"]]
    for t in people:
        h.addConstr(h.qsum(goes[t, j] for j in jobs) <= 1, name=f"one_job[{t}]")
    for j, job in jobs.items():
        h.addConstr(h.qsum(goes[t, j] for t in people) - job["crew_size"] * done[j] == 0, name=f"crew[{j}]")
        for skill, need in job["skills"].items():
            able = h.qsum(goes[t, j] for t, person in people.items() if skill in person["skills"])
            h.addConstr(able - need * done[j] >= 0, name=f"skill[{j},{skill}]")
        for t, person in people.items():
            if person["is_trainee"]:
                h.addConstr(goes[t, j] - h.qsum(goes[u, j] for u in mentors) <= 0, name=f"mentor[{t},{j}]")
        for a, b in data["not_together"]:
            h.addConstr(goes[a, j] + goes[b, j] <= 1, name=f"apart[{a},{b},{j}]")
        for k in job["requires"]:
            h.addConstr(done[j] - done[k] <= 0, name=f"requires[{j},{k}]")
        if job["is_mandatory"]:
            h.addConstr(done[j] == 1, name=f"mandatory[{j}]")
    h.addConstr(h.qsum(done.values()) <= data["boats"], name="boats")
    wages = h.qsum(people[t]["wage_eur"] * x for (t, _), x in goes.items())
    revenue = h.qsum(job["revenue_eur"] * done[j] for j, job in jobs.items())
    h.setObjective(revenue - wages, sense=highspy.ObjSense.kMaximize)
    return h

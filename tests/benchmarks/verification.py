"""What verification catches and costs; prints tables. See README.md.

With `--programs FILE`, models come from a JSON Lines file of programs too, beside those of the packs.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from agentopt.modeling.capture.harness import capture
from agentopt.modeling.equivalence.comparison import equiv
from agentopt.modeling.formulation import audit
from agentopt.modeling.metamorphic import check_relations
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.modeling.solvers.highs import solve
from agentopt.modeling.solvers.highs_model import read_model
from agentopt.modeling.verification import verify
from tests.modeling.mutations import MUTATIONS, REWRITINGS

PACKS = Path(__file__).parents[2] / "tasks" / "modeling"
LIMIT_S = 20.0


def out(text: str) -> None:
    """Prints at once, since a table takes minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Prints what a row of a table does not say."""
    sys.stderr.write(f"  # {text}\n")


def pack_models() -> Iterator[tuple[str, Model]]:
    """The reference models of the packs, one per data set."""
    for reference in sorted(PACKS.glob("*/reference.py")):
        spec = importlib.util.spec_from_file_location(reference.parent.name, reference)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for data in sorted((reference.parent / "data").glob("*.json")):
            built = module.build(json.loads(data.read_text(encoding="utf-8")))
            built.setOptionValue("output_flag", False)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.mps"
                built.writeModel(str(path))
                yield f"{reference.parent.name}/{data.stem}", read_model(path)


def program_models(file: Path) -> Iterator[tuple[str, Model]]:
    """The models that the reference programs in `file` build; they are run in this process."""
    for line in file.read_text(encoding="utf-8").splitlines():
        problem = json.loads(line)
        if "highspy" not in (problem.get("reference_code") or ""):
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            found = capture(problem["reference_code"])
        if found["models"]:
            yield problem["id"], Model.from_json(found["models"][-1])


def chosen_models(programs: Path | None, count: int) -> list[tuple[str, Model]]:
    """Models with an optimum that is certified, the packs' first."""
    models = list(pack_models()) + (list(program_models(programs)) if programs else [])
    kept = []
    for name, model in models:
        solution = solve(model, time_limit_s=LIMIT_S)
        if solution.status == "optimal":
            kept.append((name, model))
        if len(kept) == count:
            break
    return kept


def equivalence_table(models: list[tuple[str, Model]], seed: int) -> None:
    """How often `equiv` tells an injected error from the true model, and what it says of rewritings."""
    out("equiv, with the true model as reference\n")
    out(f"{'error':26s} {'models':>6s} {'different':>9s} {'proved same':>11s} {'undecided':>9s} {'median s':>9s}")
    total: Counter[str] = Counter()
    for kind, mutation in MUTATIONS.items():
        found, times = Counter[str](), []
        for number, (name, model) in enumerate(models):
            mutant = mutation(model, random.Random(f"{seed} {kind} {number}"))
            if mutant is None:
                continue
            started = time.perf_counter()
            result = equiv(model, mutant, time_limit_s=LIMIT_S)
            times.append(time.perf_counter() - started)
            found[result.verdict] += 1
            if result.verdict == "undecided":
                note(f"{kind}: {name}: {result.reason}")
        total += found
        _row(kind, found, times)
    _row("all errors", total, [])
    for kind, rewriting in REWRITINGS.items():
        found, times = Counter[str](), []
        for number, (name, model) in enumerate(models):
            started = time.perf_counter()
            result = equiv(model, rewriting(model, random.Random(f"{seed} {kind} {number}")), time_limit_s=LIMIT_S)
            times.append(time.perf_counter() - started)
            found[result.verdict] += 1
            if result.verdict != "equivalent":
                note(f"{kind}: {name}: {result}")
        _row(kind, found, times)
    out("")


def _row(kind: str, found: Counter[str], times: list[float]) -> None:
    spent = f"{median(times):9.3f}" if times else ""
    count = sum(found.values())
    out(
        f"{kind:26s} {count:6d} {found['different']:9d} {found['equivalent']:11d} {found['undecided']:9d} {spent}",
    )


def looks_table(models: list[tuple[str, Model]], seed: int) -> None:
    """Without a reference: what each look at a formulation catches, and what it says of correct models."""
    looks = ("status", "columns", "rows", "big-M", "integrality")
    out("without a reference: models that a look warns about\n")
    out(f"{'error':26s} {'models':>6s} " + " ".join(f"{look:>11s}" for look in looks) + f" {'any':>6s}")
    for kind, mutation in {"none (false alarms)": None, **MUTATIONS}.items():
        found, count = Counter[str](), 0
        for number, (_, model) in enumerate(models):
            changed = mutation(model, random.Random(f"{seed} {kind} {number}")) if mutation else model
            if changed is None:
                continue
            count += 1
            solution = solve(changed, time_limit_s=LIMIT_S)
            warned = {one.name for one in audit(changed, solution) if one.result == "warning"}
            warned |= {"status"} if solution.status in ("infeasible", "unbounded") else set()
            found.update(warned)
            found["any"] += bool(warned)
        cells = " ".join(f"{found[look]:11d}" for look in looks)
        out(f"{kind:26s} {count:6d} {cells} {found['any']:6d}")
    out("")


def verdict_table(models: list[tuple[str, Model]]) -> None:
    """What verification and the metamorphic relations say about correct models."""
    verdicts, relations = Counter[str](), Counter[str]()
    for name, model in models:
        solution = solve(model, time_limit_s=LIMIT_S)
        verdicts[verify(model, solution, second_solver=None).solver_verdict] += 1
        for check in check_relations(model, solution):
            relations[check.verdict] += 1
            if check.verdict == "refuted":
                note(f"{name}: {check.name}: {check.detail}")
    out(f"correct models, verified: {dict(verdicts)}; relations: {dict(relations)}\n")


def transport(size: int) -> Model:
    """A transport problem with size suppliers and customers: a sparse linear program."""
    rng = random.Random(size)
    cells = [(i, j) for i in range(size) for j in rng.sample(range(size), min(size, 5))]
    cells += [(j % size, j) for j in range(size)]
    cells = sorted(set(cells))
    name = {cell: f"x{cell[0]}_{cell[1]}" for cell in cells}
    by_row: dict[str, dict[str, float]] = {}
    for i, j in cells:
        by_row.setdefault(f"s{i}", {})[name[i, j]] = 1.0
        by_row.setdefault(f"d{j}", {})[name[i, j]] = 1.0
    rows = tuple(
        Row(name=row, coefficients=terms, upper=40.0)
        if row[0] == "s"
        else Row(name=row, coefficients=terms, lower=float(rng.randint(1, 12)))
        for row, terms in by_row.items()
    )
    costs = {name[cell]: float(rng.randint(1, 99)) / 4 for cell in cells}
    return Model(
        columns=tuple(Column(name=n) for n in name.values()), rows=rows, objective=Objective(coefficients=costs)
    )


def knapsack(size: int) -> Model:
    """Two knapsacks over the same things: an integer program."""
    rng = random.Random(size)
    names = [f"x{j}" for j in range(size)]
    weights = [{name: float(rng.randint(10, 60)) for name in names} for _ in range(2)]
    rows = tuple(Row(name=f"k{i}", upper=float(sum(w.values()) // 3), coefficients=w) for i, w in enumerate(weights))
    worth = {name: float(rng.randint(10, 60)) for name in names}
    columns = tuple(Column(name=name, upper=1.0, type="integer") for name in names)
    return Model(columns=columns, rows=rows, objective=Objective(sense="maximize", coefficients=worth))


def cost_table(repeats: int) -> None:
    """Seconds to solve and to verify; the ratio is what the issue bounds."""
    out(f"{'model':18s} {'columns':>8s} {'rows':>6s} {'solve s':>9s} {'verify s':>9s} {'ratio':>6s} verdict")
    sizes: list[tuple[str, Any, tuple[int, ...]]] = [
        ("transport (LP)", transport, (10, 30, 100, 300, 1000)),
        ("knapsack (MILP)", knapsack, (10, 20, 30, 40)),
    ]
    for kind, make, steps in sizes:
        ratios = []
        for size in steps:
            model = make(size)
            solves, checks, verdict = [], [], ""
            for _ in range(repeats):
                started = time.perf_counter()
                solution = solve(model)
                solved = time.perf_counter()
                verdict = verify(model, solution, second_solver=None).solver_verdict
                solves.append(solved - started)
                checks.append(time.perf_counter() - solved)
            ratio = median(checks) / median(solves)
            ratios.append(ratio)
            shape = f"{len(model.columns):8d} {len(model.rows):6d}"
            out(f"{kind:18s} {shape} {median(solves):9.4f} {median(checks):9.4f} {ratio:6.2f} {verdict}")
        out(f"{kind:18s} median ratio {median(ratios):.2f}")
    out("")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, help="JSON Lines with `id` and `reference_code`")
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=("equiv", "looks", "verdicts", "cost"))
    given = parser.parse_args()
    models = [] if given.only == "cost" else chosen_models(given.programs, given.models)
    out(f"{len(models)} correct models, seed {given.seed}\n")
    if given.only in (None, "equiv"):
        equivalence_table(models, given.seed)
    if given.only in (None, "looks"):
        looks_table(models, given.seed)
    if given.only in (None, "verdicts"):
        verdict_table(models)
    if given.only in (None, "cost"):
        cost_table(given.repeats)


if __name__ == "__main__":
    main()

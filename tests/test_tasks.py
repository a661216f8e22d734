"""The packs on the shelf: complete, right, and loadable."""

from __future__ import annotations

import ast
import importlib.util
import json
import math
import statistics
from pathlib import Path
from random import Random
from typing import Any

import highspy
import pytest

import agentopt as ao
from agentopt.catalog import load_task, packs
from agentopt.instance import read_jsonl
from agentopt.modeling import Model, solve
from agentopt.modeling.solvers import scip
from agentopt.task import Pack

PACKS = packs()
BY_KIND = {kind: [p for p in PACKS if p.kind == kind] for kind in ("numerical", "prompt", "modeling")}


def ids(pack: Pack) -> str:
    return f"{pack.kind}/{pack.name}"


def module_of(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"pack_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("pack", PACKS, ids=ids)
def test_pack_has_a_readme_a_licence_and_at_most_one_python_file(pack: Pack) -> None:
    assert (pack.folder / "README.md").read_text(encoding="utf-8").strip()
    assert pack.about["licence"] == "Apache-2.0"
    assert len(list(pack.folder.rglob("*.py"))) <= 1
    assert pack.folder.parent.name == pack.kind


def on_its_extra(pack: Pack) -> Any:
    """The pack as a test's parameter, with the marker of the package that it requires."""
    return pytest.param(pack, marks=[getattr(pytest.mark, package) for package in pack.about.get("requires", [])])


@pytest.mark.parametrize("pack", [on_its_extra(pack) for pack in PACKS], ids=ids)
def test_pack_becomes_a_task_that_a_record_can_find_again(pack: Pack) -> None:
    task = load_task(f"{pack.kind}/{pack.name}")
    assert task.reference == {"kind": pack.kind, "pack": pack.name}
    assert task.space.values()


NUMERICAL = [on_its_extra(pack) for pack in BY_KIND["numerical"]]


def penalized_cost(pack: Pack, values: dict[str, Any]) -> float:
    """The cost with what broken constraints add, computed from the pack's own functions."""
    functions = module_of(pack.folder / "cost.py")
    broken = functions.violations(**values) if "violations" in pack.about else {}
    return float(functions.cost(**values)) + float(pack.about.get("penalty", 0.0)) * float(sum(broken.values()))


def neighbours(parameter: ao.Parameter) -> list[Any]:
    """Values next to the parameter's own: all the other choices, the integers on both sides, or a small step."""
    value = parameter.value
    if parameter.kind == "choice":
        return [choice for choice in parameter.choices if choice != value]
    low, high = parameter.bounds or (None, None)
    step = 1 if parameter.kind == "integer" else 1e-2
    return [
        near for near in (value - step, value + step) if (low is None or near >= low) and (high is None or near <= high)
    ]


@pytest.mark.parametrize("pack", NUMERICAL, ids=ids)
def test_known_optimum_is_what_the_function_gives_and_nothing_near_is_lower(pack: Pack) -> None:
    parameters, optimum = load_task(ids(pack)).space.parameters, pack.about["optimum"]
    for place in pack.about["minimizers"]:
        values = dict(zip(parameters, place))
        assert penalized_cost(pack, values) == pytest.approx(optimum, abs=1e-6)
        for name, parameter in parameters.items():
            parameter.set(values[name])
            for near in neighbours(parameter):
                assert penalized_cost(pack, {**values, name: near}) > optimum - 1e-9


@pytest.mark.parametrize("pack", NUMERICAL, ids=ids)
def test_nothing_drawn_at_random_is_below_the_known_optimum(pack: Pack) -> None:
    task, rng = load_task(ids(pack)), Random(pack.name)
    for _ in range(300):
        values = {name: drawn(parameter, rng) for name, parameter in task.space.parameters.items()}
        assert penalized_cost(pack, values) > pack.about["optimum"] - 1e-6


def drawn(parameter: ao.Parameter, rng: Random) -> Any:
    """A value that the parameter may have."""
    if parameter.kind == "choice":
        return rng.choice(parameter.choices)
    low, high = parameter.bounds or (None, None)
    assert low is not None
    assert high is not None
    return rng.randint(int(low), int(high)) if parameter.kind == "integer" else rng.uniform(low, high)


SLOPED = [on_its_extra(pack) for pack in BY_KIND["numerical"] if "slopes" in pack.about]


@pytest.mark.parametrize("pack", SLOPED, ids=ids)
def test_slopes_are_differences_of_the_cost(pack: Pack) -> None:
    task, functions, rng = load_task(ids(pack)), module_of(pack.folder / "cost.py"), Random(pack.name)
    for _ in range(20):
        values = {name: drawn(parameter, rng) for name, parameter in task.space.parameters.items()}
        slopes = functions.slopes(**values)
        assert set(slopes) == set(values)
        for name, slope in slopes.items():
            above, below = ({**values, name: values[name] + step} for step in (1e-5, -1e-5))
            difference = (float(functions.cost(**above)) - float(functions.cost(**below))) / 2e-5
            assert slope == pytest.approx(difference, rel=1e-5, abs=1e-4)


def test_tin_costs_more_for_each_unit_of_violation_than_it_saves() -> None:
    (pack,) = (p for p in BY_KIND["numerical"] if p.name == "storage_tin")
    best = pack.about["optimum"]
    grid = [
        penalized_cost(pack, {"radius_cm": 1 + 0.1 * r, "height_cm": 1 + 0.5 * h})
        for r in range(141)
        for h in range(59)
    ]
    assert best <= min(grid) < best + 5


def test_insulation_optimum_is_the_best_of_all_materials_and_layers_with_their_best_thickness() -> None:
    (pack,) = (p for p in BY_KIND["numerical"] if p.name == "pipe_insulation")
    functions, (low, high) = module_of(pack.folder / "cost.py"), pack.about["bounds"]["thickness_mm"]
    best = {}
    for material, (mm_per_unit, price) in functions.MATERIALS.items():
        resistance = math.sqrt(functions.HEAT_PRICE / (mm_per_unit * price))  # where the cost is stationary
        for layers in range(1, 7):
            thickness = mm_per_unit * ((resistance - functions.BARE) / layers - functions.LAYER_GAP)
            values = {"material": material, "layers": layers, "thickness_mm": min(high, max(low, thickness))}
            best[tuple(values.values())] = float(functions.cost(**values))
    place, lowest = min(best.items(), key=lambda found: found[1])
    assert lowest == pytest.approx(pack.about["optimum"], abs=1e-9)
    assert [list(place)] == pack.about["minimizers"]


def test_expected_deviation_of_a_bake_is_the_mean_over_draws() -> None:
    (pack,) = (p for p in BY_KIND["numerical"] if p.name == "oven_recipe")
    cost = module_of(pack.folder / "cost.py").cost
    for heat_c, minutes in ((216.0, 34.0), (190.0, 60.0)):
        draws = [float(cost(heat_c, minutes, draw)) for draw in range(1000, 3000)]
        error = statistics.stdev(draws) / math.sqrt(len(draws))
        assert statistics.mean(draws) == pytest.approx(float(cost(heat_c, minutes)), abs=4 * error)


@pytest.mark.parametrize("pack", BY_KIND["prompt"], ids=ids)
def test_every_answer_is_what_the_written_policy_gives(pack: Pack) -> None:
    assert module_of(pack.folder / "check.py").check(pack.folder) == []


@pytest.mark.parametrize("pack", BY_KIND["prompt"], ids=ids)
def test_prompt_pack_has_sixty_questions_and_no_question_is_in_two_splits(pack: Pack) -> None:
    rows = read_jsonl(pack.folder / "examples.jsonl")
    questions = [row["question"] for row in rows]
    assert len(rows) >= 60
    assert len(set(questions)) == len(questions)
    assert {row["split"] for row in rows} == {"train", "dev", "test"}


RIGHT_REPLIES = [pack for pack in BY_KIND["prompt"] if pack.about["scorer"] != "verse"]


@pytest.mark.parametrize("pack", RIGHT_REPLIES, ids=ids)
def test_every_answer_is_a_reply_that_its_scorer_takes_and_no_other_questions_answer_is(pack: Pack) -> None:
    task = load_task(ids(pack))
    for instance, other in zip(task.instances, [*task.instances[1:], task.instances[0]]):
        assert task.judge(instance.fields["answer"], instance).score == 1
        if other.fields["answer"] != instance.fields["answer"]:
            assert (task.judge(other.fields["answer"], instance).score or 0) < 1


MODELS = [(pack, row) for pack in BY_KIND["modeling"] for row in pack.about["instances"]]


def reference_model(pack: Pack, row: dict[str, Any], folder: Path) -> Model:
    """The reference formulation with one data set, as HiGHS writes it."""
    from agentopt.modeling import read_model

    data = json.loads((pack.folder / row["data"]).read_text(encoding="utf-8"))
    built: highspy.Highs = module_of(pack.folder / "reference.py").build(data)
    path = folder / "model.mps"
    built.setOptionValue("output_flag", False)
    built.writeModel(str(path))
    return read_model(path)


@pytest.mark.parametrize(("pack", "row"), MODELS, ids=[f"{p.name}/{r['id']}" for p, r in MODELS])
def test_two_solvers_find_the_reference_optimum(pack: Pack, row: dict[str, Any], tmp_path: Path) -> None:
    model = reference_model(pack, row, tmp_path)
    for solution in (solve(model), scip.solve(model, time_limit_s=60)):
        assert solution.status == row.get("status", "optimal")
        if "optimum" in row:
            assert solution.objective == pytest.approx(row["optimum"], rel=1e-6)


@pytest.mark.parametrize("pack", BY_KIND["modeling"], ids=ids)
def test_modeling_pack_has_a_data_set_for_every_split(pack: Pack) -> None:
    assert [row["split"] for row in pack.about["instances"]] == ["train", "dev", "test"]


@pytest.mark.parametrize("pack", [p for p in BY_KIND["modeling"] if "start" in p.about], ids=ids)
def test_draft_defines_build(pack: Pack) -> None:
    defined = [d.name for d in ast.parse(pack.about["start"]).body if isinstance(d, ast.FunctionDef)]
    assert "build" in defined

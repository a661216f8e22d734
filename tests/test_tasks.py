"""The packs on the shelf: complete, right, and loadable."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any

import highspy
import pytest

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


@pytest.mark.parametrize("pack", PACKS, ids=ids)
def test_pack_becomes_a_task_that_a_record_can_find_again(pack: Pack) -> None:
    task = load_task(f"{pack.kind}/{pack.name}")
    assert task.reference == {"kind": pack.kind, "pack": pack.name}
    assert task.space.values()


@pytest.mark.parametrize("pack", BY_KIND["numerical"], ids=ids)
def test_known_optimum_is_what_the_function_gives_and_nothing_near_is_lower(pack: Pack) -> None:
    task = load_task(ids(pack))
    cost, optimum = module_of(pack.folder / "cost.py").cost, pack.about["optimum"]
    for place in pack.about["minimizers"]:
        values = dict(zip(task.space.parameters, place))
        assert float(cost(**values)) == pytest.approx(optimum, abs=1e-6)
        for name in values:
            for step in (-1e-2, 1e-2):
                assert float(cost(**{**values, name: values[name] + step})) > optimum - 1e-9


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

"""Finding packs, by folder, by kind and name, by name, and by what a record says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agentopt.catalog import adapter_names, find_pack, load_task, packs, task_of_record
from agentopt.errors import FormatError, UsageError
from agentopt.shelf import shelf


def test_packs_are_found_by_name_by_kind_and_name_and_by_folder() -> None:
    by_folder = find_pack(str(shelf("tasks") / "numerical" / "branin"))
    assert find_pack("branin") == find_pack("numerical/branin") == by_folder


def test_every_kind_has_an_adapter() -> None:
    assert {pack.kind for pack in packs()} <= set(adapter_names())


def test_packs_are_in_a_stable_order() -> None:
    names = [(pack.kind, pack.name) for pack in packs()]
    assert names == sorted(names)


@pytest.mark.parametrize(
    "name",
    [
        "nosuch",
        "numerical/nosuch",
        "",
        ".",
        "./nosuch",
        "../branin",
        "bran in",
        pytest.param(
            "/no/such/folder",
        ),
        pytest.param("**branin"),
        pytest.param("x" * 300),
        pytest.param("bran*"),
    ],
)
def test_an_unknown_task_is_a_usage_error_that_says_where_to_look(name: str) -> None:
    with pytest.raises(UsageError, match="agentopt list tasks"):
        find_pack(name)


def test_a_pack_of_a_users_own_is_loaded_from_its_folder(tmp_path: Path) -> None:
    shutil.copytree(shelf("tasks") / "numerical" / "branin", tmp_path / "branin")
    task = load_task(str(tmp_path / "branin"))
    assert task.reference["folder"] == str(tmp_path / "branin")


def test_a_pack_on_the_shelf_is_recorded_without_its_folder() -> None:
    assert load_task("branin").reference == {"kind": "numerical", "pack": "branin"}


def test_an_unknown_kind_is_a_usage_error_that_lists_the_adapters(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "task.toml").write_text('schema = 1\nkind = "juggling"\nname = "toy"\n')
    with pytest.raises(UsageError, match=r"`juggling`; there are modeling, numerical, prompt"):
        load_task(str(tmp_path / "toy"))


@pytest.mark.parametrize("name", ["branin", "ticket_triage", "lot_sizing"])
def test_a_record_of_a_pack_finds_the_same_task_again(name: str) -> None:
    task = load_task(name)
    again = task_of_record(task.reference)
    assert (again.name, again.objective, again.space.values()) == (task.name, task.objective, task.space.values())
    assert [i.id for i in again.instances] == [i.id for i in task.instances]


@pytest.mark.parametrize("reference", [{}, {"kind": "numerical"}, {"kind": "numerical", "examples": "x.jsonl"}])
def test_a_record_of_own_code_is_a_usage_error_that_says_what_to_do(reference: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="somebody's own code"):
        task_of_record(reference)


def test_a_record_of_a_file_that_is_gone_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    reference = {"kind": "modeling", "instances": str(tmp_path / "gone.jsonl")}
    with pytest.raises(UsageError, match=r"gone\.jsonl"):
        task_of_record(reference)


def test_a_python_file_that_raises_is_a_format_error_that_names_it(tmp_path: Path) -> None:
    shutil.copytree(shelf("tasks") / "numerical" / "branin", tmp_path / "branin")
    (tmp_path / "branin" / "cost.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(FormatError, match=r"cost\.py: ModuleNotFoundError"):
        load_task(str(tmp_path / "branin"))


def test_a_function_that_is_not_there_is_a_format_error_that_names_it(tmp_path: Path) -> None:
    shutil.copytree(shelf("tasks") / "numerical" / "branin", tmp_path / "branin")
    (tmp_path / "branin" / "cost.py").write_text("x = 1\n")
    with pytest.raises(FormatError, match="defines no function `cost`"):
        load_task(str(tmp_path / "branin"))


def test_a_python_file_that_is_not_there_is_a_format_error_that_names_it(tmp_path: Path) -> None:
    shutil.copytree(shelf("tasks") / "numerical" / "branin", tmp_path / "branin")
    (tmp_path / "branin" / "cost.py").unlink()
    with pytest.raises(FormatError, match=r"the file `cost\.py` does not exist"):
        load_task(str(tmp_path / "branin"))

from __future__ import annotations

import os
from pathlib import Path

from agentopt.sandbox.scratch import remove_tree


def test_tree_deeper_than_the_recursion_limit_is_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    here = os.getcwd()
    try:
        os.chdir(root)
        for _ in range(1200):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)

    remove_tree(root)

    assert not root.exists()


def test_target_of_a_link_stays(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    (outside / "kept").touch()
    (root / "link").symlink_to(outside)
    (root / "nested").mkdir()
    (root / "nested" / "link").symlink_to(outside)

    remove_tree(root)

    assert (root.exists(), (outside / "kept").exists()) == (False, True)


def test_closed_folders_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").touch()
    (root / "a" / "b").chmod(0)
    (root / "a").chmod(0)

    remove_tree(root)

    assert not root.exists()


def test_folder_that_does_not_exist_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "missing")

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentopt.sandbox import landlock
from agentopt.sandbox.local import LocalSandbox

PACKAGE = Path(landlock.__file__).parents[1]


def test_rules_leave_out_what_is_hidden(tmp_path: Path) -> None:
    for name in ("package/_shelf", "package/code", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "package" / "way").symlink_to(tmp_path / "package")

    rules = dict(landlock._around(tmp_path, [tmp_path / "package" / "_shelf"]))

    assert {path.relative_to(tmp_path).as_posix(): access for path, access in rules.items()} == {
        ".": landlock._LIST,
        "other": landlock._READ,
        "package": landlock._LIST,
        "package/code": landlock._READ,
    }


def test_reference_answers_in_an_installed_package_cannot_be_read(sandbox: LocalSandbox, tmp_path: Path) -> None:
    if "files" not in sandbox.guarantees:
        pytest.skip("this machine does not guarantee `files`")
    site = tmp_path / "site-packages"
    shutil.copytree(PACKAGE, site / "agentopt", ignore=shutil.ignore_patterns("__pycache__"))
    answers = site / "agentopt" / "_shelf" / "tasks" / "answers"
    answers.parent.mkdir(parents=True)
    answers.write_text("42")
    source = "def read(path):\n    return open(path).read(2)\n"
    client = (
        "import json, sys\nfrom agentopt.sandbox.local import LocalSandbox\n"
        "source, *paths = json.loads(sys.argv[1])\n"
        "with LocalSandbox() as sandbox:\n"
        "    print(json.dumps([sandbox.call(source, 'read', [path]).error for path in paths]))\n"
    )
    request = json.dumps([source, str(answers), str(site / "agentopt" / "errors.py")])

    shown = subprocess.run(
        [sys.executable, "-P", "-c", client, request],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    answers_error, code_error = json.loads(shown)
    assert answers_error.startswith("PermissionError")
    assert code_error == ""

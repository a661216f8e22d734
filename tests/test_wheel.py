"""The distribution: built, installed in a fresh environment outside the checkout, and used."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)], check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def agentopt(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh installation."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    return python.with_name("agentopt")


def test_wheel_holds_each_data_file_once(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert len(names) == len(set(names))
    for folder in ("prompts", "tasks", "traces"):
        shipped = {n.removeprefix("agentopt/_shelf/") for n in names if n.startswith(f"agentopt/_shelf/{folder}/")}
        there = {
            str(p.relative_to(ROOT)) for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in str(p)
        }
        assert shipped == there
    assert not any(name.startswith(("tests/", "tasks/", "prompts/", "traces/")) for name in names)


def test_installed_command_lists_tasks_and_replays_a_trace(agentopt: Path, tmp_path: Path) -> None:
    listed = subprocess.run(
        [agentopt, "list", "tasks", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {task["name"].split("/")[0] for task in json.loads(listed.stdout)} == {"numerical", "prompt", "modeling"}
    done = subprocess.run([agentopt, "demo"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "report: runs/demo/report.html" in done.stdout

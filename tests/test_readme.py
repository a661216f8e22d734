"""README's blocks: every Python block runs and prints what stands below it, and so does every command."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A block of README and the output it is said to have; `…` in it stands for anything on that line."""

    language: str
    code: str
    output: str

    @property
    def name(self) -> str:
        """Its first line, for test ids."""
        return self.code.strip().splitlines()[0][:60]


def examples() -> list[Example]:
    blocks = _BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    following = [*blocks[1:], ("", "")]
    return [
        Example(language, code, output if kind == "text" else "")
        for (language, code), (kind, output) in zip(blocks, following)
        if language in ("python", "sh")
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a checkout, so that nothing is written into the real one."""
    for name in ("traces", "tasks", "prompts", "Makefile"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_printed(expected: str, printed: str) -> None:
    lines = [line.rstrip() for line in printed.splitlines()]
    for line in filter(str.strip, expected.splitlines()):
        pattern = ".*".join(re.escape(part) for part in line.rstrip().split("…"))
        assert any(re.fullmatch(pattern, got) for got in lines), f"README says {line!r}; printed was:\n{printed}"


@pytest.mark.parametrize("example", [e for e in examples() if e.language == "python"], ids=lambda e: e.name)
def test_python_block_runs_and_prints_what_it_says(example: Example, folder: Path) -> None:
    assert_printed(example.output, run([sys.executable, "-c", example.code], folder))


def commands() -> list[tuple[str, str]]:
    """Every `agentopt` command in a `sh` block, with the output said to follow the block's last one."""
    found = []
    for example in examples():
        if example.language == "sh":
            lines = [line.partition(" #")[0].strip() for line in example.code.splitlines()]
            asked = [line for line in lines if line.startswith("agentopt ") or line == "make demo"]
            found += [(line, example.output if line == asked[-1] else "") for line in asked]
    return found


@pytest.mark.parametrize(("command", "output"), commands(), ids=lambda value: value[:60])
def test_command_runs_and_prints_what_it_says(command: str, output: str, folder: Path) -> None:
    if command == "make demo":
        command = "agentopt demo"  # what it runs, without installing again
    if "inspect" in command or "keep" in command:
        run(["agentopt", "run", "branin", "--proposer", "perturb", "--evaluations", "5"], folder)
    assert_printed(output, run(shlex.split(command), folder))


def test_the_three_scripts_have_at_most_25_lines() -> None:
    scripts = [e for e in examples() if e.language == "python"]
    assert len(scripts) >= 3
    assert all(len(e.code.splitlines()) <= 25 for e in scripts[:3])


def test_readme_names_the_test_command_that_continuous_integration_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for command in ("make demo", "make test", "make check", "make wheel"):
        assert command in steps
        assert command in readme

"""A stranger's package is found by its entry point, set up from text, and keeps the same contract."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentopt as ao
from agentopt.optimizers.named import make_optimizer, plugins
from agentopt.proposers.base import settings_of
from agentopt.testing.contracts import OptimizerContract

PACKAGE = Path(__file__).parent.parent / "plugin"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package on the path, with the metadata that an installer writes from its pyproject."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    about = tmp_path / f"agentopt_annealing-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {where}" for name, where in points.items()))
    ]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(PACKAGE)
    yield
    sys.modules.pop("agentopt_annealing", None)


def test_it_is_listed_beside_the_built_in_ones() -> None:
    assert {"annealing", "greedy"} <= set(plugins("optimizers"))


def test_its_settings_are_read_from_text() -> None:
    expected = {"name": "annealing", "warmth": 2.0, "cooling": 0.5, "scale": 0.1}
    assert settings_of(make_optimizer("annealing:warmth=2,cooling=0.5", "perturb")) == expected


def test_a_run_uses_it_by_name() -> None:
    x = ao.Parameter(9.0, name="x", bounds=(0, 10))
    result = ao.optimize(
        lambda: x * 1.0,
        parameters=[x],
        feedback=lambda value: -value,
        optimizer="annealing:warmth=0.1",
        budget=ao.Budget(asks=60),
        out=None,
    )
    assert result.values["x"] < 2


class TestAnnealing(OptimizerContract):
    optimizer = "annealing"

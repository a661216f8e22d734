from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agentopt.sandbox import layers


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_project_on_the_import_path_stays_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "site-packages"
    monkeypatch.setattr(sys, "path", [*sys.path, "", str(tmp_path), str(packages)])

    readable = layers._readable_paths()

    assert packages in readable
    assert tmp_path not in readable
    assert Path() not in readable


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_checkout_around_the_package_stays_closed() -> None:
    package = Path(layers.__file__).resolve().parents[1]

    readable = [path.resolve() for path in layers._readable_paths()]

    assert package in readable
    assert package.parent not in readable or package.parent.name == "site-packages"

"""Imports go down the layers of CONTRIBUTING, or stay inside their folder; read from the source, not by importing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "agentopt"
LAYERS = (
    ("errors", "shelf", "canonical", "feedback", "budget"),
    ("sandbox", "llm", "prompts"),
    ("graph", "modeling"),
    ("instance", "space", "proposal", "candidate", "events"),
    ("evaluate", "store"),
    ("proposers", "selection", "surrogates"),
    ("optimizers",),
    ("task", "adapters"),
    ("curve", "past", "result", "review", "settings", "run", "loop"),
    ("journal", "handle", "session", "estimate", "contest", "doors"),
    ("catalog", "replay", "resumption", "integrations"),
    ("inspector",),
    ("cli", "testing"),
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
# Within one layer, these may use the ones after them; every other pair of one layer is sideways.
SAME_LAYER = {
    "feedback": {"errors"},
    "shelf": {"errors"},
    "canonical": {"errors"},
    "budget": {"errors"},
    "proposal": {"space"},
    "candidate": {"instance"},
    "events": {"candidate", "instance"},
    "proposers": {"surrogates"},
    "adapters": {"task"},
    "settings": {"review"},
    "run": {"past", "result", "review", "settings"},
    "loop": {"past", "result", "review", "run", "settings"},
    "result": {"curve"},
    "handle": {"journal"},
    "session": {"journal"},
    "replay": {"catalog"},
    "resumption": {"catalog"},
}


def unit(module: str) -> str:
    """The part of agentopt that a module belongs to: its folder, or the module itself."""
    return module.split(".")[1] if "." in module else module


def imports(path: Path) -> set[tuple[str, int]]:
    """Modules of agentopt that a file imports, anywhere in it, with the line."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module and node.module.split(".")[0] == "agentopt":
                found |= {(f"{node.module}.{alias.name}", node.lineno) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(a.name, node.lineno) for a in node.names if a.name.split(".")[0] == "agentopt"}
    return found


def complaints(importer: str, path: Path) -> list[str]:
    """Imports in `path`, a file of the unit `importer`, that go up or sideways."""
    found = []
    for module, line in sorted(imports(path)):
        imported = unit(module)
        if imported == importer:
            continue
        if imported not in LAYER:
            found.append(f"{path.name}:{line}: `{module}` is not imported from the module that defines it")
        elif LAYER[imported] == LAYER[importer] and imported not in SAME_LAYER.get(importer, set()):
            found.append(f"{path.name}:{line}: `{importer}` imports `{imported}` sideways")
        elif LAYER[imported] > LAYER[importer]:
            found.append(f"{path.name}:{line}: `{importer}` imports `{imported}`, which is above it")
    return found


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    relative = path.relative_to(PACKAGE).with_suffix("")
    assert relative.parts[0] in LAYER, f"`{relative.parts[0]}` has no layer; add it to LAYERS"
    assert complaints(relative.parts[0], path) == []


def test_an_import_that_goes_up_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "node.py"
    wrong.write_text("def f():\n    from agentopt.loop import optimize\n")
    assert complaints("graph", wrong) == ["node.py:2: `graph` imports `loop`, which is above it"]


def test_a_sideways_import_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "node.py"
    wrong.write_text("import agentopt.modeling.model\n")
    assert complaints("graph", wrong) == ["node.py:1: `graph` imports `modeling` sideways"]


def test_data_folders_hold_no_packages() -> None:
    root = PACKAGE.parent
    assert [p for folder in ("tasks", "prompts", "traces") for p in (root / folder).rglob("__init__.py")] == []

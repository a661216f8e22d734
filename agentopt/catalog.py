"""Finds tasks: a pack's folder, a pack on the shelf, or a record's reference to one.

A package adds adapters with the entry-point group `agentopt.adapters`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from agentopt.adapters.pipeline import pipeline_task
from agentopt.adapters.prompt import examples_task
from agentopt.errors import UsageError
from agentopt.shelf import shelf
from agentopt.task import Pack, Task, read_pack

_BUILT_IN = {
    "modeling": "agentopt.adapters.modeling:modeling_task",
    "numerical": "agentopt.adapters.numerical:numerical_task",
    "prompt": "agentopt.adapters.prompt:prompt_task",
}


def adapter_names() -> list[str]:
    """Kinds of packs there are adapters for, the built-in ones first."""
    found = sorted(point.name for point in entry_points(group="agentopt.adapters"))
    return [*_BUILT_IN, *(name for name in found if name not in _BUILT_IN)]


def _adapter(kind: str) -> Any:
    if kind in _BUILT_IN:
        module, _, name = _BUILT_IN[kind].partition(":")
        return getattr(import_module(module), name)
    for point in entry_points(group="agentopt.adapters"):
        if point.name == kind:
            return point.load()
    raise UsageError(f"there is no adapter for packs of kind `{kind}`; there are {', '.join(adapter_names())}")


def packs() -> list[Pack]:
    """The packs on the shelf, by kind and name."""
    return [read_pack(path.parent) for path in sorted(shelf("tasks").glob("*/*/task.toml"))]


def find_pack(name: str) -> Pack:
    """The pack that `name` means: a folder, `kind/name` on the shelf, or just its name there.

    Raises:
        UsageError: there is none, or several have that name.
    """
    try:
        if (Path(name) / "task.toml").is_file():
            return read_pack(Path(name))
    except OSError:  # no name a file can have
        pass
    known = [path.parent for path in sorted(shelf("tasks").glob("*/*/task.toml"))]
    found = [folder for folder in known if name in (folder.name, f"{folder.parent.name}/{folder.name}")]
    if len(found) == 1:
        return read_pack(found[0])
    if found:
        kinds = ", ".join(f"`{folder.parent.name}/{name}`" for folder in found)
        raise UsageError(f"`{name}` is in several places: {kinds}")
    raise UsageError(f"there is no task `{name}`; `agentopt list tasks` shows those there are")


def load_task(name: str) -> Task:
    """The task of a pack, by folder, by `kind/name`, or by name.

    Raises:
        UsageError: there is no such pack, or no adapter for its kind.
        FormatError: the pack is malformed.
    """
    pack = find_pack(name)
    task: Task = _adapter(pack.kind)(pack)
    return task


def task_of_record(reference: Mapping[str, Any]) -> Task:
    """The task a record was made of.

    Raises:
        UsageError: the record is of a workflow in the user's own code, or the pack is gone.
    """
    match reference:
        case {"kind": str(kind), "pack": str(name)}:
            return load_task(str(reference.get("folder") or f"{kind}/{name}"))
        case {"kind": "modeling", "instances": str(file), **settings}:
            # a record that names no library was made when programs were asked for with highspy
            return _called(pipeline_task, Path(file), {"library": "highspy", **settings})
        case {"kind": "prompt", "examples": str(file), **settings}:
            return _called(examples_task, Path(file), settings)
    raise UsageError(
        "this record is of a workflow in somebody's own code, so it cannot be run again from here; "
        "run that code with llm='replay:<trace>' instead"
    )


def _called(make: Callable[..., Task], path: Path, settings: Mapping[str, Any]) -> Task:
    try:
        inspect.signature(make).bind(path, **settings)
    except TypeError as error:
        raise UsageError(f"a record of `{path}` has settings that this agentopt does not know: {error}") from None
    return make(path, **settings)

"""What every adapter is: it makes tasks from packs of one kind."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from agentopt.errors import FormatError
from agentopt.shelf import shelf
from agentopt.task import Pack, Task

Adapter = Callable[[Pack], Task]
"""Makes the task of a pack; raises `FormatError` where the pack is not as the adapter needs it."""


def load_function(pack: Pack, file: str, name: str) -> Any:
    """The function `name` in the pack's Python file.

    Raises:
        FormatError: there is no such file or function, or the file raises when it is executed.
    """
    path = pack.folder / file
    if not path.is_file():
        raise FormatError(f"{pack.folder / 'task.toml'}: the file `{file}` does not exist")
    try:
        spec = importlib.util.spec_from_file_location(f"agentopt_pack_{pack.kind}_{pack.name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        raise FormatError(f"{path}: {type(error).__name__}: {error}") from error
    if not callable(getattr(module, name, None)):
        raise FormatError(f"{path}: defines no function `{name}`")
    return getattr(module, name)


def pack_reference(pack: Pack) -> dict[str, Any]:
    """How a record names the pack, so that a replay finds it again: on the shelf, or else in its folder."""
    is_on_shelf = pack.folder.resolve() == (shelf("tasks") / pack.kind / pack.name).resolve()
    return {"kind": pack.kind, "pack": pack.name} | ({} if is_on_shelf else {"folder": str(pack.folder.resolve())})

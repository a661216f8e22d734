"""What a program's solve calls leave behind: the models in order, and what could not be captured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

from agentopt.modeling.model import Model

_MOST_MODELS = 8


class CannotCapture(Exception):
    """A solve call whose model a `Model` cannot hold exactly. The message names the call and says why."""


@dataclass(kw_only=True)
class Recorder:
    """Collects while one program runs.

    Args:
        filename: what the program's frames are called; its local variables give names to columns.
        namespace: global variables of the program.
        solve_time_s: seconds that one solve inside the program may take. The answer comes from our own
            solve, the program's only has to let it go on.
        models: the last few models, oldest first; one that equals its predecessor is not repeated.
        solves: models seen in all, without such repetitions.
        solved: the objects that held the models, where there are such.
        renumbered: objects that lost columns or rows, so that the program's variables may point elsewhere.
        refused: why a solve could not be captured, one line each.
        raised: errors that a library of ours raised, which the program may have caught.
    """

    filename: str
    namespace: Mapping[str, Any]
    solve_time_s: float
    models: list[Model] = field(default_factory=list)
    solves: int = 0
    solved: list[object] = field(default_factory=list)
    renumbered: list[object] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)

    def record(self, build: Callable[[], Model]) -> Model | None:
        """Keeps and returns what `build` gives; what it refuses is kept as words, and the program goes on."""
        try:
            model = build()
        except CannotCapture as error:
            self.refused.append(str(error))
            return None
        if not self.models or self.models[-1] != model:
            self.solves += 1
            self.models = [*self.models, model][-_MOST_MODELS:]
        return model

    def variables(self, owner: object) -> list[Mapping[str, Any]]:
        """Variables of the program's frames that are running, innermost first, then its global ones.

        Args:
            owner: what the variables give names to; if it was renumbered, there are none.
        """
        if any(owner is known for known in self.renumbered):
            return []
        namespaces: list[Mapping[str, Any]] = []
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename == self.filename:
                namespaces.append(frame.f_locals)
            frame = frame.f_back
        return [*namespaces, self.namespace]


def is_instance(value: object, module: str, name: str) -> bool:
    """`value` is of the class `name` of `module`, which is not imported for the question."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


@dataclass(frozen=True, kw_only=True)
class Patch:
    """An attribute that was replaced, with what puts it back."""

    owner: Any
    name: str
    original: Any

    def undo(self) -> None:
        """Puts the original back."""
        setattr(self.owner, self.name, self.original)


def replace_attribute(owner: Any, name: str, replacement: Any) -> Patch:
    """Puts `replacement` at `owner.name`."""
    patch = Patch(owner=owner, name=name, original=getattr(owner, name))
    setattr(owner, name, replacement)
    return patch


@dataclass(frozen=True, kw_only=True)
class ModulePatch:
    """A module that stands under a name in `sys.modules`, with what was there before."""

    name: str
    original: ModuleType | None

    def undo(self) -> None:
        """Puts back what was there."""
        if self.original is None:
            sys.modules.pop(self.name, None)
        else:
            sys.modules[self.name] = self.original


def install_module(name: str, module: ModuleType) -> ModulePatch:
    """Makes `import name` find `module`."""
    patch = ModulePatch(name=name, original=sys.modules.get(name))
    sys.modules[name] = module
    return patch

"""`@module`: classes that hold parameters, each under a stable dotted name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from agentopt.graph.parameters import parameters_of
from agentopt.graph.source_export import export_source
from agentopt.graph.state import load, load_state_dict, save, state_dict
from agentopt.graph.trainable import Parameter

C = TypeVar("C", bound=type)


class Module:
    """What `@module` adds to a class. Inherit from it instead, where type checkers should see these methods."""

    __slots__ = ()
    __agentopt_module__ = True

    def parameters(self) -> dict[str, Parameter]:
        """The parameters by dotted name; see `parameters_of`."""
        return parameters_of(self)

    def state_dict(self) -> dict[str, Any]:
        """The parameters' values as JSON data; see `graph.state.state_dict`."""
        return state_dict(self)

    def load_state_dict(self, data: Mapping[str, Any]) -> None:
        """Sets the values that `state_dict` gave; see `graph.state.load_state_dict`."""
        load_state_dict(self, data)

    def save(self, path: str | Path) -> None:
        """Writes the values to a JSON file; see `graph.state.save`."""
        save(self, path)

    def load(self, path: str | Path) -> None:
        """Sets the values that `save` wrote; see `graph.state.load`."""
        load(self, path)

    def export(self, path: str | Path) -> None:
        """Writes the class with its trained values as plain Python; see `graph.source_export.export_source`."""
        export_source(self, path)


_METHODS = ("parameters", "state_dict", "load_state_dict", "save", "load", "export")


def module(cls: C) -> C:
    """Marks a class as holding parameters: in attributes and slots, lists, tuples, dicts, nested modules and bundles.

    It also gets the methods of `Module`, except where it has something of that name itself: an attribute, an
    annotation, or what it inherits; the functions (`agentopt.save(x, path)` …) work all the same. Parameters that
    are attributes of the class are shared by its instances; code of its trainable bundles is each instance's own
    once it is asked for (`instance.parameters()`, `instance.method.code`).
    """
    cls.__agentopt_module__ = True  # type: ignore[attr-defined]
    annotated = {name for base in cls.__mro__ for name in vars(base).get("__annotations__", ())}
    for name in _METHODS:
        if name not in annotated and not hasattr(cls, name):
            setattr(cls, name, vars(Module)[name])
    return cls

"""A state that notes which of its keys are read."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import Any

from agentopt.graph.showing import show
from agentopt.graph.structure import fields_of


class ReadingDict(dict[str, Any]):
    """A dict that calls `note` with every key whose value, or presence, is asked for.

    `{**state}`, `dict(state)` and calls with `**state` ask for every key: a dict with its own `__iter__` is copied
    by its methods, not by CPython's shortcut. Not noticed are `dict.copy(state)` and extension modules that
    read dicts in C. Copies, pickles and what `to_text` shows are those of a plain dict.
    """

    __slots__ = ("_note",)

    def __init__(self, state: Mapping[str, Any], note: Callable[[str], None]) -> None:
        super().__init__(state)
        self._note = note

    def _all(self) -> dict[str, Any]:
        for key in super().__iter__():
            self._note(key)
        return dict(zip(super().keys(), super().values()))

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            self._note(key)
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def pop(self, key: str, *default: Any) -> Any:
        self._note(key)
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        self._all()
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().setdefault(key, default)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # a view of a plain copy
        return self._all().items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return self._all().values()

    def copy(self) -> dict[str, Any]:
        return self._all()

    def __or__(self, other: Any) -> Any:
        return self._all() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._all()

    def __eq__(self, other: object) -> bool:
        return self._all() == other

    def __ne__(self, other: object) -> bool:
        return self._all() != other

    __hash__ = None  # as of every dict

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self._all(),)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return self.__reduce__()

    def to_text(self) -> str:
        """As a plain dict is shown; not a read."""
        return show(dict(zip(super().keys(), super().values())), None)


class Reading:
    """What one step read of a state.

    Args:
        state: as the step would get it: a dict, or an instance of a dataclass or pydantic model.
        is_whole: the step is handed all of the state, whichever keys it uses.

    Attributes:
        state: what the step gets.
    """

    def __init__(self, state: Any, *, is_whole: bool = False) -> None:
        self._keys: set[str] = set()
        self._start: Mapping[str, Any] = dict(state) if isinstance(state, dict) else _fields(state)
        is_tracked = type(state) is dict and not is_whole
        self.state = ReadingDict(state, self._note) if is_tracked else state
        if not is_tracked:
            self._keys.update(self._start)
        self._is_over = False

    def _note(self, key: str) -> None:
        if not self._is_over and key in self._start:
            self._keys.add(key)

    @property
    def values(self) -> dict[str, Any]:
        """The keys read so far, in the state's order, and the values that they had when it was handed over."""
        return {key: value for key, value in self._start.items() if key in self._keys}

    def end(self) -> None:
        """Later reads do not count."""
        self._is_over = True


def _fields(state: object) -> dict[str, Any]:
    return {name: getattr(state, name) for name in fields_of(state) or ()}

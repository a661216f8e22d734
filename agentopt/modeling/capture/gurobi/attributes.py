"""Attributes without regard to case, and the two errors of the dialect."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, MutableSequence
from typing import Any, ClassVar


class GurobiError(Exception):
    """What the program did wrong; programs catch it under this name, so that its text is noted in `_raised`."""

    _raised: ClassVar[MutableSequence[str]] = deque(maxlen=0)  # keeps nothing until a recorder's list stands here

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.errno = arguments[0] if len(arguments) > 1 else -1
        self.message = str(arguments[-1]) if arguments else ""
        self._raised.append(self.message)

    def __str__(self) -> str:
        return self.message


class Unsupported(GurobiError):
    """A call that means something for the model and that the dialect cannot express."""


class Attributed:
    """An object whose attributes are found in any spelling of capitals, as gurobipy's are.

    Args:
        SETTABLE: attributes that hold what was given to them, with their initial value.
        READABLE: attributes that `_read` computes.
    """

    SETTABLE: ClassVar[Mapping[str, Any]] = {}
    READABLE: ClassVar[tuple[str, ...]] = ()
    _spelling: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._spelling = {name.lower(): name for name in (*cls.SETTABLE, *cls.READABLE)}

    def __getattr__(self, name: str) -> Any:
        known = self._spelling.get(name.lower())
        if known is None or name.startswith("_"):
            raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}` in the gurobipy dialect")
        if known in self.__dict__:
            return self.__dict__[known]
        return self._default(known) if known in self.SETTABLE else self._read(known)

    def __setattr__(self, name: str, value: Any) -> None:
        known = self._spelling.get(name.lower(), name)
        if not name.startswith("_") and known not in self.SETTABLE:
            raise AttributeError(f"`{type(self).__name__}.{name}` cannot be set in the gurobipy dialect")
        self._write(known, value)

    def _default(self, name: str) -> Any:
        return self.SETTABLE[name]

    def _write(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def _read(self, name: str) -> Any:
        raise AttributeError(f"Unable to retrieve attribute '{name}'")

    def getAttr(self, name: str) -> Any:
        """The attribute called `name`."""
        return getattr(self, str(name))

    def setAttr(self, name: str, value: Any) -> None:
        """Sets the attribute called `name`."""
        setattr(self, str(name), value)

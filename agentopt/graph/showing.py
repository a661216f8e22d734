"""Values as short, stable text: no address, no hash order, bounded length."""

from __future__ import annotations

import math
import re
import reprlib
from typing import Any

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def estimate_tokens(text: str) -> int:
    """Tokens of `text`, estimated as one per four UTF-8 bytes, rounded up."""
    return math.ceil(len(text.encode("utf-8", "replace")) / 4)


class _Shown(reprlib.Repr):
    """`repr` with sets in sorted order, dicts in their own, and bounded nesting."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 8
        for limit in ("maxtuple", "maxlist", "maxdict", "maxset", "maxfrozenset", "maxdeque", "maxarray"):
            setattr(self, limit, 1000)
        for limit in ("maxstring", "maxlong", "maxother"):
            setattr(self, limit, 100_000)

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0:
            return "{...}" if x else "{}"
        shown = [f"{self.repr1(k, level - 1)}: {self.repr1(v, level - 1)}" for k, v in list(x.items())[: self.maxdict]]
        return "{" + ", ".join([*shown, *["..."] * (len(x) > self.maxdict)]) + "}"


def show(value: Any, max_chars: int = 600) -> str:
    """`value` as text of at most about `max_chars` characters, head and tail kept; never raises.

    An object with a method `to_text()` is shown by it, a string with line ends as it is, all else by `repr`.
    """
    try:
        text = _text_of(value)
    except Exception as error:  # noqa: BLE001  a broken __repr__ of a user's class must not end a run
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return shortened(_ADDRESS.sub("", text), max_chars)


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value if "\n" in value else _Shown().repr(value)
    if callable(getattr(type(value), "to_text", None)):
        return str(value.to_text())
    return _Shown().repr(value)


def shortened(text: str, max_chars: int) -> str:
    """`text` with its middle left out, and said so, where it is longer than `max_chars`."""
    if len(text) <= max_chars:
        return text
    head, tail = max_chars * 2 // 3, max_chars // 3
    return f"{text[:head]} …({len(text) - head - tail} characters left out)… {text[-tail:]}"


def failure_text(error: Exception, max_chars: int = 2000) -> str:
    """An exception in words: its type and message, and the notes attached to it."""
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    return shortened("\n".join([said, *getattr(error, "__notes__", ())]), max_chars)

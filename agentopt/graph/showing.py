"""Values as stable text: no address, no hash order, bounded length."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from agentopt.graph.structure import ATOMIC, fields_of

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_DEPTH = 100
_MEMBERS = 300
"""Of a longer container, the first and last members are shown where the length is bounded."""


def estimate_tokens(text: str) -> int:
    """Tokens of `text`, estimated as one per four UTF-8 bytes, rounded up."""
    return math.ceil(len(text.encode("utf-8", "replace")) / 4)


def show(value: Any, max_chars: int | None = 600) -> str:
    """`value` as text of at most about `max_chars` characters, head and tail kept; never raises.

    An object with a method `to_text()` is shown by it, a string with line ends as it is, containers by their
    members (sets sorted), all else by `repr` without the address.

    Args:
        max_chars: `None` shows everything.
    """
    is_text = isinstance(value, str) and "\n" in value
    text = str(value) if is_text else _Writer(is_bounded=max_chars is not None).text(value)
    return text if max_chars is None else shortened(text, max_chars)


class _Pair:
    """A key and its value, as one member of a dict."""

    def __init__(self, pair: tuple[Any, Any]) -> None:
        self.key, self.value = pair


class _Writer:
    """Writes one value. Where the text is to be short, long containers keep head and tail, and very many members
    in all are not asked for theirs."""

    def __init__(self, *, is_bounded: bool) -> None:
        self._is_bounded = is_bounded
        self._left = 3000

    def text(self, x: Any, above: tuple[int, ...] = ()) -> str:
        self._left -= 1
        if len(above) > _DEPTH or id(x) in above or (self._is_bounded and self._left < 0):
            return "..."
        above = (*above, id(x))
        if isinstance(x, (str, bytes)):
            is_long = self._is_bounded and len(x) > 100_000
            return repr(x[:50_000]) + repr(x[-50_000:]) if is_long else repr(x)
        if callable(getattr(type(x), "to_text", None)):
            return _own_text(x, x.to_text)
        if isinstance(x, _Pair):
            return f"{self.text(x.key, above)}: {self.text(x.value, above)}"
        if isinstance(x, dict):
            inside = ", ".join(self._members([_Pair(pair) for pair in x.items()], above))
            return f"{{{inside}}}" if type(x) is dict else f"{type(x).__name__}({{{inside}}})"
        if isinstance(x, list):
            return f"[{', '.join(self._members(x, above))}]"
        if isinstance(x, (tuple, set, frozenset)):
            return self._other_container(x, above)
        if (fields := fields_of(x)) is not None:
            return self._named(x, fields, [getattr(x, name) for name in fields], above)
        return _ADDRESS.sub("", _own_text(x, lambda: repr(x)))

    def _other_container(self, x: Any, above: tuple[int, ...]) -> str:
        if hasattr(x, "_fields"):
            return self._named(x, list(x._fields), list(x), above)
        if isinstance(x, tuple):
            return f"({', '.join(self._members(x, above))}{',' if len(x) == 1 else ''})"
        inside = ", ".join(self._cut(sorted(_Writer(is_bounded=self._is_bounded).text(m, above) for m in x)))
        if type(x) is set and inside:
            return f"{{{inside}}}"
        return f"{type(x).__name__}({{{inside}}})" if inside else f"{type(x).__name__}()"

    def _named(self, x: Any, names: Sequence[str], values: Sequence[Any], above: tuple[int, ...]) -> str:
        shown = ", ".join(f"{name}={self.text(value, above)}" for name, value in zip(names, values))
        return f"{type(x).__name__}({shown})"

    def _members(self, values: Sequence[Any], above: tuple[int, ...]) -> list[str]:
        if not self._is_bounded or len(values) <= _MEMBERS:
            return [self.text(value, above) for value in values]
        head, tail = values[: _MEMBERS * 2 // 3], values[-_MEMBERS // 3 :]
        left_out = f"…({len(values) - len(head) - len(tail)} left out)…"
        return [*(self.text(v, above) for v in head), left_out, *(self.text(v, above) for v in tail)]

    def _cut(self, texts: list[str]) -> list[str]:
        if not self._is_bounded or len(texts) <= _MEMBERS:
            return texts
        return [*texts[:_MEMBERS], f"…({len(texts) - _MEMBERS} left out)…"]


def _own_text(x: Any, tell: Callable[[], Any]) -> str:
    try:
        return str(tell())
    except Exception as error:  # noqa: BLE001  a broken __repr__ of a user's class must not end a run
        return f"<{type(x).__name__} whose repr raises {type(error).__name__}>"


def shortened(text: str, max_chars: int) -> str:
    """`text` with its middle left out, and said so, where it is longer than `max_chars`."""
    if len(text) <= max_chars:
        return text
    head, tail = max_chars * 2 // 3, max_chars // 3
    return f"{text[:head]} …({len(text) - head - tail} characters left out)… {text[-tail:] if tail else ''}"


def failure_text(error: Exception, max_chars: int = 2000) -> str:
    """An exception in words: its type and message, and the notes attached to it."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return shortened("\n".join([said, *getattr(error, "__notes__", ())]), max_chars)


def is_mutable(value: Any) -> bool:
    """Whether the value is of a kind whose later changes are detected: list, dict, set, bytearray or an array."""
    return isinstance(value, (list, dict, set, bytearray)) or (hasattr(value, "dtype") and hasattr(value, "shape"))


def is_small(value: Any, most: int = 50) -> bool:
    """Whether a list, dict or set consists of at most `most` plain values: numbers, short strings and the like."""
    pending, count = [value], 0
    while pending and count <= most:
        x = pending.pop()
        count += 1
        if type(x) in (list, set, tuple):
            pending.extend(x)
        elif type(x) is dict:
            pending.extend((*x, *x.values()))
        elif type(x) not in ATOMIC or (isinstance(x, (str, bytes)) and len(x) > 1000):
            return False
    return count <= most


def fingerprint(value: Any) -> int | None:
    """A number that changes when the value does; `None` for kinds whose changes are not detected.

    It is that of the text which `show` gives in 4,000 characters, so of long containers and arrays only what that
    text holds is compared. Takes some microseconds for small containers.
    """
    return hash(show(value, 4000)) if is_mutable(value) else None

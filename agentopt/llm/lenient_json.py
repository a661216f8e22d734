"""JSON as models write it: read where the meaning is plain, refused where it is not."""

from __future__ import annotations

import ast
import json
import math
import re

DOUBLE_QUOTED = r'"(?:[^"\\]++|\\.)*+'
SINGLE_QUOTED = r"'(?:[^'\\]++|\\.)*+"
"""Strings up to their closing quote, as regular expressions (with DOTALL)."""


class Unreadable(Exception):
    """Reading stopped `at` a place where something else was `expected`; `at` is the text's length where it ended."""

    def __init__(self, at: int, expected: str) -> None:
        self.at = at
        self.expected = expected


_BLANK = re.compile(r"(?:\s++|(?://|\#)[^\n]*+)*+")
_STRING = re.compile(rf"{DOUBLE_QUOTED}\"|{SINGLE_QUOTED}'", re.DOTALL)
_WORD = re.compile(r"[^\s,:{}\[\]\"'#]++")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_LITERALS: dict[str, object] = {"true": True, "false": False, "null": None}
_PYTHON_LITERALS: dict[str, object] = {"True": True, "False": False, "None": None}
_DEEPEST = 100


class _IsPython(Exception):
    """What is read is a Python literal: its strings follow other rules."""


class LenientReader:
    """Reads the value that starts at `at`, by recursive descent. After `Unreadable`, the counters say what was open.

    Attributes:
        at: where reading stands; after `read`, the end of the value.
        has_members: an object with a member was met, at any depth.
        open_braces, open_brackets: of the objects and arrays that reading is inside of.
    """

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self._start = at
        self._reset()

    def _reset(self, *, is_python: bool = False) -> None:
        self._is_python = is_python
        self.at = self._start
        self.has_members = False
        self.open_braces = 0
        self.open_brackets = 0

    def read(self) -> object:
        """The value.

        Raises:
            Unreadable: it is broken, or could mean more than one thing.
        """
        try:
            return self._value()
        except _IsPython:
            self._reset(is_python=True)
            return self._value()

    def _value(self) -> object:
        char = self._next()
        if self.open_braces + self.open_brackets > _DEEPEST:
            raise Unreadable(self.at, f"at most {_DEEPEST} levels")
        if char == "{":
            return self._object()
        if char == "[":
            return self._array()
        if char and char in "\"'":
            return self._string("a value")
        return self._scalar()

    def _next(self) -> str:
        blank = _BLANK.match(self._text, self.at)
        assert blank is not None
        self.at = blank.end()
        return self._text[self.at : self.at + 1]

    def _object(self) -> dict[str, object]:
        self.open_braces += 1
        self.at += 1
        members: dict[str, object] = {}
        while self._next() != "}":
            start = self.at
            key = self._string("a quoted key or `}`")
            if key in members:
                raise Unreadable(start, f"the key `{key[:40]}` only once")
            if self._next() != ":":
                raise Unreadable(self.at, f"`:` after the key `{key[:40]}`")
            self.at += 1
            self.has_members = True
            members[key] = self._value()
            self._comma("}")
        self.open_braces -= 1
        self.at += 1
        return members

    def _array(self) -> list[object]:
        self.open_brackets += 1
        self.at += 1
        members: list[object] = []
        while self._next() != "]":
            members.append(self._value())
            self._comma("]")
        self.open_brackets -= 1
        self.at += 1
        return members

    def _comma(self, closing: str) -> None:
        char = self._next()
        if char == ",":
            self.at += 1
        elif char != closing:
            raise Unreadable(self.at, f"`,` or `{closing}`")

    def _string(self, what: str) -> str:
        match = _STRING.match(self._text, self.at)
        if match is None:
            is_open = self._text[self.at : self.at + 1] in ('"', "'")
            raise Unreadable(len(self._text), "the closing quote") if is_open else Unreadable(self.at, what)
        token = match[0]
        if token[0] == "'" and not self._is_python:
            raise _IsPython
        try:
            value = _python_string(token) if self._is_python else _json_string(token)
            value.encode("utf-8")
        except (ValueError, SyntaxError):
            raise Unreadable(self.at, "a string of valid escapes and characters") from None
        self.at = match.end()
        return value

    def _scalar(self) -> object:
        match = _WORD.match(self._text, self.at)
        if match is None:
            raise Unreadable(self.at, "a value")
        word = match[0].partition("//")[0]
        if word in _PYTHON_LITERALS and not self._is_python:
            raise _IsPython
        if word in _LITERALS or word in _PYTHON_LITERALS:
            self.at += len(word)
            return (_LITERALS | _PYTHON_LITERALS)[word]
        value = _number(word)
        if value is None:
            raise Unreadable(self.at, "a finite number" if _NUMBER.fullmatch(word) else "a JSON value")
        self.at += len(word)
        return value


def _number(word: str) -> int | float | None:
    match = _NUMBER.fullmatch(word)
    if match is None:
        return None
    if match[1] or match[2]:
        value = float(word)
        return value if math.isfinite(value) else None
    try:
        return int(word)
    except ValueError:  # more digits than Python reads
        return None


_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


def _json_string(token: str) -> str:
    def escape(match: re.Match[str]) -> str:
        after = match[1]
        if after == "'":
            return "'"
        return match[0] if after[0] in '"\\/bfnrt' or len(after) == 5 else "\\\\" + after

    value = json.loads(_ESCAPE.sub(escape, token), strict=False)
    assert isinstance(value, str)
    return value


_PYTHON_ESCAPES = frozenset("\\'\"abfnrtvxNuU0123")


def _python_string(token: str) -> str:
    def escape(match: re.Match[str]) -> str:
        if match[1] in ("4", "5", "6", "7"):
            raise ValueError("an octal escape that may be none")
        return match[0] if match[1][0] in _PYTHON_ESCAPES else "\\\\" + match[1]

    one_line = _ESCAPE.sub(escape, token).replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\x00")
    value = ast.literal_eval(one_line)
    assert isinstance(value, str)
    return value

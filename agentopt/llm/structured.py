"""JSON out of what a model wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentopt.canonical import canonical
from agentopt.errors import ProposalError
from agentopt.llm.lenient_json import DOUBLE_QUOTED, SINGLE_QUOTED, LenientReader, Unreadable


class ReplyFormatError(ProposalError):
    """A reply holds no JSON value that can be read for certain; the message can be quoted to the model."""


def extract_json(text: str) -> object:
    """The JSON value that a model's reply gives as its answer: the last one, as models think first.

    Looked for are objects with members, arrays of such objects, and any object or array that is
    fenced or stands alone on its lines; never what stands inside of another value, inside
    `<think>…</think>`, or (unless there is nothing else) in a fence of another language than JSON.

    Read without complaint, since the meaning is plain: trailing commas, `//` and `#` comments, raw
    line ends and tabs in strings, backslashes that escape nothing, Python's quotes and literals.

    Raises:
        ReplyFormatError: there is none; the last one is broken (truncated, unescaped quotes, a key
            given twice, a number that is not finite …); or another one follows the fenced answer.
    """
    found = list(_Scanner(text).findings(0))
    thinking_end = text.find("</think>") + len("</think>")  # a server may swallow the opening tag
    if thinking_end >= len("</think>") and "<think>" not in text[:thinking_end]:
        is_quoted = any(f.error is None and f.start < thinking_end <= f.end for f in found)
        found = found if is_quoted else list(_Scanner(text).findings(thinking_end))
    return _answer(text, found).value


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """A value in the text or, with `error`, something that starts like one and cannot be read."""

    start: int
    end: int
    value: object = None
    error: Unreadable | None = None
    is_fenced: bool = False
    is_foreign: bool = False


def _answer(text: str, found: list[_Finding]) -> _Finding:
    own = [f for f in found if not f.is_foreign] or [f for f in found if f.error is None]
    if not own:
        raise ReplyFormatError(_nothing(text))
    answer = own[-1]
    if answer.error is not None:
        at = answer.error.at
        got = "the end of the reply" if at >= len(text) else f"`{text[at]}`"
        raise ReplyFormatError(
            f"the JSON that starts at {_place(text, answer.start)} cannot be read: expected {answer.error.expected}, "
            f"got {got} at {_place(text, at)}: {_excerpt(text, at)}"
        )
    fenced = next((f for f in reversed(own) if f.is_fenced and f.error is None), answer)
    if not answer.is_fenced and canonical(fenced.value) != canonical(answer.value):
        raise ReplyFormatError(
            f"the reply holds a fenced JSON value at {_place(text, fenced.start)} and a different one after it at "
            f"{_place(text, answer.start)}: {_excerpt(text, answer.start)}; expected one JSON value"
        )
    return answer


_OBJECT_START = re.compile(  # a first key with its colon, an empty object, or the text's end before that is known
    rf"""\{{ \s*+ (?: (?://|\#)[^\n]{{0,500}}+(?:\n|\Z) \s*+ ){{0,5}}+
    (?: \}} | \Z | (?:{DOUBLE_QUOTED}"|{SINGLE_QUOTED}') \s*+ (?::|\Z)
      | (?:{DOUBLE_QUOTED}|{SINGLE_QUOTED}) \\?+ \Z )""",
    re.VERBOSE | re.DOTALL,
)
_INTEREST = re.compile(r"[{}\[]|```|<think>")
_FENCE_LABEL = re.compile(r"[^\S\n]*([\w+#.-]*)")
_JSON_LABELS = frozenset({"", "json", "jsonc", "json5", "javascript", "js"})


class _Scanner:
    """One pass from left to right over what stands outside of values."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._fence: str | None = None  # label of the fence we are in
        self._prose_braces = 0  # open ones that start no value
        self._first = len(text) - len(text.lstrip())
        self._last_thinking_end = text.rfind("</think>")

    def findings(self, at: int) -> Iterator[_Finding]:
        last_start: int | None = None
        while match := _INTEREST.search(self._text, at):
            start, at = match.span()
            if match[0] == "```":
                at = self._pass_fence(at)
            elif match[0] == "<think>":
                at = self._pass_thinking(start, at)
            elif match[0] == "}" and self._prose_braces:
                self._prose_braces -= 1
            elif match[0] != "}":
                finding = self._value_at(start)
                if isinstance(finding, int):
                    at = finding
                    continue
                last_start, at = start, finding.end
                yield finding
            elif last_start is not None:  # quotes that were not escaped have ended a value too early
                yield self._broken(last_start, at, Unreadable(start, "no `}` without a `{`"))

    def _pass_fence(self, at: int) -> int:
        if self._fence is not None:
            self._fence = None
            return at
        label = _FENCE_LABEL.match(self._text, at)
        assert label is not None
        self._fence = label[1].lower()
        return label.end()

    def _pass_thinking(self, start: int, at: int) -> int:
        if start < self._last_thinking_end:
            return self._text.index("</think>", at) + len("</think>")
        return len(self._text) if start == self._first else at  # a mention of the tag, unless the reply starts with it

    def _value_at(self, start: int) -> _Finding | int:
        """What starts at this bracket, or where to go on when it is only prose."""
        is_object = self._text[start] == "{"
        if is_object and not _OBJECT_START.match(self._text, start):
            self._prose_braces += 1
            return start + 1
        reader = LenientReader(self._text, start)
        try:
            value = reader.read()
        except Unreadable as error:
            if not is_object and not reader.has_members and error.at < len(self._text):  # an interval such as [0, 1)
                self._prose_braces += reader.open_braces
                return max(error.at, start + 1)
            return self._broken(start, self._closing(reader, is_object, error.at), error)
        if not (reader.has_members or self._fence is not None or self._is_alone(start, reader.at)):
            return reader.at
        is_fenced = self._fence in _JSON_LABELS
        is_foreign = self._fence is not None and not is_fenced
        return _Finding(start=start, end=reader.at, value=value, is_fenced=is_fenced, is_foreign=is_foreign)

    def _is_alone(self, start: int, end: int) -> bool:
        """Whether nothing else stands on the lines of a value."""
        before = self._text[max(0, start - 100) : start].rpartition("\n")[2]
        after = self._text[end : end + 100].partition("\n")[0]
        return not before.strip() and not after.strip()

    def _broken(self, start: int, end: int, error: Unreadable) -> _Finding:
        is_foreign = self._fence is not None and self._fence not in _JSON_LABELS
        return _Finding(start=start, end=end, error=error, is_foreign=is_foreign)

    def _closing(self, reader: LenientReader, is_object: bool, at: int) -> int:
        """End of a broken value: where the brackets that are open at `at` have closed, whatever quotes say."""
        depth = reader.open_braces + (0 if is_object else reader.open_brackets)
        for match in (_BRACES if is_object else _BRACKETS).finditer(self._text, at):
            depth += 1 if match[0] in "{[" else -1
            if depth == 0:
                return match.end()
        return len(self._text)


_BRACES = re.compile(r"[{}]")
_BRACKETS = re.compile(r"[{}\[\]]")


def _place(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def _excerpt(text: str, at: int, width: int = 40) -> str:
    """The surroundings of a place, on one line."""
    start, end = max(0, at - width), min(len(text), at + width)
    shown = text[start:end].replace("\r", "\\r").replace("\n", "\\n")
    return f"`{'…' if start else ''}{shown}{'…' if end < len(text) else ''}`"


def _nothing(text: str) -> str:
    if not text.strip():
        return "the reply is empty; expected a JSON object"
    if "</think>" in text:
        return f"no JSON object follows the thinking; the reply ends with {_excerpt(text, len(text))}; expected one"
    if text.lstrip().startswith("<think>"):
        return "the reply ends inside <think>; expected a JSON object after </think>"
    brace = text.find("{")
    if brace < 0:
        return f"the reply holds no JSON object: {_excerpt(text, 0)}; expected one"
    return (
        f"the reply holds no JSON object: the `{{` at {_place(text, brace)} is not followed by a quoted key and a "
        f"colon: {_excerpt(text, brace)}"
    )

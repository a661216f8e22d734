"""The numbers in a text, in digits and in letters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_UNITS + _TEENS)} | {w: 10 * v for v, w in enumerate(_TENS, 2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "tenth": 10}
_VULGAR = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3}
_MULTIPLES = {"twice": 2, "double": 2, "triple": 3, "thrice": 3, "dozen": 12}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_NARROW = "\u00a0\u2009\u202f"  # spaces that separate thousands
_GROUPED = rf"\d{{1,3}}(?:,\d{{3}})+|\d{{1,2}}(?:,\d{{2}})+,\d{{3}}|\d{{1,3}}(?:[{_NARROW}]\d{{3}})+"
_DIGITS = rf"(?:{_GROUPED})(?!\d)(?:\.\d+)?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{{1,3}}(?!\w))?"
_TOKEN = re.compile(
    rf"(?P<date>\b\d{{4}}-\d\d-\d\d\b)|(?P<ordinal>\b\d+(?:st|nd|rd|th)\b)|"
    rf"(?P<fraction>(?<![\w.,/])(?:\d{{1,15}} )?\d{{1,15}}/\d{{1,15}}(?![\w/]))|"
    rf"(?P<vulgar>(?<![\w.])\d{{0,15}}[{''.join(_VULGAR)}])|"
    rf"(?P<digits>(?<![\w.])(?:{_DIGITS}))|(?P<word>[A-Za-z]+)"
)
_PERCENT = re.compile(r"\s*(?:%|\\%|percent\b|per cent\b)", re.IGNORECASE)
_CURRENCY = "USD|EUR|GBP|JPY|CNY|RMB|INR|CAD|AUD|CHF|Rs|RM|HK|US"
_LABEL = re.compile(rf"(?:\b(?!(?:{_CURRENCY})\b)[A-Z][A-Za-z]*|#|\bNo\.)\s*$")
_NAMED = re.compile(r"\b([A-Za-z]+) (\d+)\b(?![.,]\d)")
_LAST_WORD = re.compile(r"\b([A-Za-z]+) $")


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number in a text.

    Args:
        place: position of its first character.
        is_spelled: written in letters.
    """

    value: float
    place: int
    end: int
    is_percent: bool = False
    is_spelled: bool = False


def numbers_in(text: str) -> list[Number]:
    """The numbers in a text, in order: `1,200`, `2.5`, `3/4`, `60%`, `two hundred and five`, `two-thirds`, `a dozen`,
    `2 1/2`, `1½`, `two and a half`, `a thousand`, `2.5e3`.

    Left out are ordinals, dates such as `2024-05-01`, numbers in names (`x1`, `Node 3`; `pill 2` where there is also
    a `pill 1`), and those that number the lines of a list.
    """
    named = {m[1].lower() for m in _NAMED.finditer(text) if m[2] == "1"}
    named &= {m[1].lower() for m in _NAMED.finditer(text) if m[2] == "2"}
    return [n for n in _all_numbers(text) if not _is_label(text, n, named)]


def _all_numbers(text: str) -> Iterator[Number]:
    tokens = list(_TOKEN.finditer(text))
    at = 0
    while at < len(tokens):
        token = tokens[at]
        count = 1
        if token["word"]:
            count, value = _spelled(text, tokens, at)
            if count == 0:
                at += 1
                continue
            end = tokens[at + count - 1].end()
        else:
            if token["date"] or token["ordinal"]:
                at += 1
                continue
            value, end = _written(token), token.end()
            following = tokens[at + 1] if at + 1 < len(tokens) else None
            scale = _SCALES.get((following["word"] or "").lower()) if following else None
            if following and scale and not text[end : following.start()].strip():
                value, end, count = value * scale, following.end(), 2
        percent = _PERCENT.match(text, end)
        yield Number(
            value=value,
            place=token.start(),
            end=percent.end() if percent else end,
            is_percent=percent is not None,
            is_spelled=bool(token["word"]),
        )
        at += count


def _written(token: re.Match[str]) -> float:
    """The value of digits, of a fraction or of a character such as ½, with what is whole before it."""
    if token["digits"]:
        return float(re.sub(f"[,{_NARROW}]", "", token["digits"]))
    if token["vulgar"]:
        return int(token["vulgar"][:-1] or 0) + _VULGAR[token["vulgar"][-1]]
    *whole, parts = token["fraction"].split(" ")
    above, _, below = parts.partition("/")
    return sum(map(int, whole)) + int(above) / (int(below) or 1)


def _spelled(text: str, tokens: Sequence[re.Match[str]], at: int) -> tuple[int, float]:
    """How many words from `at` are one number, and which; 0 words where none starts there."""
    total, current, count = 0.0, 0.0, 0
    is_number = False
    for place in range(at, len(tokens)):
        word = (tokens[place]["word"] or "").lower()
        gap = text[tokens[place - 1].end() : tokens[place].start()] if place > at else ""
        if gap.strip(" -\u2010\u2011\t\n"):
            break
        if gap == "-" and word in _ORDINALS and current and not current % 10:
            return 0, 0.0
        if word == "and" and is_number and _half_follows(tokens, place):
            return place - at + 3, total + current + 0.5
        if word in _SMALL and not (is_number and current % 100 and _SMALL[word] >= 10):
            current, is_number = current + _SMALL[word], True
        elif word in _SCALES and (is_number or _follows_article(tokens, place)):
            current, is_number = (current if is_number else 1.0), True
            scale = _SCALES[word]
            current, total = (current * scale, total) if scale == 100 else (0.0, total + max(current, 1.0) * scale)
        elif word.rstrip("s") in _PARTS or word in _PARTS:
            below = _PARTS.get(word) or _PARTS[word.rstrip("s")]
            is_part = word in ("half", "halves", "quarter", "quarters") or is_number or _follows_article(tokens, place)
            return (place - at + 1, (total + current or 1.0) / below) if is_part else (count, total + current)
        elif word in _MULTIPLES and not (total or current):
            return place - at + 1, float(_MULTIPLES[word])
        elif word == "dozen":
            return place - at + 1, (total + current) * 12
        elif not (word == "and" and is_number and current >= 100):
            break
        if word != "and":
            count = place - at + 1
    return count, total + current


def _half_follows(tokens: Sequence[re.Match[str]], place: int) -> bool:
    return [(token["word"] or "").lower() for token in tokens[place + 1 : place + 3]] == ["a", "half"]


def _follows_article(tokens: Sequence[re.Match[str]], place: int) -> bool:
    return place > 0 and (tokens[place - 1]["word"] or "").lower() in ("a", "an", "one")


def _is_label(text: str, number: Number, named: set[str]) -> bool:
    if number.is_spelled or number.is_percent:
        return False
    line_start = text.rfind("\n", 0, number.place) + 1
    is_listed = not text[line_start : number.place].strip(" (-*") and text[number.end : number.end + 2].strip() in (
        ".",
        ")",
        ":",
    )
    before = text[max(0, number.place - 60) : number.place]
    is_named = (word := _LAST_WORD.search(before)) is not None and word[1].lower() in named
    return is_listed or is_named or _LABEL.search(before) is not None

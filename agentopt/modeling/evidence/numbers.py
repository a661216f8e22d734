"""Number coverage: numbers of the text that the model does not hold, and those of the model that the text does not say.

Measured on 90 reference models of NL4OPT: a warning for one, which lacks a limit of its text; with one row left out a
warning for 205 of 260, with one coefficient of a row changed for 459 of 461, with the model of another problem for 81.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.model import Model

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_UNITS + _TEENS)} | {w: 10 * v for v, w in enumerate(_TENS, 2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "tenth": 10}
_MULTIPLES = {"twice": 2, "double": 2, "triple": 3, "thrice": 3, "dozen": 12}
_FACTORS = (
    (re.compile(r"\b(?:second|minute|hour|day)s?\b", re.IGNORECASE), (60.0, 24.0)),
    (re.compile(r"\b(?:day|week|month|year)(?:s|ly)?\b", re.IGNORECASE), (7.0, 12.0, 52.0)),
    (re.compile(r"%|\b(?:cents?|percent|cm|meters?|metres?)\b", re.IGNORECASE), (100.0,)),
    (re.compile(r"\b(?:kg|km|mg|ml|grams?|tons?|tonnes?|liters?|litres?|thousand)\b", re.IGNORECASE), (1000.0,)),
)
"""Between units that a text names; a model may hold a number of the text times one of them."""

_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_TOKEN = re.compile(
    rf"(?P<fraction>(?<![\w.,/])\d+/\d+(?![\w/]))|(?P<digits>(?<![\w.])(?:{_DIGITS}))|(?P<word>[A-Za-z]+)"
)
_PERCENT = re.compile(r"\s*(?:%|\\%|percent\b|per cent\b)", re.IGNORECASE)
_LABEL = re.compile(r"(?:\b[A-Z][A-Za-z]*|#|\bNo\.)\s*$")
_NAMED = re.compile(r"\b([A-Za-z]+) (\d+)\b(?![.,]\d)")
_LAST_WORD = re.compile(r"\b([A-Za-z]+) $")
_EXCERPT = 30


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
    """The numbers in a text, in order: `1,200`, `2.5`, `3/4`, `60%`, `two hundred and five`, `two-thirds`, `a dozen`.

    Left out are numbers in names (`x1`, `Node 3`; `pill 2` where there is also a `pill 1`), and those that number the
    lines of a list.
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
            digits = token["digits"]
            above, _, below = (token["fraction"] or "").partition("/")
            value = float(digits.replace(",", "")) if digits else int(above) / (int(below) or 1)
            end = token.end()
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


def _spelled(text: str, tokens: Sequence[re.Match[str]], at: int) -> tuple[int, float]:
    """How many words from `at` are one number, and which; 0 words where none starts there."""
    total, current, count = 0.0, 0.0, 0
    is_number = False
    for place in range(at, len(tokens)):
        word = (tokens[place]["word"] or "").lower()
        gap = text[tokens[place - 1].end() : tokens[place].start()] if place > at else ""
        if gap.strip(" -\u2010\u2011\t\n"):
            break
        if word in _SMALL and not (is_number and current % 100 and _SMALL[word] >= 10):
            current, is_number = current + _SMALL[word], True
        elif word in _SCALES and is_number:
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


def literals_in(program: str) -> list[float]:
    """The numbers in the source of a Python program; none where it does not parse."""
    try:
        nodes = list(ast.walk(ast.parse(program)))
    except (SyntaxError, ValueError, RecursionError):
        return []
    values = [n.value for n in nodes if isinstance(n, ast.Constant)]
    return [float(v) for v in values if isinstance(v, (int, float)) and abs(v) < 1e300]


def model_numbers(model: Model) -> list[float]:
    """Every number that the model holds, infinite bounds left out."""
    found = [model.objective.constant, *model.objective.coefficients.values()]
    for column in model.columns:
        found += [column.lower, column.upper]
    for row in model.rows:
        found += [row.lower, row.upper, *row.coefficients.values()]
    return list(dict.fromkeys(value for value in found if math.isfinite(value)))


def number_findings(question: str, model: Model, literals: Iterable[float]) -> list[Finding]:
    """Numbers of the text that are used nowhere, and numbers of the model that come from nowhere.

    A number counts as used if the model or `literals` hold it, its share of 100, its complement or its inverse,
    or a sum, difference, product or quotient of it with another number of the text. So what is said is
    worth a look, and what is not said proves nothing.

    Args:
        question: the problem in words.
        literals: numbers in the program or document that the model was made from.
    """
    stated = numbers_in(question)
    held = {_key(value) for value in [*model_numbers(model), *literals]}
    counts = {_key(len(model.columns)), _key(len(model.rows))}
    values = list(dict.fromkeys(n.value for n in stated))[:200]
    factors = [factor for words, some in _FACTORS if words.search(question) for factor in some]
    # Numbers that the text says itself need no other one to be explained.
    computed = held - {_key(0), _key(1)}.union(*map(_forms, stated))
    missing: dict[str, Number] = {}
    for number in stated:
        is_count = number.is_spelled and (number.value <= 12 or _key(number.value) in counts)
        if number.value not in (0, 1) and not is_count and not _forms(number) & held:
            missing.setdefault(_key(number.value), number)
    explained = _explained(missing, values, factors, computed)
    found = []
    for number in (number for key, number in missing.items() if key not in explained):
        text = f"The problem says `{_excerpt(question, number)}`; the model holds no such number."
        found.append(Finding(check="numbers", subject=f"unused {number.value:.10g}", text=text))
    return [*found, *_invented(stated, values, factors, model)]


def _explained(
    missing: Mapping[str, Number], values: Sequence[float], factors: Sequence[float], computed: set[str]
) -> set[str]:
    """Those of the missing numbers that, with another one, give a number of the model, each of which serves once."""
    explained: set[str] = set()
    left = set(computed)
    for key, number in missing.items():
        for other in [*values, *factors]:
            if key in explained:
                break
            if other != number.value and (given := _combined(number.value, other) & left):
                left.discard(min(given))
                explained |= {key, _key(other)}
    return explained


def _invented(
    stated: Sequence[Number], values: Sequence[float], factors: Sequence[float], model: Model
) -> list[Finding]:
    sources = {key for number in stated for key in _forms(number)} | {_key(0), _key(1)}
    bases = [*values, *factors, *(n.value / 100 for n in stated if n.is_percent)]
    sources |= {key for a in values for b in bases for key in _combined(a, b)}
    strange = [v for v in model_numbers(model) if _key(v) not in sources and not _is_power_of_ten(v)]
    if not strange or len(strange) > len(values):  # so many are computed from the text, not invented
        return []
    listed = ", ".join(f"{value:.10g}" for value in strange[:8])
    text = f"The model holds {listed}, which the problem does not say and which no two of its numbers give."
    return [Finding(check="numbers", subject="invented", text=text, is_question=True)]


def _forms(number: Number) -> set[str]:
    v = number.value
    forms = {_key(v), _key(v / 100), _key(1 - v)} | ({_key(1 / v)} if v else set())
    return forms | {_key(1 - v / 100), _key(1 + v / 100)}


def _combined(a: float, b: float) -> set[str]:
    pairs = {_key(a * b), _key(a + b), _key(a - b)}
    return pairs | ({_key(a / b)} if b else set()) | ({_key(b / a)} if a else set())


def _key(value: float) -> str:
    """Equal for numbers that agree in 9 digits, whatever their sign."""
    return f"{abs(value):.9g}"


def _is_power_of_ten(value: float) -> bool:
    return abs(value) >= 1000 and math.log10(abs(value)).is_integer()


def _excerpt(text: str, number: Number) -> str:
    start, end = max(0, number.place - _EXCERPT), min(len(text), number.end + _EXCERPT)
    return " ".join(f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}".split())

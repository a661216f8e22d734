"""Number coverage: numbers of the text that the model does not hold, and those of the model that the text does not say.

Measured on 90 reference models of NL4OPT: a warning for one, which lacks a limit of its text; with one row left out a
warning for 205 of 260, with one coefficient of a row changed for 459 of 461, with the model of another problem for 81.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping, Sequence

from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.evidence.numerals import Number, numbers_in
from agentopt.modeling.model import Model

_FACTORS = (
    (re.compile(r"\b(?:second|minute|hour|day)s?\b", re.IGNORECASE), (60.0, 24.0)),
    (re.compile(r"\b(?:day|week|month|year)(?:s|ly)?\b", re.IGNORECASE), (7.0, 12.0, 52.0)),
    (re.compile(r"%|\b(?:cents?|percent|cm|meters?|metres?)\b", re.IGNORECASE), (100.0,)),
    (re.compile(r"\b(?:kg|km|mg|ml|grams?|tons?|tonnes?|liters?|litres?|thousand)\b", re.IGNORECASE), (1000.0,)),
)
"""Between units that a text names; a model may hold a number of the text times one of them."""

_EXCERPT = 30


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

"""Scorers of replies, by name: what of a reply must equal the answer, and what is said where it does not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from agentopt.adapters.syllables import syllables
from agentopt.errors import ProposalError, UsageError
from agentopt.feedback import Feedback
from agentopt.graph.showing import show
from agentopt.llm.structured import extract_json

Scorer = Callable[[str, str], Feedback]
"""Called with a reply and the answer; the score is from 0 to 1."""

_LONGEST_FIELD = 200
_NUMBER = re.compile(r"(?:(?<!\d)[-+−])?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:[eE][-+]?\d+)?")
_OPTION = re.compile(r"\(([A-Za-z])\)")
_BARE_OPTION = re.compile(r"(?:.*\banswer(?: is)?:?\s+)?\**([A-Z])\**[).:]?\.?", re.IGNORECASE)


def scorer_named(spec: str) -> Scorer:
    """The scorer that `spec` names; `number:0.01` is the scorer `number` with that absolute tolerance.

    Raises:
        UsageError: there is none, or its tolerance is no number from 0 on.
    """
    name, colon, tolerance = spec.partition(":")
    if name not in SCORERS or (colon and name != "number"):
        raise UsageError(f"there is no scorer `{spec}`; there are {', '.join(SCORERS)}, and number:TOLERANCE")
    if not colon:
        return SCORERS[name]
    try:
        allowed = float(tolerance)
    except ValueError:
        allowed = -1.0
    if not 0 <= allowed < math.inf:
        raise UsageError(f"scorer `{spec}`: the tolerance is {tolerance!r}; expected a number from 0 on")
    return lambda reply, answer: number(reply, answer, tolerance=allowed)


def grade(reply: str, fields: Mapping[str, Any], scorer: Scorer) -> Feedback:
    """What the scorer says of a reply to an example, and `why` the answer is right where the reply is not."""
    feedback = scorer(reply, fields["answer"].strip())
    if feedback.score == 1 or not fields.get("why"):
        return feedback
    return Feedback(feedback.score, f"{feedback.text} {fields['why']}")


def exact(reply: str, answer: str) -> Feedback:
    """The whole reply, but for space around it."""
    return _all_or_nothing(reply.strip() == answer, reply.strip(), answer)


def last_line(reply: str, answer: str) -> Feedback:
    """The last line that is not blank."""
    got = _last_line(reply)
    return _all_or_nothing(got == answer, got, answer)


def choice(reply: str, answer: str) -> Feedback:
    """The letter of an option: the last one in parentheses, or else alone on the last line or after "answer"."""
    got = _option(reply) or _last_line(reply)
    return _all_or_nothing(got == (_option(answer) or answer), got, answer)


def number(reply: str, answer: str, *, tolerance: float | None = None) -> Feedback:
    """The last number in the reply; thousands may have commas.

    Args:
        tolerance: absolute; 1e-6 relative where it is not given.

    Raises:
        UsageError: the answer has no number.
    """
    wanted = _last_number(answer)
    if wanted is None:
        raise UsageError(f"the answer {answer!r} has no number; use another scorer")
    got = _last_number(reply)
    if got is None:
        return Feedback(0.0, f"Expected {answer!r}, got no number: {show(reply.strip(), 200)}.")
    allowed = 1e-6 * abs(wanted) if tolerance is None else tolerance
    return _all_or_nothing(abs(got - wanted) <= allowed + 1e-12, f"{got:.12g}", answer)


def json_fields(reply: str, answer: str) -> Feedback:
    """The share of fields that are right, of all those wanted or given; names those that are wrong.

    A reply may have words or a code fence around its JSON object.

    Raises:
        UsageError: the answer is no JSON object.
    """
    wanted = _object(answer)
    if wanted is None:
        raise UsageError(f"the answer {answer!r} is no JSON object; use another scorer")
    got = _object(reply)
    if got is None:
        return Feedback(0.0, f"The reply holds no JSON object that can be read: {show(reply.strip(), 200)}.")
    names = list(dict.fromkeys([*wanted, *got]))
    wrong = [name for name in names if not _same(wanted, got, name)]
    if not wrong:
        return Feedback(1.0, "Correct.")
    said = [f"`{name}`: expected {_shown(wanted, name)}, got {_shown(got, name)}." for name in wrong]
    return Feedback(1 - len(wrong) / len(names), " ".join(said))


def verse(reply: str, answer: str) -> Feedback:
    """The share of lines with as many syllables as the answer (`5-7-5`) says; 0 for another number of lines.

    Blank lines do not count. Syllables are counted as `syllables` says, which errs on some words.

    Raises:
        UsageError: the answer is no such form.
    """
    if not re.fullmatch(r"[1-9]\d*(-[1-9]\d*)*", answer):
        raise UsageError(f"the answer {answer!r} is no form such as 5-7-5; use another scorer")
    wanted = [int(count) for count in answer.split("-")]
    lines = [line.strip() for line in reply.splitlines() if line.strip()]
    if len(lines) != len(wanted):
        return Feedback(0.0, f"Expected {len(wanted)} lines with {answer} syllables, got {len(lines)} lines.")
    counts = [syllables(line) for line in lines]
    wrong = [
        f"Line {place} has {got} syllables instead of {right}: {show(line, 200)}."
        for place, (got, right, line) in enumerate(zip(counts, wanted, lines), 1)
        if got != right
    ]
    return Feedback(1 - len(wrong) / len(wanted), " ".join(wrong) or "Correct.")


SCORERS: dict[str, Scorer] = {
    "exact": exact,
    "last_line": last_line,
    "choice": choice,
    "number": number,
    "json": json_fields,
    "verse": verse,
}
"""The scorers by the names that packs and the command line use."""


def _all_or_nothing(is_right: bool, got: str, answer: str) -> Feedback:
    return Feedback(1.0, "Correct.") if is_right else Feedback(0.0, f"Expected {answer!r}, got {show(got, 200)}.")


def _last_line(reply: str) -> str:
    return next((line.strip() for line in reversed(reply.splitlines()) if line.strip()), "")


def _option(text: str) -> str:
    """`(B)` where the text chooses B; empty where it chooses nothing."""
    found = _OPTION.findall(text)
    bare = _BARE_OPTION.fullmatch(_last_line(text))
    letter = found[-1] if found else bare[1] if bare else ""
    return f"({letter.upper()})" if letter else ""


def _last_number(text: str) -> float | None:
    found = [match for match in _NUMBER.findall(text) if any(map(str.isdigit, match))]
    return float(found[-1].replace(",", "").replace("−", "-")) if found else None


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = extract_json(text)
    except ProposalError:
        return None
    return found if isinstance(found, dict) else None


def _same(wanted: Mapping[str, Any], got: Mapping[str, Any], name: str) -> bool:
    """Equal as JSON, so that `true` is not 1."""
    if name not in wanted or name not in got:
        return False
    is_number = all(type(side[name]) in (int, float) for side in (wanted, got))
    if is_number:
        return bool(wanted[name] == got[name])
    return json.dumps(wanted[name], sort_keys=True) == json.dumps(got[name], sort_keys=True)


def _shown(fields: Mapping[str, Any], name: str) -> str:
    """The field as JSON, cut where it is long."""
    if name not in fields:
        return "no such field"
    text = json.dumps(fields[name], ensure_ascii=False)
    return text if len(text) <= _LONGEST_FIELD else f"{text[:_LONGEST_FIELD]}…"

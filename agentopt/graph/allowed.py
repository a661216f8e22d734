"""Which values a parameter may take: by kind, bounds, choices, steps and its own check.

A value may be written differently (`"3"` for 3, code in a fence), never changed in meaning.
"""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, assert_never

from agentopt.errors import ProposalError
from agentopt.graph.showing import show

if TYPE_CHECKING:
    from agentopt.graph.trainable import Parameter

_FENCED = re.compile(r"\A\s*```[\w+-]*\n(.*?)\n?```\s*\Z", re.DOTALL)


def check_value(parameter: Parameter, value: Any) -> Any:
    """`value` as one that `parameter` may take.

    Raises:
        ProposalError: it may not; the message names the parameter, what was got, and what is allowed.
    """
    coerced = _of_kind(parameter, value)
    if parameter.check is not None:
        try:
            complaint = parameter.check(coerced)
        except Exception as error:  # noqa: BLE001  a check refuses by raising
            complaint = str(error) or type(error).__name__
        if isinstance(complaint, str) and complaint:
            raise ProposalError(f"parameter `{parameter.name}`: {complaint}")
        if type(complaint).__name__ in ("bool", "bool_") and not complaint:  # numpy's False too
            raise ProposalError(f"parameter `{parameter.name}`: its check refuses {_said(value)}")
    return coerced


def _of_kind(parameter: Parameter, value: Any) -> Any:
    match parameter.kind:
        case "number":
            return _in_bounds(parameter, _number(parameter, value))
        case "integer":
            number = _number(parameter, value)
            if number != int(number):
                raise ProposalError(f"parameter `{parameter.name}` is an integer, the proposal gives {_said(value)}")
            return _in_bounds(parameter, int(number))
        case "choice":
            return _choice(parameter, value)
        case "prompt":
            return _text(parameter, value)
        case "code":
            text = _text(parameter, value)
            fenced = _FENCED.match(text)
            return fenced[1] + "\n" if fenced else text
        case "json":
            return _json(parameter, value)
        case _:
            assert_never(parameter.kind)


def _said(value: Any) -> str:
    return f"{show(value, 80)} ({type(value).__name__})"


def _number(parameter: Parameter, value: Any) -> float | int:
    number = value
    if isinstance(value, str):
        text = value.strip()
        try:
            number = json.loads(text[1:] if text[:1] == "+" and text[1:2].isdigit() else text)
        except (ValueError, RecursionError):
            number = None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not _is_finite(number):
        raise ProposalError(
            f"parameter `{parameter.name}` is a finite {parameter.kind}, the proposal gives {_said(value)}"
        )
    return float(number) if parameter.kind == "number" else number


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int that no float holds
        return False


def _in_bounds(parameter: Parameter, number: float) -> float:
    low, high = parameter.bounds or (None, None)
    if (low is not None and number < low) or (high is not None and number > high):
        allowed = f"from {'-inf' if low is None else low} to {'inf' if high is None else high}"
        raise ProposalError(f"parameter `{parameter.name}` must be {allowed}, the proposal gives {number!r}")
    if parameter.step:
        steps = (Fraction(number) - Fraction(low or 0)) / Fraction(repr(parameter.step))
        tolerance = Fraction(1, 10**9) * (1 if isinstance(number, int) else max(Fraction(1), abs(steps)))
        if abs(steps - round(steps)) > tolerance:
            raise ProposalError(
                f"parameter `{parameter.name}` goes in steps of {parameter.step} from {low or 0}, "
                f"the proposal gives {number!r}"
            )
    return number


def _choice(parameter: Parameter, value: Any) -> Any:
    for choice in parameter.choices:
        if type(choice) is type(value) and choice == value:
            return choice
    written = [c for c in parameter.choices if isinstance(value, str) and value.strip().lower() == str(c).lower()]
    if len(written) != 1:
        allowed = ", ".join(map(repr, parameter.choices))
        raise ProposalError(f"parameter `{parameter.name}` is one of {allowed}, the proposal gives {_said(value)}")
    return written[0]


def _text(parameter: Parameter, value: Any) -> str:
    if not isinstance(value, str):
        raise ProposalError(
            f"parameter `{parameter.name}` is text ({parameter.kind}), the proposal gives {_said(value)}"
        )
    return value


def _json(parameter: Parameter, value: Any) -> Any:
    present, read = parameter._leaf()._value, value
    if isinstance(value, str) and not isinstance(present, str):
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            raise ProposalError(
                f"parameter `{parameter.name}` is JSON data, the proposal gives {_said(value)}"
            ) from None
    if type(present) in (list, dict) and type(read) is not type(present):
        expected = type(present).__name__
        raise ProposalError(f"parameter `{parameter.name}` is a {expected}, the proposal gives {_said(value)}")
    return read

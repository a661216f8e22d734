"""What an evaluation says back: a score, words, or both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentopt.errors import UsageError


@dataclass(frozen=True)
class Feedback:
    """What is said about one output.

    Args:
        score: higher is better, always; `None` where there is only text, never NaN.
        text: words for the optimizer (and for people).
        objectives: further scores by name, higher is better, for multi-objective search.
        channels: named pieces of text that a proposer may show or hide, as LLF-Bench's
            reward, hindsight and future feedback (arXiv:2312.06853).
    """

    score: float | None = None
    text: str = ""
    objectives: Mapping[str, float] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.score is not None and math.isnan(self.score):
            raise UsageError("feedback `score` is NaN; give None, or -inf for a failure")


def as_feedback(said: object) -> Feedback:
    """`said` as a `Feedback`.

    Accepts what workflows naturally return: a `Feedback`, a number or bool (score), a string
    (text), an exception (text, score -inf), or a pair `(score, text)`.

    Raises:
        UsageError: anything else, naming its type.
    """
    match said:
        case Feedback():
            return said
        case bool() | int() | float():
            return Feedback(float(said))
        case str():
            return Feedback(text=said)
        case Exception():
            return Feedback(-math.inf, f"{type(said).__name__}: {said}".rstrip(": "))
        case (bool() | int() | float() as score, str() as text):
            return Feedback(float(score), text)
    if hasattr(said, "__float__") and not hasattr(said, "__len__"):  # numpy and torch scalars
        return Feedback(float(said))
    raise UsageError(
        f"feedback must be a Feedback, a number, a string, an exception or (score, text); got {type(said).__name__}"
    )

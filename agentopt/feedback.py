"""What an evaluation says back: a score, words, or both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentopt.errors import UsageError


class NaNScore(UsageError):
    """A score is not a number; an output that gives one has failed."""


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
        if self.score is not None:
            object.__setattr__(self, "score", _score(self.score))
        for name, objective in self.objectives.items():
            if isinstance(objective, (str, bytes)) or not hasattr(objective, "__float__"):
                raise UsageError(f"feedback objective `{name}` must be a number, got {type(objective).__name__}")


def _score(score: object) -> float:
    """`score` as a float; numbers, bools, one-element arrays and nodes are taken."""
    if isinstance(score, (str, bytes)) or not hasattr(score, "__float__"):
        raise UsageError(f"feedback `score` must be a number, got {type(score).__name__}")
    try:
        number = float(score)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"feedback `score` must be a number, got {type(score).__name__}: {error}") from None
    if math.isnan(number):
        raise NaNScore("feedback `score` is NaN; give None, or -inf for a failure")
    return number


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
        case str():
            return Feedback(text=said)
        case Exception():
            text = f"{type(said).__name__}: {said}" if str(said) else type(said).__name__
            return Feedback(-math.inf, text)
        case (None, str() as text):
            return Feedback(text=text)
        case (score, str() as text):
            return Feedback(_score(score), text)
    if hasattr(said, "__float__"):
        return Feedback(_score(said))
    raise UsageError(
        f"feedback must be a Feedback, a number, a string, an exception or (score, text); got {type(said).__name__}"
    )

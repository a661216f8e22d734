"""What LLF-Bench's feedback channels say of a point, from the slopes of the cost there.

Source: LLF-Bench, arXiv:2312.06853. Its environments know the move before; a measurement here knows its own values
only, so hindsight is about the move from the pack's start. A slope of zero, a number that was not moved, and a step
out of bounds are never spoken of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from agentopt.canonical import canonical
from agentopt.errors import UsageError
from agentopt.graph.trainable import Parameter

CHANNELS = {
    "r": "reward: the cost",
    "hp": "hindsight, positive: which moves away from the start were right",
    "hn": "hindsight, negative: which moves away from the start were wrong",
    "fp": "future, positive: what to do next",
    "fn": "future, negative: what not to do next",
    "g": "the slopes themselves, which LLF-Bench does not have",
}
_LLF_BENCH = ("r", "hp", "hn", "fp", "fn")

Slopes = Callable[..., Mapping[str, float]]
"""Called with the parameters' values by name: the slope of the cost along each of them that has one."""


def chosen_channels(asked: Sequence[str]) -> tuple[str, ...]:
    """The channels that `asked` means: their names, or alone `a` (those of LLF-Bench), `m` (one at random) or `n`.

    Raises:
        UsageError: an unknown one.
    """
    match list(asked):
        case ["a"]:
            return _LLF_BENCH
        case ["n"]:
            return ()
        case ["m"]:
            return ("m",)
    if unknown := [name for name in asked if name not in CHANNELS]:
        raise UsageError(f"`channels` has {unknown}; expected some of {', '.join(CHANNELS)}, or one of a, m, n alone")
    return tuple(dict.fromkeys(asked))


@dataclass(frozen=True, kw_only=True)
class Hints:
    """Says in channels where the cost falls.

    Args:
        channels: as `chosen_channels` returns them.
        parameters: with their bounds.
        start: what hindsight looks back at.
        seed: what `m` is drawn by, together with the values measured.
    """

    channels: tuple[str, ...]
    slopes: Slopes
    parameters: Mapping[str, Parameter]
    start: Mapping[str, float]
    seed: int = 0

    def given(self, values: Mapping[str, float]) -> tuple[str, ...]:
        """The channels of one measurement."""
        if self.channels != ("m",):
            return self.channels
        return (Random(f"channel:{self.seed}:{canonical(dict(values))}").choice(_LLF_BENCH),)

    def at(self, values: Mapping[str, float]) -> dict[str, str]:
        """Text by channel, for those given at these values that have something to say; the reward is not among them."""
        wanted = [channel for channel in self.given(values) if channel != "r"]
        if not wanted:
            return {}
        here = self.slopes(**values)
        before = self.slopes(**self.start)
        ahead = {name: -_sign(slope) for name, slope in here.items()}
        ahead = {name: way for name, way in ahead.items() if self._has_room(name, values[name], way)}
        moves = {name: _sign(values[name] - self.start[name]) for name in before}
        right = {name: move for name, move in moves.items() if move and move == -_sign(before[name])}
        wrong = {name: move for name, move in moves.items() if move and move == _sign(before[name])}
        said = {
            "hp": _sentence("Compared with the start, it was right to ", right),
            "hn": _sentence("Compared with the start, it was wrong to ", wrong),
            "fp": _sentence("", ahead) or "Keep every number as it is.",
            "fn": _sentence("Do not ", {name: -way for name, way in ahead.items()}, joint=" or "),
            "g": "Change of the cost per unit: " + ", ".join(f"{name} {slope:+.4g}" for name, slope in here.items()),
        }
        return {channel: said[channel] for channel in wanted if said[channel]}

    def _has_room(self, name: str, value: float, way: int) -> bool:
        """Whether there is a way to go and a bound does not forbid it."""
        low, high = self.parameters[name].bounds or (None, None)
        limit = high if way > 0 else low
        return way != 0 and (limit is None or value != limit)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _sentence(opening: str, ways: Mapping[str, int], *, joint: str = " and ") -> str:
    """`Increase x and decrease y.` after the opening; empty where nothing goes either way."""
    words = joint.join(f"{'increase' if way > 0 else 'decrease'} {name}" for name, way in ways.items())
    sentence = f"{opening}{words}."
    return sentence[0].upper() + sentence[1:] if words else ""

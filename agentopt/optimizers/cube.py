"""The numbers and choices of a space as one point of the unit cube, for searches that see nothing but scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentopt.errors import ProposalError
from agentopt.graph.trainable import Parameter
from agentopt.space import Space

Point = tuple[float, ...]
"""One coordinate in [0, 1] per number, integer or choice of a space, in the order of the space."""

NUMERIC_KINDS = ("number", "integer", "choice")
"""Kinds of parameters that have a coordinate."""

UNBOUNDED_REACH = 10.0
"""A side without a bound is searched so many times `1 + |start|` from the start."""


@dataclass(frozen=True)
class Axis:
    """One coordinate of a cube.

    Args:
        name: of the parameter.
        low, high: the values at 0 and at 1; of a choice, unused.
        places: how many values there are (steps, integers, choices); 0 for a continuum.
    """

    name: str
    parameter: Parameter
    low: float
    high: float
    places: int

    @property
    def is_choice(self) -> bool:
        """Whether its places have no order."""
        return self.parameter.kind == "choice"

    def value(self, coordinate: float) -> Any:
        """The parameter's value at this coordinate; coordinates beyond the cube are those of its wall."""
        inside = min(max(coordinate, 0.0), 1.0)
        place = min(int(inside * self.places), self.places - 1) if self.places else 0
        if self.is_choice:
            return self.parameter.choices[place]
        if not self.places:
            return self.low + inside * (self.high - self.low)
        step = self.parameter.step or 1
        value = self.low + place * step
        return round(value) if self.parameter.kind == "integer" else value

    def coordinate(self, value: Any) -> float:
        """Where this value lies, in [0, 1]; the middle of its place where there are places."""
        if self.is_choice:
            place = next((i for i, c in enumerate(self.parameter.choices) if type(c) is type(value) and c == value), 0)
            return (place + 0.5) / self.places
        if self.places:
            place = round((float(value) - self.low) / (self.parameter.step or 1))
            return (min(max(place, 0), self.places - 1) + 0.5) / self.places
        share = (float(value) - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return min(max(share, 0.0), 1.0)


class Cube:
    """The numbers, integers and choices of a space. Prompts, code and json are no part of it.

    A parameter without a bound on one side is searched up to `UNBOUNDED_REACH * (1 + |start|)` from its start there;
    give bounds where better ones are known.

    Args:
        start: the values around which unbounded sides are searched.
    """

    def __init__(self, space: Space, start: Mapping[str, Any]) -> None:
        self._space = space
        self.axes = tuple(
            _axis(name, parameter, start[name])
            for name, parameter in space.parameters.items()
            if parameter.kind in NUMERIC_KINDS
        )

    @property
    def dimension(self) -> int:
        """How many coordinates a point has."""
        return len(self.axes)

    def changes(self, point: Sequence[float]) -> dict[str, Any] | None:
        """The values at `point`, by parameter; `None` where a parameter's own check refuses one."""
        suggested = {axis.name: axis.value(c) for axis, c in zip(self.axes, point, strict=True)}
        try:
            return self._space.checked(suggested)
        except ProposalError:
            return None

    def point(self, values: Mapping[str, Any]) -> Point:
        """Where these values lie."""
        return tuple(axis.coordinate(values[axis.name]) for axis in self.axes)


def _axis(name: str, parameter: Parameter, start: Any) -> Axis:
    if parameter.kind == "choice":
        return Axis(name, parameter, 0.0, 1.0, len(parameter.choices))
    low, high = parameter.bounds or (None, None)
    reach = UNBOUNDED_REACH * (1 + abs(start))
    if parameter.kind == "integer":
        reach = round(reach)
    step = parameter.step or (1 if parameter.kind == "integer" else 0)
    if step and low is None:  # steps are counted from 0 where there is no lowest value
        low = round((start - reach) / step) * step
    low = start - reach if low is None else low
    high = start + reach if high is None else high
    places = int((high - low) / step + 1e-9) + 1 if step else 0
    return Axis(name, parameter, low, high, places)

"""Zeroth-order gradient descent from pairs of measurements."""

from __future__ import annotations

import math

from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_positive


class ZOTwoPoint(CubeSearch):
    """Measures both sides of a point along random directions, and steps along the slope, with a little noise.

    The noise lets it leave saddle points. The point itself is never measured: its neighbours, `reach` away, are.

    Args:
        pairs: directions per step, two measurements each.
        reach: distance to either side, in widths of the bounds.
        step: length of the first step; steps fall in a line to `last_step` over what the budget buys, or over 100
            measurements where it sets no limit.
        noise: standard deviation of the whole noise vector of a step, as a share of the step.

    Source: "Escaping saddle points in zeroth-order optimization: the power of two-point estimators",
    arXiv:2209.13555, with steps of set length, since scores have no scale that is known beforehand.
    """

    name = "zo-two-point"

    def __init__(
        self,
        *,
        pairs: int = 1,
        reach: float = 1e-3,
        step: float = 0.15,
        last_step: float = 0.015,
        noise: float = 0.05,
    ) -> None:
        require_positive(pairs=pairs, reach=reach, step=step, last_step=last_step)
        self.pairs = pairs
        self.reach = reach
        self.step = step
        self.last_step = last_step
        self.noise = noise

    def plan(self, scene: Scene) -> Plan:
        """One batch of pairs per step; a failed measurement makes no step."""
        point, rng = list(scene.start), scene.rng
        steps = max(1, (scene.horizon or 100) // (2 * self.pairs))
        for number in range(10**9):
            directions = [[rng.gauss(0, 1) for _ in point] for _ in range(self.pairs)]
            sides = [
                tuple(min(max(x + sign * self.reach * z, 0.0), 1.0) for x, z in zip(point, direction))
                for direction in directions
                for sign in (1, -1)
            ]
            scores = yield sides
            slope = [0.0] * len(point)
            for direction, up, down in zip(directions, scores[::2], scores[1::2]):
                if math.isfinite(up - down):
                    slope = [g + (up - down) * z for g, z in zip(slope, direction)]
            length = math.hypot(*slope)
            if length > 0:
                share = min(number / steps, 1.0)
                step = self.step + (self.last_step - self.step) * share
                spread = self.noise / math.sqrt(len(point))
                point = [
                    min(max(x + step * (g / length + rng.gauss(0, spread)), 0.0), 1.0) for x, g in zip(point, slope)
                ]

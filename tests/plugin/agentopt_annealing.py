"""Simulated annealing, as a package of its own would bring it."""

from __future__ import annotations

import math

from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene


class Annealing(CubeSearch):
    """Walks at random, and takes a worse point with a chance that falls as it cools.

    Args:
        warmth: a loss of so much is taken with chance 1/e in the beginning.
        cooling: factor of the warmth from one point to the next.
        scale: standard deviation of a step, in widths of the bounds.

    Source: Kirkpatrick, Gelatt and Vecchi 1983.
    """

    name = "annealing"

    def __init__(self, *, warmth: float = 1.0, cooling: float = 0.9, scale: float = 0.1) -> None:
        self.warmth = warmth
        self.cooling = cooling
        self.scale = scale

    def plan(self, scene: Scene) -> Plan:
        """One point at a time."""
        rng, here, here_score, warmth = scene.rng, scene.start, scene.start_score, self.warmth
        while warmth > 1e-9:
            there = tuple(min(max(x + rng.gauss(0, self.scale), 0.0), 1.0) for x in here)
            (score,) = yield [there]
            if score >= here_score or rng.random() < math.exp((score - here_score) / warmth):
                here, here_score = there, score
            warmth *= self.cooling

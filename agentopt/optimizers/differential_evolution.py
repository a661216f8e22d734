"""Differential evolution: differences between points of a population are the steps."""

from __future__ import annotations

from agentopt.errors import UsageError
from agentopt.optimizers.cube import Point
from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_positive


class DifferentialEvolution(CubeSearch):
    """Adds a scaled difference of two points to a third, mixes the sum with a fourth, and keeps the better.

    Args:
        population: points, the start among them; 4 or more.
        scale: of the difference; F in the source.
        crossover: chance that a coordinate is taken from the sum; CR in the source.

    Source: Storn and Price 1997, DE/rand/1/bin, with a generation measured at once.
    """

    name = "differential-evolution"

    def __init__(self, *, population: int = 10, scale: float = 0.6, crossover: float = 0.9) -> None:
        require_positive(scale=scale, crossover=crossover)
        if population < 4:
            raise UsageError(f"`population` is {population}; expected 4 or more")
        self.population = population
        self.scale = scale
        self.crossover = crossover

    def plan(self, scene: Scene) -> Plan:
        """A generation at a time; a child that is as good as its parent takes its place."""
        rng = scene.rng
        drawn = [tuple(rng.random() for _ in scene.start) for _ in range(self.population - 1)]
        scores = [scene.start_score, *(yield drawn)]
        points = [scene.start, *drawn]
        while True:
            children = [self._child(scene, points, place) for place in range(self.population)]
            found = yield children
            for place, (child, score) in enumerate(zip(children, found, strict=True)):
                if score >= scores[place]:
                    points[place], scores[place] = child, score

    def _child(self, scene: Scene, points: list[Point], place: int) -> Point:
        rng, others = scene.rng, [p for i, p in enumerate(points) if i != place]
        base, plus, minus = rng.sample(others, 3)
        kept = rng.randrange(len(base))  # at least one coordinate changes
        return tuple(
            min(max(b + self.scale * (p - m), 0.0), 1.0) if axis == kept or rng.random() < self.crossover else own
            for axis, (own, b, p, m) in enumerate(zip(points[place], base, plus, minus))
        )

"""Covariance matrix adaptation, by the package `cmaes`."""

from __future__ import annotations

import math

from agentopt.errors import UsageError
from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_package, require_positive


class CMAES(CubeSearch):
    """Learns the shape of the valley: each generation is drawn from a Gaussian fitted to the better half of the last.

    For numbers and integers; choices are treated as ordered, which wastes it on them: use `tpe` there. Needs the extra
    `cmaes`.

    Args:
        scale: first standard deviation, in widths of the bounds.
        population: points per generation; 4 + 3 ln(dimension) where not given.

    Source: Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772; the package's defaults.
    """

    name = "cmaes"

    def __init__(self, *, scale: float = 0.3, population: int | None = None) -> None:
        require_positive(scale=scale)
        if population is not None and population < 2:
            raise UsageError(f"`population` is {population}; expected 2 or more")
        require_package("cmaes", "cmaes", "optimizer `cmaes`")
        self.scale = scale
        self.population = population

    def plan(self, scene: Scene) -> Plan:
        """Generations, until the search has collapsed to a point."""
        import numpy as np
        from cmaes import CMA

        dimension = len(scene.start)
        search = CMA(
            mean=np.array(scene.start),
            sigma=self.scale,
            bounds=np.array([[0.0, 1.0]] * dimension),
            seed=scene.rng.randrange(2**32),
            population_size=self.population or 4 + int(3 * math.log(dimension)),
        )
        while not search.should_stop():
            points = [search.ask() for _ in range(search.population_size)]
            scores = yield [tuple(map(float, point)) for point in points]
            worst = min((s for s in scores if math.isfinite(s)), default=0.0)
            costs = [-s if math.isfinite(s) else 1 + abs(worst) - worst for s in scores]
            search.tell(list(zip(points, costs)))

"""The (1+1) evolution strategy: one parent, one child, the better stays."""

from __future__ import annotations

from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_positive


class OnePlusOne(CubeSearch):
    """Adds Gaussian noise to the best point, with steps that grow while they succeed.

    Args:
        scale: standard deviation of the first step, in widths of the bounds.

    Source: Rechenberg's one-fifth rule, in the form of Kern et al. 2004: a step is doubled by a better child and
    multiplied by 2^(-1/4) otherwise; bounded by 0.5 and 1e-9.
    """

    name = "one-plus-one"

    def __init__(self, *, scale: float = 0.2) -> None:
        require_positive(scale=scale)
        self.scale = scale

    def plan(self, scene: Scene) -> Plan:
        """One point at a time."""
        best, best_score, scale = scene.start, scene.start_score, self.scale
        while True:
            child = tuple(min(max(x + scene.rng.gauss(0, scale), 0.0), 1.0) for x in best)
            (score,) = yield [child]
            is_better = score > best_score
            if is_better:
                best, best_score = child, score
            scale = min(max(scale * (2.0 if is_better else 2.0**-0.25), 1e-9), 0.5)

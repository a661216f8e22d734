"""Random search: points drawn uniformly, each by itself."""

from __future__ import annotations

from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_positive


class RandomSearch(CubeSearch):
    """Draws numbers and choices uniformly; what every other search must beat.

    Args:
        batch: points measured together.

    Source: Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
    """

    name = "random"

    def __init__(self, *, batch: int = 8) -> None:
        require_positive(batch=batch)
        self.batch = batch

    def plan(self, scene: Scene) -> Plan:
        """Uniform points, without end."""
        while True:
            yield [tuple(scene.rng.random() for _ in scene.start) for _ in range(self.batch)]

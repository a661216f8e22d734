"""Sobol search: points that fill the cube evenly."""

from __future__ import annotations

from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_package, require_positive


class SobolSearch(CubeSearch):
    """A scrambled Sobol sequence over numbers and choices: as random search, with fewer gaps and clumps.

    Needs the extra `scipy`.

    Args:
        batch: points measured together; a power of two keeps every batch balanced.

    Source: Sobol' 1967, scrambled as in Owen 1998; `scipy.stats.qmc.Sobol`.
    """

    name = "sobol"

    def __init__(self, *, batch: int = 8) -> None:
        require_positive(batch=batch)
        require_package("scipy", "scipy", "optimizer `sobol`")
        self.batch = batch

    def plan(self, scene: Scene) -> Plan:
        """The sequence from its beginning, for as many points as 30 bits tell apart."""
        from scipy.stats.qmc import Sobol

        sequence = Sobol(len(scene.start), scramble=True, rng=scene.rng.randrange(2**32))
        for _ in range(2**30 // self.batch):
            yield [tuple(map(float, point)) for point in _drawn(sequence, self.batch)]


def _drawn(sequence: object, count: int) -> list[list[float]]:
    """The next points, without scipy's warning that a first batch is no power of two: balance is not relied on."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        points: list[list[float]] = sequence.random(count).tolist()  # type: ignore[attr-defined]  # scipy has no types
    return points

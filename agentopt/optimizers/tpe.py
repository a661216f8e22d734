"""Tree-structured Parzen estimator, by Optuna."""

from __future__ import annotations

import math
from typing import Any

from agentopt.optimizers.cube import Axis
from agentopt.optimizers.cube_search import CubeSearch, Plan, Scene
from agentopt.optimizers.settings import require_package, require_positive


class TPE(CubeSearch):
    """Models where good points lie and where the others do, and draws where the first is much denser.

    Choices are categories to it, without order. Needs the extra `optuna`.

    Args:
        batch: points drawn before the scores of any of them are known.
        startup: points drawn at random first.

    Source: Bergstra et al. 2011; `optuna.samplers.TPESampler(multivariate=True)`, which models coordinates jointly.
    """

    name = "tpe"

    def __init__(self, *, batch: int = 1, startup: int = 10) -> None:
        require_positive(batch=batch, startup=startup)
        require_package("optuna", "optuna", "optimizer `tpe`")
        self.batch = batch
        self.startup = startup

    def plan(self, scene: Scene) -> Plan:
        """Optuna's own ask and tell; a failure is told as one, and teaches it nothing."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        axes = scene.cube.axes
        sampler = optuna.samplers.TPESampler(
            seed=scene.rng.randrange(2**32), multivariate=len(axes) > 1, n_startup_trials=self.startup
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        spaces = {axis.name: _distribution(optuna, axis) for axis in axes}
        if math.isfinite(scene.start_score):
            told = {axis.name: _told(axis, x) for axis, x in zip(axes, scene.start)}
            study.add_trial(optuna.trial.create_trial(params=told, distributions=spaces, value=scene.start_score))
        while True:
            trials = [study.ask(spaces) for _ in range(self.batch)]
            scores = yield [tuple(_coordinate(axis, trial.params[axis.name]) for axis in axes) for trial in trials]
            for trial, score in zip(trials, scores, strict=True):
                failed = optuna.trial.TrialState.FAIL
                study.tell(trial, score) if math.isfinite(score) else study.tell(trial, state=failed)


def _distribution(optuna: Any, axis: Axis) -> Any:
    if axis.is_choice:
        return optuna.distributions.CategoricalDistribution(range(axis.places))
    return optuna.distributions.FloatDistribution(0.0, 1.0)


def _told(axis: Axis, coordinate: float) -> float:
    return min(int(coordinate * axis.places), axis.places - 1) if axis.is_choice else coordinate


def _coordinate(axis: Axis, told: float) -> float:
    return (told + 0.5) / axis.places if axis.is_choice else float(told)

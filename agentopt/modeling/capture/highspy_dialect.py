"""Programs that build their model with highspy: `Highs`, its expressions, or `passModel`."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from agentopt.modeling.capture.naming import bound_names
from agentopt.modeling.capture.recorder import CannotCapture, Patch, Recorder, replace_attribute
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.highs_model import from_highs

_RENUMBERING = ("deleteVars", "deleteCols", "deleteRows")


def watch(recorder: Recorder) -> list[Patch]:
    """Makes every solve of a `highspy.Highs` record its model first.

    `run` of the compiled class is the one door that `solve`, `optimize`, `minimize`, `maximize` and
    their threads go through. The solve then happens, silently and for a limited time.
    """
    import highspy

    compiled = highspy.highs._Highs
    run = compiled.run

    def recorded_run(self: Any) -> Any:
        recorder.record(lambda: model_of(self, recorder.variables(self)))
        recorder.solved.append(self)
        _limit(self, recorder)
        return run(self)

    start = highspy.Highs.__init__

    def silent_start(self: Any) -> None:
        start(self)
        self.silent()  # else the first thing a program prints is the banner of HiGHS

    patches = [
        replace_attribute(compiled, "run", recorded_run),
        replace_attribute(highspy.Highs, "__init__", silent_start),
    ]
    for name in _RENUMBERING:
        patches.append(replace_attribute(compiled, name, _marking(getattr(compiled, name), recorder)))
    return patches


def is_model(value: object) -> bool:
    """`value` is a `highspy.Highs`, asked without importing highspy."""
    highspy = sys.modules.get("highspy")
    return highspy is not None and isinstance(value, highspy.highs._Highs)


def model_of(highs: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:
    """The model inside a `highspy.Highs`, named after its own names, else after the program's variables.

    Raises:
        CannotCapture: it has several objectives, or is solved as something else.
    """
    import highspy

    if highs.getNumLinearObjectives() > 0:
        raise CannotCapture("highspy `addLinearObjective`: there are several objectives, a model has one")
    if highs.getOptionValue("solve_relaxation")[1]:
        raise CannotCapture("highspy option `solve_relaxation`: what is solved is not the model that was built")
    lp = highs.getLp()
    if any(kind.name == "kImplicitInteger" for kind in lp.integrality_):
        raise CannotCapture("highspy `kImplicitInteger`: columns are integer or they are not")
    owners = (highs, weakref.proxy(highs))  # variables hold their model by either

    def index_of(member: Any) -> int | None:
        return member.index if any(member.highs is owner for owner in owners) else None

    names = []
    for given, count, kind in (
        (lp.col_names_, lp.num_col_, highspy.highs.highs_var),
        (lp.row_names_, lp.num_row_, highspy.highs.highs_cons),
    ):
        derived = bound_names(namespaces, kind, index_of)
        given = list(given) or [""] * count
        names.append([name or derived.get(index, "") for index, name in enumerate(given)])
    return from_highs(lp, column_names=names[0], row_names=names[1], hessian=highs.getModel().hessian_)


def _limit(highs: Any, recorder: Recorder) -> None:
    """Settings that change how long the program's own solve takes and what it prints, not what it solves."""
    highs.setOptionValue("output_flag", False)
    if highs.getOptionValue("time_limit")[1] > recorder.solve_time_s:
        highs.setOptionValue("time_limit", recorder.solve_time_s)


def _marking(original: Any, recorder: Recorder) -> Any:
    """`original`, noting that the indices which variables hold may have moved."""

    def marked(self: Any, *args: Any) -> Any:
        recorder.renumbered.append(self)
        return original(self, *args)

    return marked

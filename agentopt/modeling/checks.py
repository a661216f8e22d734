"""What verification reports: one `Check` per claim, and the verdict they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["proved", "refuted", "not checked"]
TOLERANCE = 1e-6  # absolute in a row's own unit; relative, to at least 1, on objectives

# What has to hold for each status before a solution counts as certified.
_DECISIVE: Mapping[str, tuple[str, ...]] = {
    "optimal": ("feasibility", "objective", "optimality"),
    "infeasible": ("infeasibility",),
    "unbounded": ("feasibility", "unboundedness"),
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One claim, and what became of it.

    Args:
        is_exact: for `proved`: without any tolerance. A claim proved within tolerance says so in
            `detail` too.
        numbers: what the detail mentions, for programs.
    """

    name: str
    verdict: Verdict
    detail: str
    is_exact: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """All checks of one solution.

    Args:
        status: the solution's own status, which the checks are about.
        objective: recomputed exactly at the solution's point, as a float; `None` without a point.
    """

    status: str
    objective: float | None
    checks: tuple[Check, ...]

    @property
    def solver_verdict(self) -> Literal["certified", "checked", "unproven", "refuted"]:
        """How far the solver's answer to *this model* can be trusted; never a word on the model itself.

        `certified`: everything that decides the status is proved in exact arithmetic. `checked`: it
        holds within tolerance, or a second solver found the same. `refuted`: some check failed,
        the claimed number included. `unproven`: the rest.
        """
        verdicts = {check.name: check for check in self.checks}
        if any(check.verdict == "refuted" for check in self.checks):
            return "refuted"
        decisive = [verdicts[name] for name in _DECISIVE.get(self.status, ()) if name in verdicts]
        if not decisive:
            return "unproven"
        proved = [check for check in decisive if check.verdict == "proved"]
        if len(proved) == len(decisive):
            return "certified" if all(check.is_exact for check in proved) else "checked"
        # A second solver stands in for the proof of the status, never for the point.
        missing = {check.name for check in decisive} - {check.name for check in proved}
        second = verdicts.get("second solver")
        agrees = second is not None and second.verdict == "proved"
        return "checked" if agrees and missing == {_DECISIVE[self.status][-1]} else "unproven"

    def __str__(self) -> str:
        lines = [f"The solver says {self.status}; this is {self.solver_verdict}."]
        for check in self.checks:
            verdict = f"{check.verdict} exactly" if check.verdict == "proved" and check.is_exact else check.verdict
            lines.append(f"  {check.name}: {verdict}: {check.detail}")
        lines.append(
            "  model against text: not checked: that the model says what the problem says is not provable here"
        )
        return "\n".join(lines)

"""From a program's text to a verified answer: run elsewhere, captured, solved, checked, explained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agentopt.errors import UsageError
from agentopt.modeling import Model, Solution, Verification, verify
from agentopt.modeling.capture.libraries import libraries_of
from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.examine import examine
from agentopt.modeling.solvers.base import SecondSolver
from agentopt.sandbox.base import Limits, Outcome, Sandbox

HARNESS = "agentopt.modeling.capture.harness:capture"
MEMORY_MB = 4096
PROGRAM_S = 20.0
IMPORT_S = 30.0
"""More seconds for programs that import one of `SLOW_TO_IMPORT`: scipy and Pyomo take 3 s from a cold disk."""
SLOW_TO_IMPORT = frozenset({"scipy", "pyomo", "ortools", "cvxpy", "linopy"})
RELATIVE_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a program's model says about a problem.

    Args:
        status: `optimal`, `infeasible`, `unbounded` and the other statuses of `Solution`; `no_program` where the
            program failed or built no model.
        value: the optimum, recomputed exactly; `None` without one.
        text: what was found, in words, for whoever repairs the program.
        model, solution, verification: `None` where there is no model.
        draft: the program or document that it is of.
        findings: what a comparison with the problem's words found and no repair cleared.
        samples: the answers that this one was chosen from, itself included; empty where there was no choice.
        votes: how many of them say the same.
    """

    status: str
    value: float | None = None
    text: str = ""
    model: Model | None = None
    solution: Solution | None = field(default=None, repr=False)
    verification: Verification | None = None
    draft: str = field(default="", repr=False)
    findings: tuple[Finding, ...] = field(default=(), repr=False)
    samples: tuple[Answer, ...] = field(default=(), repr=False)
    votes: int = 1

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are to be repaired, without those that are to be decided."""
        return tuple(finding for finding in self.findings if not finding.is_question)

    @property
    def is_accepted(self) -> bool:
        """Proved as an answer to its model, no open warning, and, among several samples, said by at least half.

        That the model is the problem's is not proved by this; how often it is right is what a report measures.
        """
        is_agreed = 2 * self.votes >= len(self.samples)
        return bool(self.objectives["proved"]) and not self.warnings and is_agreed

    @property
    def verdict(self) -> str:
        """How far the solution can be trusted as one of this model; see `Verification.solver_verdict`."""
        return self.verification.solver_verdict if self.verification else "unproven"

    @property
    def objectives(self) -> dict[str, float]:
        """Rates to report: the program ran, its model was solved, its solution was proved (also within tolerance)."""
        is_solved = self.status in ("optimal", "infeasible", "unbounded")
        return {
            "executed": float(self.model is not None),
            "solved": float(is_solved),
            "proved": float(is_solved and self.verdict in ("certified", "checked")),
        }

    @property
    def summary(self) -> str:
        """One line."""
        if self.model is None:
            return self.text.partition("\n")[0]
        size = f"{len(self.model.columns)} variables, {len(self.model.rows)} constraints"
        optimum = "" if self.value is None else f" {self.value:.10g}"
        return f"{self.status}{optimum} ({size}), solver's answer {self.verdict}"

    @property
    def verification_lines(self) -> list[str]:
        """The checks, one line each."""
        return str(self.verification).splitlines()[1:] if self.verification else []

    def to_text(self) -> str:
        """How the graph shows it."""
        return self.summary


def answer_of(program: str, data: Any, sandbox: Sandbox, *, second_solver: SecondSolver | None = None) -> Answer:
    """Runs `program` in the sandbox, captures its model, and solves and verifies that outside of the program.

    Args:
        second_solver: asked where optimality could not be proved. Runs do without one, so that their scores and words
            do not depend on what else is installed.
    """
    limits = limits_of(program)
    outcome = sandbox.call(program, HARNESS, [data], limits=limits)
    if outcome.status != "ok":
        return Answer(status="no_program", text=_stopped(outcome, limits))
    captured = outcome.value
    if captured["error"] is not None:
        return Answer(status="no_program", text=_failed(program, captured["error"]))
    try:
        model = Model.from_json(captured["models"][-1])
    except UsageError as error:
        return Answer(status="no_program", text=f"The program's model is not a valid one: {error}")
    if not model.columns:
        return Answer(status="no_program", text="The program's model is empty: it has no variable.")
    return _examined(model, captured["notes"], sandbox, second_solver)


def answer_of_model(model: Model, sandbox: Sandbox) -> Answer:
    """Solves, verifies and explains a model that no program had to build."""
    return _examined(model, [], sandbox, None)


def _examined(model: Model, notes: list[str], sandbox: Sandbox, second_solver: SecondSolver | None) -> Answer:
    found = examine(model, sandbox)
    verification = found.verification
    if second_solver is not None and verification.solver_verdict == "unproven":
        verification = verify(model, found.solution, second_solver=second_solver)
    status = found.solution.status
    parts = [f"The model is {status}; as an answer to this model, that is {verification.solver_verdict}."]
    if verification.objective is not None:
        parts.append(f"Objective: {verification.objective:.10g}.")
    parts += [f"Note: {note}." for note in notes]
    return Answer(
        status=status,
        value=verification.objective,
        text="\n".join([*parts, found.explanation]),
        model=model,
        solution=found.solution,
        verification=verification,
    )


def limits_of(program: str) -> Limits:
    """What running `program` may use: more time where it imports a library that is slow to load."""
    wall_s = PROGRAM_S + (IMPORT_S if libraries_of(program) & SLOW_TO_IMPORT else 0.0)
    return Limits(wall_s=wall_s, memory_mb=MEMORY_MB)


def _stopped(outcome: Outcome, limits: Limits) -> str:
    reasons = {
        "timeout": f"The program was stopped after {limits.wall_s:g} s.",
        "memory": f"The program needed more than {limits.memory_mb} MiB of memory.",
        "output": f"The program printed more than {limits.output_kb} KiB, or returned too much.",
    }
    said = reasons.get(outcome.status, "The program ended abnormally.")
    return f"{said} {outcome.error}".strip()


def _failed(program: str, error: Mapping[str, Any]) -> str:
    lines, number = program.splitlines(), error.get("line")
    where = f" (line {number}: `{lines[number - 1].strip()}`)" if number and number <= len(lines) else ""
    trace = f"\n{error['traceback'].rstrip()}" if error.get("traceback") else ""
    return f"The program gave no model: {error['message']}{where}{trace}"


def is_same_value(value: float | None, reference: float) -> bool:
    """Whether `value` is the reference, within 1e-6 relative or half a unit of its last printed decimal."""
    if value is None or not math.isfinite(value) or not math.isfinite(reference):
        return False
    printed = Decimal(repr(float(reference))).normalize().as_tuple().exponent
    half_unit = 0.5 * 10.0**printed if isinstance(printed, int) and printed < 0 else 0.0
    return abs(value - reference) <= max(RELATIVE_TOLERANCE * max(1.0, abs(reference)), half_unit)

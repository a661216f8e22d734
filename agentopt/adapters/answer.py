"""From a program's text to a verified answer: run elsewhere, captured, solved, checked, explained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agentopt.errors import UsageError
from agentopt.modeling import Alternative, Evidence, Model, ModelVerdict, Report, Solution, Verification
from agentopt.modeling.capture.harness import CAPTURE
from agentopt.modeling.capture.libraries import GurobipySource, check_gurobipy, libraries_of
from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.examine import Depth, examine
from agentopt.modeling.solvers.base import SecondSolver
from agentopt.modeling.verification import with_second_opinion
from agentopt.sandbox.base import Limits, Outcome, Sandbox

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
        looks: what each look at the model, and at its fit to the problem's words, came to.
        findings: the warnings and questions among them that no repair cleared.
        is_cross_checked: a second solver and the relations of `metamorphic` are demanded.
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
    looks: tuple[Evidence, ...] = field(default=(), repr=False)
    findings: tuple[Finding, ...] = field(default=(), repr=False)
    is_cross_checked: bool = False
    samples: tuple[Answer, ...] = field(default=(), repr=False)
    votes: int = 1

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are to be repaired, without those that are to be decided."""
        return tuple(finding for finding in self.findings if not finding.is_question)

    @property
    def is_accepted(self) -> bool:
        """Proved as an answer to its model, no open warning, no missing check, and said by half of several samples.

        That the model is the problem's is not proved by this; how often it is right is what a report measures.
        """
        is_agreed = 2 * self.votes >= len(self.samples)
        return bool(self.objectives["proved"]) and not self.warnings and not self.missing and is_agreed

    @property
    def missing(self) -> tuple[str, ...]:
        """Checks that were demanded and could not run, each with the reason."""
        checks = self.verification.checks if self.verification and self.is_cross_checked else ()
        demanded = [c for c in checks if c.name == "second solver" or c.name.startswith("relation")]
        unable = [f"{c.name}: {c.detail}" for c in demanded if c.verdict == "not checked"]
        return (*unable, *(f"{look.name}: {look.detail}" for look in self.looks if look.result == "not checked"))

    @property
    def report(self) -> Report | None:
        """Both verdicts, on the solve and on the model, with what they rest on; `None` without a model."""
        if self.model is None or self.solution is None or self.verification is None:
            return None
        others = [s for s in self.samples if s.model is not None and (s.status, s.value) != (self.status, self.value)]
        return Report(
            model=self.model,
            solution=self.solution,
            verification=self.verification,
            model_verdict=ModelVerdict(evidence=self.looks),
            assumptions=tuple(finding.text for finding in self.findings if finding.is_question),
            alternatives=tuple(Alternative(value=s.value, why=f"another sample is {s.status}") for s in others),
            code=self.draft,
        )

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


def answer_of(
    program: str,
    data: Any,
    sandbox: Sandbox,
    *,
    depth: Depth = Depth(),
    second_solver: SecondSolver | None = None,
    gurobipy: GurobipySource = "dialect",
) -> Answer:
    """Runs `program` in the sandbox, captures its model, and solves and verifies that outside of the program.

    Args:
        second_solver: asked where optimality could not be proved, and at the level `rigorous` in any case. Runs at
            other levels do without one, so that their scores and words do not depend on what else is installed.
        gurobipy: what `import gurobipy` finds in the program: a dialect of ours, which needs no licence, or the
            `"installed"` package. Either way its model is solved and verified here, not by Gurobi.

    Raises:
        MissingDependency: the installed gurobipy is asked for, and there is none.
    """
    check_gurobipy(gurobipy)
    limits = limits_of(program)
    outcome = sandbox.call(program, CAPTURE, [data], {"gurobipy": gurobipy}, limits=limits)
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
    return _examined(model, captured["notes"], sandbox, depth, second_solver)


def answer_of_model(
    model: Model, sandbox: Sandbox, *, depth: Depth = Depth(), second_solver: SecondSolver | None = None
) -> Answer:
    """Solves, verifies and explains a model that no program had to build; see `answer_of`."""
    return _examined(model, [], sandbox, depth, second_solver)


def _examined(
    model: Model, notes: list[str], sandbox: Sandbox, depth: Depth, second_solver: SecondSolver | None
) -> Answer:
    found = examine(model, sandbox, depth)
    verification = found.verification
    is_cross_checked = depth.level == "rigorous"
    if second_solver is not None and (is_cross_checked or verification.solver_verdict == "unproven"):
        verification = with_second_opinion(verification, model, found.solution, second_solver)
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
        looks=found.looks,
        is_cross_checked=is_cross_checked,
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

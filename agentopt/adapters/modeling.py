"""Modeling packs: a program that builds an optimization model, solved and verified without trusting it.

`task.toml` holds the problem in `words`, optionally a first draft (`start`), and `[[instances]]`, each with its
`data` file and the reference: `optimum`, or `status = "infeasible"` or `"unbounded"`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from agentopt.adapters.answer import Answer, answer_of, is_same_value
from agentopt.adapters.base import pack_reference
from agentopt.errors import FormatError
from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.scope import active_sandbox
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter
from agentopt.instance import Instance, as_instances
from agentopt.modeling.solvers import scip
from agentopt.prompts import load_prompt
from agentopt.sandbox.base import Sandbox
from agentopt.sandbox.local import LocalSandbox
from agentopt.space import Space
from agentopt.task import Pack, Task

PRELOAD = ("numpy", "highspy")
EMPTY_PROGRAM = "import highspy\n\n\ndef build(data):\n    return highspy.Highs()\n"


@bundle
def solve_and_verify(program: str, data: Any) -> Answer:
    """Runs the program in the sandbox, takes the model it builds, solves it, and verifies the solution."""
    return answer_of(program, data, active_sandbox())


def modeling_task(pack: Pack) -> Task:
    """The task of a modeling pack.

    Score of one data set: 1 for the right answer; 0.5 for a model that is solved but has another optimum; 0.25 for a
    model that is infeasible or unbounded and should not be; 0 for a program that builds none. What is below 1
    only guides the search.

    Raises:
        FormatError: the pack lacks something.
    """
    program = Parameter(
        pack.get("start", str, EMPTY_PROGRAM),
        name="program",
        kind="code",
        check=check_program,
        doc="a module that defines build(data)",
    )

    def workflow(data: Any) -> Any:
        return solve_and_verify(program, data)  # type: ignore[arg-type]  # a parameter stands for its value

    workflow.__name__ = pack.name
    instances = _instances(pack)
    return Task(
        name=f"modeling/{pack.name}",
        workflow=trace(workflow),
        space=Space({"program": program}),
        instances=instances,
        feedback=judge,
        objective=load_prompt("modeling_program").fill(words=pack.get("words", str).strip()),
        failure_score=0.0,
        target=1.0,
        reference=pack_reference(pack),
        verifier=lambda values: verify_program(values["program"], instances),
        runs_code=True,
        preload=PRELOAD,
    )


def check_program(program: str) -> None:
    """Refuses text that cannot be a program of the convention.

    Raises:
        ValueError: it does not parse, or defines no `build`.
    """
    try:
        module = ast.parse(program)
    except SyntaxError as error:
        raise ValueError(f"the program does not parse: {error.msg} (line {error.lineno})") from None
    if not any(isinstance(d, ast.FunctionDef) and d.name == "build" for d in module.body):
        raise ValueError("the program must define `build(data)` at its top level")


def _instances(pack: Pack) -> list[Instance]:
    path, rows = pack.folder / "task.toml", []
    for number, row in enumerate(pack.get("instances", list), 1):
        if not isinstance(row, dict) or not isinstance(row.get("optimum", 0.0), (int, float)):
            raise FormatError(f"{path}: instance {number} must be a table, its `optimum` a number; got {row!r}")
        if "optimum" not in row and row.get("status") not in ("infeasible", "unbounded"):
            raise FormatError(f'{path}: instance {number} needs `optimum`, or `status` "infeasible" or "unbounded"')
        file = pack.folder / str(row.get("data"))
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FormatError(f"{file}: instance {number} has no readable JSON data: {error}") from None
        rows.append({**row, "data": data})
    return as_instances(rows, origin=f"{path}: instance")


def judge(answer: Answer, fields: Mapping[str, Any]) -> Feedback:
    """What the answer is worth for this data set, and what was found out about the model."""
    expected = fields.get("status", "optimal")
    is_right = answer.status == expected and (expected != "optimal" or is_same_value(answer.value, fields["optimum"]))
    if is_right and answer.verdict != "refuted":
        return Feedback(1.0, f"Right: {answer.summary}", objectives=answer.objectives)
    worth = {"optimal": 0.5, "infeasible": 0.25, "unbounded": 0.25}.get(answer.status, 0.0)
    said = f"Not the answer of the problem in words.\n{answer.text}"
    return Feedback(worth, said, objectives=answer.objectives)


@dataclass(frozen=True)
class ProgramVerification:
    """What was found about a program, data set by data set.

    Args:
        lines: instance id, whether the answer is the reference's, and the answer.
    """

    lines: tuple[tuple[str, bool, Answer], ...]

    @property
    def is_right(self) -> bool:
        """Whether every data set has its reference answer, and no check of it failed."""
        return all(is_right for _, is_right, _ in self.lines)

    def __str__(self) -> str:
        parts = []
        for instance, is_right, answer in self.lines:
            against = "equals the reference" if is_right else "is NOT the reference"
            parts.append(f"{instance}: {answer.summary}; {against}")
        unproved = [answer for _, _, answer in self.lines if answer.verdict != "certified"]
        shown = (unproved or [answer for _, _, answer in self.lines])[0]
        parts.append(f"the checks of {next(i for i, _, answer in self.lines if answer is shown)}, one by one:")
        return "\n".join(parts + [f"  {line.strip()}" for line in shown.verification_lines])


def verify_program(program: str, instances: list[Instance], sandbox: Sandbox | None = None) -> ProgramVerification:
    """Runs, solves and verifies a program on every data set, test included."""
    with ExitStack() as stack:
        place = sandbox or stack.enter_context(LocalSandbox(preload=PRELOAD))
        lines = []
        for instance in instances:
            answer = answer_of(program, instance.fields["data"], place, second_solver=scip.solve)
            lines.append((instance.id, judge(answer, instance.fields).score == 1.0, answer))
    return ProgramVerification(tuple(lines))

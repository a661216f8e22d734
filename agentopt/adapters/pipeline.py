"""From words to a verified model: a traced pipeline whose instruction is a parameter.

A model writes a program under the instruction; the program is run in the sandbox, its model is captured, solved
and verified outside; what was found goes back to the model for a repair, a few times. The label of a problem is
never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentopt.adapters.answer import Answer, answer_of, is_same_value
from agentopt.adapters.modeling import PRELOAD
from agentopt.errors import UsageError
from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.scope import active_sandbox
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter
from agentopt.instance import Split, as_instances, read_jsonl
from agentopt.llm.base import LLM, ask
from agentopt.prompts import load_prompt
from agentopt.space import Space
from agentopt.task import Task

_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL)


@bundle
def write_program(instruction: str, question: str, llm: LLM) -> str:
    """The program that the model writes for the problem."""
    prompt = load_prompt("modeling_pipeline").fill("user", instruction=instruction, question=question)
    return program_in(ask(llm, prompt))


@bundle
def repair_program(instruction: str, question: str, program: str, answer: Answer, llm: LLM) -> str:
    """The program again, after the model has seen what was found out about it."""
    prompt = load_prompt("modeling_pipeline")
    words = [
        prompt.fill("user", instruction=instruction, question=question),
        prompt.fill("repair", program=program, problem=answer.text),
    ]
    return program_in(ask(llm, "\n\n".join(words)))


@bundle
def run_and_verify(program: str) -> Answer:
    """Runs the program in the sandbox, solves the model it builds, and verifies the solution."""
    return answer_of(program, None, active_sandbox())


def program_in(reply: str) -> str:
    """The program in a reply: its last fenced block, or all of it where there is none."""
    blocks = _FENCE.findall(reply)
    return str(blocks[-1]) if blocks else reply


def pipeline_task(
    path: Path, *, ids: Sequence[str] | None = None, attempts: int = 3, split: Split | None = None
) -> Task:
    """A task from a JSON Lines file of problems in words.

    Fields: `question`; `answer` (a number, or null where infeasible or unbounded is right); optionally `answer_set`
    (several defensible numbers), `id`, `problem_type`. Without `answer` the problem has no label, and no score.

    Args:
        ids: only these problems.
        attempts: programs per problem, the first one included.
        split: put all problems into one split, instead of dealing them.

    Raises:
        FormatError: a line lacks `question`, or its `answer` is no number; names file and line.
        UsageError: an id is not in the file.
    """
    rows = [{"id": str(place), **row} for place, row in enumerate(read_jsonl(path, _complaint), 1)]
    if ids is not None:
        if unknown := [i for i in ids if i not in {str(row["id"]) for row in rows}]:
            raise UsageError(f"{path} has no problems with the ids {unknown}")
        rows = [row for row in rows if str(row["id"]) in set(ids)]
    instruction = Parameter(
        load_prompt("modeling_pipeline").fill("instruction"),
        name="instruction",
        doc="says how to write the program, before each problem",
    )

    def solve_in_words(question: str, llm: LLM) -> Any:
        program: Any = write_program(instruction, question, llm)  # type: ignore[arg-type]
        answer: Any = run_and_verify(program)
        for _ in range(attempts - 1):
            if answer.value.status == "optimal" and answer.value.verdict != "refuted":
                break
            program = repair_program(instruction, question, program, answer, llm)  # type: ignore[arg-type]
            answer = run_and_verify(program)
        return answer

    return Task(
        name=f"modeling/{path.stem}",
        workflow=trace(solve_in_words),
        space=Space({"instruction": instruction}),
        instances=as_instances(rows, origin=f"{path}: problem", default_split=split),
        feedback=grade,
        objective=load_prompt("modeling_pipeline_objective").fill(),
        failure_score=0.0,
        target=1.0,
        reference={
            "kind": "modeling",
            "instances": str(path),
            "ids": None if ids is None else list(ids),
            "attempts": attempts,
            "split": split,
        },
        runs_code=True,
        preload=PRELOAD,
    )


def _complaint(row: Mapping[str, Any]) -> str:
    if not isinstance(row.get("question"), str):
        return f"`question` must be a string, got {row.get('question')!r}"
    labels = row.get("answer_set") or []
    if not isinstance(labels, list) or not all(map(_is_number, labels)):
        return f"`answer_set` must be a list of numbers or null, got {labels!r}"
    if row.get("answer") is not None and not _is_number(row["answer"]):
        return f"`answer` must be a number or null, got {row['answer']!r}"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def grade(answer: Answer, fields: Mapping[str, Any]) -> Feedback:
    """1 for the labelled answer, 0 for another, no score without a label; and what was found out."""
    if "answer" not in fields:
        return Feedback(None, answer.text, objectives=answer.objectives)
    if fields["answer"] is None:
        is_right = answer.status in ("infeasible", "unbounded")
    else:
        labels = [fields["answer"], *(fields.get("answer_set") or ())]
        is_right = answer.status == "optimal" and any(is_same_value(answer.value, label) for label in labels)
    is_right = is_right and answer.verdict != "refuted"
    said = "The right answer." if is_right else "Not the right answer of the problem."
    return Feedback(float(is_right), f"{said}\n{answer.text}", objectives=answer.objectives)

"""Prompt packs: an instruction under which a model answers questions that have one right answer.

`task.toml` holds `start` (the instruction to begin with), `objective`, `scorer` (`exact` or `last_line`) and
`examples`, a JSON Lines file with `question`, `answer`, `split`, and `why` (shown to the optimizer on train).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agentopt.adapters.base import pack_reference
from agentopt.errors import UsageError
from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.showing import show
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter
from agentopt.instance import as_instances, read_jsonl
from agentopt.llm.base import LLM, ask
from agentopt.prompts import load_prompt
from agentopt.space import Space
from agentopt.task import DEFAULT_OBJECTIVE, Pack, Task

SCORERS: dict[str, Callable[[str], str]] = {
    "exact": str.strip,
    "last_line": lambda reply: next((line.strip() for line in reversed(reply.splitlines()) if line.strip()), ""),
}
"""What of a reply must equal the answer, by the scorer's name."""


@bundle
def answer(instruction: str, question: str, llm: LLM) -> str:
    """The model's reply to the question, under the instruction."""
    return ask(llm, load_prompt("prompt_task").fill(instruction=instruction, question=question))


def prompt_task(pack: Pack) -> Task:
    """The task of a prompt pack.

    Raises:
        FormatError: the pack or its examples lack something; names file and line.
    """
    examples = pack.folder / pack.get("examples", str)
    return examples_task(
        examples,
        name=f"prompt/{pack.name}",
        start=pack.get("start", str),
        objective=pack.get("objective", str, DEFAULT_OBJECTIVE),
        scorer=pack.get("scorer", str, "exact"),
        reference=pack_reference(pack),
    )


def examples_task(
    examples: Path,
    *,
    name: str,
    start: str,
    objective: str = DEFAULT_OBJECTIVE,
    scorer: str = "exact",
    seed: int = 0,
    reference: Mapping[str, Any] | None = None,
) -> Task:
    """A prompt task from a JSON Lines file of questions and answers.

    Args:
        start: the instruction to begin with.
        scorer: a name in `SCORERS`.
        seed: deals examples to splits, where the file does not.

    Raises:
        FormatError: a line lacks `question` or `answer`; names file and line.
        UsageError: no such scorer.
    """
    if scorer not in SCORERS:
        raise UsageError(f"there is no scorer `{scorer}`; there are {', '.join(SCORERS)}")
    rows = read_jsonl(examples, _complaint)
    instruction = Parameter(start, name="instruction", doc="given to the model before each question")

    def workflow(question: str, llm: LLM) -> str:
        return answer(instruction, question, llm)  # type: ignore[arg-type]  # a parameter stands for its value

    return Task(
        name=name,
        workflow=trace(workflow),
        space=Space({"instruction": instruction}),
        instances=as_instances(rows, seed=seed, origin=f"{examples}: example"),
        feedback=lambda reply, fields: grade(reply, fields, SCORERS[scorer]),
        objective=objective,
        failure_score=0.0,
        target=1.0,
        reference=reference
        or {
            "kind": "prompt",
            "examples": str(examples),
            "name": name,
            "start": start,
            "objective": objective,
            "scorer": scorer,
            "seed": seed,
        },
    )


def _complaint(row: Mapping[str, Any]) -> str:
    wrong = [key for key in ("question", "answer") if not isinstance(row.get(key), str)]
    return f"`{wrong[0]}` must be a string, got {row.get(wrong[0])!r}" if wrong else ""


def grade(reply: str, fields: Mapping[str, Any], scorer: Callable[[str], str]) -> Feedback:
    """1 for the right answer, 0 for any other, and what was expected, in words."""
    got, expected = scorer(reply), fields["answer"].strip()
    if got == expected:
        return Feedback(1.0, "Correct.")
    why = f" {fields['why']}" if fields.get("why") else ""
    return Feedback(0.0, f"Expected {expected!r}, got {show(got, 200)}.{why}")

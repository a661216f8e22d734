"""Prompt packs: an instruction under which a model answers questions that have one right answer.

`task.toml` holds `start` (the instruction to begin with), `objective`, `scorer` (a name in `scorers.SCORERS`) and
`examples`, a file with `question`, `answer`, `split`, and `why` (shown to the optimizer on train); see `examples`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentopt.adapters.base import pack_reference
from agentopt.adapters.examples import read_examples
from agentopt.adapters.scorers import Scorer, grade, scorer_named
from agentopt.errors import UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter
from agentopt.instance import as_instances
from agentopt.llm.base import LLM, ask
from agentopt.prompts import load_prompt
from agentopt.space import Space
from agentopt.task import DEFAULT_OBJECTIVE, Pack, Task


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
    columns: Mapping[str, str] | None = None,
    only: Mapping[str, str] | None = None,
    reference: Mapping[str, Any] | None = None,
) -> Task:
    """A prompt task from a file of questions and answers, JSON Lines or CSV.

    Args:
        start: the instruction to begin with.
        scorer: a name in `SCORERS`, or `number:TOLERANCE`.
        seed: deals examples to splits, where the file does not.
        columns: what the file calls a field, by the field's name; see `read_examples`.
        only: the examples with these values, where the file holds several tasks; see `read_examples`.

    Raises:
        FormatError: a line lacks `question` or `answer`, or the scorer cannot use the answer; names file and line.
        UsageError: no such scorer, or nothing to score.
    """
    judge = scorer_named(scorer)
    rows = read_examples(examples, columns=columns, only=only, check=lambda text: _complaint(judge, text))
    chosen = {"columns": columns, "only": only}
    instruction = Parameter(start, name="instruction", doc="given to the model before each question")

    def workflow(question: str, llm: LLM) -> str:
        return answer(instruction, question, llm)  # type: ignore[arg-type]  # a parameter stands for its value

    return Task(
        name=name,
        workflow=trace(workflow),
        space=Space({"instruction": instruction}),
        instances=as_instances(rows, seed=seed, origin=f"{examples}: example"),
        feedback=lambda reply, fields: grade(reply, fields, judge),
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
        }
        | {key: dict(value) for key, value in chosen.items() if value},
    )


def _complaint(judge: Scorer, expected: str) -> str:
    """What keeps the scorer from using this answer."""
    try:
        judge("", expected.strip())
    except UsageError as error:
        return str(error)
    return ""

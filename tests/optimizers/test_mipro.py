"""MIPRO finds the demonstration and the instruction that matter, and compares on the same instances."""

from __future__ import annotations

from typing import Any

import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.events import CandidateAdded, Evaluated, Event
from agentopt.llm.base import LLM
from agentopt.testing.llms import GarbageLLM, MutatorLLM

ROWS = [{"id": f"{split}{n}", "split": split, "question": f"q{n}"} for split in ("train", "dev") for n in range(8)]


def events(spec: str, model: LLM | None = None, *, evaluations: int = 200) -> list[Event]:
    """A run on a prompt that is worth more the more examples it holds, and more with the word `amber`."""
    found: list[Event] = []
    prompt = ao.Parameter("Mind: birch.", name="prompt", kind="prompt")

    @ao.bundle
    def answered(prompt: str, question: str) -> str:
        return f"{question}: {prompt.count('Example ')} {'amber' in prompt}"

    def workflow(question: Any) -> Any:
        return answered(prompt, question)  # type: ignore[arg-type]  # a parameter stands for its value

    def judge(output: str) -> tuple[float, str]:
        return 0.2 * min(int(output.split()[1]), 4) + 0.2 * ("True" in output), "It lacks amber in prompt."

    ao.optimize(
        workflow,
        parameters=[prompt],
        examples=ROWS,
        feedback=judge,
        optimizer=spec,
        proposer="reflect",
        llm=model or MutatorLLM(),
        budget=ao.Budget(evaluations=evaluations),
        out=None,
        on_event=found.append,
    )
    return found


def texts(found: list[Event]) -> list[str]:
    return [str(e.values["prompt"]) for e in found if isinstance(e, CandidateAdded)]


def test_demonstrations_are_runs_of_train_with_their_inputs_and_results() -> None:
    shown = next(text for text in texts(events("mipro")) if "Example 1" in text)
    assert "question: q" in shown
    assert "answer: q" in shown


def test_instructions_and_demonstrations_are_combined() -> None:
    assert any("amber" in text.partition("Example")[0] and "Example" in text for text in texts(events("mipro")))


def test_every_combination_is_measured_on_the_same_part_of_dev() -> None:
    found = events("mipro:subset=3,full_every=100,trials=6")
    by_candidate: dict[int, set[str]] = {}
    for e in found:
        if isinstance(e, Evaluated) and e.split == "dev":
            by_candidate.setdefault(e.candidate, set()).add(e.instance)
    parts = {frozenset(instances) for candidate, instances in by_candidate.items() if len(instances) < 8}
    assert len(parts) == 1
    assert sum(len(instances) == 8 for instances in by_candidate.values()) == 2


def test_a_run_that_is_not_good_is_no_demonstration() -> None:
    assert not any("Example" in text for text in texts(events("mipro:good=0.5")))


def test_a_model_that_answers_garbage_leaves_demonstrations_to_choose() -> None:
    assert any("Example" in text for text in texts(events("mipro", GarbageLLM(MutatorLLM(), share=1.0))))


def test_no_trials_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="trials"):
        events("mipro:trials=0")

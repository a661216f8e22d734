"""Ways into `optimize` that people know from elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.llm.scripted import ScriptedLLM

SETTINGS: dict[str, Any] = {"proposer": "perturb", "budget": ao.Budget(evaluations=60), "out": None}


def changing(**values: Any) -> ScriptedLLM:
    return ScriptedLLM([json.dumps({"changes": values})] * 9)


def test_one_number_is_improved() -> None:
    result = ao.optimize_anything(5.0, lambda x: -((x - 2) ** 2), **SETTINGS)
    assert abs(result.values["candidate"] - 2) < abs(5.0 - 2) / 2


def test_text_is_improved_from_findings() -> None:
    def evaluate(text: str) -> tuple[float, Mapping[str, Any]]:
        return -abs(len(text) - 3), {"length": len(text), "wanted": 3}

    llm = changing(candidate="abc")
    result = ao.optimize_anything("abcdef", evaluate, llm=llm, budget=ao.Budget(llm_calls=1), out=None)

    assert (result.values["candidate"], result.dev_start, result.dev_best) == ("abc", -3.0, 0.0)


def test_findings_reach_the_model() -> None:
    asked: list[str] = []

    def answer(request: Any) -> str:
        asked.append(request.messages[-1].content)
        return "no"

    llm = ScriptedLLM([answer] * 3)
    ao.optimize_anything(
        "x", lambda text: (0.0, {"missing": "a verb"}), llm=llm, budget=ao.Budget(llm_calls=1), out=None
    )
    assert "missing: a verb" in asked[0]


def test_several_values_with_rules_and_examples() -> None:
    seed = {"scale": ao.Parameter(1.0, name="scale", bounds=(0, 4)), "shift": 0.0}

    def evaluate(candidate: Mapping[str, float], example: Mapping[str, float]) -> float:
        assert set(candidate) == {"scale", "shift"}
        return -abs(candidate["scale"] * example["x"] + candidate["shift"] - example["y"])

    examples = [{"x": x, "y": 3.0 * x} for x in (1.0, 2.0, 4.0)]
    result = ao.optimize_anything(seed, evaluate, examples=examples, **SETTINGS)

    assert result.dev_start is not None
    assert result.dev_best is not None
    assert result.dev_best > result.dev_start
    assert 0 <= result.values["scale"] <= 4


def test_examples_come_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text('{"x": 1}\n{"x": 2}\n', encoding="utf-8")
    seen: list[int] = []
    ao.optimize_anything(1.0, lambda _, example: seen.append(example["x"]) or 0.0, examples=path, **SETTINGS)  # type: ignore[func-returns-value]
    assert set(seen) == {1, 2}


def test_an_evaluator_that_raises_is_a_failed_evaluation() -> None:
    def evaluate(x: float) -> float:
        raise ZeroDivisionError("no such thing")

    result = ao.optimize_anything(1.0, evaluate, **SETTINGS)
    assert result.dev_best == -math.inf


class Shift(ao.Module):
    """Adds a trainable number."""

    def __init__(self) -> None:
        self.by = ao.Parameter(0.0, name="by", bounds=(-5, 5))

    def __call__(self, x: float) -> Any:
        return x + self.by


def metric(example: Mapping[str, float], prediction: float) -> float:
    return -abs(prediction - example["y"])


def test_compiled_program_is_better_and_the_given_one_as_it_was() -> None:
    program = Shift()
    examples = [{"x": x, "y": x + 3.0} for x in (0.0, 1.0)]

    compiled = ao.compile(program, examples, valset=[{"x": 5.0, "y": 8.0}], metric=metric, **SETTINGS)

    assert type(compiled) is Shift
    assert program.by.value == 0.0
    assert abs(compiled.by.value - 3.0) < 3.0


def test_objects_with_bound_attributes_can_be_compiled() -> None:
    class Greeter:
        def __init__(self) -> None:
            self.greeting = "hello"

        def __call__(self, name: str) -> str:
            return f"{self.greeting}, {name}"

    program = Greeter()
    ao.bind(program, "greeting", choices=["hello", "bye"])
    settings = SETTINGS | {"target": 1.0}
    compiled = ao.compile(
        program,
        [{"name": "Ann", "y": "bye, Ann"}],
        metric=lambda example, said: float(said == example["y"]),
        **settings,
    )
    assert (compiled("Ann"), program("Ann")) == ("bye, Ann", "hello, Ann")


@pytest.mark.parametrize(
    "program", [lambda x: x, object(), ao.Parameter(1.0, name="x")], ids=["function", "object", "x"]
)
def test_what_cannot_be_compiled_is_refused(program: Any) -> None:
    with pytest.raises(UsageError, match="callable object that has parameters"):
        ao.compile(program, [{"x": 1.0}], metric=metric, **SETTINGS)

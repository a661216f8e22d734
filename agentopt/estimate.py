"""How far a budget goes: the search itself, on scores that are drawn and replies that are made up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from agentopt.budget import Budget
from agentopt.canonical import canonical
from agentopt.errors import UsageError
from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.tracing import trace
from agentopt.llm.base import LLM, Capability, Reply, Request, Usage, ask
from agentopt.llm.price import FREE, Price
from agentopt.loop import optimize
from agentopt.optimizers.base import Optimizer
from agentopt.proposers.base import Proposer
from agentopt.result import Result
from agentopt.task import Task

SIMULATED = ("evaluations", "asks", "llm_calls")
"""Limits that a simulation can reach; nobody knows beforehand how long texts and waits will be."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a budget buys, as the smallest and the largest number over simulated runs.

    Args:
        proposals: new candidates that are measured at least once.
        evaluations: the final test included.
        optimizer_calls: requests to the optimizer's model; each reply is taken to be usable.
        workflow_calls: requests to the workflow's model, reckoned as one per evaluation.
        reasons: why the runs ended.
        left_out: limits of the budget that were not simulated.
    """

    proposals: tuple[int, int]
    evaluations: tuple[int, int]
    optimizer_calls: tuple[int, int]
    workflow_calls: tuple[int, int]
    reasons: Sequence[str]
    left_out: Sequence[str]


def estimate(
    task: Task,
    *,
    optimizer: str | Mapping[str, Any] | Optimizer,
    proposer: str | Mapping[str, Any] | Proposer = "optoprime",
    budget: Budget,
    runs: int = 3,
) -> Estimate:
    """What `budget` buys on `task`, before anything is spent: neither workflow nor model is run.

    Scores are drawn anew for each candidate and instance, so a search that stops at a target, or that finds nothing
    better, will really be shorter or longer.

    Args:
        runs: simulated runs, each with another seed.

    Raises:
        UsageError: the budget limits nothing that can be simulated; and as `optimize`.
    """
    limits = {name: limit for name, limit in budget.limits().items() if name in SIMULATED}
    if not limits:
        raise UsageError(
            f"an estimate needs a limit on one of {', '.join(SIMULATED)}; the budget has {budget.limits()}"
        )
    found = [
        optimize(
            _simulated(task, seed),
            optimizer=optimizer,
            proposer=proposer,
            budget=Budget(**limits),  # type: ignore[arg-type]  # evaluations, asks and calls are whole numbers
            llm=_MadeUp(task),
            out=None,
            seed=seed,
            workers=1,
        )
        for seed in range(runs)
    ]
    return Estimate(
        proposals=_range([_measured(r) for r in found]),
        evaluations=_range([int(r.spent.get("evaluations", 0)) for r in found]),
        optimizer_calls=_range([_calls(r, "optimizer") for r in found]),
        workflow_calls=_range([_calls(r, "workflow") for r in found]),
        reasons=list(dict.fromkeys(r.reason for r in found)),
        left_out=[name for name in budget.limits() if name not in SIMULATED],
    )


def _range(numbers: Sequence[int]) -> tuple[int, int]:
    return min(numbers), max(numbers)


def _measured(result: Result) -> int:
    assert result.archive is not None, "a run just made has one"
    return sum(bool(result.archive.evaluations(c.id)) for c in result.archive.candidates[1:])


def _calls(result: Result, role: str) -> int:
    return int(result.spent_by.get(role, {}).get("llm_calls", 0))


def _simulated(task: Task, seed: int) -> Task:
    """The task with a workflow that reads every parameter, and returns at once what chance says."""
    names = list(task.space.parameters)

    @bundle
    def program(*values: object) -> str:
        return canonical([repr(value) for value in values])

    def asks_a_model(llm: LLM) -> Any:
        ask(llm, names[0])
        return alone()

    def alone() -> Any:
        return program(*task.space.parameters.values())

    def judge(output: str, fields: Mapping[str, Any]) -> Feedback:
        return Feedback(Random(f"{seed}:{output}:{fields['number']}").random(), "So far, so good.")

    numbered = [replace(i, fields={"number": number}) for number, i in enumerate(task.instances)]
    workflow = trace(asks_a_model if task.needs_llm else alone)
    return replace(task, workflow=workflow, instances=numbered, feedback=judge, target=None, is_deterministic=False)


class _MadeUp:
    """Fills the form of a request with values that a parameter of that name may have, another one each time."""

    name = "scripted:estimate"
    answered_by = "script:estimate"
    capabilities: frozenset[Capability] = frozenset({"json_schema"})
    price: Price = FREE

    def __init__(self, task: Task) -> None:
        self._parameters = task.space.parameters
        self._rng = Random(0)

    def complete(self, request: Request) -> Reply:
        """A reply in the form that was asked for."""
        value = self._value("", request.schema or {"type": "string"}, request)
        text = value if isinstance(value, str) else json.dumps(value)
        return Reply(text=text, model="estimate", usage=Usage(cost_usd=0.0))

    def _value(self, name: str, schema: Mapping[str, Any], request: Request) -> Any:
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        if "anyOf" in schema:
            return self._value(name, schema["anyOf"][0], request)
        match schema.get("type"):
            case "object":
                return {key: self._value(key, of, request) for key, of in schema.get("properties", {}).items()}
            case "array":
                return [self._value(name, schema["items"], request) for _ in range(schema.get("minItems", 4))]
            case "integer" | "number":
                return self._number(name, is_whole=schema["type"] == "integer")
        return self._text(name)

    def _number(self, name: str, *, is_whole: bool) -> float:
        low, high = (self._parameters[name].bounds if name in self._parameters else None) or (None, None)
        low, high = 0.0 if low is None else low, 1000.0 if high is None else high
        return self._rng.randint(round(low), round(high)) if is_whole else self._rng.uniform(low, high)

    def _text(self, name: str) -> str:
        number = self._rng.randrange(10**9)
        if name not in self._parameters:
            return f"Text {number}."
        mark = "\n# " if self._parameters[name].kind == "code" else " "
        return f"{self._parameters[name].value}{mark}{number}"

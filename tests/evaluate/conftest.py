"""An engine with what it needs, for any workflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget, Ledger
from agentopt.candidate import Archive, Evaluation, Trial
from agentopt.evaluate.engine import Engine
from agentopt.graph.tracing import Trace
from agentopt.instance import Instance, Split
from agentopt.llm.base import LLM
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.retrying import RetryingLLM
from agentopt.llm.scripted import Scripted, ScriptedLLM
from agentopt.sandbox.local import LocalSandbox
from agentopt.task import Task, as_task


def instances(count: int, split: Split = "train") -> list[Instance]:
    return [Instance(id=f"i{n}", split=split, fields={"x": n}) for n in range(count)]


class Bench:
    """An engine with what it needs, and everything it said."""

    def __init__(
        self,
        task: Task,
        *,
        budget: Budget = Budget(),
        replies: Sequence[Scripted] = (),
        workers: int = 8,
        **settings: Any,
    ) -> None:
        self.ledger = Ledger(budget)
        self.archive = Archive()
        self.said: list[Evaluation] = []
        self.traces: list[Trace | None] = []
        self.exchanges: list[Exchange] = []
        self.sandbox = LocalSandbox()
        llm = RecordedLLM(ScriptedLLM(replies), ledger=self.ledger, on_exchange=self.exchanges.append, role="workflow")
        self.engine = Engine(
            task=task,
            instances={i.id: i for i in task.instances},
            ledger=self.ledger,
            llm=llm if replies else None,
            retrying=_retrying,
            sandbox=self.sandbox,
            workers=workers,
            **{"on_evaluation": self._heard, **settings},
        )
        self.start = self.archive.add(self.archive.candidate(task.space.values()))

    def _heard(self, evaluation: Evaluation, trace: Trace | None) -> None:
        self.said.append(evaluation)
        self.traces.append(trace)

    def measure(self, *ids: str, **settings: Any) -> list[str]:
        trial = Trial(candidate=self.start, instances=ids or tuple(self.engine.instances))
        return self.engine.measure([trial], self.archive, **settings)


def _retrying(model: LLM) -> LLM:
    return RetryingLLM(model, rng=Random(0), sleep=lambda _: None)


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[MakeBench]:
    """Makes a `Bench` of a workflow, and closes its sandbox afterwards."""
    with ExitStack() as stack:

        def make(
            workflow: Callable[..., Any],
            examples: Sequence[Instance] | None = None,
            feedback: Callable[..., Any] | None = None,
            parameters: object = None,
            **settings: Any,
        ) -> Bench:
            weight = ao.Parameter(1.0, name="weight")
            task = as_task(
                workflow,
                instances=instances(3) if examples is None else examples,
                feedback=feedback,
                parameters=weight if parameters is None else parameters,
            )
            made = Bench(task, **settings)
            stack.callback(made.sandbox.close)
            return made

        yield make


def identity(x: Any) -> Any:
    return x

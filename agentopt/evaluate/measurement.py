"""One measurement: a candidate's values, one instance, one run of the workflow, and what the judge says of it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agentopt.candidate import Candidate, Evaluation, Status
from agentopt.errors import AgentoptError, LLMError, UsageError, context
from agentopt.feedback import Feedback, NaNScore
from agentopt.graph.node import Node, make
from agentopt.graph.showing import failure_text, show
from agentopt.graph.subgraph import Evidence, propagate
from agentopt.graph.tracing import Trace, TracedWorkflow
from agentopt.graph.trainable import Version
from agentopt.instance import Instance
from agentopt.llm.base import LLM
from agentopt.sandbox.base import Sandbox
from agentopt.space import Space

logger = logging.getLogger(__name__)


class Measurable(Protocol):
    """What measuring needs of a task."""

    @property
    def workflow(self) -> TracedWorkflow: ...
    @property
    def space(self) -> Space: ...
    @property
    def failure_score(self) -> float: ...
    def judge(self, output: Any, instance: Instance) -> Feedback:
        """Feedback on what the workflow returned for this instance."""
        ...


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An evaluation, and the run that it is about; no trace where the workflow was not run to its end."""

    evaluation: Evaluation
    trace: Trace | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """A measurement to be made, here or on another machine.

    Args:
        llm: what a workflow with a parameter called `llm` is given.
        sandbox: where code runs that a model wrote.
    """

    task: Measurable
    candidate: Candidate
    instance: Instance
    llm: LLM | None
    sandbox: Sandbox

    def run(self) -> Measured:
        """Runs the workflow and judges its output; an `async def` one in an event loop of this thread.

        Raises:
            AgentoptError: the task cannot be run here. What the workflow does wrong is in the evaluation.
        """
        started = time.monotonic()
        try:
            with self._where():
                measured = self._judged(self._traced())
        except LLMError as error:
            measured = self._unmeasured(error)
        return _timed(measured, started)

    async def awaited(self, elsewhere: Callable[[Callable[[], Measured]], Awaitable[Measured]]) -> Measured:
        """As `run`, for an `async def` workflow in the running event loop; the judge, who may block, runs `elsewhere`.

        Raises:
            asyncio.CancelledError: it was cancelled.
            AgentoptError: as `run`.
        """
        started = time.monotonic()
        try:
            with self._where():
                inputs = call_arguments(self.task.workflow, self.instance, self.llm)
                with self.task.space.bound(self.candidate.values, sandbox=self.sandbox):
                    trace: Trace = await self.task.workflow(**inputs)
                measured = await elsewhere(lambda: self._judged(trace))
        except LLMError as error:
            measured = self._unmeasured(error)
        return _timed(measured, started)

    def failed(self, error: Exception, *, seconds: float = 0.0) -> Measured:
        """What is said of a run that was ended from outside: it failed."""
        return _timed(self._judged(self._given_up(error)), time.monotonic() - seconds)

    def _given_up(self, error: Exception) -> Trace:
        """Which parameters the run had read is not known, so its failure is about all of them."""
        operation = self.task.workflow.operation
        parameters = self.task.space.parameters
        read = tuple(Version(value, parameters[name]) for name, value in self.candidate.values.items())
        trace = Trace(operation.name)
        trace.output = make(None, operation, read)
        trace.output.extra().error = error
        return trace

    def evidence(self, feedback: Feedback, *, is_run: bool) -> Evidence:
        """What `feedback`, given before, is about.

        Args:
            is_run: run the workflow again to find out; otherwise it is about all parameters, as for `failed`.
        """
        with self._where():
            trace = self._traced_apart() if is_run else self._given_up(TimeoutError())
        return propagate(trace.output, feedback, instance=self.instance.id)

    def _where(self) -> Any:
        return context(candidate=self.candidate.id, instance=self.instance.id)

    def _traced(self) -> Trace:
        workflow = self.task.workflow
        inputs = call_arguments(workflow, self.instance, self.llm)
        with self.task.space.bound(self.candidate.values, sandbox=self.sandbox):
            trace: Trace = asyncio.run(workflow(**inputs)) if workflow.is_async else workflow(**inputs)
        return trace

    def _traced_apart(self) -> Trace:
        """As `_traced`; an `async def` workflow in a thread, because the caller's may have an event loop already."""
        if not self.task.workflow.is_async:
            return self._traced()
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, self._traced).result()

    def _judged(self, trace: Trace) -> Measured:
        status: Status = "ok"
        output = show(trace.value, 2000)
        if trace.error is not None:
            status, output = "failed", ""
            feedback = Feedback(self.task.failure_score, f"The workflow failed. {failure_text(trace.error)}")
        else:
            try:
                feedback = self.task.judge(trace.value, self.instance)
            except Exception as error:
                if isinstance(error, AgentoptError) and not isinstance(error, NaNScore):
                    raise
                logger.info("the feedback function raised on `%s`", self.instance.id, exc_info=error)
                status = "failed"
                said = f"The output could not be judged: {failure_text(error)}"
                feedback = Feedback(self.task.failure_score, said)
        evaluation = self._evaluation(status, feedback.score, feedback)
        return with_evidence(Measured(evaluation=replace(evaluation, output=output), trace=trace))

    def _unmeasured(self, error: LLMError) -> Measured:
        return Measured(evaluation=self._evaluation("unmeasured", None, Feedback(text=failure_text(error))))

    def _evaluation(self, status: Status, score: float | None, feedback: Feedback) -> Evaluation:
        return Evaluation(
            candidate=self.candidate.id,
            instance=self.instance.id,
            split=self.instance.split,
            status=status,
            score=score,
            feedback=feedback,
        )


def with_evidence(measured: Measured) -> Measured:
    """`measured` with what an optimizer may learn from it: of test instances, nothing."""
    evaluation, trace = measured.evaluation, measured.trace
    if trace is None or evaluation.split == "test":
        return measured
    evidence = propagate(trace.output, evaluation.feedback, instance=evaluation.instance)
    return replace(measured, evaluation=replace(evaluation, evidence=evidence))


def _timed(measured: Measured, started: float) -> Measured:
    cost = {"seconds": round(time.monotonic() - started, 6)}
    return replace(measured, evaluation=replace(measured.evaluation, cost=cost))


def call_arguments(workflow: TracedWorkflow, instance: Instance, llm: LLM | None) -> dict[str, Any]:
    """What the workflow is called with: the instance's fields that have the names of its parameters, as nodes.

    A workflow whose only parameter is not among the fields gets all of them, as a dict. `llm` is the run's model.

    Raises:
        UsageError: a parameter without default has no value.
    """
    parameters = inspect.signature(workflow.function).parameters
    arguments: dict[str, Any] = {}
    missing = []
    for name, parameter in parameters.items():
        if name == "llm":
            if llm is None:
                raise UsageError(f"workflow `{workflow.operation.name}` asks for an `llm`; give one to the run")
            arguments[name] = llm
        elif name in instance.fields:
            arguments[name] = Node(instance.fields[name], name=name)
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) and (
            parameter.default is parameter.empty
        ):
            missing.append(name)
    if len(missing) == 1 and len(set(parameters) - {"llm"}) == 1:
        return {**arguments, missing[0]: Node(dict(instance.fields), name=missing[0])}
    if missing:
        raise UsageError(
            f"workflow `{workflow.operation.name}` needs {missing}; "
            f"instance `{instance.id}` has {sorted(instance.fields)}"
        )
    return arguments


def needs_llm(workflow: TracedWorkflow) -> bool:
    """Whether the workflow has a parameter called `llm`."""
    return "llm" in inspect.signature(workflow.function).parameters

"""Measuring candidates: trials in, evaluations out, in the order of the trials.

All of agentopt's own concurrency is here. Plain workflows run in a pool of threads; an `async def`
workflow runs in an event loop of its thread.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agentopt.budget import Ledger, Reservation
from agentopt.candidate import Archive, Candidate, Evaluation, Trial
from agentopt.errors import AgentoptError, BudgetExhausted, LLMError, UsageError, context
from agentopt.feedback import Feedback, NaNScore
from agentopt.graph.node import Node
from agentopt.graph.showing import failure_text, show
from agentopt.graph.subgraph import Evidence, propagate
from agentopt.graph.tracing import Trace, TracedWorkflow
from agentopt.instance import Instance
from agentopt.llm.base import LLM
from agentopt.llm.recorded import RecordedLLM
from agentopt.sandbox.base import Sandbox
from agentopt.space import Space

logger = logging.getLogger(__name__)


class Measurable(Protocol):
    """What the engine needs of a task."""

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
class Engine:
    """Measures trials.

    Args:
        instances: all instances by id.
        llm: counts and records the calls of workflows that have a parameter called `llm`.
        retrying: what such a workflow is given instead, made from its labelled copy.
        on_evaluation: called with each evaluation and its trace as soon as it is there, from the thread that made
            it; the trace is `None` where the workflow was not run to its end.
        workers: measurements under way at once.
    """

    task: Measurable
    instances: Mapping[str, Instance]
    ledger: Ledger
    llm: RecordedLLM | None
    retrying: Callable[[RecordedLLM], LLM]
    sandbox: Sandbox
    on_evaluation: Callable[[Evaluation, Trace | None], None]
    workers: int = 8

    def measure(self, trials: Sequence[Trial], archive: Archive, *, held: bool = False) -> list[str]:
        """Measures what is not in the archive yet, and enters it there in the order of the trials.

        Args:
            held: draw on what the ledger holds for later.

        Returns:
            For each measurement that no model answered, why.

        Raises:
            BudgetExhausted: not everything could be afforded; what could is in the archive.
            AgentoptError: the task cannot be run here (no key, unreachable server, a wrong call). Measurements
                under way are finished and recorded first.
        """
        pairs = dict.fromkeys((t.candidate.id, i) for t in trials for i in t.instances)
        wanted = [(c, i) for c, i in pairs if archive.evaluation(c, i) is None]
        jobs: list[tuple[Future[Evaluation], Reservation]] = []
        problems: list[BaseException] = []
        with ThreadPoolExecutor(self.workers, thread_name_prefix="agentopt") as pool:
            for candidate, instance in wanted:
                try:
                    reservation = self.ledger.reserve(evaluations=1, held=held)
                except BudgetExhausted as error:
                    problems.append(error)
                    break
                run = copy_context().run
                job = pool.submit(run, self._one, archive.candidates[candidate], self.instances[instance])
                jobs.append((job, reservation))
        unanswered = []
        for job, reservation in jobs:
            problem = job.exception()
            if problem is not None:
                reservation.settle()
                problems.append(problem)
                continue
            evaluation = job.result()
            archive.record(evaluation)
            is_measured = evaluation.status != "unmeasured"
            reservation.settle(evaluations=1 if is_measured else 0)
            unanswered += [] if is_measured else [evaluation.feedback.text]
        for problem in sorted(problems, key=lambda p: isinstance(p, BudgetExhausted)):
            raise problem
        return unanswered

    def evidence(self, evaluation: Evaluation, candidate: Candidate) -> Evidence:
        """The evidence of an evaluation that was read back from a record: its workflow is run again.

        Nothing is judged, counted or told; what models said must come from `llm`, for nothing.
        """
        instance = self.instances[evaluation.instance]
        llm = self.llm.labelled(candidate=candidate.id, instance=instance.id) if self.llm else None
        with context(candidate=candidate.id, instance=instance.id):
            trace = self._traced(candidate, instance, self.retrying(llm) if llm else None)
        return propagate(trace.output, evaluation.feedback, instance=instance.id)

    def _one(self, candidate: Candidate, instance: Instance) -> Evaluation:
        started = time.monotonic()
        llm = self.llm.labelled(candidate=candidate.id, instance=instance.id) if self.llm else None
        trace: Trace | None = None
        try:
            with context(candidate=candidate.id, instance=instance.id):
                trace = self._traced(candidate, instance, self.retrying(llm) if llm else None)
                evaluation = self._judged(candidate, instance, trace)
        except LLMError as error:
            evaluation = _unmeasured(candidate, instance, error)
        cost = {"seconds": round(time.monotonic() - started, 6)} | (dict(llm.spent) if llm else {})
        evaluation = replace(evaluation, cost=cost)
        self.on_evaluation(evaluation, trace)
        return evaluation

    def _traced(self, candidate: Candidate, instance: Instance, llm: LLM | None) -> Trace:
        workflow = self.task.workflow
        inputs = call_arguments(workflow, instance, llm)
        with self.task.space.bound(candidate.values, sandbox=self.sandbox):
            if workflow.is_async:
                trace: Trace = asyncio.run(workflow(**inputs))
            else:
                trace = workflow(**inputs)
        return trace

    def _judged(self, candidate: Candidate, instance: Instance, trace: Trace) -> Evaluation:
        status, output = "ok", show(trace.value, 2000)
        if trace.error is not None:
            status, output = "failed", ""
            feedback = Feedback(self.task.failure_score, f"The workflow failed. {failure_text(trace.error)}")
        else:
            try:
                feedback = self.task.judge(trace.value, instance)
            except Exception as error:
                if isinstance(error, AgentoptError) and not isinstance(error, NaNScore):
                    raise
                logger.info("the feedback function raised on `%s`", instance.id, exc_info=error)
                status = "failed"
                said = f"The output could not be judged: {failure_text(error)}"
                feedback = Feedback(self.task.failure_score, said)
        return Evaluation(
            candidate=candidate.id,
            instance=instance.id,
            split=instance.split,
            status="ok" if status == "ok" else "failed",
            score=feedback.score,
            feedback=feedback,
            output=output,
            evidence=propagate(trace.output, feedback, instance=instance.id) if instance.split != "test" else None,
        )


def _unmeasured(candidate: Candidate, instance: Instance, error: LLMError) -> Evaluation:
    return Evaluation(
        candidate=candidate.id,
        instance=instance.id,
        split=instance.split,
        status="unmeasured",
        score=None,
        feedback=Feedback(text=failure_text(error)),
    )


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

"""Measuring candidates: trials in, evaluations out, in the order of the trials.

All of agentopt's own concurrency is in this folder: what is to be measured is reserved first, all of it, and handed to
an executor a few at a time, so that ten thousand queued measurements cost little more than their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agentopt.budget import Ledger
from agentopt.candidate import Archive, Candidate, Evaluation, Trial
from agentopt.errors import BudgetExhausted
from agentopt.evaluate.batch import Batch, Begun, Job
from agentopt.evaluate.executors import Executor, LocalExecutor
from agentopt.evaluate.gate import GatedLLM
from agentopt.evaluate.measurement import Measurable, Measurement
from agentopt.evaluate.twins import Pair, Twins
from agentopt.graph.subgraph import Evidence
from agentopt.graph.tracing import Trace
from agentopt.instance import Instance
from agentopt.llm.base import LLM
from agentopt.llm.recorded import RecordedLLM
from agentopt.sandbox.base import Sandbox


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Measures trials.

    Args:
        instances: all instances by id.
        llm: counts and records the calls of workflows that have a parameter called `llm`.
        retrying: what such a workflow is given instead, made from its labelled copy.
        on_evaluation: called with each evaluation and its trace as soon as it is there, from any thread; the trace is
            `None` where the workflow was not run to its end, and for an evaluation that was taken from a twin.
        workers: measurements under way at once, where there is no `executor`.
        executor: where measurements run; threads and an event loop of this process where not given.
        timeout_s: seconds one measurement may take, from its start, its waits for a model included. Then it has
            failed: an `async def` workflow is cancelled; of a plain one, whose thread cannot be stopped, no more is
            heard, and its further model calls are refused.
        twins: finds evaluations that are taken from a candidate that behaves the same; none are, where not given.
    """

    task: Measurable
    instances: Mapping[str, Instance]
    ledger: Ledger
    llm: RecordedLLM | None
    retrying: Callable[[LLM], LLM]
    sandbox: Sandbox
    on_evaluation: Callable[[Evaluation, Trace | None], None]
    workers: int = 8
    executor: Executor | None = None
    timeout_s: float | None = None
    twins: Twins | None = None

    def measure(self, trials: Sequence[Trial], archive: Archive, *, held: bool = False) -> list[str]:
        """Measures what is not in the archive yet, and enters it there in the order of the trials.

        Args:
            held: draw on what the ledger holds for later.

        Returns:
            For each measurement that no model answered, why.

        Raises:
            BudgetExhausted: not everything could be afforded; what could is in the archive.
            AgentoptError: the task cannot be run here (no key, unreachable server, a wrong call). What was under way
                is finished and recorded, what was not is left.
            KeyboardInterrupt: what was under way is given up; all that was finished is recorded.
        """
        pairs = dict.fromkeys((t.candidate.id, i) for t in trials for i in t.instances)
        wanted = [(c, i) for c, i in pairs if archive.evaluation(c, i) is None]
        twins = self.twins.find(wanted, archive, self.instances, self.sandbox) if self.twins else {}
        jobs, problems = self._reserved([pair for pair in wanted if pair not in twins], archive, held)
        executor = self.executor or LocalExecutor(self.workers)
        batch = Batch(executor, self.timeout_s, self._begun, self.on_evaluation)
        try:
            batch.run(jobs)
        finally:
            if executor is not self.executor:
                executor.close()
            _enter(jobs, archive)
        self._take(twins, archive)
        problems = [job.outcome for job in jobs if isinstance(job.outcome, BaseException)] + problems
        for problem in sorted(problems, key=lambda p: isinstance(p, BudgetExhausted)):
            raise problem
        ended = [job.outcome for job in jobs if isinstance(job.outcome, Evaluation)]
        return [e.feedback.text for e in ended if e.status == "unmeasured"]

    def evidence(self, evaluation: Evaluation, candidate: Candidate) -> Evidence:
        """The evidence of an evaluation that was read back from a record: its workflow is run again.

        Nothing is judged, counted or told; what models said must come from `llm`, for nothing.
        """
        instance = self.instances[evaluation.instance]
        llm = self.llm.labelled(candidate=candidate.id, instance=instance.id) if self.llm else None
        measurement = Measurement(
            task=self.task,
            candidate=candidate,
            instance=instance,
            llm=self.retrying(llm) if llm else None,
            sandbox=self.sandbox,
        )
        ran_out = self.timeout_s is not None and evaluation.cost.get("seconds", 0.0) >= self.timeout_s
        return measurement.evidence(evaluation.feedback, is_run=not (ran_out and evaluation.status == "failed"))

    def _reserved(self, wanted: Sequence[Pair], archive: Archive, held: bool) -> tuple[list[Job], list[BaseException]]:
        """Jobs for as many as can be afforded, in order, and why not for all."""
        jobs: list[Job] = []
        for candidate, instance in wanted:
            try:
                reservation = self.ledger.reserve(evaluations=1, held=held)
            except BudgetExhausted as error:
                return jobs, [error]
            jobs.append(Job(archive.candidates[candidate], self.instances[instance], reservation))
        return jobs, []

    def _begun(self, job: Job) -> Begun:
        self.ledger.reserve()  # the time may have run out meanwhile
        recorded = self.llm.labelled(candidate=job.candidate.id, instance=job.instance.id) if self.llm else None
        gate = GatedLLM(recorded) if recorded else None
        measurement = Measurement(
            task=self.task,
            candidate=job.candidate,
            instance=job.instance,
            llm=self.retrying(gate) if gate else None,
            sandbox=self.sandbox,
        )
        return Begun(measurement=measurement, gate=gate, spent=lambda: recorded.spent if recorded else {})

    def _take(self, twins: Mapping[Pair, int], archive: Archive) -> None:
        for (candidate, instance), twin in twins.items():
            found = archive.evaluation(twin, instance)
            if found is not None:
                evaluation = replace(found, candidate=candidate, cost={}, taken_from=twin)
                archive.record(evaluation)
                self.on_evaluation(evaluation, None)


def _enter(jobs: Sequence[Job], archive: Archive) -> None:
    """Enters what has ended into the archive, in the order of the jobs, and settles what was reserved."""
    for job in jobs:
        is_measured = False
        if isinstance(job.outcome, Evaluation):
            archive.record(job.outcome)
            is_measured = job.outcome.status != "unmeasured"
        job.reservation.settle(evaluations=1 if is_measured else 0)

"""One run of a search: the loop itself, and everything it writes down."""

from __future__ import annotations

import logging
import platform
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from random import Random

from agentopt.budget import Budget, Ledger
from agentopt.candidate import Archive, Candidate, Evaluation, Refusal, Trial
from agentopt.canonical import to_jsonable
from agentopt.errors import BudgetExhausted, LLMError
from agentopt.evaluate.engine import Engine
from agentopt.events import (
    Event,
    Exchanged,
    ProposalRefused,
    RunFinished,
    RunStarted,
    candidate_added,
    evaluated,
)
from agentopt.graph.tracing import Trace
from agentopt.instance import SPLITS
from agentopt.llm.base import LLM
from agentopt.llm.recorded import Exchange, ExchangeRole, RecordedLLM
from agentopt.llm.retrying import RetryingLLM
from agentopt.optimizers.base import Optimizer
from agentopt.proposers.base import Context, settings_of
from agentopt.result import Result
from agentopt.sandbox.base import Sandbox
from agentopt.selection.statistics import Interval, mean_interval, paired_difference
from agentopt.store.sqlite import Store
from agentopt.task import Task

logger = logging.getLogger(__name__)

TRIALS_PER_ASK = 8
"""How many trials an optimizer is asked for at a time; not the number of workers, on which no result may depend."""


@dataclass(frozen=True)
class Settings:
    """How to search."""

    optimizer: Optimizer
    budget: Budget
    seed: int
    workers: int


def new_run_id() -> str:
    """An id that no other run has; ids sort by the second they were made in."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


class Run:
    """One run of a search on a task."""

    def __init__(
        self,
        task: Task,
        settings: Settings,
        models: Mapping[ExchangeRole, LLM],
        sandbox: Sandbox,
        store: Store | None,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self.id = new_run_id()
        self.task = task
        self.settings = settings
        self.archive = Archive()
        self.ledger = Ledger(settings.budget)
        self.sandbox = sandbox
        self._store = store
        self._on_event = on_event
        self._models = models
        self._test = tuple(i.id for i in task.instances if i.split == "test")
        self._engine = Engine(
            task=task,
            instances={i.id: i for i in task.instances},
            ledger=self.ledger,
            llm=self._recorded("workflow"),
            retrying=self._retrying,
            sandbox=sandbox,
            on_evaluation=self._evaluated,
            workers=settings.workers,
        )
        recorded = self._recorded("optimizer")
        self._llm = self._retrying(recorded) if recorded else None

    def result(self) -> Result:
        """Runs to the end."""
        self._emit(self._header())
        try:
            reason = self._search()
            result = self._tested(reason)
        except BaseException as error:
            self._emit(RunFinished(reason="an error ended the run", error=f"{type(error).__name__}: {error}"))
            raise
        self._emit(RunFinished(reason=reason, result=result.to_json() | {"record": None}))
        return result

    def _search(self) -> str:
        self._add(self.archive.candidate(self.task.space.values(), origin="start"))
        rounds_unanswered = 0
        try:
            while True:
                self._hold_for_test()
                context, refused = self._context(), len(self.archive.refusals)
                trials = self.settings.optimizer.ask(context, TRIALS_PER_ASK)
                if not trials:
                    return self._why_done(context, was_refused=len(self.archive.refusals) > refused)
                self.ledger.reserve(asks=len(trials)).settle(asks=len(trials))
                known = [replace(t, candidate=self._add(t.candidate)) for t in trials]
                unanswered = self._engine.measure(known, self.archive)
                rounds_unanswered = rounds_unanswered + 1 if unanswered else 0
                if rounds_unanswered == 3:
                    return f"the model did not answer: {unanswered[0]}"
        except BudgetExhausted as error:
            return str(error)
        except LLMError as error:
            return f"the model did not answer: {error}"

    def _why_done(self, context: Context, *, was_refused: bool) -> str:
        best = self.settings.optimizer.best(context)
        mean = self.archive.mean(best.id, context.instances["dev"] or context.instances["train"])
        if mean is not None and self.task.target is not None and mean >= self.task.target:
            return "the target is reached"
        if was_refused:
            return f"no proposal could be used; the last one: {self.archive.refusals[-1].problem}"
        return "the optimizer is done"

    def _tested(self, reason: str) -> Result:
        context = self._context()
        start, best = self.archive.candidates[0], self.settings.optimizer.best(context)
        if self._test:
            engine = replace(self._engine, llm=self._recorded("workflow", held=True))
            for candidate in (start, best):
                try:
                    engine.measure([Trial(candidate=candidate, instances=self._test)], self.archive, held=True)
                except BudgetExhausted as error:
                    logger.warning("the test of candidate %d is incomplete: %s", candidate.id, error)
        before, after = (self.archive.scores(c.id, self._test) for c in (start, best))
        both = [i for i in self._test if i in before and i in after]
        dev = context.instances["dev"] or context.instances["train"]
        return Result(
            run=self.id,
            task=self.task.name,
            start=start,
            best=best,
            dev_start=self.archive.mean(start.id, dev),
            dev_best=self.archive.mean(best.id, dev),
            test_start=self._interval(before, both),
            test_best=self._interval(after, both),
            test_gain=paired_difference([before[i] for i in both], [after[i] for i in both], seed=self.settings.seed),
            rates=self._rates(best, dev),
            reason=reason,
            spent=self.ledger.spent,
            candidates=len(self.archive.candidates),
            record=self._store.path if self._store else None,
            space=self.task.space,
        )

    def _rates(self, candidate: Candidate, instances: Sequence[str]) -> dict[str, float]:
        found = [e for i in instances if (e := self.archive.evaluation(candidate.id, i)) is not None]
        names = dict.fromkeys(name for e in found for name in e.feedback.objectives)
        return {name: sum(e.feedback.objectives.get(name, 0.0) for e in found) / len(found) for name in names}

    def _interval(self, scores: Mapping[str, float], instances: Sequence[str]) -> Interval | None:
        return mean_interval([scores[i] for i in instances], seed=self.settings.seed)

    def _hold_for_test(self) -> None:
        """Sets aside what measuring the start and the best on test will take, by the costliest evaluation so far."""
        if not self._test:
            return
        count = 2 * len(self._test)
        every = [e for c in self.archive.candidates for e in self.archive.evaluations(c.id)]
        most = {
            name: max((e.cost.get(name, 0.0) for e in every), default=0.0) for name in ("tokens", "usd", "llm_calls")
        }
        most["llm_calls"] = max(most["llm_calls"], 1.0 if self.task.needs_llm else 0.0)
        self.ledger.hold(evaluations=count, **{name: count * amount for name, amount in most.items()})

    def _context(self) -> Context:
        archive = self.archive
        return Context(
            archive=archive,
            space=self.task.space,
            objective=self.task.objective,
            instances={s: tuple(i.id for i in self.task.instances if i.split == s) for s in SPLITS if s != "test"},
            rng=Random(f"{self.settings.seed}:{len(archive.candidates)}:{len(archive.refusals)}"),
            ledger=self.ledger,
            sandbox=self.sandbox,
            refuse=self._refused,
            llm=self._llm,
            target=self.task.target,
            seed=self.settings.seed,
        )

    def _recorded(self, role: ExchangeRole, *, held: bool = False) -> RecordedLLM | None:
        model = self._models.get(role)
        if model is None:
            return None
        return RecordedLLM(model, ledger=self.ledger, on_exchange=self._exchanged, role=role, held=held)

    def _retrying(self, model: LLM) -> LLM:
        return RetryingLLM(model, rng=Random(self.settings.seed))

    def _add(self, candidate: Candidate) -> Candidate:
        count = len(self.archive.candidates)
        added = self.archive.add(candidate)
        if len(self.archive.candidates) > count:
            self._emit(candidate_added(added))
        return added

    def _evaluated(self, evaluation: Evaluation, trace: Trace | None) -> None:
        self._emit(evaluated(evaluation, trace.output if trace is not None else None))

    def _refused(self, refusal: Refusal) -> None:
        self.archive.refusals.append(refusal)
        self._emit(ProposalRefused(parents=list(refusal.parents), problem=refusal.problem))

    def _exchanged(self, exchange: Exchange) -> None:
        self._emit(Exchanged(exchange=exchange.to_json()))

    def _emit(self, event: Event) -> None:
        if self._store is not None:
            self._store.append(self.id, event)
        if self._on_event is not None:
            self._on_event(event)

    def _header(self) -> RunStarted:
        instances: dict[str, list[str]] = {s: [i.id for i in self.task.instances if i.split == s] for s in SPLITS}
        runs_code = self.task.runs_code or any(p.kind == "code" for p in self.task.space.parameters.values())
        return RunStarted(
            run=self.id,
            task={"name": self.task.name, "objective": self.task.objective, "reference": dict(self.task.reference)},
            settings={
                "optimizer": to_jsonable(settings_of(self.settings.optimizer)),
                "budget": self.settings.budget.limits(),
                "seed": self.settings.seed,
                "workers": self.settings.workers,
            },
            llm={role: model.name for role, model in self._models.items()},
            answered_by=", ".join(sorted({model.answered_by for model in self._models.values()})) or "nobody",
            space=to_jsonable(self.task.space.to_json()),
            instances=instances,
            guarantees={str(k): v for k, v in self.sandbox.guarantees.items()} if runs_code else {},
            platform={
                "agentopt": version("agentopt"),
                "python": platform.python_version(),
                "system": platform.system(),
            },
        )

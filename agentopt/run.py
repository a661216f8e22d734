"""One run of a search: the loop itself, and everything it writes down."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from agentopt.budget import Budget, Ledger
from agentopt.candidate import Archive, Candidate, Evaluation, Refusal, Trial
from agentopt.errors import BudgetExhausted, LLMError, RunStopped, UsageError
from agentopt.evaluate.engine import Engine
from agentopt.evaluate.twins import Twins
from agentopt.events import (
    Ending,
    Event,
    Exchanged,
    ProposalRefused,
    Resumed,
    RunFinished,
    RunStarted,
    asked,
    candidate_added,
    evaluated,
    event_json,
)
from agentopt.graph.subgraph import Evidence
from agentopt.graph.tracing import Trace
from agentopt.instance import SPLITS
from agentopt.llm.base import LLM
from agentopt.llm.earlier import Earlier
from agentopt.llm.price import Price, Priced
from agentopt.llm.recorded import Exchange, ExchangeRole, RecordedLLM
from agentopt.llm.replayed import ReplayedLLM
from agentopt.llm.retrying import RetryingLLM
from agentopt.optimizers.base import Optimizer
from agentopt.past import Past, Round
from agentopt.proposers.base import Context
from agentopt.result import Result
from agentopt.review import QueuedReview, RecordedReview, Review, Reviewing
from agentopt.sandbox.base import Sandbox
from agentopt.selection.statistics import Interval, mean_interval, paired_gain
from agentopt.settings import Settings, header_of, new_run_id, this_platform
from agentopt.store.control import Control
from agentopt.store.sqlite import Store
from agentopt.task import Task

logger = logging.getLogger(__name__)

TRIALS_PER_ASK = 8
"""How many trials an optimizer is asked for at a time; not the number of workers, on which no result may depend."""

_STOPPED = "stopped by a person"


@dataclass(frozen=True)
class _End:
    """Why a search ended."""

    ended: Ending
    reason: str


class Run:
    """One run of a search on a task.

    Args:
        models: by role.
        past: what the run did before it stopped; it goes on from there, under the same id. Evidence is not in a record:
            where a proposer asks for it, the workflow is run again on what models said then. So a workflow must do the
            same on the same inputs and replies, or the run ends with a `ReplayMismatch`.
    """

    def __init__(
        self,
        task: Task,
        settings: Settings,
        models: Mapping[ExchangeRole, LLM],
        sandbox: Sandbox,
        store: Store | None,
        on_event: Callable[[Event], None] | None,
        past: Past | None = None,
    ) -> None:
        self.id = new_run_id() if past is None else past.header.run
        self.task = task
        self.settings = settings
        self.archive = Archive(revive=self._revived)
        prices = {role: _price(model) for role, model in models.items()}
        self.ledger = Ledger(
            settings.budget,
            spent=past.spent(settings.budget, prices) if past else None,
            spent_by=past.spent_by(settings.budget, prices) if past else None,
        )
        self.sandbox = sandbox
        self._store = store
        self._control = Control(store.path) if store is not None else None
        self._on_event = on_event
        self._models = models
        self._past = past
        self._said = past.said.copy() if past else Counter()
        self._earlier = Earlier(past.earlier() if past else ())
        self._searched = frozenset(i.id for i in task.instances if i.split != "test")
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
            executor=settings.executor,
            timeout_s=settings.timeout_s,
            twins=Twins(settings.reuse, task.space),
        )
        self._reviewing = self._reviewer(settings.review)
        recorded = self._recorded("optimizer")
        self._llm = self._retrying(recorded) if recorded else None
        if past is not None:
            self._restore(past)

    def _reviewer(self, review: Review | Literal["queue"] | None) -> Reviewing | None:
        if review is None:
            return None
        if review == "queue":
            if self._control is None:
                raise UsageError("a review through the queue needs a record, beside which it lies; give `out`")
            review = QueuedReview(self._control, self.id)
        earlier = RecordedReview(self._past.reviews() if self._past else ())
        return Reviewing(review, self.task.space, self.archive, self._emit, earlier)

    def _restore(self, past: Past) -> None:
        """Enters what was measured, except in the last round, which may have to be finished first."""
        for candidate in past.candidates:
            self.archive.add(candidate)
        self.archive.refusals.extend(past.refusals)
        for done in past.rounds[:-1]:
            self._enter(done)

    def _enter(self, done: Round) -> None:
        for pair in done.pairs:
            if pair in done.evaluations:
                self.archive.record(done.evaluations[pair])

    def result(self) -> Result:
        """Runs to the end."""
        self._emit(self._opening())
        try:
            end = self._search()
            result = self._tested(end)
        except BaseException as error:
            error_text = f"{type(error).__name__}: {error}"
            self._emit(RunFinished(reason="an error ended the run", ended="error", error=error_text))
            raise
        summary = None if end.ended == "stopped" else result.to_json() | {"record": None}
        self._emit(RunFinished(reason=end.reason, ended=end.ended, result=summary))
        return result

    def _opening(self) -> RunStarted | Resumed:
        if self._past is not None:
            return Resumed(budget=self.settings.budget.limits(), platform=this_platform())
        return header_of(self.id, self.task, self.settings, self._models, self.sandbox)

    def _search(self) -> _End:
        if self._control is not None:
            self._control.forget_stop(self.id)
        self._add(self.archive.candidate(self.task.space.values(), origin="start"))
        under_way = self._past.rounds[-1:] if self._past else []
        rounds_in_vain = self._past.rounds_in_vain if self._past else 0
        try:
            while True:
                self._hold_for_test()
                if under_way:
                    unanswered = self._finished(under_way.pop())
                else:
                    if self._control is not None and self._control.is_stop_asked(self.id):
                        return _End("stopped", _STOPPED)
                    context, refused = self._context(), len(self.archive.refusals)
                    trials = self.settings.optimizer.ask(context, TRIALS_PER_ASK)
                    if not trials:
                        return _End("done", self._why_done(context, was_refused=len(self.archive.refusals) > refused))
                    unanswered = self._measured(trials)
                rounds_in_vain = rounds_in_vain + 1 if unanswered else 0
                if rounds_in_vain == 3:
                    return _End("unanswered", f"the model did not answer: {unanswered[0]}")
        except BudgetExhausted as error:
            return _End("budget", str(error))
        except RunStopped:
            return _End("stopped", _STOPPED)
        except LLMError as error:
            return _End("unanswered", f"the model did not answer: {error}")

    def _measured(self, trials: Sequence[Trial]) -> list[str]:
        """Measures what was asked for; returns why measurements were not answered."""
        unseen = sorted({i for t in trials for i in t.instances} - self._searched)
        if unseen:
            raise UsageError(f"the optimizer asks for {unseen}; only train and dev instances of the task are measured")
        self.ledger.reserve(asks=len(trials)).settle(asks=len(trials))
        passed = trials
        if self._reviewing is not None and not plans_ahead(self.settings.optimizer):
            passed = self._reviewing.passed(trials, self._refused)
        known = [replace(t, candidate=self._add(t.candidate), instances=t.measured) for t in passed]
        self._emit(asked(known, rejected=len(trials) - len(passed)))
        return self._engine.measure(known, self.archive)

    def _finished(self, under_way: Round) -> list[str]:
        """Measures what is left of a round that was interrupted; all enters the archive in the order of the trials."""
        now = self._archive_of_candidates()
        for evaluation in (e for c in self.archive.candidates for e in self.archive.evaluations(c.id)):
            if evaluation.status != "unmeasured":
                now.record(evaluation)
        for evaluation in under_way.evaluations.values():
            now.record(evaluation)
        left = [
            replace(t, instances=tuple(i for i in t.instances if self._is_left(t.candidate, i, under_way)))
            for t in under_way.trials
        ]
        try:
            self._engine.measure(left, now)
        finally:
            found = {(c, e.instance): e for c, _ in under_way.pairs for e in now.evaluations(c)}
            whole = Round(under_way.trials, {**under_way.evaluations, **found})
            self._enter(whole)
        return whole.unanswered

    def _is_left(self, candidate: Candidate, instance: str, under_way: Round) -> bool:
        is_measured = self.archive.evaluation(candidate.id, instance) is not None
        return not is_measured and (candidate.id, instance) not in under_way.evaluations

    def _archive_of_candidates(self) -> Archive:
        """The candidates without their evaluations."""
        archive = Archive(revive=self._revived)
        for candidate in self.archive.candidates:
            archive.add(candidate)
        return archive

    def _why_done(self, context: Context, *, was_refused: bool) -> str:
        best = self.settings.optimizer.best(context)
        mean = self.archive.mean(best.id, context.instances["dev"] or context.instances["train"])
        if mean is not None and self.task.target is not None and mean >= self.task.target:
            return "the target is reached"
        if was_refused:
            return f"no proposal could be used; the last one: {self.archive.refusals[-1].problem}"
        return "the optimizer is done"

    def _tested(self, end: _End) -> Result:
        """What was found, measured on test unless a person stopped the run."""
        context = self._context()
        start, best = self.archive.candidates[0], self.settings.optimizer.best(context)
        tests = self._archive_of_candidates()  # what is measured on test is never in the archive that optimizers see
        for evaluation in self._past.tests.values() if self._past else ():
            tests.record(evaluation)
        if self._test and end.ended != "stopped":
            engine = replace(self._engine, llm=self._recorded("workflow", held=True))
            for candidate in (start, best):
                try:
                    engine.measure([Trial(candidate=candidate, instances=self._test)], tests, held=True)
                except BudgetExhausted as error:
                    logger.warning("the test of candidate %d is incomplete: %s", candidate.id, error)
        before, after = (tests.scores(c.id, self._test) for c in (start, best))
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
            test_gain=paired_gain(before, after, seed=self.settings.seed),
            dev_gain=paired_gain(*(self.archive.scores(c.id, dev) for c in (start, best)), seed=self.settings.seed),
            acceptance=getattr(self.settings.optimizer, "acceptance", ""),
            rates=self._rates(best, dev),
            reason=end.reason,
            spent=self.ledger.spent,
            spent_by=self.ledger.spent_by,
            candidates=len(self.archive.candidates),
            record=self._store.path if self._store else None,
            space=self.task.space,
            archive=self.archive,
            compared=tuple(dev),
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
        needed = {"evaluations": float(count), **{name: count * amount for name, amount in most.items()}}
        taken = self._past.spent_on_test(self.settings.budget, self._price_of_workflow()) if self._past else {}
        self.ledger.hold(**{name: max(0.0, amount - taken.get(name, 0.0)) for name, amount in needed.items()})

    def _price_of_workflow(self) -> Price | None:
        return _price(self._models["workflow"]) if "workflow" in self._models else None

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
            ask_ranking=self._reviewing.ranked if self._reviewing else None,
            seed=self.settings.seed,
        )

    def _recorded(self, role: ExchangeRole, *, held: bool = False) -> RecordedLLM | None:
        model = self._models.get(role)
        if model is None:
            return None
        return RecordedLLM(
            model,
            ledger=self.ledger,
            on_exchange=self._exchanged,
            role=role,
            held=held,
            earlier=self._earlier.take if self._past else None,
        )

    def _revived(self, evaluation: Evaluation) -> Evidence | None:
        """The evidence of an evaluation of before the run stopped."""
        if self._past is None:
            return None
        measured = evaluation.candidate if evaluation.taken_from is None else evaluation.taken_from
        candidate = self.archive.candidates[measured]
        model = self._models.get("workflow")
        if model is None:
            return self._engine.evidence(evaluation, candidate)
        silent = ReplayedLLM(
            (),
            mode="strict",
            answered_by=model.answered_by,
            name=f"record of run {self.id}",
            capabilities=model.capabilities,
            price=_price(model),
        )
        llm = RecordedLLM(
            silent,
            ledger=Ledger(Budget()),
            on_exchange=lambda _: None,
            role="workflow",
            earlier=Earlier(self._past.exchanges_of(evaluation)).take,
        )
        engine = replace(self._engine, llm=llm)
        return engine.evidence(evaluation, candidate)

    def _retrying(self, model: LLM) -> LLM:
        return RetryingLLM(model, rng=Random(self.settings.seed), ledger=self.ledger)

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
        if self._said and self._said[key := event_json(event)] > 0:
            self._said[key] -= 1  # the repeated ask says what the interrupted one said already
            return
        if self._store is not None:
            self._store.append(self.id, event)
        if self._on_event is not None:
            self._on_event(event)


def plans_ahead(optimizer: Optimizer) -> bool:
    """Whether it, or a search inside of it, goes on only from the very candidates it asked for; see `CubeSearch`."""
    if getattr(optimizer, "plans_ahead", False):
        return True
    return any(plans_ahead(inner) for inner in vars(optimizer).values() if isinstance(inner, Optimizer))


def _price(model: LLM) -> Price | None:
    return model.price if isinstance(model, Priced) else None

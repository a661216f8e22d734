"""What a run did before it stopped, read from its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentopt.budget import Budget
from agentopt.candidate import Candidate, Evaluation, Refusal, Trial
from agentopt.errors import FormatError, UsageError
from agentopt.events import (
    Asked,
    CandidateAdded,
    Evaluated,
    Event,
    Exchanged,
    ProposalRefused,
    Resumed,
    RunFinished,
    RunStarted,
    candidate_of,
    evaluation_of,
    event_json,
)
from agentopt.llm.price import Price
from agentopt.llm.recorded import Exchange, ExchangeRole, booked
from agentopt.space import Space
from agentopt.store.sqlite import StoredEvent

Pair = tuple[int, str]
"""A candidate's id and an instance's."""


@dataclass(frozen=True)
class Round:
    """Trials that were asked for together, and what was measured of them, by pair."""

    trials: tuple[Trial, ...]
    evaluations: dict[Pair, Evaluation] = field(default_factory=dict)

    @property
    def pairs(self) -> list[Pair]:
        """What is to be measured, in order."""
        return list(dict.fromkeys((t.candidate.id, i) for t in self.trials for i in t.instances))

    @property
    def unanswered(self) -> list[str]:
        """Why no model answered, of each measurement for which none did."""
        found = (self.evaluations.get(pair) for pair in self.pairs)
        return [e.feedback.text for e in found if e is not None and e.status == "unmeasured"]


class Past:
    """What a run did before it stopped.

    What it said after its last `asked` other than measurements belongs to an ask that did not end. That ask is
    repeated, and says the same again; so none of it is in `candidates` and `refusals`.

    Attributes:
        rounds: in order; of the last one, measurements may be missing.
        tests: measurements on test instances.
        finished: how it ended; `None` where it was killed.
        said: events of the ask that did not end, as JSON, with how often each was told.
        rounds_in_vain: how many of the rounds before the last one, without a break, had unanswered measurements.
    """

    def __init__(self, header: RunStarted) -> None:
        self.header = header
        self.budget = _budget(header.settings.get("budget", {}))
        self.candidates: list[Candidate] = []
        self.refusals: list[Refusal] = []
        self.rounds: list[Round] = []
        self.tests: dict[Pair, Evaluation] = {}
        self.finished: RunFinished | None = None
        self.said: Counter[str] = Counter()
        self.rounds_in_vain = 0
        self.seconds = 0.0
        self._evaluations = 0
        self._exchanges: list[Exchange] = []
        self._of_ask: list[Exchange] = []
        self._of_pair: dict[Pair, list[Exchange]] = {}
        self._told: list[Event] = []
        self._done_tests: set[Pair] = set()

    def earlier(self) -> list[Exchange]:
        """The exchanges of an ask and of measurements that did not end; to be given again."""
        measured = {pair for done in self.rounds for pair, e in done.evaluations.items() if e.status != "unmeasured"}
        unfinished = [e for pair, es in self._of_pair.items() if pair not in measured | set(self.tests) for e in es]
        return self._of_ask + unfinished

    def exchanges(self, *roles: ExchangeRole) -> list[Exchange]:
        """All exchanges of these roles, in order."""
        return [e for e in self._exchanges if e.role in roles]

    def exchanges_of(self, evaluation: Evaluation) -> list[Exchange]:
        """What models said in this measurement."""
        measured = evaluation.candidate if evaluation.taken_from is None else evaluation.taken_from
        return self._of_pair.get((measured, evaluation.instance), [])

    def spent(self, budget: Budget, prices: Mapping[ExchangeRole, Price | None]) -> dict[str, float]:
        """What the run was charged, by resource, as its ledger booked it."""
        total = _sum(booked(e, budget, prices.get(e.role)) for e in self._exchanges)
        asks = sum(len(done.trials) for done in self.rounds)
        return {**total, "evaluations": self._evaluations, "asks": asks, "seconds": self.seconds}

    def spent_by(self, budget: Budget, prices: Mapping[ExchangeRole, Price | None]) -> dict[str, dict[str, float]]:
        """As `spent`, of what models were asked, by role."""
        roles = dict.fromkeys(e.role for e in self._exchanges)
        return {role: _sum(booked(e, budget, prices.get(role)) for e in self.exchanges(role)) for role in roles}

    def spent_on_test(self, budget: Budget, price: Price | None) -> dict[str, float]:
        """What the final test has taken so far, by resource, without tests of a best that may no longer be it."""
        counted = [e for pair, e in self.tests.items() if pair not in self._done_tests]
        unfinished = [e for e in self.earlier() if e.role == "workflow" and not self._is_of_search(e)]
        costs = [{**e.cost, "evaluations": float(e.taken_from is None)} for e in counted]
        return _sum([*costs, *(booked(e, budget, price) for e in unfinished)])

    def _is_of_search(self, exchange: Exchange) -> bool:
        test = self.header.instances.get("test", [])
        return exchange.where.get("instance") not in test

    def take(self, event: Event, space: Space) -> None:
        """Takes the next event of the record."""
        match event:
            case CandidateAdded(candidate=0):
                self.candidates.append(_restored(event, space))
            case CandidateAdded() | ProposalRefused():
                self._told.append(event)
                self.said[event_json(event)] += 1
            case Asked():
                self._take_asked(event, space)
            case Evaluated():
                self._take_evaluation(evaluation_of(event))
            case Exchanged():
                self._take_exchange(Exchange.from_json(event.exchange))
            case RunFinished():
                self._take_end(event)
            case Resumed():
                self.finished = None
                self.budget = _budget(event.budget)

    def _take_asked(self, event: Asked, space: Space) -> None:
        for told in self._told:
            if isinstance(told, CandidateAdded):
                self.candidates.append(_restored(told, space))
            elif isinstance(told, ProposalRefused):
                self.refusals.append(Refusal(parents=tuple(told.parents), problem=told.problem))
        if self.rounds:
            self.rounds_in_vain = self.rounds_in_vain + 1 if self.rounds[-1].unanswered else 0
        self.rounds.append(Round(tuple(_trial(row, self.candidates) for row in event.trials)))
        self._told.clear()
        self.said.clear()
        self._of_ask.clear()

    def _take_evaluation(self, evaluation: Evaluation) -> None:
        pair = (evaluation.candidate, evaluation.instance)
        if evaluation.status == "unmeasured":
            self._of_pair.pop(pair, None)
        elif evaluation.taken_from is None:
            self._evaluations += 1
        if evaluation.split == "test":
            if evaluation.status != "unmeasured":
                self.tests[pair] = evaluation
        elif self.rounds:
            self.rounds[-1].evaluations[pair] = evaluation
        else:
            raise UsageError("it was recorded by an agentopt that did not write down what was asked for")

    def _take_exchange(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        if exchange.role == "optimizer":
            self._of_ask.append(exchange)
        else:
            pair = (int(exchange.where["candidate"]), str(exchange.where["instance"]))
            self._of_pair.setdefault(pair, []).append(exchange)

    def _take_end(self, event: RunFinished) -> None:
        self.finished = event
        for exchanges in (self._of_ask, *self._of_pair.values()):
            while exchanges and exchanges[-1].reply is None:  # what ended the run is to be tried again
                exchanges.pop()
        if event.result is not None:
            self.rounds_in_vain = 0
            self._done_tests |= {pair for pair in self.tests if pair[0] != 0}


def read_past(stored: Sequence[StoredEvent], space: Space) -> Past:
    """What a run did, from its record.

    Raises:
        UsageError: it was recorded by an agentopt that could not resume.
        FormatError: an event refers to something that was not recorded.
    """
    header = stored[0].event
    if not isinstance(header, RunStarted):
        raise FormatError("a record starts with `run_started`; this one does not")
    past = Past(header)
    for before, one in zip([stored[0], *stored], stored):
        if not isinstance(one.event, Resumed):
            past.seconds += max(0.0, one.time - before.time)
        try:
            past.take(one.event, space)
        except (KeyError, IndexError, TypeError) as error:
            raise FormatError(f"run {header.run}, event {one.serial}: cannot be resumed from: {error!r}") from None
        except UsageError as error:
            raise type(error)(f"run `{header.run}` cannot be resumed: {error}") from None
    return past


def recorded_budget(events: Sequence[Event]) -> Budget:
    """The limits that a run had last.

    Raises:
        FormatError: they are not those of a budget.
    """
    limits: dict[str, Any] = {}
    for event in events:
        if isinstance(event, RunStarted):
            limits = event.settings.get("budget", {})
        elif isinstance(event, Resumed):
            limits = event.budget
    return _budget(limits)


def _budget(limits: Mapping[str, Any]) -> Budget:
    try:
        return Budget(**limits)
    except TypeError as error:
        raise FormatError(f"the recorded budget is {limits!r}: {error}") from None


def _trial(row: Mapping[str, Any], candidates: Sequence[Candidate]) -> Trial:
    return Trial(
        candidate=candidates[row["candidate"]],
        instances=tuple(row["instances"]),
        fidelity=row.get("fidelity", 1.0),
        group=row.get("group"),
    )


def _restored(event: CandidateAdded, space: Space) -> Candidate:
    candidate = candidate_of(event)
    return Candidate(
        id=candidate.id,
        values=space.restored(candidate.values),
        parents=candidate.parents,
        origin=candidate.origin,
        notes=candidate.notes,
    )


def _sum(amounts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for each in amounts:
        for resource, amount in each.items():
            total[resource] = total.get(resource, 0) + amount
    return total

"""Review by a person: every new candidate is accepted, edited or rejected before anything is measured.

A person also gives rankings here, to optimizers that ask for them (`Context.ask_ranking`). Decisions are events of the
record, so a resumed run does not ask again for what was decided, and a replay needs nobody.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from agentopt.candidate import Archive, Candidate, Refusal, Trial
from agentopt.canonical import canonical, digest, from_jsonable, known_fields, to_jsonable
from agentopt.errors import FormatError, ProposalError, ReplayMismatch, RunStopped, UsageError
from agentopt.events import Event, Reviewed
from agentopt.proposal import checked_proposal
from agentopt.space import Space
from agentopt.store.control import Control

Verdict = Literal["accepted", "edited", "rejected", "ranked"]
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a person is asked.

    Args:
        kind: `proposal`: may these changes be tried? `ranking`: in which order are these items, best first?
        parents: ids of the candidates that the proposal was made from.
        origin: what proposes it.
        reasoning: the proposer's words.
        before: the present values of what would change, by parameter name.
        changes: the proposed values.
        items: what is to be ranked.
        problem: why the answer given before could not be taken.
    """

    kind: Literal["proposal", "ranking"]
    parents: tuple[int, ...] = ()
    origin: str = ""
    reasoning: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[str, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The question as JSON data."""
        data = asdict(self) | {"parents": list(self.parents), "items": list(self.items)}
        return {name: to_jsonable(value) for name, value in data.items()}


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a person answers.

    Args:
        changes: where edited: all new values by parameter name, instead of the proposed ones.
        words: why it was rejected, for the proposer; an optimizer that asks a model shows them to it.
        order: where ranked: positions of the items, from 0, best first.
        by: who decided.
    """

    verdict: Verdict
    changes: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""
    order: tuple[int, ...] = ()
    by: str = ""

    def to_json(self) -> dict[str, Any]:
        """The decision as JSON data."""
        return asdict(self) | {"changes": to_jsonable(dict(self.changes)), "order": list(self.order)}


Review: TypeAlias = Callable[[Question], Decision]
"""Answers questions; raises `RunStopped` to end the run instead, so that it can be resumed."""


def decision_of(data: Mapping[str, Any]) -> Decision:
    """The decision in JSON data.

    Raises:
        FormatError: it is none; the message names the field.
    """
    fields = known_fields(Decision, data)
    order, changes = fields.get("order", []), fields.get("changes", {})
    for name, is_right, expected in (
        ("verdict", fields.get("verdict") in get_args(Verdict), " or ".join(get_args(Verdict))),
        ("words", isinstance(fields.get("words", ""), str), "text"),
        ("by", isinstance(fields.get("by", ""), str), "text"),
        ("changes", isinstance(changes, dict), "an object"),
        ("order", isinstance(order, list) and all(type(place) is int for place in order), "a list of whole numbers"),
    ):
        if not is_right:
            raise FormatError(f"a decision's `{name}` is {fields.get(name)!r}; expected {expected}")
    return Decision(**{**fields, "changes": from_jsonable(changes), "order": tuple(order)})


class QueuedReview:
    """Puts questions into the queue beside the record, and waits for whoever answers there.

    Args:
        poll_s: how often to look.
    """

    def __init__(self, control: Control, run: str, *, poll_s: float = 0.2) -> None:
        self._control = control
        self._run = run
        self._poll_s = poll_s

    def __call__(self, question: Question) -> Decision:
        """The decision, however long it takes.

        Raises:
            RunStopped: somebody asked the run to stop meanwhile. The question stays, and so does its answer.
        """
        key = _key(question.to_json())
        self._control.put(self._run, key, question.to_json())
        while (answer := self._control.take_answer(self._run, key)) is None:
            if self._control.is_stop_asked(self._run):
                raise RunStopped("it was asked to stop while it waited for a review")
            time.sleep(self._poll_s)
        return decision_of(answer)


class RecordedReview:
    """Gives recorded decisions again: the n-th decision on a question for its n-th time.

    Args:
        events: of a record; only the `reviewed` ones matter.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._decisions: dict[str, deque[Decision]] = defaultdict(deque)
        for event in events:
            if isinstance(event, Reviewed):
                self._decisions[_key(event.question)].append(decision_of({**event.decision, "by": event.by}))

    def take(self, question: Question) -> Decision | None:
        """The next decision on the question; `None` where no more were recorded."""
        left = self._decisions.get(_key(question.to_json()))
        return left.popleft() if left else None

    def __call__(self, question: Question) -> Decision:
        """The next decision on the question.

        Raises:
            ReplayMismatch: no more were recorded.
        """
        decision = self.take(question)
        if decision is None:
            shown = canonical(question.to_json())[:300]
            raise ReplayMismatch(f"a review is asked for that the trace does not hold: {shown}")
        return decision


def _key(question: Mapping[str, Any]) -> str:
    """What makes two questions the same one; words around it do not."""
    return digest({name: question.get(name) for name in ("kind", "parents", "changes", "items")})


class Reviewing:
    """Puts a run's new candidates before a reviewer, and writes down what was decided.

    Args:
        earlier: decisions of an ask that did not end, which are not asked for again.
    """

    def __init__(
        self,
        review: Review,
        space: Space,
        archive: Archive,
        emit: Callable[[Event], None],
        earlier: RecordedReview,
    ) -> None:
        self._review = review
        self._space = space
        self._archive = archive
        self._emit = emit
        self._earlier = earlier

    def passed(self, trials: Sequence[Trial], refuse: Callable[[Refusal], None]) -> list[Trial]:
        """The trials without those of rejected candidates, and with edited candidates as they were edited.

        Args:
            refuse: is given every rejection, with the person's words.
        """
        decided: dict[str, Candidate | None] = {}
        for trial in trials:
            key = digest(trial.candidate.values)
            if key not in decided:
                decided[key] = self._decided(trial.candidate, refuse)
        found = ((trial, decided[digest(trial.candidate.values)]) for trial in trials)
        return [replace(trial, candidate=candidate) for trial, candidate in found if candidate is not None]

    def ranked(self, items: Sequence[str]) -> tuple[int, ...]:
        """Positions of the items, from 0, best first, as a person orders them."""
        return self._answer(Question(kind="ranking", items=tuple(items)), lambda given: _checked_order(given, items))

    def _decided(self, candidate: Candidate, refuse: Callable[[Refusal], None]) -> Candidate | None:
        """The candidate as a person lets it through; `None` where it is rejected."""
        if self._archive.candidate(candidate.values).id < len(self._archive.candidates):
            return candidate
        parent = self._archive.candidates[candidate.parents[0] if candidate.parents else 0]
        changed = [name for name in candidate.values if digest(candidate.values[name]) != digest(parent.values[name])]
        question = Question(
            kind="proposal",
            parents=candidate.parents,
            origin=candidate.origin,
            reasoning=str(candidate.notes.get("reasoning", "")),
            before={name: parent.values[name] for name in changed},
            changes={name: candidate.values[name] for name in changed},
        )
        outcome = self._answer(question, lambda decision: self._outcome(decision, candidate, parent))
        if isinstance(outcome, str):
            refuse(Refusal(parents=candidate.parents, problem=outcome))
            return None
        return outcome

    def _outcome(self, decision: Decision, candidate: Candidate, parent: Candidate) -> Candidate | str:
        """What is to be measured, or why nothing is.

        Raises:
            ProposalError: the decision cannot be taken.
        """
        match decision.verdict:
            case "accepted":
                return candidate
            case "rejected":
                if not decision.words.strip():
                    raise ProposalError("a rejection needs words, which tell the proposer why")
                return decision.words
            case "edited":
                proposal = checked_proposal(self._space, parent.values, decision.changes)
                if not proposal.changes:
                    raise ProposalError("the edited proposal changes nothing")
                return replace(
                    candidate,
                    values={**parent.values, **proposal.changes},
                    notes={**candidate.notes, "edited_by": decision.by},
                )
            case "ranked":
                raise ProposalError("a proposal is accepted, edited or rejected, not ranked")

    def _answer(self, question: Question, check: Callable[[Decision], _T]) -> _T:
        """What `check` makes of the decision, which is written down once it can be taken.

        Raises:
            UsageError: a caller's own reviewer gives a decision that cannot be taken; the queue is asked again.
        """
        asked = question
        while True:
            decision = self._earlier.take(question) or self._review(asked)
            try:
                outcome = check(decision)
            except ProposalError as error:
                if not isinstance(self._review, QueuedReview):
                    raise UsageError(f"the reviewer's decision `{decision.verdict}` cannot be taken: {error}") from None
                asked = replace(question, problem=str(error))
                continue
            told = {name: value for name, value in question.to_json().items() if name not in ("before", "problem")}
            answered = {name: value for name, value in decision.to_json().items() if name != "by"}
            self._emit(Reviewed(question=told, decision=answered, by=decision.by))
            return outcome


def _checked_order(decision: Decision, items: Sequence[str]) -> tuple[int, ...]:
    if decision.verdict != "ranked" or sorted(decision.order) != list(range(len(items))):
        raise ProposalError(
            f"a ranking names each of the positions 0 to {len(items) - 1} once; "
            f"got `{decision.verdict}` with {list(decision.order)}"
        )
    return decision.order

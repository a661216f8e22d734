"""`Session`: a loop of your own asks what to measure, and tells what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from agentopt.budget import Budget, Ledger, Reservation
from agentopt.candidate import Archive, Candidate, Evaluation, Trial
from agentopt.canonical import canonical, to_jsonable
from agentopt.errors import BudgetExhausted, UsageError
from agentopt.events import Resumed, RunStarted, asked
from agentopt.feedback import as_feedback
from agentopt.graph.node import Node, make
from agentopt.graph.operation import Operation
from agentopt.graph.parameters import named
from agentopt.graph.showing import show
from agentopt.graph.subgraph import Evidence, propagate
from agentopt.graph.trainable import Version
from agentopt.instance import SPLITS, Instance
from agentopt.journal import Journal
from agentopt.llm.base import LLM
from agentopt.llm.price import known_prices
from agentopt.loop import open_model, read_examples
from agentopt.optimizers.base import Optimizer
from agentopt.optimizers.named import make_optimizer
from agentopt.past import Past, read_past
from agentopt.proposers.base import Context, Proposer, settings_of
from agentopt.run import TRIALS_PER_ASK
from agentopt.settings import new_run_id
from agentopt.space import Space
from agentopt.store.sqlite import Store
from agentopt.task import DEFAULT_OBJECTIVE


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """A measurement that a session waits for."""

    candidate: Candidate
    instance: Instance
    reservation: Reservation = field(repr=False)

    @property
    def values(self) -> Mapping[str, Any]:
        """The values to measure, by parameter name."""
        return self.candidate.values

    @property
    def example(self) -> Mapping[str, Any]:
        """The fields of the example to measure them on; empty without examples."""
        return self.instance.fields


class Session:
    """Ask and tell: the search of `optimize` for a loop of your own, with its archive, budget and record.

    Nothing is run here, and the session is for one thread. A test split is never asked for; measure the best on it
    yourself, when all is over.

    Args:
        parameters: what may change: a module, a parameter or trainable bundle, or a list or dict of these.
        optimizer, proposer, objective, llm, seed: as in `optimize`.
        examples: as in `optimize`; without any there is one instance without fields.
        target: a score that cannot be beaten.
        budget: limits of the whole session; a measurement that was asked for is reserved.
        out: folder of a record, `agentopt.sqlite` in it; `None` keeps none.
        resume: id of a session in that record, to go on with (not in two processes at once); all else must be as it
            was. What was told is known again, and what was not told is asked for again. Graphs are not in a record:
            evidence from before shows values, output and feedback only, and model calls of an ask that did not end
            are made again.

    Raises:
        UsageError: something given cannot work.
    """

    def __init__(
        self,
        parameters: object,
        *,
        optimizer: str | Mapping[str, Any] | Optimizer = "greedy",
        proposer: str | Mapping[str, Any] | Proposer = "optoprime",
        examples: str | Path | Sequence[Mapping[str, Any]] | None = None,
        objective: str = DEFAULT_OBJECTIVE,
        llm: str | LLM | None = None,
        target: float | None = None,
        budget: Budget = Budget(),
        out: str | Path | None = None,
        seed: int = 0,
        resume: str = "",
    ) -> None:
        self.space = Space(named(parameters))
        self.optimizer = make_optimizer(optimizer, proposer)
        self.objective = objective
        self.target = target
        self.seed = seed
        self.reason = ""
        instances = read_examples(examples, seed=seed) or [Instance(id="run", split="train")]
        self._instances = {i.id: i for i in instances}
        model = None if llm is None else open_model(llm, "optimizer")
        if "llm" in self.optimizer.needs and model is None:
            raise UsageError("the optimizer asks a model; give `llm=`, such as llm='openai:gpt-5-mini'")
        if resume and out is None:
            raise UsageError("`resume` names a session in a record, and `out` is None; give the record's folder")
        past = _past(resume, Path(out or ""), self.space) if resume else None
        run = past.header.run if past else new_run_id()
        prices = {"optimizer": getattr(model, "price", None)}
        ledger = Ledger(budget, spent=past.spent(budget, prices) if past else None)  # type: ignore[arg-type]  # a role
        self._journal = Journal(run, Archive(revive=self._revived), ledger, out)
        self._llm = None if model is None else self._journal.metered(model, seed)
        self._waiting: dict[tuple[int, str], Wanted] = {}
        header = self._header(model)
        if past is None:
            self._journal.emit(header)
            self._journal.add(self._journal.archive.candidate(self.space.values(), origin="start"))
        else:
            self._restore(past, header)

    @property
    def run(self) -> str:
        """The session's id in its record."""
        return self._journal.run

    @property
    def archive(self) -> Archive:
        """All that was tried and told."""
        return self._journal.archive

    @property
    def spent(self) -> dict[str, float]:
        """What was spent so far, by resource."""
        return self._journal.ledger.spent

    @property
    def best(self) -> Candidate:
        """The candidate to use if all ended here."""
        return self.optimizer.best(self._context())

    def ask(self) -> list[Wanted]:
        """What to measure next: all that was asked for and not told; empty when the search is over, see `reason`.

        Raises:
            LLMError: the optimizer's model did not answer.
        """
        try:
            while not self._waiting and not self.reason:
                trials = self.optimizer.ask(self._context(), TRIALS_PER_ASK)
                if not trials:
                    self.reason = "the optimizer is done"
                    break
                self._journal.ledger.reserve(asks=len(trials)).settle(asks=len(trials))
                known = [replace(t, candidate=self._journal.add(t.candidate), instances=t.measured) for t in trials]
                self._journal.emit(asked(known))
                self._want(known)
        except BudgetExhausted as error:
            self.reason = str(error)
        return list(self._waiting.values())

    def __iter__(self) -> Iterator[Wanted]:
        """Everything that is asked for, one by one, until the search is over; each must be told in its turn."""
        while waiting := self.ask():
            yield waiting[0]
            if (waiting[0].candidate.id, waiting[0].instance.id) in self._waiting:
                raise UsageError(f"nothing was told about {waiting[0]}; call `session.tell(wanted, feedback)`")

    def bound(self, wanted: Wanted) -> AbstractContextManager[None]:
        """Gives the parameters the values to be measured inside of a `with`, in this thread or task only."""
        return self.space.bound(wanted.values)

    def tell(self, wanted: Wanted, feedback: object, *, output: object = None) -> None:
        """Enters what came of a measurement.

        Args:
            feedback: a score, words, `(score, words)` or a `Feedback`; an exception says that it failed.
            output: what was made; a node of a traced run, its parameters bound by `bound`, shows an optimizer with a
                model how it came about.

        Raises:
            UsageError: it was not asked for, or told before.
        """
        key = (wanted.candidate.id, wanted.instance.id)
        if key not in self._waiting:
            raise UsageError(f"candidate {key[0]} on `{key[1]}` was told before, or not asked for by this session")
        said = as_feedback(feedback)
        made = output if isinstance(output, Node) else self._made(wanted.candidate, output)
        evaluation = Evaluation(
            candidate=key[0],
            instance=key[1],
            split=wanted.instance.split,
            status="failed" if isinstance(feedback, Exception) else "ok",
            score=said.score,
            feedback=said,
            output=show(made.value, 2000),
            evidence=propagate(made, said, instance=key[1]),
        )
        self._journal.record(evaluation, made)
        self._waiting.pop(key).reservation.settle(evaluations=1)

    def apply(self) -> None:
        """Gives the parameters the best values, for good."""
        self.space.set(self.best.values)

    def close(self) -> None:
        """Ends the record, if one is kept; `with Session(…) as session:` does it too."""
        self._journal.close(self.reason or "the loop closed it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _want(self, trials: Sequence[Trial]) -> None:
        """Reserves what is not measured yet; as much as can be afforded.

        Raises:
            BudgetExhausted: nothing of it can.
        """
        for candidate, instance in dict.fromkeys((t.candidate.id, i) for t in trials for i in t.instances):
            if instance not in self._instances or self._instances[instance].split == "test":
                raise UsageError(f"the optimizer asks for `{instance}`, which is no train or dev instance")
            if self.archive.evaluation(candidate, instance) is None:
                try:
                    reservation = self._journal.ledger.reserve(evaluations=1)
                except BudgetExhausted:
                    if self._waiting:
                        return
                    raise
                self._waiting[candidate, instance] = Wanted(
                    candidate=self.archive.candidates[candidate],
                    instance=self._instances[instance],
                    reservation=reservation,
                )

    def _made(self, candidate: Candidate, output: object) -> Node:
        """The output as a node that depends on all parameters."""
        read = [Version(value, self.space.parameters[name]) for name, value in candidate.values.items()]
        return make(output, _PROGRAM, tuple(read))

    def _revived(self, evaluation: Evaluation) -> Evidence:
        made = self._made(self.archive.candidates[evaluation.candidate], evaluation.output)
        return propagate(made, evaluation.feedback, instance=evaluation.instance)

    def _context(self) -> Context:
        ids = {split: tuple(i.id for i in self._instances.values() if i.split == split) for split in SPLITS}
        context = self._journal.context(self.space, self.objective, ids, self._llm, seed=self.seed)
        return replace(context, target=self.target)

    def _restore(self, past: Past, header: RunStarted) -> None:
        """Enters what a record holds.

        Raises:
            UsageError: the session was about something else.
        """
        for what in ("space", "instances"):
            was, is_ = getattr(past.header, what), getattr(header, what)
            if canonical(was) != canonical(is_):
                raise UsageError(f"session `{self.run}` cannot be resumed: its {what} were {was}, now they are {is_}")
        self._journal.emit(Resumed(budget=self._journal.ledger.budget.limits()))
        for candidate in past.candidates:
            self.archive.add(candidate)
        self.archive.refusals.extend(past.refusals)
        for done in past.rounds:
            for evaluation in done.evaluations.values():
                self.archive.record(evaluation)
        if past.rounds:
            self._want(past.rounds[-1].trials)

    def _header(self, model: LLM | None) -> RunStarted:
        every = self._instances.values()
        return RunStarted(
            run=self.run,
            task={"name": "session", "objective": self.objective, "reference": {}},
            settings={
                "optimizer": to_jsonable(settings_of(self.optimizer)),
                "budget": self._journal.ledger.budget.limits(),
                "seed": self.seed,
            },
            llm={} if model is None else {"optimizer": model.name},
            prices={} if model is None else known_prices({"optimizer": model}),
            answered_by="nobody" if model is None else model.answered_by,
            space=to_jsonable(self.space.to_json()),
            instances={split: [i.id for i in every if i.split == split] for split in SPLITS},
        )


def _identity(*values: object) -> object:
    return values


_PROGRAM: Operation = Operation("program", _identity, doc="The program that was measured, as a whole.")


def _past(run: str, out: Path, space: Space) -> Past:
    with Store(out / "agentopt.sqlite") as store:
        known = [r.run for r in store.runs()]
        if run not in known:
            raise UsageError(f"there is no session `{run}` in `{out}`; there are {', '.join(known) or 'none'}")
        return read_past(list(store.events(run)), space)

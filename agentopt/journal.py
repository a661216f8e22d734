"""What loops of a user's own share: an archive, a ledger, and the record of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

from agentopt.budget import Ledger
from agentopt.candidate import Archive, Candidate, Evaluation, Refusal
from agentopt.events import Event, Exchanged, ProposalRefused, RunFinished, candidate_added, evaluated
from agentopt.graph.node import Node
from agentopt.instance import Split
from agentopt.llm.base import LLM
from agentopt.llm.recorded import Exchange, RecordedLLM
from agentopt.llm.retrying import RetryingLLM
from agentopt.proposers.base import Context
from agentopt.sandbox.local import LocalSandbox
from agentopt.space import Space
from agentopt.store.sqlite import Store


class Journal:
    """Enters what happens into an archive, and writes it down.

    Args:
        out: folder of the record, `agentopt.sqlite` in it; `None` keeps none.
    """

    def __init__(self, run: str, archive: Archive, ledger: Ledger, out: str | Path | None) -> None:
        self.run = run
        self.archive = archive
        self.ledger = ledger
        self.store = Store(Path(out) / "agentopt.sqlite") if out is not None else None

    def emit(self, event: Event) -> None:
        """Writes an event down, where a record is kept."""
        if self.store is not None:
            self.store.append(self.run, event)

    def add(self, candidate: Candidate) -> Candidate:
        """Enters a candidate; returns the one in the archive."""
        count = len(self.archive.candidates)
        added = self.archive.add(candidate)
        if added.id == count:
            self.emit(candidate_added(added))
        return added

    def record(self, evaluation: Evaluation, output: Node) -> None:
        """Enters an evaluation, and the graph of what was evaluated."""
        self.archive.record(evaluation)
        self.emit(evaluated(evaluation, output))

    def refuse(self, refusal: Refusal) -> None:
        """Enters a proposal that could not be used."""
        self.archive.refusals.append(refusal)
        self.emit(ProposalRefused(parents=list(refusal.parents), problem=refusal.problem))

    def metered(self, model: LLM, seed: int) -> LLM:
        """The model as an optimizer is given it: every attempt counted and written down."""

        def exchanged(exchange: Exchange) -> None:
            self.emit(Exchanged(exchange=exchange.to_json()))

        recorded = RecordedLLM(model, ledger=self.ledger, on_exchange=exchanged, role="optimizer")
        return RetryingLLM(recorded, rng=Random(seed), ledger=self.ledger)

    def context(
        self, space: Space, objective: str, instances: Mapping[Split, tuple[str, ...]], llm: LLM | None, *, seed: int
    ) -> Context:
        """What a proposer or an optimizer is given; see `Context`."""
        archive = self.archive
        return Context(
            archive=archive,
            space=space,
            objective=objective,
            instances={"train": instances["train"], "dev": instances["dev"]},
            rng=Random(f"{seed}:{len(archive.candidates)}:{len(archive.refusals)}"),
            ledger=self.ledger,
            sandbox=LocalSandbox(),
            refuse=self.refuse,
            llm=llm,
            seed=seed,
        )

    def close(self, reason: str) -> None:
        """Ends the record, if one is kept."""
        if self.store is not None:
            self.emit(RunFinished(reason=reason))
            self.store.close()
            self.store = None

"""What proposers and optimizers are given, and what every proposer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, runtime_checkable

from agentopt.budget import Ledger
from agentopt.candidate import Archive, Candidate, Refusal
from agentopt.graph.subgraph import Evidence
from agentopt.instance import Split
from agentopt.llm.base import LLM, Capability
from agentopt.proposal import Proposal
from agentopt.sandbox.base import Sandbox
from agentopt.space import Space


@dataclass(frozen=True, kw_only=True)
class Context:
    """The run, as an optimizer may see it.

    Args:
        objective: what the task is after, in words.
        instances: ids of the train and dev instances, in order. Test instances are not here.
        rng: the only source of chance; made anew for every ask from the seed and the numbers of candidates and
            refusals in the archive, so that an optimizer needs no state of its own. It is the same again while only
            known candidates are measured: mix in what changes (how many were) where that matters.
        seed: of the run, for chance that must stay the same from ask to ask.
        llm: answers as the optimizer's model; `None` where the run has none.
        target: a score that cannot be beaten, where the task knows one.
        ask_ranking: has a person put items (texts) in order; positions from 0, best first. `None` where the run has no
            reviewer. The answer is in the record, so it is given again when an interrupted ask is repeated; what is to
            outlive the ask belongs into a candidate's notes.
        refuse: enters a proposal that could not be used, with the words that say why.
    """

    archive: Archive
    space: Space
    objective: str
    instances: Mapping[Split, tuple[str, ...]]
    rng: Random
    ledger: Ledger
    sandbox: Sandbox
    refuse: Callable[[Refusal], None]
    llm: LLM | None = None
    target: float | None = None
    ask_ranking: Callable[[Sequence[str]], Sequence[int]] | None = None
    seed: int = 0

    @property
    def compared(self) -> tuple[str, ...]:
        """The instances that candidates are compared on: dev, or train where there is no dev."""
        return self.instances["dev"] or self.instances["train"]


@runtime_checkable
class Proposer(Protocol):
    """One move: evidence in, proposals out. Holds settings, not state."""

    needs: frozenset[Capability | str]
    """What it cannot do without: `llm`, and capabilities of the model."""

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        """Proposals for children of `parents`, checked against the space; empty where none was usable.

        Raises:
            BudgetExhausted: no model call is left.
        """
        ...


def settings_of(plugin: object) -> dict[str, Any]:
    """A plug-in's name and settings as plain data, for a record's header."""
    settings = {key: value for key, value in vars(plugin).items() if not key.startswith("_")}
    return {"name": getattr(plugin, "name", type(plugin).__name__)} | {
        key: settings_of(value) if _is_plugin(value) else value for key, value in settings.items()
    }


def _is_plugin(value: object) -> bool:
    """Whether it proposes or searches; optimizers are above this layer."""
    return isinstance(value, Proposer) or (hasattr(value, "ask") and hasattr(value, "needs"))

"""OPRO: shows a model what was tried with its scores, in ascending order, and asks for something better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentopt.candidate import Archive, Candidate, Refusal
from agentopt.graph.render import RenderOptions, render
from agentopt.graph.showing import show
from agentopt.graph.subgraph import Evidence
from agentopt.llm.base import Capability, Message, Request
from agentopt.prompts import load_prompt
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.proposers.reply import ask_for_proposal, reply_schema


class OPROProposer:
    """Several draws from one request that holds the best candidates so far, each once.

    Args:
        candidates: draws, one call each; each sends another `seed` with the same words.
        shown: candidates shown, the best of those measured everywhere.
        exemplars: train instances of `parents[0]` shown with what was said about them.
        max_chars: a longer text is refused.
        temperature: of the model.
        again: how often a reply that cannot be used is asked for again, with the reason.

    Source: "Large Language Models as Optimizers", arXiv:2309.03409, and its code for the numbers; scores in [0, 1] are
    shown as whole percents, others to three digits. Unlike there, texts that cannot be used are refused in words and
    the draws are never repeated until enough are valid.
    """

    name = "opro"
    needs: frozenset[Capability | str] = frozenset({"llm"})

    def __init__(
        self,
        *,
        candidates: int = 8,
        shown: int = 20,
        exemplars: int = 3,
        max_chars: int = 500,
        temperature: float | None = 1.0,
        again: int = 0,
    ) -> None:
        self.candidates = candidates
        self.shown = shown
        self.exemplars = exemplars
        self.max_chars = max_chars
        self.temperature = temperature
        self.again = again

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        """Proposals for children of `parents[0]`; equal ones are all returned.

        Raises:
            BudgetExhausted: no model call is left.
        """
        parent = parents[0]
        prompt, space = load_prompt("opro"), context.space
        user = prompt.fill(
            "user",
            objective=context.objective,
            current="\n".join(f"{name} ({p.kind})" for name, p in space.parameters.items()),
            scored=scored_text(context.archive, context.compared, self.shown),
            examples=self._examples(evidence),
        )
        messages = (Message("system", prompt.fill("system")), Message("user", user))
        found = []
        for draw in range(self.candidates):
            request = Request(
                messages=messages,
                schema=reply_schema(space),
                schema_name="proposal",
                temperature=self.temperature,
                seed=draw,
            )
            proposal = ask_for_proposal(context, parent, request, again=self.again, origin=self.name)
            if proposal is not None and self._is_short(context, parent, proposal):
                found.append(proposal)
        return found

    def _examples(self, evidence: Sequence[Evidence]) -> str:
        shown = evidence[: self.exemplars]
        return f"\n\n# Some inputs\n{render(shown, RenderOptions(max_tokens=3000))}" if shown else ""

    def _is_short(self, context: Context, parent: Candidate, proposal: Proposal) -> bool:
        long = [
            name for name, value in proposal.changes.items() if isinstance(value, str) and len(value) > self.max_chars
        ]
        if long:
            problem = (
                f"parameter `{long[0]}` has {len(proposal.changes[long[0]])} characters; {self.max_chars} are allowed"
            )
            context.refuse(Refusal(parents=(parent.id,), problem=problem))
        return not long


def scored_text(archive: Archive, instances: Sequence[str], count: int) -> str:
    """The `count` candidates with the highest means, the best last; the start alone where none has a score."""
    means = [(archive.mean(c.id, instances), c) for c in archive.candidates]
    scored = sorted(((m, -c.id, c) for m, c in means if m is not None), key=lambda row: row[:2])[-count:]
    if not scored:
        return _entry("no score", archive.candidates[0].values)
    is_share = all(0 <= mean <= 1 for mean, _, _ in scored)
    return "\n\n".join(
        _entry(f"score {round(100 * m)}" if is_share else f"score {m:.3g}", c.values) for m, _, c in scored
    )


def _entry(score: str, values: Mapping[str, Any]) -> str:
    return "\n".join([*(f"{name} = {show(value, 600)}" for name, value in values.items()), score])

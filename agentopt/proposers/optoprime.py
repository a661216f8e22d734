"""OptoPrime: shows a model the executed graph and the feedback, and asks for better parameter values.

Source: "Trace is the New AutoDiff", arXiv:2406.16218, section 4. Unlike the authors'
code, a reply counts only if all of it can be applied, and one that cannot is asked for again with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentopt.candidate import Candidate
from agentopt.graph.render import RenderOptions, render
from agentopt.graph.showing import show
from agentopt.graph.subgraph import Evidence
from agentopt.llm.base import Capability, Message, Request
from agentopt.prompts import load_prompt
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.proposers.reply import ask_for_proposal, reply_schema


class OptoPrimeProposer:
    """One model call per proposal, plus at most `again` more where the reply cannot be used.

    Args:
        candidates: proposals asked for at a time, one call each.
        memory: how many earlier candidates (the best of those measured on the same instances) are shown with
            their scores; 0 for none.
        again: how often a reply that cannot be used is asked for again, with the reason.
        temperature: of the model; `None` for its default.
        max_tokens: size of the rendered graph; see `RenderOptions`.
    """

    name = "optoprime"
    needs: frozenset[Capability | str] = frozenset({"llm"})

    def __init__(
        self,
        *,
        candidates: int = 1,
        memory: int = 5,
        again: int = 2,
        temperature: float | None = None,
        max_tokens: int = 12_000,
    ) -> None:
        self.candidates = candidates
        self.memory = memory
        self.again = again
        self.temperature = temperature
        self.max_tokens = max_tokens

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        """Proposals for children of `parents[0]`; empty where the model gave nothing usable.

        Raises:
            BudgetExhausted: no model call is left.
        """
        parent = parents[0]
        request = self._request(context, parent, evidence)
        found = (
            ask_for_proposal(context, parent, request, again=self.again, origin=self.name)
            for _ in range(self.candidates)
        )
        return [proposal for proposal in found if proposal is not None]

    def _request(self, context: Context, parent: Candidate, evidence: Sequence[Evidence]) -> Request:
        prompt = load_prompt("optoprime")
        schema = reply_schema(context.space)
        instances = list(dict.fromkeys(e.instance for e in evidence))
        user = prompt.fill(
            "user",
            objective=context.objective,
            evidence=render(evidence, RenderOptions(max_tokens=self.max_tokens), parameters=context.space.parameters),
            history=self._history(context, parent, instances),
        )
        messages = (Message("system", prompt.fill("system")), Message("user", user))
        return Request(messages=messages, schema=schema, schema_name="proposal", temperature=self.temperature)

    def _history(self, context: Context, parent: Candidate, instances: Sequence[str]) -> str:
        archive = context.archive
        tried = []
        for candidate in archive.candidates:
            mean = archive.mean(candidate.id, instances)
            if candidate.id != parent.id and mean is not None:
                tried.append((mean, candidate))
        tried = sorted(tried, key=lambda pair: -pair[0])[: self.memory]
        lines = [f"- score {mean:.6g}: {_changes_text(c, parent)}" for mean, c in tried]
        refused = [f"- refused: {r.problem}" for r in archive.refusals[-3:] if parent.id in r.parents]
        if not lines + refused:
            return ""
        title = "\n\n# Tried before on the same inputs (the values that differ from those above)"
        return "\n".join([title, *lines, *refused])


def _changes_text(candidate: Candidate, parent: Candidate) -> str:
    changed = {k: v for k, v in candidate.values.items() if v != parent.values[k]}
    return ", ".join(f"{name} = {show(value, 400)}" for name, value in changed.items())

"""Reflective rewriting: what happened on a minibatch, and one parameter written anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentopt.candidate import Candidate
from agentopt.graph.render import RenderOptions, render
from agentopt.graph.subgraph import Evidence
from agentopt.llm.base import Capability, Message, Request
from agentopt.prompts import load_prompt
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.proposers.reply import ask_for_proposal, reply_schema
from agentopt.space import Space


class ReflectProposer:
    """Has a model rewrite one parameter; which one goes round with every child that the parent has.

    Prompts and code are rewritten; where a space has neither, whatever it has.

    Args:
        again: how often a reply that cannot be used is asked for again, with the reason.
        temperature: of the model; `None` for its default.
        max_tokens: size of what is shown of the minibatch; see `RenderOptions`.

    Source: the reflective mutation of GEPA, arXiv:2507.19457, section 3.2, with round robin over components.
    """

    name = "reflect"
    needs: frozenset[Capability | str] = frozenset({"llm"})

    def __init__(self, *, again: int = 2, temperature: float | None = None, max_tokens: int = 12_000) -> None:
        self.again = again
        self.temperature = temperature
        self.max_tokens = max_tokens

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        """At most one proposal for a child of `parents[0]`.

        Raises:
            BudgetExhausted: no model call is left.
        """
        parent = parents[0]
        name = next_component(context, parent)
        narrowed = replace(context, space=Space({name: context.space.parameters[name]}))
        prompt = load_prompt("reflect")
        options = RenderOptions(max_tokens=self.max_tokens)
        user = prompt.fill(
            "user",
            objective=context.objective,
            name=name,
            evidence=render(evidence, options, parameters=context.space.parameters),
        )
        request = Request(
            messages=(Message("system", prompt.fill("system")), Message("user", user)),
            schema=reply_schema(narrowed.space),
            schema_name="proposal",
            temperature=self.temperature,
        )
        proposal = ask_for_proposal(narrowed, parent, request, again=self.again, origin=self.name)
        return [] if proposal is None else [proposal]


def next_component(context: Context, parent: Candidate) -> str:
    """The parameter whose turn it is: one after the other, by how many proposals the parent has had."""
    parameters = context.space.parameters
    names = [name for name, p in parameters.items() if p.kind in ("prompt", "code")] or list(parameters)
    refused = sum(parent.id in refusal.parents for refusal in context.archive.refusals)
    return names[(len(context.archive.children(parent.id)) + refused) % len(names)]

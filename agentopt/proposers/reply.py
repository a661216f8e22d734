"""Asking a model for new values: the form of a reply, reading it, and asking again for one that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentopt.candidate import Candidate, Refusal
from agentopt.errors import ProposalError
from agentopt.graph.showing import show
from agentopt.llm.base import Message, Request
from agentopt.llm.structured import extract_json
from agentopt.prompts import load_prompt
from agentopt.proposal import Proposal, checked_proposal
from agentopt.proposers.base import Context
from agentopt.space import Space


def ask_for_proposal(
    context: Context, parent: Candidate, request: Request, *, again: int, origin: str
) -> Proposal | None:
    """The proposal in the model's reply; `None` where it gave nothing usable.

    Args:
        request: its first messages are repeated with each reply that cannot be used and the reason why.
        again: how often to ask again.
        origin: which proposer asks.
    """
    assert context.llm is not None, "a run checks `needs` before it starts"
    first = request.messages
    for _ in range(1 + again):
        reply = context.llm.complete(request)
        try:
            return parse_reply(reply.text, context.space, parent, origin=origin)
        except ProposalError as error:
            problem = f"The model refused: {reply.refusal}" if reply.refusal else str(error)
            context.refuse(Refusal(parents=(parent.id,), problem=problem))
            words = load_prompt("optoprime_again").fill(problem=problem)
            said = (Message("assistant", reply.text),) if reply.text.strip() else ()
            request = replace(request, messages=(*first, *said, Message("user", words)))
    return None


def reply_schema(space: Space) -> dict[str, Any]:
    """JSON Schema of a reply: reasoning first, then one value or null per parameter."""
    return {
        "type": "object",
        "properties": {"reasoning": {"type": "string"}, "changes": space.reply_schema()},
        "required": ["reasoning", "changes"],
        "additionalProperties": False,
    }


def parse_reply(text: str, space: Space, parent: Candidate, *, origin: str) -> Proposal:
    """The proposal in a model's reply.

    Raises:
        ProposalError: there is none that can be applied whole; the words are for the model.
    """
    data = extract_json(text)
    if not isinstance(data, dict):
        raise ProposalError(f"expected one JSON object, got {type(data).__name__}: {show(data, 80)}")
    changes = data.get("changes")
    if not changes and data.keys() & space.parameters.keys():
        changes = {name: value for name, value in data.items() if name in space.parameters}
    if not isinstance(changes, dict):
        raise ProposalError('the object has no "changes" object with the new values by parameter name')
    reasoning = data.get("reasoning")
    return checked_proposal(
        space, parent.values, changes, reasoning=reasoning if isinstance(reasoning, str) else "", origin=origin
    )

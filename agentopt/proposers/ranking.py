"""A ranking of candidates by a model, or by the person behind `manual:`."""

from __future__ import annotations

from collections.abc import Sequence

from agentopt.candidate import Refusal
from agentopt.errors import ProposalError
from agentopt.graph.showing import show
from agentopt.llm.base import Message, Request
from agentopt.llm.structured import extract_json
from agentopt.prompts import load_prompt
from agentopt.proposers.base import Context

SCHEMA = {
    "type": "object",
    "properties": {"ranking": {"type": "array", "items": {"type": "integer"}}},
    "required": ["ranking"],
    "additionalProperties": False,
}


def ranked_by_model(context: Context, candidates: Sequence[int], *, again: int = 2) -> list[int]:
    """The candidates' ids, best first, as the optimizer's model orders their outputs; empty where it gave no order.

    Args:
        candidates: ids in the archive; their outputs are shown in this order, numbered, without their values.
        again: how often a reply that cannot be used is asked for again.
    """
    assert context.llm is not None, "a run checks `needs` before it starts"
    prompt = load_prompt("ranking")
    results = "\n\n".join(f"## {place}\n{outputs_of(context, c)}" for place, c in enumerate(candidates, 1))
    user = prompt.fill("user", objective=context.objective, results=results, count=str(len(candidates)))
    request = Request(
        messages=(Message("system", prompt.fill("system")), Message("user", user)), schema=SCHEMA, schema_name="ranking"
    )
    for _ in range(1 + again):
        reply = context.llm.complete(request)
        try:
            return [candidates[place - 1] for place in parse_ranking(reply.text, len(candidates))]
        except ProposalError as error:
            context.refuse(Refusal(parents=tuple(candidates), problem=str(error)))
            said = (Message("assistant", reply.text),) if reply.text.strip() else ()
            words = prompt.fill("again", problem=str(error), count=str(len(candidates)))
            turns = (*request.messages[:2], *said, Message("user", words))
            request = Request(messages=turns, schema=SCHEMA, schema_name="ranking")
    return []


def parse_ranking(text: str, count: int) -> list[int]:
    """The numbers 1 to `count`, best first, from a model's reply.

    Raises:
        ProposalError: they are not all there once; the words are for the model.
    """
    data = extract_json(text)
    ranking = data.get("ranking") if isinstance(data, dict) else data
    if not isinstance(ranking, list) or any(isinstance(n, bool) or not isinstance(n, int) for n in ranking):
        raise ProposalError(f'the reply has no "ranking" list of numbers: {show(data, 80)}')
    if sorted(ranking) != list(range(1, count + 1)):
        raise ProposalError(f"the ranking must name each of 1 to {count} once, and names {show(ranking, 200)}")
    return ranking


def outputs_of(context: Context, candidate: int) -> str:
    """What the candidate's runs returned, and what was said about them."""
    found = context.archive.evaluations(candidate)
    return "\n".join(f"{e.output}\n{e.feedback.text}".strip() for e in found if e.split != "test")

"""The same function on many things at once, for whoever waits for models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from agentopt.llm.base import LLM, Reply, Request
from agentopt.llm.turns import Turn, Turns
from agentopt.llm.wrapped import in_turn

Given = TypeVar("Given")
Made = TypeVar("Made")

REQUESTS_AT_ONCE = 64
"""So many threads wait for replies; what a server bears, `Limits` says."""


def in_parallel(function: Callable[[Given], Made], items: Sequence[Given], *, workers: int = 8) -> list[Made]:
    """What the function returns for each of the items, in their order.

    Raises:
        Exception: what it raised for the first item that failed, after all have ended.
    """
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(workers, len(items)), thread_name_prefix="agentopt") as pool:
        jobs = [pool.submit(copy_context().run, function, item) for item in items]
    return [job.result() for job in jobs]


def replies(llm: LLM, requests: Sequence[Request]) -> list[Reply]:
    """The model's replies to requests that are made at once, in their order.

    The record has their exchanges in this order too, each request's attempts together, and where the budget does not
    allow all of them, the first are those that are sent. When a failed attempt is repeated, its reservation comes when
    it comes: a run whose budget ends there may not replay strictly to its very end.

    Raises:
        Exception: what the first request that failed raised, after all have ended.
    """
    turns = Turns()

    def reply(place: int) -> Reply:
        turn = Turn(turns=turns, place=place)
        try:
            return in_turn(llm, turn).complete(requests[place])
        finally:
            turn.end()

    return in_parallel(reply, range(len(requests)), workers=REQUESTS_AT_ONCE)

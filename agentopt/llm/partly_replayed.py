"""Recorded replies where the record has them, a live model where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from agentopt.llm.base import LLM, Reply, Request
from agentopt.llm.recorded import Exchange
from agentopt.llm.replayed import ReplayedLLM
from agentopt.llm.wrapped import WrappedLLM


class PartlyReplayedLLM(WrappedLLM):
    """Gives the replies of a record to the requests it holds, and asks `inner` everything else.

    Each request is looked up by itself, so a run whose prompts were changed half-way still gets every reply that fits.
    The n-th time a request is asked it gets the n-th recorded reply to it, those with the same label first; a request
    that was recorded once and is asked twice goes to `inner` the second time. Failures are not given again. What is
    compared is the request as it is sent: a budget of tokens or dollars sets `max_tokens` in it, so give one likewise.

    Recorded replies are free, and marked `cached`: they were paid for when they were recorded.

    Args:
        inner: answers live; it says what it can do and what it costs.
        exchanges: in recorded order.
        recorded_by: who answered when it was recorded, from the trace's header.
        name: what it was made from, such as `replay:<trace>`.
    """

    def __init__(self, inner: LLM, exchanges: Sequence[Exchange], *, recorded_by: str, name: str = "replay") -> None:
        super().__init__(inner)
        self._tape = ReplayedLLM(
            [replace(e, reply=replace(e.reply, cached=True)) for e in exchanges if e.reply],
            mode="strict",
            answered_by=recorded_by,
        )
        self._recorded_by = recorded_by
        self._recorded_name = name

    @property
    def name(self) -> str:
        return f"{self._recorded_name}+{self._inner.name}"

    @property
    def answered_by(self) -> str:
        """Both, such as `manual; model:gpt-5-mini@2026-11-22`."""
        return "; ".join(dict.fromkeys((self._recorded_by, self._inner.answered_by)))

    def labelled(self, **where: Any) -> Self:
        twin = super().labelled(**where)
        twin._tape = self._tape.labelled(**where)
        return twin

    def skip(self, exchanges: Sequence[Exchange]) -> None:
        """Passes over the recorded replies that an interrupted run was given, and over the live ones in `inner`."""
        self._tape.skip([e for e in exchanges if e.reply is not None and e.reply.cached])
        super().skip([e for e in exchanges if e.reply is None or not e.reply.cached])

    def recall(self, request: Request) -> Reply | None:
        """The recorded reply, or one that `inner` knows without asking."""
        return self._tape.recall(request) or super().recall(request)

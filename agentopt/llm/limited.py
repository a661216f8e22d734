"""Limits of a server, kept on this side: calls under way, requests and tokens per minute."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Self

from agentopt.errors import BudgetExhausted, UsageError
from agentopt.llm.base import LLM, Reply, Request
from agentopt.llm.failures import Transient
from agentopt.llm.recorded import DEFAULT_MAX_TOKENS, prompt_bound
from agentopt.llm.wrapped import WrappedLLM

logger = logging.getLogger(__name__)

WINDOW_S = 60.0
LONGEST_PAUSE_S = 60.0
"""Where a server wants a longer wait, nobody waits for it: that is no rate, and whoever asks is told."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How fast a server may be asked; `None` is no limit.

    Args:
        in_flight: calls under way at once.
        requests_per_minute: in any 60 s.
        tokens_per_minute: prompt and completion tokens in any 60 s. What a call will use is estimated before it (a
            token per four bytes of the prompt; `max_tokens`, or the longest completion so far), and corrected after.
            A call that is estimated above the whole limit goes when nothing else is in its minute.
    """

    in_flight: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is not None and (not isinstance(limit, Integral) or limit < 1):
                raise UsageError(f"limit `{field.name}` is {limit!r}; expected a whole number, 1 or more")


@dataclass
class _Admitted:
    """One call in the window: when it went, and its tokens, estimated or counted."""

    at: float
    tokens: int


class _Queue:
    """The calls of one model, admitted first come, first served, in the threads that make them.

    Only the first in the queue looks at the clock; the others sleep until they are first.
    """

    def __init__(
        self, limits: Limits, clock: Callable[[], float], wait: Callable[[threading.Condition, float | None], object]
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._waiting: deque[threading.Condition] = deque()
        self._window: deque[_Admitted] = deque()
        self._in_flight = 0
        self._paused_until = float("-inf")
        self._longest_completion: int | None = None

    def admit(self, request: Request, seconds_left: Callable[[], float]) -> _Admitted:
        """Waits for its turn, and takes it.

        Raises:
            BudgetExhausted: the time was up first.
        """
        with self._lock:
            turn = threading.Condition(self._lock)
            self._waiting.append(turn)
            try:
                while (pause := self._pause(turn, self._estimate(request))) != 0:
                    left = seconds_left()
                    if left <= 0:
                        raise BudgetExhausted("the time limit is reached; a call was still waiting for its turn")
                    self._wait(turn, None if left == pause == float("inf") else min(left, pause))
                admitted = _Admitted(self._clock(), self._estimate(request))
                self._window.append(admitted)
                self._in_flight += 1
                return admitted
            finally:
                self._waiting.remove(turn)
                self._wake()

    def finish(self, admitted: _Admitted, reply: Reply | None) -> None:
        """Ends a call under way, and corrects its tokens by the reply's own count."""
        with self._lock:
            self._in_flight -= 1
            usage = reply.usage if reply is not None else None
            if usage is not None and usage.prompt_tokens is not None and usage.completion_tokens is not None:
                admitted.tokens = usage.tokens
                self._longest_completion = max(self._longest_completion or 0, usage.completion_tokens)
            self._wake()

    def pause(self, seconds: float) -> None:
        """Lets nobody go before so many seconds are over."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _wake(self) -> None:
        if self._waiting:
            self._waiting[0].notify()

    def _pause(self, turn: threading.Condition, tokens: int) -> float:
        """Seconds until it is worth looking again; infinite where somebody will wake `turn`, 0 where it may go."""
        now = self._clock()
        while self._window and self._window[0].at <= now - WINDOW_S:
            self._window.popleft()
        limits = self._limits
        if turn is not self._waiting[0] or (limits.in_flight is not None and self._in_flight >= limits.in_flight):
            return float("inf")
        pauses = [self._paused_until - now]
        if limits.requests_per_minute is not None and len(self._window) >= limits.requests_per_minute:
            pauses.append(self._window[-limits.requests_per_minute].at + WINDOW_S - now)
        if limits.tokens_per_minute is not None:
            excess = sum(call.tokens for call in self._window) + tokens - limits.tokens_per_minute
            for call in self._window:
                if excess <= 0:
                    break
                excess -= call.tokens
                pauses.append(call.at + WINDOW_S - now)
        return max(0.0, *pauses)

    def _estimate(self, request: Request) -> int:
        completion = request.max_tokens or self._longest_completion or DEFAULT_MAX_TOKENS
        return prompt_bound(request) // 4 + completion * request.n


class LimitedLLM(WrappedLLM):
    """`inner`, asked no faster than `limits` allow, by all threads together. Goes inside of `RecordedLLM` (which
    knows what is sent, and when the time is up) and of `CachedLLM` (whose hits need no turn).

    When the server names a wait (429 with Retry-After), everybody waits so long, not only the call that was told.

    Args:
        clock: seconds, never going back.
        wait: waits on a condition for at most so many seconds, `None` without end.
    """

    def __init__(
        self,
        inner: LLM,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Condition, float | None], object] = threading.Condition.wait,
    ) -> None:
        super().__init__(inner)
        self._queue = _Queue(limits, clock, wait)
        self._seconds_left: Callable[[], float] = lambda: float("inf")

    def timed(self, seconds_left: Callable[[], float]) -> Self:
        twin = super().timed(seconds_left)
        twin._seconds_left = seconds_left
        return twin

    def complete(self, request: Request) -> Reply:
        """The reply, when it was this call's turn.

        Raises:
            BudgetExhausted: the time was up before; nothing was sent.
        """
        admitted = self._queue.admit(request, self._seconds_left)
        reply = None
        try:
            reply = super().complete(request)
        except Transient as error:
            if error.retry_after_s is not None and 0 < error.retry_after_s <= LONGEST_PAUSE_S:
                logger.info("nothing is sent to %s for %g s: %s", self.name, error.retry_after_s, error)
                self._queue.pause(error.retry_after_s)
            raise
        finally:
            self._queue.finish(admitted, reply)
        return reply

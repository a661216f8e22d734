"""Asking a model again after a failure that may pass."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from agentopt.budget import Ledger
from agentopt.errors import BudgetExhausted, LLMError, UsageError
from agentopt.llm.base import LLM, Reply, Request
from agentopt.llm.failures import Transient
from agentopt.llm.wrapped import WrappedLLM

logger = logging.getLogger(__name__)


class RetryingLLM(WrappedLLM):
    """`inner`, asked again while it raises `Transient`. Goes outside of `RecordedLLM`, so that every attempt
    is reserved and recorded.

    The waits double from `first_wait_s`, less up to a quarter at random. Where the server says how
    long to wait, that is done instead; where it says more than `longest_wait_s`, the failure is final.

    Args:
        inner: makes one attempt per call.
        attempts: how often a request is sent at most, ≥ 1.
        first_wait_s: wait before the second attempt.
        longest_wait_s: no wait is longer.
        rng: for the jitter; it decides when, never what, is asked.
        sleep: waits so many seconds; may raise to stop, as what `stoppable_sleep` makes does.
        ledger: whose time limit the waits respect; `None` for no limit.
    """

    retries = True

    def __init__(
        self,
        inner: LLM,
        *,
        attempts: int = 6,
        first_wait_s: float = 0.5,
        longest_wait_s: float = 60.0,
        rng: random.Random,
        sleep: Callable[[float], None] = time.sleep,
        ledger: Ledger | None = None,
    ) -> None:
        if attempts < 1:
            raise UsageError(f"`attempts` is {attempts}; expected 1 or more")
        super().__init__(inner)
        self._attempts = attempts
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._rng = rng
        self._sleep = sleep
        self._ledger = ledger

    def to_text(self) -> str:
        """How a graph shows a model that a workflow was given: the same whoever answers, so that runs replay."""
        return "llm"

    def complete(self, request: Request) -> Reply:
        """The reply of the first attempt that gives one.

        Raises:
            LLMError, ModelUnavailable: the last attempt failed too, with its message and how often
                it was tried; a failure that asking again cannot cure is raised as it is.
            BudgetExhausted: the next attempt does not fit what is left, or is due after the time limit;
                then it is raised without the wait.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                return self._inner.complete(request)
            except Transient as error:
                failure = error
            wait_s = self._wait_s(failure, attempt)
            if attempt == self._attempts or wait_s > self._longest_wait_s:
                break
            self._check_time(wait_s, failure)
            logger.info("asking again in %.2f s, attempt %d failed: %s", wait_s, attempt, failure)
            self._sleep(wait_s)
        tries = f"asked {attempt} times" if attempt > 1 else "asked once"
        if wait_s > self._longest_wait_s:
            tries += f"; the server wants a wait of {wait_s:g} s, longer than the {self._longest_wait_s:g} s allowed"
        raise failure.final(f"{failure} ({tries})") from failure

    def _check_time(self, wait_s: float, failure: Transient) -> None:
        left_s = float("inf") if self._ledger is None else max(0.0, self._ledger.left("seconds"))
        if wait_s >= left_s:
            raise BudgetExhausted(
                f"the next attempt is due in {wait_s:.3g} s, and {left_s:.3g} s of the time limit are left; "
                f"the last one failed: {failure}"
            ) from failure

    def _wait_s(self, failure: Transient, attempt: int) -> float:
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        wait_s = min(self._first_wait_s * 2.0 ** (attempt - 1), self._longest_wait_s)
        return wait_s * (1 - 0.25 * self._rng.random())


def stoppable_sleep(stopped: threading.Event) -> Callable[[float], None]:
    """A `sleep` that ends with an `LLMError` as soon as `stopped` is set; also if it was before."""

    def sleep(seconds: float) -> None:
        if stopped.wait(seconds):
            raise LLMError("stopped while waiting to ask the model again")

    return sleep

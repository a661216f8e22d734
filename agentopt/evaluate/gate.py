"""A model that can be taken away from whoever still has it."""

from __future__ import annotations

import threading

from agentopt.errors import RunError
from agentopt.llm.base import LLM, Reply, Request


class GatedLLM:
    """`inner` until `close` is called; from then on every request is refused, unsent and unpaid.

    For measurements that were given up but cannot be stopped. A request that is with the model at that moment is
    paid for and recorded.
    """

    def __init__(self, inner: LLM) -> None:
        self.name = inner.name
        self.answered_by = inner.answered_by
        self.capabilities = inner.capabilities
        self._inner = inner
        self._closed = threading.Event()

    def close(self) -> None:
        """Refuses everything from now on."""
        self._closed.set()

    def complete(self, request: Request) -> Reply:
        """The reply of `inner`.

        Raises:
            RunError: the measurement that asks was given up.
        """
        if self._closed.is_set():
            raise RunError("this measurement was given up; it may not ask a model any more")
        return self._inner.complete(request)

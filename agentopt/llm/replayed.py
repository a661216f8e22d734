"""Recorded exchanges, given again."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter, deque
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Literal

from agentopt.canonical import canonical
from agentopt.errors import ReplayMismatch
from agentopt.llm.base import Capability, Reply, Request
from agentopt.llm.failures import failure_named
from agentopt.llm.price import Price
from agentopt.llm.recorded import Exchange, ExchangeRole

logger = logging.getLogger(__name__)

ReplayMode = Literal["strict", "loose"]


class _Tape:
    """The exchanges of a replay, each given once."""

    def __init__(self, exchanges: Sequence[Exchange], *, in_any_order: bool) -> None:
        self.exchanges = tuple(exchanges)
        self._used: set[int] = set()
        self._lock = threading.Lock()
        self._queues: dict[tuple[str, str], deque[int]] = {}  # by digest, and label or ""
        for index, exchange in enumerate(self.exchanges):
            digest = exchange.request.digest if in_any_order else ""
            for label in (canonical(exchange.where), ""):
                self._queues.setdefault((digest, label), deque()).append(index)

    @property
    def left(self) -> int:
        return len(self.exchanges) - len(self._used)

    def take(self, digest: str, label: str, *, is_recalled: bool = False) -> Exchange | None:
        """The next exchange for it, with its label or else with any; `None` where there is none.

        Args:
            is_recalled: take it only if its reply came from a cache.
        """
        with self._lock:
            for key in ((digest, label), (digest, "")):
                queue = self._queues.get(key, deque())
                while queue and queue[0] in self._used:
                    queue.popleft()
                if queue:
                    reply = self.exchanges[queue[0]].reply
                    if is_recalled and not (reply is not None and reply.cached):
                        return None
                    self._used.add(queue[0])
                    return self.exchanges[queue.popleft()]
        return None


class ReplayedLLM:
    """Gives recorded exchanges again, failures too.

    *strict*: the n-th request with some digest gets the n-th recorded answer to that digest.
    *loose*: the n-th request gets the n-th answer; how the requests differ is logged.
    In both, a copy made by `labelled` prefers answers that were recorded with the same label, so that
    threads get the answers they got when it was recorded.

    A failure that asking again may cure comes with `retry_after_s=0`: replays do not wait.

    Args:
        exchanges: in recorded order.
        mode: whether requests must be those that were recorded.
        role: give the exchanges of this role only; `None` gives all.
        answered_by: who answered when it was recorded, from the trace's header.
        name: what it was made from, such as `replay:<trace>`.
        capabilities: those of the recorded model.
        price: that of the recorded model, so that a budget of `usd` decides as it did.
    """

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        *,
        mode: ReplayMode,
        answered_by: str,
        role: ExchangeRole | None = None,
        name: str = "replay",
        capabilities: frozenset[Capability] = frozenset(),
        price: Price | None = None,
    ) -> None:
        self._tape = _Tape([e for e in exchanges if role in (None, e.role)], in_any_order=mode == "strict")
        self._mode: ReplayMode = mode
        self._answered_by = answered_by
        self._name = name
        self._capabilities = capabilities
        self._price = price
        self._label = ""

    def labelled(self, **where: Any) -> ReplayedLLM:
        """A copy that prefers exchanges recorded with the label `where`; the exchanges are shared."""
        copy = ReplayedLLM(
            (),
            mode=self._mode,
            answered_by=self._answered_by,
            name=self._name,
            capabilities=self._capabilities,
            price=self._price,
        )
        copy._tape = self._tape
        copy._label = canonical(where)
        return copy

    @property
    def name(self) -> str:
        return self._name

    @property
    def answered_by(self) -> str:
        return self._answered_by

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._capabilities

    @property
    def price(self) -> Price | None:
        return self._price

    @property
    def left(self) -> int:
        """Recorded exchanges that were not asked for yet."""
        return self._tape.left

    def skip(self, exchanges: Sequence[Exchange]) -> None:
        """Passes over what an interrupted run was given in these exchanges."""
        for exchange in exchanges:
            digest = exchange.request.digest if self._mode == "strict" else ""
            self._tape.take(digest, canonical(exchange.where))

    def recall(self, request: Request) -> Reply | None:
        """The recorded reply, if it came from a cache when it was recorded: it is free again."""
        digest = request.digest if self._mode == "strict" else ""
        exchange = self._tape.take(digest, self._label, is_recalled=True)
        return None if exchange is None else exchange.reply

    def complete(self, request: Request) -> Reply:
        """The recorded reply.

        Raises:
            ReplayMismatch: the record holds no (further) answer to this request.
            AgentoptError: the failure that was recorded in its place.
        """
        exchange = self._tape.take(request.digest if self._mode == "strict" else "", self._label)
        if exchange is None:
            raise ReplayMismatch(self._miss(request))
        if self._mode == "loose" and exchange.request.digest != request.digest:
            logger.warning("`%s`: the request is not the recorded one: %s", self._name, _difference(exchange, request))
        if exchange.reply is None:
            raise failure_named(exchange.error_kind, exchange.error)
        return exchange.reply

    def _miss(self, request: Request) -> str:
        held = self._tape.exchanges
        if not held or self._mode == "loose":
            return f"`{self._name}` holds {len(held)} exchanges, and one more was asked for"
        times = sum(e.request.digest == request.digest for e in held)
        if times:
            return f"`{self._name}` holds this request {times} times, and it was asked once more"
        asked = Counter(_lines(request))
        nearest = max(held, key=lambda e: (Counter(_lines(e.request)) & asked).total())
        number = held.index(nearest) + 1
        return (
            f"`{self._name}` holds no such request (digest {request.digest[:8]}); "
            f"the nearest is number {number} of {len(held)}: {_difference(nearest, request)}"
        )


def _lines(request: Request) -> list[str]:
    """The request line by line, each with what it belongs to."""
    lines = [f"{m.role}: {line}" for m in request.messages for line in m.content.split("\n")]
    settings = {key: value for key, value in request.to_json().items() if key != "messages"}
    return lines + [f"{key} = {json.dumps(value, sort_keys=True, default=str)}" for key, value in settings.items()]


def _difference(exchange: Exchange, request: Request) -> str:
    pairs = zip_longest(_lines(exchange.request), _lines(request), fillvalue="(nothing)")
    for number, (recorded, asked) in enumerate(pairs, 1):
        if recorded != asked:
            return f"line {number} was recorded as `{_shown(recorded, asked)}`, is asked as `{_shown(asked, recorded)}`"
    return "the same lines, split into messages in another way"


def _shown(line: str, other: str, width: int = 120) -> str:
    """At most `width` characters of `line`, from shortly before it parts from `other`."""
    parts = next((i for i, (a, b) in enumerate(zip(line, other)) if a != b), min(len(line), len(other)))
    start = max(0, parts - width // 3)
    return ("…" if start else "") + line[start : start + width] + ("…" if start + width < len(line) else "")

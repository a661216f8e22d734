"""Every exchange with a model: reserved before it is made, settled and handed on after."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from agentopt.budget import Budget, Ledger, Reservation
from agentopt.canonical import canonical, from_jsonable, known_fields, to_jsonable
from agentopt.errors import BudgetExhausted, UsageError
from agentopt.llm.base import LLM, Reply, Request, Usage
from agentopt.llm.failures import certainly_free, failure_named, was_certainly_free
from agentopt.llm.price import Price
from agentopt.llm.turns import Turn
from agentopt.llm.wrapped import WrappedLLM, labelled, timed

ExchangeRole = Literal["optimizer", "workflow"]

DEFAULT_MAX_TOKENS = 4096
"""Completion tokens reserved for a request that names no number, where tokens or dollars are limited."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One attempt to get an answer from a model.

    Args:
        request: what was sent.
        reply: what came back; `None` where the attempt failed.
        error: the failure's message, empty where there is a reply.
        error_kind: the failure's class, such as `Transient`; empty where there is a reply.
        role: who asked.
        where: plain data that says for what: candidate, instance, step …
    """

    request: Request
    reply: Reply | None = None
    error: str = ""
    error_kind: str = ""
    role: ExchangeRole = "workflow"
    where: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The exchange as JSON data; what a record holds."""
        return {
            "request": self.request.to_json(),
            "reply": None if self.reply is None else self.reply.to_json(),
            "error": self.error,
            "error_kind": self.error_kind,
            "role": self.role,
            "where": to_jsonable(dict(self.where)),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Exchange:
        """Reads what `to_json` wrote, ignoring fields of the exchange and its reply that it does not know."""
        reply = data.get("reply")
        return cls(
            **{
                **known_fields(cls, data),
                "request": Request.from_json(data["request"]),
                "reply": None if reply is None else Reply.from_json(reply),
                "where": from_jsonable(data.get("where", {})),
            }
        )


class RecordedLLM(WrappedLLM):
    """`inner`, with every attempt reserved in a ledger and handed on as an `Exchange`.

    `RetryingLLM(RecordedLLM(OpenAILLM(…)))` is the order: what retries goes outside.

    Where the budget limits `tokens` or `usd`, an upper bound is reserved: one token per UTF-8 byte
    of the messages, plus `max_tokens`. A request without `max_tokens`, or with more than is left,
    gets what is left, at most 4096; it is recorded as it was sent. When only attempts under way
    stand in the way (on the same ledger, whoever made them), their end is awaited: what a request is
    cut to depends on what was spent before it, never on what others have reserved. Which of several
    concurrent requests is the one that no longer fits still depends on their order, so a run that
    used its tokens up with several workers may not replay strictly to its very end.

    An attempt that may have been billed although no reply arrived is booked with its upper bound;
    `usd` and `tokens` are then safe, but pessimistic. A reply that `inner` recalls without asking
    (`CachedLLM`) is handed on like any other, and nothing is reserved or booked for it.

    Args:
        inner: makes one attempt per call.
        ledger: what is spent is booked here.
        on_exchange: gets every attempt, failed ones too, in the thread that made it, before
            `complete` returns (but see `in_turn`); what it raises, `complete` raises.
        role: recorded with every exchange.
        where: recorded with every exchange.
        held: draw on what the ledger holds for later.
        earlier: an exchange of before the run was interrupted, if there is one; it is given again, free of charge
            and without being handed on once more, and `inner` is not asked.

    Raises:
        UsageError: `inner` retries by itself, or the budget limits `usd` and `inner` has no price.
    """

    def __init__(
        self,
        inner: LLM,
        *,
        ledger: Ledger,
        on_exchange: Callable[[Exchange], None],
        role: ExchangeRole,
        where: Mapping[str, Any] | None = None,
        held: bool = False,
        earlier: Callable[[ExchangeRole, Mapping[str, Any], Request], Exchange | None] | None = None,
    ) -> None:
        self._where = dict(where or {})
        super().__init__(labelled(timed(inner, lambda: ledger.left("seconds", held=held)), **self._where))
        if ledger.budget.usd is not None and self.price is None:
            raise UsageError(
                f"the budget limits `usd`, but the price of `{inner.name}` is not known; give it: "
                "price=Price(prompt_usd_per_mtok=…, completion_usd_per_mtok=…), or --price PROMPT,COMPLETION"
            )
        self._ledger = ledger
        self._on_exchange = on_exchange
        self._role: ExchangeRole = role
        self._held = held
        self._earlier = earlier
        self._spent: dict[str, float] = {"llm_calls": 0}
        self._turn: Turn | None = None

    def labelled(self, **where: Any) -> RecordedLLM:
        """A copy that adds `where` to its exchanges and counts its own calls; ledger and model are shared."""
        return RecordedLLM(
            self._inner,
            ledger=self._ledger,
            on_exchange=self._on_exchange,
            role=self._role,
            where={**self._where, **where},
            held=self._held,
            earlier=self._earlier,
        )

    def in_turn(self, turn: Turn) -> Self:
        """A copy whose first attempt is reserved after those of earlier turns, and whose exchanges are handed on after
        theirs, in the thread that ended the last of these. Until then they are in no record: an interruption loses
        them, as it loses the attempts under way."""
        twin = copy.copy(self)
        twin._turn = turn
        return twin

    @property
    def spent(self) -> dict[str, float]:
        """What was booked through this copy, by resource; `llm_calls` counts failed attempts too, refused ones not."""
        with self._ledger.changes:
            return dict(self._spent)

    def complete(self, request: Request) -> Reply:
        """The reply of one attempt.

        Raises:
            BudgetExhausted: the attempt does not fit what is left; nothing was sent.
            UsageError: the budget limits `usd` and the reply does not say what it cost.
        """
        exchange = self._earlier(self._role, self._where, request) if self._earlier is not None else None
        if exchange is not None:
            self._count(booked(exchange, self._ledger.budget, self.price))
            if exchange.reply is None:
                raise failure_named(exchange.error_kind, exchange.error)
            return exchange.reply
        if self._turn is not None:
            self._turn.start()
        asked, _ = self._fit(request)
        if known := self.recall(asked):
            self._hand_on(Exchange(request=asked, reply=known))
            return known
        sent, reserved, reservation = self._reserve(request)
        if self._turn is not None:
            self._turn.pass_on()
        try:
            reply = self._inner.complete(sent)
        except BudgetExhausted:  # its turn did not come in time
            self._settle(reservation, {})
            raise
        except BaseException as error:
            self._settle(reservation, {"llm_calls": 1} if certainly_free(error) else reserved)
            if isinstance(error, Exception):  # an interrupt ends the run: there is nothing to replay
                self._hand_on(Exchange(request=sent, error=str(error), error_kind=type(error).__name__))
            raise
        self._settle(reservation, _booked(reply.usage, reserved))
        self._hand_on(Exchange(request=sent, reply=reply))
        if "usd" in reserved and reply.usage.cost_usd is None:
            raise UsageError(f"the budget limits `usd`, but a reply of `{self.name}` does not say what it cost")
        return reply

    def _hand_on(self, exchange: Exchange) -> None:
        told = replace(exchange, role=self._role, where=self._where)
        if self._turn is None:
            self._on_exchange(told)
        else:
            self._turn.hand_on(lambda: self._on_exchange(told))

    def _reserve(self, request: Request) -> tuple[Request, Mapping[str, float], Reservation]:
        with self._ledger.changes:
            while True:
                sent, amounts = self._fit(request)
                is_cut = "tokens" in amounts or "usd" in amounts
                is_cut = is_cut and sent.max_tokens != (request.max_tokens or DEFAULT_MAX_TOKENS)
                if is_cut and self._ledger.reserved("llm_calls") and self._may_send_later():
                    self._ledger.changes.wait()
                    continue
                return sent, amounts, self._ledger.reserve(held=self._held, by=self._role, **amounts)

    def _may_send_later(self) -> bool:
        left = self._ledger.left
        return left("llm_calls", held=self._held) >= 1 and left("seconds", held=self._held) > 0

    def _settle(self, reservation: Reservation, actual: Mapping[str, float]) -> None:
        with self._ledger.changes:
            reservation.settle(**actual)
            self._count(actual)

    def _count(self, actual: Mapping[str, float]) -> None:
        with self._ledger.changes:
            for resource, amount in actual.items():
                self._spent[resource] = self._spent.get(resource, 0) + amount

    def _fit(self, request: Request) -> tuple[Request, dict[str, float]]:
        """The request that fits what is left, and what it can cost at most."""
        budget = self._ledger.budget
        if budget.tokens is None and budget.usd is None:
            return request, _bound(request, budget, self.price)
        prompt = prompt_bound(request)
        room = self._ledger.left("tokens", held=self._held) - prompt
        if self.price is not None:
            room = min(room, _affordable(self.price, self._ledger.left("usd", held=self._held), prompt))
        room /= request.n  # each sample may be as long as that
        wanted = request.max_tokens or DEFAULT_MAX_TOKENS
        max_tokens = wanted if wanted <= room else max(1, int(min(room, DEFAULT_MAX_TOKENS)))
        sent = replace(request, max_tokens=max_tokens)
        return sent, _bound(sent, budget, self.price)


def booked(exchange: Exchange, budget: Budget, price: Price | None) -> dict[str, float]:
    """What a recorded exchange was charged to a ledger with this budget, by resource."""
    bound = _bound(exchange.request, budget, price)
    if exchange.reply is not None:
        return {} if exchange.reply.cached else _booked(exchange.reply.usage, bound)
    return {"llm_calls": 1} if was_certainly_free(exchange.error_kind) else bound


def _bound(request: Request, budget: Budget, price: Price | None) -> dict[str, float]:
    """What `request` can cost at most, of the resources that are counted or limited."""
    amounts: dict[str, float] = {"llm_calls": 1}
    if budget.tokens is None and budget.usd is None:
        return amounts
    prompt, completion = prompt_bound(request), request.n * (request.max_tokens or DEFAULT_MAX_TOKENS)
    if budget.tokens is not None:
        amounts["tokens"] = prompt + completion
    if budget.usd is not None and price is not None:
        amounts["usd"] = price.usd(prompt, completion)
    return amounts


def prompt_bound(request: Request) -> int:
    """More prompt tokens than any byte-level tokenizer makes of `request`: its UTF-8 bytes, plus an
    allowance for what a server's chat template puts around messages and what constrains the reply."""
    total = 64 + sum(16 + len(m.content.encode("utf-8", "surrogatepass")) for m in request.messages)
    for constraint in request.constraints:
        total += 512 + len(canonical(getattr(request, constraint)).encode("utf-8", "surrogatepass"))
    return total


def _affordable(price: Price, usd: float, prompt_tokens: int) -> float:
    """Completion tokens that `usd` pays for after the prompt; the last one is given up to rounding."""
    left = usd - price.usd(prompt_tokens, 0)
    if price.completion_usd_per_mtok == 0:
        return float("inf") if left >= 0 else 0
    return left * 1_000_000 / price.completion_usd_per_mtok - 1


def _booked(usage: Usage, reserved: Mapping[str, float]) -> dict[str, float]:
    is_counted = usage.prompt_tokens is not None and usage.completion_tokens is not None
    tokens = usage.tokens if is_counted else reserved.get("tokens", usage.tokens)
    usd = usage.cost_usd if usage.cost_usd is not None else reserved.get("usd")
    return {"llm_calls": 1, "tokens": tokens} | ({} if usd is None else {"usd": usd})

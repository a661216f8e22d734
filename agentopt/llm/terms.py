"""On which terms models are asked: at what price, how fast, and with which cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agentopt.errors import UsageError
from agentopt.llm.base import LLM
from agentopt.llm.cache import CachedLLM, ReplyCache
from agentopt.llm.limited import LimitedLLM, Limits
from agentopt.llm.price import LISTED, Price, listed_price

Resolver = Callable[[str | LLM, Price | None], LLM]
"""`resolve`, with what it needs beyond specification and price."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for every model of a run that is asked live; recorded replies are given as they are.

    Args:
        price: of all of them, or the path of a list such as `prices.toml`, which stands in front of the one that ships.
        limits: each model keeps them, whatever the number of roles that ask it.
        cache: gives known replies and keeps those that come.

    Raises:
        UsageError: `price` or `limits` is something else.
    """

    price: Price | str | Path | None = None
    limits: Limits | None = None
    cache: ReplyCache | None = None
    _opened: dict[str | int, LLM] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.price, (Price, str, Path, type(None))):
            raise UsageError(f"`price` is {self.price!r}; expected a `Price`, or the path of a list of prices")
        if not isinstance(self.limits, (Limits, type(None))):
            raise UsageError(f"`limits` is {self.limits!r}; expected `Limits`, such as Limits(in_flight=8)")

    def model(self, spec: str | LLM, resolver: Resolver) -> LLM:
        """The model that `spec` names, on these terms; the same object for the same `spec`."""
        key = spec if isinstance(spec, str) else id(spec)
        if key not in self._opened:
            llm = resolver(spec, self.price if isinstance(self.price, Price) else None)
            price = None if isinstance(self.price, Price) or not isinstance(spec, str) else self._listed(llm.name)
            llm = llm if price is None else resolver(spec, price)
            llm = llm if self.limits is None else LimitedLLM(llm, self.limits)
            self._opened[key] = llm if self.cache is None else CachedLLM(llm, self.cache)
        return self._opened[key]

    def _listed(self, name: str) -> Price | None:
        own = listed_price(name, self.price) if isinstance(self.price, (str, Path)) else None
        return own or listed_price(name, LISTED)

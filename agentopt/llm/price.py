"""What a model's tokens cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens. agentopt ships no price list: prices change, and differ by contract.

    Args:
        prompt_usd_per_mtok: dollars per 1,000,000 prompt tokens, without any discount for cached ones.
        completion_usd_per_mtok: dollars per 1,000,000 completion tokens, reasoning included.
    """

    prompt_usd_per_mtok: float
    completion_usd_per_mtok: float

    def usd(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Dollars for that many tokens."""
        return (prompt_tokens * self.prompt_usd_per_mtok + completion_tokens * self.completion_usd_per_mtok) / 1_000_000


FREE = Price(prompt_usd_per_mtok=0.0, completion_usd_per_mtok=0.0)


@runtime_checkable
class Priced(Protocol):
    """An `LLM` that knows its price; a budget of `usd` needs one, to reserve before it is spent."""

    @property
    def price(self) -> Price | None: ...

"""Options about models that several commands share: prices and limits."""

from __future__ import annotations

from pathlib import Path

from agentopt.llm.limited import Limits
from agentopt.llm.price import Price


def price_or_file(text: str | None) -> Price | Path | None:
    """What `--price` says: two numbers, or else a file.

    Raises:
        UsageError: it is neither.
    """
    if text is None or Path(text).is_file():
        return None if text is None else Path(text)
    return Price.from_text(text)


def limits_or_none(
    in_flight: int | None, requests_per_minute: int | None, tokens_per_minute: int | None
) -> Limits | None:
    """The limits of the options, if one was given."""
    limits = Limits(in_flight=in_flight, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    return limits if limits != Limits() else None

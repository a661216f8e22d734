"""What a run took, by who asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentopt.inspector.view import RunView


@dataclass(kw_only=True)
class Spending:
    """Requests to models and what they took.

    Args:
        calls: that were made; replies that were known already are not among them.
        failed: of the calls, those that brought no reply.
        known: replies that were known already and took nothing.
        cost_usd: by the prices known for the model; 0 where none is known.
        seconds: of waiting for replies, added up over requests that ran side by side.
    """

    calls: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    known: int = 0


def spending(exchanges: Iterable[Mapping[str, Any]]) -> Spending:
    """What these exchanges took together; tokens that a server did not report count as 0."""
    total = Spending()
    for exchange in exchanges:
        reply = exchange.get("reply") or {}
        if reply.get("cached"):
            total.known += 1
            continue
        usage = reply.get("usage") or {}
        total.calls += 1
        total.failed += not reply
        total.prompt_tokens += usage.get("prompt_tokens") or 0
        total.completion_tokens += usage.get("completion_tokens") or 0
        total.cost_usd += usage.get("cost_usd") or 0.0
        total.seconds += reply.get("latency_s") or 0.0
    return total


def spending_by_role(run: RunView) -> dict[str, Spending]:
    """What each role took, in the order in which they first asked."""
    roles = dict.fromkeys(str(exchange.get("role", "")) for exchange in run.exchanges)
    return {role: spending(e for e in run.exchanges if str(e.get("role", "")) == role) for role in roles}


def spending_text(total: Spending) -> str:
    """The spending on one line; what is zero or was not reported is left out."""
    parts = [f"{total.calls} call{'s' if total.calls != 1 else ''}"]
    if total.failed:
        parts.append(f"{total.failed} without a reply")
    if total.known:
        parts.append(f"{total.known} known replies")
    if total.prompt_tokens or total.completion_tokens:
        parts.append(f"{total.prompt_tokens} + {total.completion_tokens} tokens")
    if total.cost_usd:
        parts.append(f"{total.cost_usd:.4f} USD")
    return ", ".join([*parts, f"{total.seconds:.1f} s"])

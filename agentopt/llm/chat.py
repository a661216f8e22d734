"""The chat completions protocol: what a request looks like, and what its answer says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentopt.llm.base import Capability, Finish, Reply, Request, Sample, TokenLogprob, Usage

_FINISHES: dict[Any, Finish] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
LEAST_LOGPROB = -9999.0
"""What servers report for a token of probability 0, as JSON has no infinity."""


@dataclass(frozen=True)
class ChatAPI:
    """`POST /chat/completions`.

    Args:
        limit_field: how the server calls `max_tokens`.
        capabilities: what of a `Request` it takes.
    """

    limit_field: str = "max_tokens"
    capabilities: frozenset[Capability] = frozenset({"json_schema", "seed"})
    path = "/chat/completions"

    def body(self, model: str, request: Request) -> dict[str, Any]:
        """What is sent."""
        body: dict[str, Any] = {"model": model}
        if request.schema is not None:
            json_schema = {"name": request.schema_name, "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        body["messages"] = [{"role": m.role, "content": m.content} for m in request.messages]
        settings = {
            "temperature": request.temperature,
            self.limit_field: request.max_tokens,
            "seed": request.seed,
            "stop": list(request.stop) or None,
            "n": request.n if request.n > 1 else None,
            "logprobs": None if request.logprobs is None else True,
            "top_logprobs": request.logprobs,
        }
        return body | {key: value for key, value in settings.items() if value is not None}

    def read(self, answer: Mapping[str, Any]) -> Reply:
        """The reply in an answer; `usage.cost_usd` where the server states one, as some routers do.

        Raises:
            ValueError, LookupError, TypeError, AttributeError: it is no chat completion.
        """
        first, *others = (_sample(choice) for choice in sorted(answer["choices"], key=lambda c: c.get("index") or 0))
        usage = answer.get("usage") or {}
        cost = usage.get("cost")
        return Reply(
            text=first.text,
            finish=first.finish,
            refusal=first.refusal,
            logprobs=first.logprobs,
            others=tuple(others),
            model=str(answer.get("model") or ""),
            usage=Usage(
                prompt_tokens=count(usage.get("prompt_tokens")),
                completion_tokens=count(usage.get("completion_tokens")),
                cost_usd=cost if isinstance(cost, (int, float)) and 0 <= cost < math.inf else None,
                cached_prompt_tokens=cached_count(usage.get("prompt_tokens_details")),
            ),
        )


def _sample(choice: Mapping[str, Any]) -> Sample:
    message = choice["message"]
    text, refusal = words(message.get("content")), words(message.get("refusal"))
    logprobs = choice.get("logprobs") or {}
    return Sample(
        text="" if refusal else text,
        finish="refusal" if refusal else _FINISHES.get(choice.get("finish_reason"), "unknown"),
        refusal=refusal,
        logprobs=token_logprobs(logprobs.get("content")),
    )


def words(value: object) -> str:
    """Text of an answer, empty for null.

    Raises:
        TypeError: it is something else.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value or ""


def count(value: object) -> int | None:
    """A number of tokens, where there is one; what is below 0 would give the budget something back."""
    return value if isinstance(value, int) and value >= 0 else None


def cached_count(details: object) -> int | None:
    """Of the prompt tokens, those that the server had in its cache, where it says so."""
    return count(details.get("cached_tokens")) if isinstance(details, Mapping) else None


def token_logprobs(tokens: list[Any] | None) -> tuple[TokenLogprob, ...]:
    """The log-probabilities of an answer, which the chat and Responses protocols write alike."""
    return tuple(
        TokenLogprob(
            token=words(token["token"]),
            logprob=_logprob(token),
            top=tuple(
                sorted(
                    ((words(top["token"]), _logprob(top)) for top in token.get("top_logprobs") or ()),
                    key=lambda pair: -pair[1],
                )
            ),
        )
        for token in tokens or ()
    )


def _logprob(token: Mapping[str, Any]) -> float:
    return max(LEAST_LOGPROB, float(token["logprob"]))

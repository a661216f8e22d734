"""OpenAI's Responses protocol: what a request looks like, and what its answer says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentopt.errors import UsageError
from agentopt.llm.base import Capability, Finish, Reply, Request, Usage
from agentopt.llm.chat import cached_count, count, token_logprobs, words

_CUT: dict[Any, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}


@dataclass(frozen=True)
class ResponsesAPI:
    """`POST /responses`, without tools and without state on the server.

    The protocol has no seed, no stop strings and one sample. What a model thought aloud is not in the reply.
    """

    capabilities: frozenset[Capability] = frozenset({"json_schema", "logprobs"})
    path = "/responses"

    def body(self, model: str, request: Request) -> dict[str, Any]:
        """What is sent.

        Raises:
            UsageError: the request has stop strings.
        """
        if request.stop:
            raise UsageError("the Responses protocol has no `stop`; leave it out, or use chat completions, `openai:`")
        body: dict[str, Any] = {
            "model": model,
            "input": [{"role": m.role, "content": m.content} for m in request.messages],
            "store": False,
        }
        if request.schema is not None:
            schema = {"name": request.schema_name, "schema": dict(request.schema), "strict": True}
            body["text"] = {"format": {"type": "json_schema", **schema}}
        if request.logprobs is not None:
            body |= {"include": ["message.output_text.logprobs"], "top_logprobs": request.logprobs}
        settings = {"temperature": request.temperature, "max_output_tokens": request.max_tokens}
        return body | {key: value for key, value in settings.items() if value is not None}

    def read(self, answer: Mapping[str, Any]) -> Reply:
        """The reply in an answer.

        Raises:
            ValueError, LookupError, TypeError, AttributeError: it is no response, or not a finished one.
        """
        if answer["status"] not in ("completed", "incomplete"):
            raise ValueError(answer["status"])
        parts = [part for item in answer["output"] if item["type"] == "message" for part in item["content"]]
        texts = [part for part in parts if part["type"] == "output_text"]
        refusal = "".join(words(part["refusal"]) for part in parts if part["type"] == "refusal")
        finish: Finish = "stop"
        if answer["status"] == "incomplete":
            finish = _CUT.get((answer.get("incomplete_details") or {}).get("reason"), "unknown")
        usage = answer.get("usage") or {}
        return Reply(
            text="" if refusal else "".join(words(part["text"]) for part in texts),
            finish="refusal" if refusal else finish,
            refusal=refusal,
            logprobs=tuple(token for part in texts for token in token_logprobs(part.get("logprobs"))),
            model=str(answer.get("model") or ""),
            usage=Usage(
                prompt_tokens=count(usage.get("input_tokens")),
                completion_tokens=count(usage.get("output_tokens")),
                cached_prompt_tokens=cached_count(usage.get("input_tokens_details")),
            ),
        )

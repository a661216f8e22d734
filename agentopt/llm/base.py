"""What every language model is to agentopt: a `Request` in, a `Reply` out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from agentopt.canonical import digest

Role = Literal["system", "user", "assistant"]
Capability = Literal["json_schema", "seed", "n", "logprobs"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a model.

    Args:
        messages: the conversation, oldest first.
        schema: JSON Schema that the reply must satisfy, or `None` for free text. Servers that
            cannot constrain decoding get it as words; the reply is checked by the caller.
        schema_name: a short identifier for the schema, which some servers require.
        temperature: `None` leaves the server's default.
        max_tokens: most completion tokens, `None` leaves the server's default.
        seed: sampling seed, where the server has one.
        stop: strings that end the reply.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    schema_name: str = "reply"
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The request as JSON data, defaults left out; what a record holds."""
        data = {key: value for key, value in asdict(self).items() if value not in (None, ())}
        plain: dict[str, Any] = json.loads(json.dumps(data))  # tuples become lists, as a record reads them back
        return {**plain, "messages": [asdict(m) for m in self.messages], "stop": list(self.stop)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Request:
        """Reads what `to_json` wrote."""
        messages = tuple(Message(m["role"], m["content"]) for m in data["messages"])
        return cls(**{**data, "messages": messages, "stop": tuple(data.get("stop", ()))})

    @property
    def digest(self) -> str:
        """SHA-256 of the request, 64 hex digits: what a strict replay compares."""
        return digest(self.to_json())


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one exchange cost, as the server reports it.

    Args:
        prompt_tokens: `None` where the server does not say.
        completion_tokens: `None` where the server does not say.
        cost_usd: `None` where no price is known.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens that are known, together."""
        return (self.prompt_tokens or 0) + (self.completion_tokens or 0)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model answered.

    Args:
        text: the answer; empty where the model refused.
        finish: why it stopped.
        model: the name the server gives itself.
        refusal: the model's words where it refused.
        latency_s: seconds from sending to the whole reply, of the attempt that gave it; waits between
            attempts are not in it, so that a replayed reply is the recorded one.
    """

    text: str
    finish: Literal["stop", "length", "refusal", "content_filter", "unknown"] = "stop"
    model: str = ""
    refusal: str = ""
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0


@runtime_checkable
class LLM(Protocol):
    """A language model. `complete` may be called from many threads at once.

    Attributes:
        name: the specification it was made from, without secrets, such as `openai:gpt-5-mini`.
        answered_by: who answers, for a trace's header: `model:<name>@<date>`, `manual` or `script:<file>`.
        capabilities: what it can do beyond plain chat; a plug-in that needs more fails at the start.
    """

    @property
    def name(self) -> str: ...
    @property
    def answered_by(self) -> str: ...
    @property
    def capabilities(self) -> frozenset[Capability]: ...

    def complete(self, request: Request) -> Reply:
        """The model's reply.

        Raises:
            MissingKey, ModelUnavailable: the machine or the server is not ready.
            LLMError: no usable answer; the message says what was tried.
            BudgetExhausted: the call does not fit what is left.
        """
        ...


def ask(llm: LLM, prompt: str, *, system: str = "", **settings: Any) -> str:
    """The text a model answers to `prompt`; `settings` are those of `Request`.

    Inside a traced workflow, call it from a bundle, so that the prompt it read is in the graph.
    """
    turns: Sequence[Message] = [Message("system", system)] * bool(system) + [Message("user", prompt)]
    return llm.complete(Request(messages=tuple(turns), **settings)).text

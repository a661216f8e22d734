"""What every language model is to agentopt: a `Request` in, a `Reply` out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from agentopt.canonical import digest, known_fields
from agentopt.errors import UsageError

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "refusal", "content_filter", "unknown"]
Capability = Literal["json_schema", "seed", "n", "logprobs", "regex", "grammar", "choices"]


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
        n: how many samples of the reply, ≥ 1.
        logprobs: how many of the likeliest tokens to report at each place, beside the chosen one;
            0 reports the chosen one alone, `None` none.
        regex: regular expression that the reply must match.
        grammar: grammar that the reply must satisfy, in the server's notation.
        choices: the reply must be one of these.

    Raises:
        UsageError: more than one of `schema`, `regex`, `grammar` and `choices`, or a number out of range.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    schema_name: str = "reply"
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    logprobs: int | None = None
    regex: str | None = None
    grammar: str | None = None
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.constraints) > 1:
            raise UsageError(f"a request has {' and '.join(f'`{c}`' for c in self.constraints)}; expected one of them")
        if self.n < 1:
            raise UsageError(f"`n` is {self.n}; expected 1 or more")
        if self.logprobs is not None and self.logprobs < 0:
            raise UsageError(f"`logprobs` is {self.logprobs}; expected 0 or more")

    @property
    def constraints(self) -> tuple[str, ...]:
        """Which of `schema`, `regex`, `grammar` and `choices` are set."""
        return tuple(f for f in ("schema", "regex", "grammar", "choices") if getattr(self, f) not in (None, ()))

    def to_json(self) -> dict[str, Any]:
        """The request as JSON data, defaults left out; what a record holds."""
        data = {key: value for key, value in asdict(self).items() if value not in (None, ())}
        if self.n == 1:
            del data["n"]
        plain: dict[str, Any] = json.loads(json.dumps(data))  # tuples become lists, as a record reads them back
        return {**plain, "messages": [asdict(m) for m in self.messages], "stop": list(self.stop)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Request:
        """Reads what `to_json` wrote."""
        messages = tuple(Message(m["role"], m["content"]) for m in data["messages"])
        strings = {key: tuple(data.get(key, ())) for key in ("stop", "choices")}
        return cls(**{**data, **strings, "messages": messages})

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
        cached_prompt_tokens: those of the prompt tokens that the server had in its own cache, where it says so.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    cached_prompt_tokens: int | None = None

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens that are known, together."""
        return (self.prompt_tokens or 0) + (self.completion_tokens or 0)


@dataclass(frozen=True, kw_only=True)
class TokenLogprob:
    """One token of a reply, and the natural logarithm of its probability.

    Args:
        top: the likeliest tokens at this place with theirs, likeliest first, as many as were asked for.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One of several samples of a reply; the fields are those of `Reply`."""

    text: str
    finish: Finish = "stop"
    refusal: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model answered.

    Args:
        text: the answer; empty where the model refused.
        finish: why it stopped.
        model: the name the server gives itself.
        refusal: the model's words where it refused.
        usage: of all samples together.
        latency_s: seconds from sending to the whole reply, of the attempt that gave it; waits between
            attempts are not in it, so that a replayed reply is the recorded one.
        others: the second and further samples, where the request has `n` above 1; fewer where the server sent fewer.
        logprobs: of the tokens of `text`, where the request asked for them.
        cached: the model was not asked; this is its answer to an earlier request.
    """

    text: str
    finish: Finish = "stop"
    model: str = ""
    refusal: str = ""
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0
    others: tuple[Sample, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    cached: bool = False

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Every sample, beginning with that of `text`."""
        first = Sample(text=self.text, finish=self.finish, refusal=self.refusal, logprobs=self.logprobs)
        return (first, *self.others)

    def to_json(self) -> dict[str, Any]:
        """The reply as JSON data; `others`, `logprobs`, `cached` and cached prompt tokens are left out where there are
        none."""
        data = asdict(self)
        if self.usage.cached_prompt_tokens is None:
            del data["usage"]["cached_prompt_tokens"]
        further = {name: data.pop(name) for name in ("others", "logprobs", "cached")}
        present = {name: value for name, value in further.items() if value}
        return {**data, **json.loads(json.dumps(present))}  # tuples become lists, as a record reads them back

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reply:
        """Reads what `to_json` wrote, ignoring fields that it does not know."""
        usage = Usage(**known_fields(Usage, data.get("usage", {})))
        others = tuple(Sample(**_sample_fields(Sample, sample)) for sample in data.get("others", ()))
        return cls(**{**_sample_fields(cls, data), "others": others, "usage": usage})


def _sample_fields(kind: type[Sample | Reply], data: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that `data` holds for `kind`, log-probabilities read."""
    logprobs = (
        TokenLogprob(token=t["token"], logprob=t["logprob"], top=tuple((token, p) for token, p in t["top"]))
        for t in data.get("logprobs", ())
    )
    return {**known_fields(kind, data), "logprobs": tuple(logprobs)}


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

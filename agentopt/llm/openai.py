"""Any server that speaks the protocols of OpenAI: chat completions, and the Responses API.

Transports carry bytes: answers are read here, one way for every server, and nothing is retried here
(`RetryingLLM` does). No key is needed on loopback; everywhere else one is.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from agentopt.canonical import canonical
from agentopt.errors import AgentoptError, LLMError, MissingKey, ModelUnavailable, UsageError
from agentopt.llm.base import Capability, Message, Reply, Request, Usage
from agentopt.llm.chat import ChatAPI
from agentopt.llm.failures import LostReply, Transient
from agentopt.llm.price import Price
from agentopt.llm.responses import ResponsesAPI
from agentopt.llm.transport import OPENAI_URL, Endpoint, Response, Transport

KEY_VARIABLE = "OPENAI_API_KEY"


class OpenAILLM:
    """`model` on a server with OpenAI's protocols, one attempt per call.

    `schema` constrains decoding (json_schema, strict). A server that rejects that once gets the schema as
    text in the system message from then on; the rejected attempt is `Transient`.

    Args:
        model: as the server names it.
        base_url: of the server, up to and including `/v1`; `None` is OpenAI's own. OpenAI gets
            `max_completion_tokens`, which its reasoning models insist on, others `max_tokens`.
        api_key: `None` only on loopback. It is sent to this server and shown nowhere.
        timeout_s: longest silence of the server.
        price: what its tokens cost; fills `Usage.cost_usd` where the server does not.
        schema_words: what stands in the system message for servers without constrained decoding;
            `{{schema}}` becomes the schema. The text of `prompts/json_reply.md` says more.
        api: `chat` for chat completions, `responses` for the Responses API.
        capabilities: what the server can do, where the default is wrong: OpenAI's own is taken to have
            `json_schema`, `seed`, `n` and `logprobs`, another one `json_schema` and `seed`, the
            Responses API `json_schema` and `logprobs`. No server of this class gets another constraint
            than a schema; `VLLM` does.
        transport: carries the requests; by default the SDK to OpenAI's own address, and
            `PooledTransport`, which takes less than half of its CPU time, to any other.
        clock: seconds, for latency.

    Raises:
        MissingKey: no key, and the server is not on loopback.
        UsageError: `base_url` is not a plain http(s) address, or the key cannot be sent.
    """

    key_variable: ClassVar[str] = KEY_VARIABLE
    needs_key: ClassVar[bool] = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 120.0,
        price: Price | None = None,
        schema_words: str = "{{schema}}",
        api: Literal["chat", "responses"] = "chat",
        capabilities: frozenset[Capability] | None = None,
        transport: Callable[[Endpoint], Transport] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        url = _checked_url(base_url or OPENAI_URL, self.key_variable)
        self._api = self._protocol(api, is_openai=url == OPENAI_URL)
        self._name = f"{self._scheme(api)}:{model}" + ("" if url == OPENAI_URL else f"@{url}")
        api_key = (api_key or "").strip()
        if not (api_key.isascii() and api_key.isprintable()):
            raise UsageError(f"the API key for `{self._name}` holds characters that cannot be sent in a header")
        self._endpoint = Endpoint(name=self._name, url=url, api_key=api_key, timeout_s=timeout_s)
        if self.needs_key and not (api_key or self._endpoint.is_local):
            raise MissingKey(f"`{self._name}` needs an API key; set {self.key_variable}")
        if "{{schema}}" not in schema_words:
            raise UsageError("`schema_words` has no placeholder {{schema}}")
        self._model = model
        self._price = price
        self._schema_words = schema_words
        self._capabilities = self._api.capabilities if capabilities is None else capabilities
        self._connect = transport or connect
        self._transport: Transport | None = None  # importing the SDK takes seconds: not before the first call
        self._lock = threading.Lock()
        self._clock = clock
        self._since = datetime.now(UTC).date()

    def _protocol(self, api: Literal["chat", "responses"], *, is_openai: bool) -> ChatAPI | ResponsesAPI:
        if api == "responses":
            return ResponsesAPI()
        if is_openai:
            return ChatAPI("max_completion_tokens", frozenset({"json_schema", "seed", "n", "logprobs"}))
        return ChatAPI()

    def _scheme(self, api: Literal["chat", "responses"]) -> str:
        return "responses" if api == "responses" else "openai"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def answered_by(self) -> str:
        return f"model:{self._model}@{self._since.isoformat()}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """`json_schema` goes away once the server has rejected it."""
        return self._capabilities

    @property
    def price(self) -> Price | None:
        return self._price

    def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()

    def complete(self, request: Request) -> Reply:
        """The reply of one attempt.

        Raises:
            UsageError: the request needs what the server is not known to have; nothing is sent.
            Transient, Unreachable, LostReply: asking again may help.
            ModelUnavailable: the server does not know the model, or its certificate is not trusted.
            MissingKey: the server wants a key, and has none.
            LLMError: the server rejects the request, with its status and words.
        """
        self._check(request)
        sends_schema = request.schema is not None and "json_schema" in self._capabilities
        body = self._api.body(self._model, request if sends_schema else self._with_schema_as_words(request))
        started = self._clock()
        response = self._connected().post(self._api.path, body)
        latency_s = self._clock() - started
        if not 200 <= response.status < 300:
            raise self._status_failure(response.status, response, sends_schema)
        answer = _object(response.text)
        if answer.get("error"):
            raise self._error_in_body(answer["error"], response)
        reply = self._read(answer)
        if reply is None:
            shown = response.text[:200]
            raise LostReply(f"{self.name} sent a body that is no answer of {self._api.path}: {shown!r}")
        return replace(reply, latency_s=latency_s, usage=self._priced(reply.usage))

    def _connected(self) -> Transport:
        with self._lock:
            if self._transport is None:
                self._transport = self._connect(self._endpoint)
            return self._transport

    def _check(self, request: Request) -> None:
        needed: dict[Capability, bool] = {
            "seed": request.seed is not None,
            "n": request.n > 1,
            "logprobs": request.logprobs is not None,
            "regex": request.regex is not None,
            "grammar": request.grammar is not None,
            "choices": bool(request.choices),
        }
        for capability, is_needed in needed.items():
            if is_needed and capability not in self._capabilities:
                has = ", ".join(sorted(self._capabilities)) or "nothing of the kind"
                raise UsageError(f"the request has `{capability}`, which `{self.name}` cannot do; it has {has}")

    def _with_schema_as_words(self, request: Request) -> Request:
        if request.schema is None:
            return request
        words = self._schema_words.replace("{{schema}}", canonical(request.schema)).strip()
        return replace(request, schema=None, messages=_with_system(request.messages, words))

    def _status_failure(self, status: int, response: Response, sends_schema: bool) -> AgentoptError:
        said = _server_words(response.text)
        message = f"{self.name} answered {status}: {said}"
        if 300 <= status < 400:
            return LLMError(f"{self.name} answered {status}, a redirect, which is not followed; give its final address")
        if status in (408, 409, 429) or status >= 500:
            return Transient(message, retry_after_s=response.retry_after_s)
        if status == 400 and sends_schema and any(w in said for w in ("response_format", "json_schema", "text.format")):
            self._capabilities -= {"json_schema"}
            return Transient(f"{message}; the schema goes as text from here on", retry_after_s=0.0)
        if status == 401 and not self._endpoint.api_key:
            return MissingKey(f"{message}; set {self.key_variable}")
        if status == 404:
            where = f"{self._endpoint.url} does not serve the model `{self._model}` (404: {said})"
            return ModelUnavailable(where + self._served())
        return LLMError(message)

    def _served(self) -> str:
        """What the server serves instead, as the end of a message; empty where it does not say."""
        if self._endpoint.url == OPENAI_URL:
            return ""
        try:
            listed = _object(self._connected().get("/models").text)
            names = [f"`{model['id']}`" for model in listed["data"]]
        except (AgentoptError, LookupError, TypeError):
            return ""
        return f"; it serves {', '.join(names[:20])}" if names else "; it serves no model"

    def _read(self, answer: Mapping[str, Any]) -> Reply | None:
        try:
            return self._api.read(answer)
        except (ValueError, LookupError, TypeError, AttributeError):  # another shape than the protocol's
            return None

    def _error_in_body(self, error: object, response: Response) -> AgentoptError:
        """The failure in an answer with a status of success, as routers send when the model behind them fails."""
        code = error.get("code") if isinstance(error, Mapping) else None
        if isinstance(code, int) and 400 <= code < 600:
            return self._status_failure(code, response, sends_schema=False)
        said = _server_words(response.text)
        return LostReply(f"{self.name} answered {response.status} with an error: {said}")

    def _priced(self, usage: Usage) -> Usage:
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        if usage.cost_usd is not None or self._price is None or prompt is None or completion is None:
            return usage
        cached = min(usage.cached_prompt_tokens or 0, prompt)
        return replace(usage, cost_usd=self._price.usd(prompt, completion, cached_prompt_tokens=cached))


def connect(endpoint: Endpoint) -> Transport:
    """The transport for an endpoint: the SDK for OpenAI's own address, the pool for any other."""
    if endpoint.url == OPENAI_URL:
        from agentopt.llm.sdk import SDKTransport

        return SDKTransport(endpoint)
    from agentopt.llm.pooled import PooledTransport

    return PooledTransport(endpoint)


def _with_system(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    if messages and messages[0].role == "system":
        return (Message("system", f"{messages[0].content}\n\n{words}"), *messages[1:])
    return (Message("system", words), *messages)


def _object(text: str) -> dict[str, Any]:
    """The JSON object in a body; empty where there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _server_words(text: str) -> str:
    """What the server says is wrong, where it says so as OpenAI does; otherwise the body's beginning."""
    body = _object(text)
    inner = body.get("error", body)
    message = inner.get("message") if isinstance(inner, Mapping) else inner
    return (message if isinstance(message, str) and message else text.strip() or "(no words)")[:1000]


def _checked_url(url: str, key_variable: str) -> str:
    if set(url) & set("@?#"):  # not shown: it may hold a secret
        raise UsageError(
            f"`base_url` holds a user, query or fragment; leave it out, and give the key in {key_variable}"
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"`base_url` is `{url}`; expected an address such as http://127.0.0.1:8000/v1")
    return url.rstrip("/")

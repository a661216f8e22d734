"""Any server that speaks the OpenAI chat protocol, through the `openai` SDK.

The SDK carries bytes: replies are read here, one way for every server, and nothing is retried here
(`RetryingLLM` does). No key is needed on loopback; everywhere else one is.
"""

from __future__ import annotations

import email.utils
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentopt.canonical import canonical
from agentopt.errors import AgentoptError, LLMError, MissingKey, ModelUnavailable, UsageError
from agentopt.llm.base import Capability, Message, Reply, Request, Usage
from agentopt.llm.failures import LostReply, Transient, Unreachable
from agentopt.llm.price import Price

if TYPE_CHECKING:
    import openai as sdk

OPENAI_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"


class OpenAILLM:
    """`model` on an OpenAI-compatible server, one attempt per call.

    `schema` is sent as `response_format` (json_schema, strict). A server that rejects that once gets
    the schema as text in the system message from then on; the rejected attempt is `Transient`.

    Args:
        model: as the server names it.
        base_url: of the server, up to and including `/v1`; `None` is OpenAI's own. OpenAI gets
            `max_completion_tokens`, which its reasoning models insist on, others `max_tokens`.
        api_key: `None` only on loopback. It is sent to this server and shown nowhere.
        timeout_s: longest silence of the server.
        price: what its tokens cost; fills `Usage.cost_usd` where the server does not.
        schema_words: what stands in the system message for servers without `response_format`;
            `{{schema}}` becomes the schema. The text of `prompts/json_reply.md` says more.
        clock: seconds, for latency.

    Raises:
        MissingKey: no key, and the server is not on loopback.
        UsageError: `base_url` is not a plain http(s) address, or the key cannot be sent.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 120.0,
        price: Price | None = None,
        schema_words: str = "{{schema}}",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = _checked_url(base_url or OPENAI_URL)
        api_key = (api_key or "").strip()
        if not (api_key.isascii() and api_key.isprintable()):
            raise UsageError(f"the API key for `openai:{model}` holds characters that cannot be sent in a header")
        if not api_key and not _is_loopback(self._url):
            raise MissingKey(f"`openai:{model}` at {self._url} needs an API key; set {KEY_VARIABLE}")
        if "{{schema}}" not in schema_words:
            raise UsageError("`schema_words` has no placeholder {{schema}}")
        self._model = model
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._price = price
        self._schema_words = schema_words
        self._clock = clock
        self._takes_schema = True
        self._since = datetime.now(UTC).date()
        self._client: sdk.OpenAI | None = None  # importing the SDK takes seconds: not before the first call
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"OpenAILLM({self.name!r})"

    @property
    def name(self) -> str:
        at = "" if self._url == OPENAI_URL else f"@{self._url}"
        return f"openai:{self._model}{at}"

    @property
    def answered_by(self) -> str:
        return f"model:{self._model}@{self._since.isoformat()}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """`json_schema` goes away once the server has rejected it."""
        return frozenset({"json_schema", "seed"} if self._takes_schema else {"seed"})

    @property
    def price(self) -> Price | None:
        return self._price

    def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def complete(self, request: Request) -> Reply:
        """The reply of one attempt.

        Raises:
            Transient, Unreachable, LostReply: asking again may help.
            ModelUnavailable: the server does not know the model.
            MissingKey: the server wants a key, and has none.
            LLMError: the server rejects the request, with its status and words.
        """
        sends_schema = request.schema is not None and self._takes_schema
        body = self._body(request, sends_schema)
        started = self._clock()
        # Raised outside of `except`: the SDK's exceptions hold the request with its key.
        answer, failure = self._send(body, sends_schema)
        if failure is not None:
            raise failure
        reply = self._read(answer, self._clock() - started)
        if reply is None:
            shown = self._without_key(answer)[:200]
            raise LostReply(f"{self.name} sent a body that is no chat completion: {shown!r}")
        return reply

    def _body(self, request: Request, sends_schema: bool) -> dict[str, Any]:
        messages = request.messages
        body: dict[str, Any] = {"model": self._model}
        if request.schema is not None and sends_schema:
            json_schema = {"name": request.schema_name, "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        elif request.schema is not None:
            words = self._schema_words.replace("{{schema}}", canonical(request.schema)).strip()
            messages = _with_system(messages, words)
        body["messages"] = [{"role": m.role, "content": m.content} for m in messages]
        limit = "max_completion_tokens" if self._url == OPENAI_URL else "max_tokens"
        settings = {
            "temperature": request.temperature,
            limit: request.max_tokens,
            "seed": request.seed,
            "stop": list(request.stop) or None,
        }
        return body | {key: value for key, value in settings.items() if value is not None}

    def _send(self, body: Mapping[str, Any], sends_schema: bool) -> tuple[str, AgentoptError | None]:
        import openai as sdk

        try:
            return self._connected().chat.completions.with_raw_response.create(**body).text, None
        except sdk.APIStatusError as error:
            return "", self._status_failure(error, sends_schema)
        except sdk.APIConnectionError as error:
            return "", self._connection_failure(error)
        except sdk.OpenAIError as error:
            return "", LLMError(self._without_key(f"{self.name}: {error}"))
        except UnicodeEncodeError as error:
            return "", LLMError(f"{self.name}: the request is no valid Unicode: {error}")

    def _connected(self) -> sdk.OpenAI:
        with self._lock:
            if self._client is None:
                import openai as sdk

                is_local = _is_loopback(self._url)
                self._client = sdk.OpenAI(
                    api_key=self._api_key or "none",
                    base_url=self._url,
                    timeout=self._timeout_s,
                    max_retries=0,
                    # a proxy cannot reach this machine's loopback
                    http_client=sdk.DefaultHttpxClient(trust_env=False) if is_local else None,
                )
                if self._url != OPENAI_URL:  # the SDK reads these from the environment, for OpenAI
                    self._client.organization = self._client.project = None
            return self._client

    def _status_failure(self, error: sdk.APIStatusError, sends_schema: bool) -> AgentoptError:
        status: int = error.status_code
        said = self._without_key(_server_words(error.body) or str(error))
        message = f"{self.name} answered {status}: {said}"
        if status in (408, 409, 429) or status >= 500:
            return Transient(message, retry_after_s=_retry_after_s(error.response.headers))
        if status == 400 and sends_schema and ("response_format" in said or "json_schema" in said):
            self._takes_schema = False
            return Transient(f"{message}; the schema goes as text from here on", retry_after_s=0.0)
        if status == 401 and not self._api_key:
            return MissingKey(f"{message}; set {KEY_VARIABLE}")
        if status == 404:
            return ModelUnavailable(f"{self._url} does not serve the model `{self._model}` (404: {said})")
        return LLMError(message)

    def _connection_failure(self, error: sdk.APIConnectionError) -> Transient:
        cause = error.__cause__
        kind = type(cause).__name__
        said = self._without_key(str(cause) or kind)
        if kind in ("ConnectError", "ConnectTimeout"):
            return Unreachable(f"cannot reach {self._url} for `{self._model}`: {said}")
        if kind == "PoolTimeout":
            return Transient(f"{self.name}: no free connection within {self._timeout_s:g} s")
        if kind.endswith("Timeout"):
            return LostReply(f"{self.name}: no reply within {self._timeout_s:g} s")
        return LostReply(f"{self.name}: the connection broke: {said}")

    def _read(self, answer: str, latency_s: float) -> Reply | None:
        """The reply in a response's body; `None` where it is no chat completion."""
        try:
            body = json.loads(answer)
            choice = body["choices"][0]
            message = choice["message"]
            text, refusal = message.get("content") or "", message.get("refusal") or ""
            if not (isinstance(text, str) and isinstance(refusal, str)):
                return None
            return Reply(
                text="" if refusal else text,
                finish="refusal" if refusal else _FINISHES.get(choice.get("finish_reason"), "unknown"),
                model=str(body.get("model") or ""),
                refusal=refusal,
                usage=self._usage(body.get("usage") or {}),
                latency_s=latency_s,
            )
        except (ValueError, LookupError, TypeError, AttributeError):  # another shape than a completion's
            return None

    def _usage(self, usage: Mapping[str, Any]) -> Usage:
        prompt = _count(usage.get("prompt_tokens"))
        completion = _count(usage.get("completion_tokens"))
        cost = usage.get("cost")  # some routers state dollars
        if not isinstance(cost, (int, float)):
            cost = None
            if self._price is not None and prompt is not None and completion is not None:
                cost = self._price.usd(prompt, completion)
        return Usage(prompt_tokens=prompt, completion_tokens=completion, cost_usd=cost)

    def _without_key(self, text: str) -> str:
        return text.replace(self._api_key, "<key>") if self._api_key else text


_FINISHES: dict[Any, Any] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}


def _with_system(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    if messages and messages[0].role == "system":
        return (Message("system", f"{messages[0].content}\n\n{words}"), *messages[1:])
    return (Message("system", words), *messages)


def _server_words(body: object) -> str:
    """What the server says is wrong, where it says so as OpenAI does."""
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        message = inner.get("message") if isinstance(inner, Mapping) else inner
        return (message if isinstance(message, str) else json.dumps(body))[:1000]
    return body[:1000] if isinstance(body, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait: a number, or a date read against the server's own clock."""
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            now = email.utils.parsedate_to_datetime(headers.get("date", ""))
            seconds = (email.utils.parsedate_to_datetime(said) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return seconds if 0 < seconds < float("inf") else None


def _checked_url(url: str) -> str:
    if set(url) & set("@?#"):  # not shown: it may hold a secret
        raise UsageError(
            f"`base_url` holds a user, query or fragment; leave it out, and give the key in {KEY_VARIABLE}"
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"`base_url` is `{url}`; expected an address such as http://127.0.0.1:8000/v1")
    return url.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

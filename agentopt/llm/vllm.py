"""A vLLM server: OpenAI's chat protocol, and constrained decoding by more than a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from agentopt.errors import UsageError
from agentopt.llm.base import Capability, Request
from agentopt.llm.chat import ChatAPI
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.responses import ResponsesAPI

VLLM_URL = "http://127.0.0.1:8000/v1"


@dataclass(frozen=True)
class VLLMChatAPI(ChatAPI):
    """Chat completions with the field `structured_outputs`, which vLLM has since 0.12.

    Source: https://docs.vllm.ai/en/latest/features/structured_outputs/
    """

    capabilities: frozenset[Capability] = frozenset(
        {"json_schema", "seed", "n", "logprobs", "regex", "grammar", "choices"}
    )

    def body(self, model: str, request: Request) -> dict[str, Any]:
        """What is sent."""
        constraints = {"regex": request.regex, "grammar": request.grammar, "choice": list(request.choices) or None}
        asked = {key: value for key, value in constraints.items() if value is not None}
        return super().body(model, request) | ({"structured_outputs": asked} if asked else {})


class VLLM(OpenAILLM):
    """`model` on a vLLM server (0.12 or later), one attempt per call; arguments are those of `OpenAILLM`.

    vLLM keeps what it computed for the beginning of a prompt and reuses it for the next one that begins
    alike. It is the caller who keeps beginnings alike: what is the same in many requests (rules, examples,
    the graph) goes first, what differs goes last. `n` samples of one request share their prompt.

    Args:
        base_url: `None` is port 8000 of this machine, where `vllm serve` listens.
        api_key: what the server was started with, `None` for nothing.
    """

    key_variable: ClassVar[str] = "VLLM_API_KEY"
    needs_key: ClassVar[bool] = False

    def __init__(self, model: str, *, base_url: str | None = None, **settings: Any) -> None:
        super().__init__(model, base_url=base_url or VLLM_URL, **settings)

    def _protocol(self, api: Literal["chat", "responses"], *, is_openai: bool) -> ChatAPI | ResponsesAPI:
        if api != "chat":
            raise UsageError("`VLLM` talks chat completions; for its Responses API use `responses:<model>@<url>`")
        return VLLMChatAPI()

    def _scheme(self, api: Literal["chat", "responses"]) -> str:
        return "vllm"

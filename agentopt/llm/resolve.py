"""From a specification such as `openai:<model>` to an `LLM`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from agentopt.errors import UsageError
from agentopt.llm.base import LLM
from agentopt.llm.manual import ManualLLM
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.price import Price
from agentopt.llm.scripted import ScriptedLLM
from agentopt.llm.vllm import VLLM

_EXAMPLES = (
    "`openai:gpt-5-mini`, `openai:<model>@http://127.0.0.1:8000/v1`, `responses:<model>`, `vllm:<model>`, "
    "`scripted:replies.jsonl`, `manual:some/folder`, `replay:<trace>`"
)
_SCHEMES = ("openai", "responses", "vllm", "scripted", "manual", "replay")
_MODEL_AND_URL = re.compile(r"(?P<model>.+?)(?:@(?P<url>https?://.+))?")


def resolve(
    spec: str | LLM,
    *,
    schema_words: str = "{{schema}}",
    price: Price | None = None,
    replays: Callable[[str], LLM] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> LLM:
    """The model that `spec` names; it makes single attempts, `RetryingLLM` makes it patient.

    Args:
        spec: `<scheme>:<rest>`, or an `LLM`, which is returned as it is.
        schema_words: for servers that cannot constrain replies, see `OpenAILLM`.
        price: of an `openai:`, `responses:` or `vllm:` model.
        replays: opens what stands behind `replay:`; trace files are read in a higher layer.
        environ: read for `OPENAI_API_KEY` and, where `spec` holds no address, `OPENAI_BASE_URL`; for
            `vllm:`, for `VLLM_API_KEY` alone. The key is sent to whichever address results.

    Raises:
        UsageError: no such scheme, nothing behind it, or no such file.
        MissingKey: the server needs a key and there is none.
    """
    if not isinstance(spec, str):
        if isinstance(spec, LLM):
            return spec
        raise UsageError(f"`llm` is a {type(spec).__name__}; expected an LLM or one of {_EXAMPLES}")
    scheme, _, rest = spec.partition(":")
    if scheme not in _SCHEMES or not rest:
        raise UsageError(f"`{spec}` names no model; expected one of {_EXAMPLES}")
    if scheme == "scripted":
        return ScriptedLLM.from_file(rest)
    if scheme == "manual":
        return ManualLLM(rest)
    if scheme == "replay":
        if replays is None:
            raise UsageError(f"`{spec}` cannot be opened here; pass `replays`")
        return replays(rest)
    match = _MODEL_AND_URL.fullmatch(rest)
    if match is None:
        raise UsageError(f"`{spec}` names no model; expected one of {_EXAMPLES}")
    if scheme == "vllm":
        key = environ.get(VLLM.key_variable)
        return VLLM(match["model"], base_url=match["url"], api_key=key, price=price, schema_words=schema_words)
    return OpenAILLM(
        match["model"],
        base_url=match["url"] or environ.get("OPENAI_BASE_URL") or None,
        api_key=environ.get(OpenAILLM.key_variable),
        price=price,
        schema_words=schema_words,
        api="responses" if scheme == "responses" else "chat",
    )

"""From a specification such as `openai:<model>` to an `LLM`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from agentopt.errors import UsageError
from agentopt.llm.base import LLM
from agentopt.llm.manual import ManualLLM
from agentopt.llm.openai import KEY_VARIABLE, OpenAILLM
from agentopt.llm.price import Price
from agentopt.llm.scripted import ScriptedLLM

_EXAMPLES = (
    "`openai:gpt-5-mini`, `openai:<model>@http://127.0.0.1:8000/v1`, `scripted:replies.jsonl`, "
    "`manual:some/folder`, `replay:<trace>`"
)
_OPENAI = re.compile(r"(?P<model>.+?)(?:@(?P<url>https?://.+))?")


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
        price: of an `openai:` model.
        replays: opens what stands behind `replay:`; trace files are read in a higher layer.
        environ: read for `OPENAI_API_KEY` and, where `spec` holds no address, `OPENAI_BASE_URL`.
            The key is sent to whichever address results.

    Raises:
        UsageError: no such scheme, nothing behind it, or no such file.
        MissingKey: the server needs a key and there is none.
    """
    if not isinstance(spec, str):
        if isinstance(spec, LLM):
            return spec
        raise UsageError(f"`llm` is a {type(spec).__name__}; expected an LLM or one of {_EXAMPLES}")
    scheme, _, rest = spec.partition(":")
    if scheme == "vllm":
        raise UsageError(f"`{spec}`: `vllm:` comes with a later version; use `openai:<model>@<url of the server>`")
    if scheme not in ("openai", "scripted", "manual", "replay") or not rest:
        raise UsageError(f"`{spec}` names no model; expected one of {_EXAMPLES}")
    if scheme == "scripted":
        return ScriptedLLM.from_file(rest)
    if scheme == "manual":
        return ManualLLM(rest)
    if scheme == "replay":
        if replays is None:
            raise UsageError(f"`{spec}` cannot be opened here; pass `replays`")
        return replays(rest)
    match = _OPENAI.fullmatch(rest)
    if match is None:
        raise UsageError(f"`{spec}` names no model; expected one of {_EXAMPLES}")
    return OpenAILLM(
        match["model"],
        base_url=match["url"] or environ.get("OPENAI_BASE_URL") or None,
        api_key=environ.get(KEY_VARIABLE),
        price=price,
        schema_words=schema_words,
    )

"""What a `LoopbackServer` writes: chat completions and responses, whole and faulty."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentopt.testing.faults import Fault

LOGPROB = -0.5
"""Of every token in a test server's log-probabilities."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response of the server."""

    content: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def failed(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that says what is wrong, as OpenAI writes it."""
    error = {"error": {"message": message, "type": "test", "param": None, "code": None}}
    return Answer(content=json.dumps(error).encode(), status=status, headers=headers or {})


def answered(
    body: Mapping[str, Any], write: Callable[[dict[str, Any]], str], fault: Fault | None, *, is_response: bool
) -> Answer:
    """The answer to a request, with `fault` in it where that is one of content."""
    kind = fault.kind if fault is not None else ""
    if fault is not None and kind == "error_object":
        return Answer(content=json.dumps({"error": {"message": fault.message, "code": fault.status}}).encode())
    if kind == "malformed":
        return Answer(content=b'{"choices": [')
    if kind == "html":
        return Answer(content=b"<html>Sign in</html>", headers={"Content-Type": "text/html"})
    texts = [_written(body, write, kind) for _ in range(body.get("n") or 1)]
    finish = {"length": "length", "content_filter": "content_filter"}.get(kind, "stop")
    refusal = fault.message if fault is not None and kind == "refusal" else None
    make = _response if is_response else _completion
    whole = make(body, [None if refusal else text for text in texts], finish, refusal)
    if kind == "no_choices":
        whole |= {"output": []} if is_response else {"choices": []}
    headers = {"Content-Encoding": "gzip"} if kind == "broken_gzip" else {}
    return Answer(content=json.dumps(whole).encode(), headers=headers)


def _written(body: Mapping[str, Any], write: Callable[[dict[str, Any]], str], kind: str) -> str | None:
    if kind in ("null_content", "content_filter"):
        return None if kind == "null_content" else ""
    text = '{"unexpected": true}' if kind == "wrong_schema" else write(dict(body))
    return text[: len(text) // 2] if kind == "length" else text


def _completion(body: Mapping[str, Any], texts: list[str | None], finish: str, refusal: str | None) -> dict[str, Any]:
    choices = []
    for index, text in enumerate(texts):
        message = {"role": "assistant", "content": text, "refusal": refusal}
        choice = {"index": index, "message": message, "finish_reason": finish}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": _logprobs(text, body.get("top_logprobs") or 0)}
        choices.append(choice)
    prompt, completion = _tokens(body["messages"], texts)
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {"object": "chat.completion", "model": body.get("model"), "choices": choices, "usage": usage}


def _response(body: Mapping[str, Any], texts: list[str | None], finish: str, refusal: str | None) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": texts[0], "annotations": []}
    if "top_logprobs" in body:
        part["logprobs"] = _logprobs(texts[0], body["top_logprobs"])
    if refusal is not None:
        part = {"type": "refusal", "refusal": refusal}
    prompt, completion = _tokens(body["input"], texts)
    reason = "max_output_tokens" if finish == "length" else finish
    return {
        "object": "response",
        "status": "completed" if finish == "stop" else "incomplete",
        "incomplete_details": None if finish == "stop" else {"reason": reason},
        "error": None,
        "model": body.get("model"),
        "output": [{"type": "reasoning", "summary": []}, {"type": "message", "role": "assistant", "content": [part]}],
        "usage": {"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion},
    }


def _tokens(messages: list[Mapping[str, Any]], texts: list[str | None]) -> tuple[int, int]:
    """One token per word, so that tests can count them."""
    return sum(len(m["content"].split()) for m in messages), sum(len((text or "").split()) for text in texts)


def _logprobs(text: str | None, top: int) -> list[dict[str, Any]]:
    alternatives = [{"token": f"other{i}", "logprob": LOGPROB - i} for i in range(1, top)]
    return [
        {"token": word, "logprob": LOGPROB, "top_logprobs": [*alternatives, {"token": word, "logprob": LOGPROB}][:top]}
        for word in (text or "").split()
    ]

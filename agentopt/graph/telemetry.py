"""Traces as timed spans, for programs that show time: Chrome's and Perfetto's trace viewer, and OpenTelemetry.

The workflow is one span, and each call of a bundle one inside it. A bundle whose value is a model's `Reply` is a
chat in the words of OpenTelemetry's conventions for generative AI, any other a tool.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentopt.errors import MissingDependency
from agentopt.graph.node import Node
from agentopt.graph.render import Names, call_text
from agentopt.graph.showing import failure_text, show
from agentopt.graph.timing import Span, spans
from agentopt.graph.trainable import Parameter, Version
from agentopt.llm.base import LLM, Message, Reply, Request

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

    from agentopt.graph.tracing import Trace

_VALUE_CHARS = 2000


def to_perfetto(trace: Trace) -> dict[str, Any]:
    """The trace in the Trace Event Format, to be written as JSON and opened in Perfetto or `chrome://tracing`.

    Complete events (`"ph": "X"`), microseconds from the trace's beginning. Calls that ran side by side are on
    different `tid`s; those on one are one after the other or inside one another. `args` of a call hold what was
    called and its value, where the trace still holds its node. `otherData` has the beginning in seconds since 1970.
    """
    names = _names(trace)
    duration = (trace.ended_ns - trace.began_ns) / 1000
    whole = {"value": show(trace.value, _VALUE_CHARS)} if trace.error is None else _error(trace.error)
    events = [
        {"name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": "agentopt"}},
        _event(trace.name, "workflow", 0.0, duration, 0, whole),
    ]
    for span in spans(trace):
        began, ended = span.began_ns / 1000, span.ended_ns / 1000
        args = {} if span.node is None else _args(span.node, names)
        events.append(_event(span.operation.name, "bundle", began, ended - began, span.lane, args))
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"workflow": trace.name, "began_at": trace.began_at_ns / 1e9},
    }


def _event(name: str, category: str, began: float, duration: float, lane: int, args: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "cat": category, "ph": "X", "ts": began, "dur": duration, "pid": 1, "tid": lane, "args": args}


def _args(node: Node, names: Names) -> dict[str, str]:
    value = {"value": show(node._value, _VALUE_CHARS)} if node.error is None else _error(node.error)
    return {"node": names.name(node), "call": call_text(node, names), **value}


def _error(error: Exception) -> dict[str, str]:
    return {"error": failure_text(error, _VALUE_CHARS)}


def _names(trace: Trace) -> Names:
    """Names as in the other exports of the same trace."""
    names = Names()
    for node in trace.nodes:
        names.name(node)
    return names


def to_otel(trace: Trace, tracer: Tracer, *, include_content: bool = False) -> None:
    """Gives the trace to OpenTelemetry: spans with the times they had, children of the current span if there is one.

    Attributes are those of the conventions for generative AI, 0.66: the workflow is an `invoke_workflow`, a bundle
    whose value is a `Reply` a `chat` with its model, tokens and finish reason, any other an `execute_tool`.
    `agentopt.node` is the node's name in the other exports, and `gen_ai.prompt.name` the prompt that a call read,
    where it read exactly one. A failed span has the status error, `error.type` and the exception as an event.

    Args:
        include_content: also arguments, results and messages, which may be private; the conventions leave them out
            unless asked for.

    Raises:
        MissingDependency: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.trace import SpanKind, set_span_in_context
    except ImportError as error:
        raise MissingDependency("opentelemetry-sdk", "otel", "`to_otel`") from error
    names = _names(trace)
    began_at = trace.began_at_ns
    attributes = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": trace.name}
    root = tracer.start_span(f"invoke_workflow {trace.name}", start_time=began_at, attributes=attributes)
    made: list[OtelSpan] = []
    listed = spans(trace)
    for span in listed:
        about = _attributes(span, names, include_content=include_content)
        subject = about.get("gen_ai.response.model", span.operation.name)
        made.append(
            tracer.start_span(
                f"{about['gen_ai.operation.name']} {subject}",
                context=set_span_in_context(root if span.parent is None else made[span.parent]),
                kind=SpanKind.CLIENT if about["gen_ai.operation.name"] == "chat" else SpanKind.INTERNAL,
                start_time=began_at + span.began_ns,
                attributes=about,
            )
        )
    for span, one in zip(reversed(listed), reversed(made)):
        _finish(one, span.node.error if span.node is not None else None, began_at + span.ended_ns)
    _finish(root, trace.error, began_at + trace.ended_ns - trace.began_ns)


def _finish(span: OtelSpan, error: Exception | None, ended_at_ns: int) -> None:
    from opentelemetry.trace import Status, StatusCode

    if error is not None:
        span.set_attribute("error.type", type(error).__qualname__)
        span.record_exception(error, timestamp=ended_at_ns)
        span.set_status(Status(StatusCode.ERROR, failure_text(error, _VALUE_CHARS)))
    span.end(end_time=ended_at_ns)


def _attributes(span: Span, names: Names, *, include_content: bool) -> dict[str, Any]:
    """Attributes of a call; what is not known is left out."""
    node, reply = span.node, None if span.node is None else span.node._value
    if node is not None and isinstance(reply, Reply):
        about: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            **_asked(node, include_content=include_content),
            "gen_ai.response.model": reply.model or None,
            "gen_ai.response.finish_reasons": (reply.finish,),
            "gen_ai.usage.input_tokens": reply.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": reply.usage.completion_tokens,
            "agentopt.cost_usd": reply.usage.cost_usd,
        }
    else:
        about = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": span.operation.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.description": span.operation.doc or None,
        }
    if node is not None:
        about["agentopt.node"] = names.name(node)
        about["gen_ai.prompt.name"] = _prompt(node)
        if include_content:
            about.update(_content(node, names))
    return {name: value for name, value in about.items() if value is not None}


def _asked(node: Node, *, include_content: bool) -> dict[str, Any]:
    """What is known of a chat from its arguments, where a model or a `Request` is among them."""
    about: dict[str, Any] = {}
    for value in [x._value if isinstance(x, Node) else x for x in node.inputs]:
        if isinstance(value, LLM):
            provider, _, model = value.name.partition(":")
            about |= {"gen_ai.provider.name": provider, "gen_ai.request.model": model.partition("@")[0] or None}
        elif isinstance(value, Request):
            about |= {
                "gen_ai.request.temperature": value.temperature,
                "gen_ai.request.max_tokens": value.max_tokens,
                "gen_ai.request.seed": value.seed,
                "gen_ai.request.stop_sequences": value.stop or None,
                "gen_ai.input.messages": _messages(value.messages) if include_content else None,
            }
    return about


def _messages(messages: Sequence[Message], finish: str | None = None) -> str:
    """Messages as the conventions' JSON."""
    end = {} if finish is None else {"finish_reason": finish}
    parts = [{"role": m.role, "parts": [{"type": "text", "content": m.content}], **end} for m in messages]
    return json.dumps(parts, ensure_ascii=False)


def _prompt(node: Node) -> str | None:
    read: list[Parameter] = [p.parameter for p in node.parents if isinstance(p, Version)]
    prompts = [parameter.name for parameter in read if parameter.kind == "prompt"]
    return prompts[0] if len(prompts) == 1 else None


def _content(node: Node, names: Names) -> dict[str, str]:
    if isinstance(node._value, Reply):
        return {"gen_ai.output.messages": _messages([Message("assistant", node._value.text)], node._value.finish)}
    result = {} if node.error is not None else {"gen_ai.tool.call.result": show(node._value, _VALUE_CHARS)}
    return {"gen_ai.tool.call.arguments": call_text(node, names), **result}

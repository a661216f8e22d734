"""Timed spans for other programs: the Trace Event Format, and OpenTelemetry by its own in-memory exporter."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from agentopt.errors import MissingDependency
from agentopt.graph.bundling import bundle
from agentopt.graph.node import node
from agentopt.graph.telemetry import to_otel, to_perfetto
from agentopt.graph.tracing import Trace, trace
from agentopt.graph.trainable import Parameter
from agentopt.llm.base import LLM, Message, Reply, Request, Usage
from agentopt.llm.scripted import ScriptedLLM


@bundle
def shorten(text: Any) -> Any:
    """Cuts text."""
    return text[:3]


@bundle
def answer(instruction: Any, question: Any) -> Any:
    return shorten(f"{instruction} {question}")


@bundle
def chat(request: Request) -> Any:
    usage = Usage(prompt_tokens=7, completion_tokens=2, cost_usd=0.5)
    return Reply(text="Lima", model="small-1", finish="length", usage=usage)


def question_run() -> Trace:
    @trace
    def workflow() -> Any:
        return answer(Parameter("Be brief.", name="instruction"), node("why?", name="question"))

    run: Trace = workflow()
    return run


def failed_run() -> Trace:
    @trace
    @bundle
    def look() -> Any:
        return {"a": 1}["k"]

    run: Trace = look()
    return run


# Trace Event Format


def events(run: Trace) -> list[dict[str, Any]]:
    """The complete events, after a trip through JSON."""
    read: dict[str, Any] = json.loads(json.dumps(to_perfetto(run), allow_nan=False))
    return [event for event in read["traceEvents"] if event["ph"] == "X"]


def test_complete_events_have_what_the_format_asks_for() -> None:
    for event in events(question_run()):
        assert {"name", "ph", "ts", "dur", "pid", "tid"} <= event.keys()
        assert event["ts"] >= 0
        assert event["dur"] >= 0


def test_the_workflow_and_each_bundle_are_events() -> None:
    assert [(e["name"], e["cat"]) for e in events(question_run())] == [
        ("workflow", "workflow"),
        ("answer", "bundle"),
        ("shorten", "bundle"),
    ]


def test_events_of_one_lane_are_nested_or_apart() -> None:
    made = [(e["ts"], e["ts"] + e["dur"]) for e in events(question_run()) if e["tid"] == 0]

    for i, (began, ended) in enumerate(made):
        for first, last in made[i + 1 :]:
            assert first >= ended or last <= ended + 1e-6, "microseconds are floats of nanoseconds"
            assert first >= began


def test_arguments_have_the_call_and_the_value() -> None:
    run = question_run()

    assert events(run)[1]["args"] == {"node": "answer1", "call": "answer(instruction, question)", "value": "'Be '"}


def test_a_failure_is_in_its_arguments() -> None:
    assert "KeyError" in events(failed_run())[1]["args"]["error"]


def test_the_wall_clock_is_kept() -> None:
    before = time.time()
    run = question_run()

    assert before - 1 <= to_perfetto(run)["otherData"]["began_at"] <= time.time() + 1


# OpenTelemetry


def exported(run: Trace, **options: Any) -> dict[str, ReadableSpan]:
    """What the SDK exports, by span name."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    to_otel(run, provider.get_tracer("agentopt"), **options)
    return {span.name: span for span in memory.get_finished_spans()}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_spans_are_named_by_operation_and_subject() -> None:
    assert set(exported(question_run())) == {"invoke_workflow workflow", "execute_tool answer", "execute_tool shorten"}


def test_spans_are_nested_as_the_calls_were() -> None:
    made = exported(question_run())
    parents = {name: span.parent and span.parent.span_id for name, span in made.items()}
    ids = {name: span.context.span_id for name, span in made.items() if span.context}

    assert parents == {
        "invoke_workflow workflow": None,
        "execute_tool answer": ids["invoke_workflow workflow"],
        "execute_tool shorten": ids["execute_tool answer"],
    }


def test_spans_have_the_times_of_the_run() -> None:
    run = question_run()
    time.sleep(0.01)
    root = exported(run)["invoke_workflow workflow"]

    assert (root.start_time, root.end_time) == (run.began_at_ns, run.began_at_ns + run.ended_ns - run.began_ns)


def test_workflow_has_its_attributes() -> None:
    assert attributes(exported(question_run())["invoke_workflow workflow"]) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "workflow",
    }


def test_a_bundle_is_a_tool_and_says_which_prompt_it_read() -> None:
    assert attributes(exported(question_run())["execute_tool answer"]) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "answer",
        "gen_ai.tool.type": "function",
        "gen_ai.prompt.name": "instruction",
        "agentopt.node": "answer1",
    }


def test_documentation_is_the_tools_description() -> None:
    assert attributes(exported(question_run())["execute_tool shorten"])["gen_ai.tool.description"] == "Cuts text."


def test_a_reply_makes_a_chat_with_model_and_tokens() -> None:
    request = Request(messages=(Message("user", "Capital of Peru?"),), temperature=0.5, stop=("\n",))

    span = exported(trace(lambda: chat(request))())["chat small-1"]

    assert span.kind is SpanKind.CLIENT
    assert attributes(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stop_sequences": ("\n",),
        "gen_ai.response.model": "small-1",
        "gen_ai.response.finish_reasons": ("length",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2,
        "agentopt.cost_usd": 0.5,
        "agentopt.node": "chat1",
    }


def test_a_model_among_the_arguments_is_named() -> None:
    @bundle
    def ask(llm: LLM) -> Any:
        return Reply(text="Lima")

    class Named(ScriptedLLM):
        @property
        def name(self) -> str:
            return "openai:small@http://127.0.0.1:8000/v1"

    said = attributes(exported(trace(lambda: ask(Named(["x"])))())["chat ask"])

    assert (said["gen_ai.provider.name"], said["gen_ai.request.model"]) == ("openai", "small")


def test_content_is_left_out_unless_asked_for() -> None:
    for span in exported(question_run()).values():
        assert "why?" not in str(attributes(span))


def test_content_that_is_asked_for_has_arguments_and_result() -> None:
    said = attributes(exported(question_run(), include_content=True)["execute_tool answer"])

    assert said["gen_ai.tool.call.arguments"] == "answer(instruction, question)"
    assert said["gen_ai.tool.call.result"] == "'Be '"


def test_messages_are_json_of_the_conventions() -> None:
    request = Request(messages=(Message("user", "Capital?"),))
    said = attributes(exported(trace(lambda: chat(request))(), include_content=True)["chat small-1"])

    assert json.loads(said["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Capital?"}]}
    ]
    assert json.loads(said["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Lima"}], "finish_reason": "length"}
    ]


@pytest.mark.parametrize("name", ["invoke_workflow look", "execute_tool look"])
def test_a_failure_is_an_error_with_its_type_and_event(name: str) -> None:
    span = exported(failed_run())[name]

    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == "KeyError"
    assert [event.name for event in span.events] == ["exception"]


def test_without_opentelemetry_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    run = question_run()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("agentopt")
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)

    with pytest.raises(MissingDependency, match=r"pip install 'agentopt\[otel\]'"):
        to_otel(run, tracer)

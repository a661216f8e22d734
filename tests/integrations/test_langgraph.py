"""LangGraph's own graphs, traced; with the real package."""

from __future__ import annotations

import asyncio
import dataclasses
import operator
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Overwrite, RetryPolicy, Send, interrupt
from pydantic import BaseModel

import agentopt as ao
from agentopt.errors import MissingDependency, StrictTraceError, UsageError
from agentopt.graph.bundling import Bundle
from agentopt.graph.render import render
from agentopt.graph.scope import bound
from agentopt.graph.showing import failure_text
from agentopt.graph.subgraph import propagate, subgraph
from agentopt.graph.trainable import Version
from agentopt.integrations.langgraph import GraphWorkflow, traced_graph
from agentopt.llm.scripted import ScriptedLLM

INSTRUCTION = ao.Parameter("Write about {question}.", name="instruction")
ROUNDS = ao.Parameter(2, name="rounds", bounds=(1, 5))
WEIGHT = ao.Parameter(1.0, name="weight", bounds=(0, 10))


class State(TypedDict, total=False):
    question: str
    draft: str
    score: float
    unused: str
    notes: Annotated[list[str], operator.add]


def write(state: State) -> dict[str, Any]:
    """Writes a draft."""
    return {"draft": INSTRUCTION.format(question=state["question"]) + "!" * len(state.get("notes", []))}


def length(state: State) -> dict[str, Any]:
    return {"notes": [f"{len(state['draft'])} letters"]}


def tone(state: State) -> dict[str, Any]:
    return {"notes": ["loud" if "!" in state["draft"] else "calm"]}


def join(state: State) -> None:
    return None


def enough(state: State) -> str:
    return END if len(state["notes"]) >= 2 * ROUNDS.value else "write"


def built(*steps: Callable[..., Any], state: type = State, edges: bool = True) -> Any:
    """A builder with these steps, one after the other."""
    graph: Any = StateGraph(state)
    for step in steps:
        graph.add_node(step.__name__, step)
    for before, after in zip([START, *(s.__name__ for s in steps)], [*(s.__name__ for s in steps), END]):
        if edges:
            graph.add_edge(before, after)
    return graph


def review_loop() -> Any:
    """write, then length and tone side by side, joined, and again until there are enough notes."""
    graph = built(write, length, tone, join, edges=False)
    graph.add_edge(START, "write")
    graph.add_edge("write", "length")
    graph.add_edge("write", "tone")
    graph.add_edge(["length", "tone"], "join")
    graph.add_conditional_edges("join", enough)
    return graph


def made_by(trace: ao.Trace, name: str) -> list[ao.Node]:
    return [n for n in trace.nodes if n.operation is not None and n.operation.name == name]


def inputs_of(node: ao.Node) -> dict[str, Any]:
    """A step's inputs by the names that a rendering shows."""
    assert node._extra is not None
    return dict(zip(node._extra.keywords, node.inputs))


def source_of(node: ao.Node) -> str:
    """Which step a state key's node comes from; `input` for what came from outside."""
    while node.operation is not None and node.operation.name == "item":
        node = node.inputs[0]
    return node.operation.name if node.operation else "input"


def trained(trace: ao.Trace) -> set[str]:
    """Names of the parameters that feedback on the output reaches."""
    return {str(version.parameter.name) for version in subgraph(trace.output).parameters}


# The graph


def test_a_step_reads_a_key_from_the_step_that_wrote_it() -> None:
    trace = traced_graph(built(write, length))(question="cats")
    (reader,) = made_by(trace, "length")
    assert source_of(inputs_of(reader)["draft"]) == "write"


def test_only_the_keys_that_were_read_are_inputs() -> None:
    trace = traced_graph(built(write, length))(question="cats", unused="x")
    (reader,) = made_by(trace, "length")
    assert list(inputs_of(reader)) == ["draft"]


def test_steps_side_by_side_are_not_inputs_of_each_other() -> None:
    def late(state: State) -> dict[str, Any]:
        done.wait(5)
        return {"notes": [f"{len(state['notes'])} before"]}

    def early(state: State) -> dict[str, Any]:
        done.set()
        return {"notes": ["early"]}

    done = threading.Event()
    graph = built(late, early, edges=False)
    for name in ("late", "early"):
        graph.add_edge(START, name)
    trace = traced_graph(graph)(notes=["first"])
    (reader,) = made_by(trace, "late")
    assert source_of(inputs_of(reader)["notes"]) == "input"


def test_a_reducer_key_depends_on_all_that_wrote_it() -> None:
    trace = traced_graph(review_loop(), output="draft")(question="cats")
    gathered = made_by(trace, "add")[0]
    assert [source_of(node) for node in gathered.parents] == ["input", "length", "tone"]
    assert gathered._value == ["17 letters", "calm"]


def test_an_overwritten_reducer_key_forgets_what_was_before() -> None:
    def add_one(state: State) -> dict[str, Any]:
        return {"notes": ["one"]}

    def clear(state: State) -> dict[str, Any]:
        return {"notes": Overwrite(["fresh"])}

    trace = traced_graph(built(add_one, clear, join), output="notes")(notes=["old"])
    assert trace.value == ["fresh"]
    assert made_by(trace, "add_one") == []


def test_every_round_of_a_loop_is_a_node_of_its_own() -> None:
    trace = traced_graph(review_loop(), output="draft")(question="cats")
    assert [node._value for node in made_by(trace, "write")] == [
        {"draft": "Write about cats."},
        {"draft": "Write about cats.!!"},
    ]


def test_a_branch_is_a_node_whose_value_is_where_it_led() -> None:
    trace = traced_graph(review_loop(), output="draft")(question="cats")
    assert [node._value for node in made_by(trace, "enough")] == ["write", END]


def test_a_step_depends_on_the_branch_that_chose_it() -> None:
    trace = traced_graph(review_loop(), output="draft")(question="cats")
    first, second = made_by(trace, "write")
    assert "chosen_by" not in inputs_of(first)
    assert inputs_of(second)["chosen_by"] is made_by(trace, "enough")[0]


def test_a_parameter_of_a_branch_that_ends_the_run_gets_feedback() -> None:
    def stop(state: State) -> str:
        return END if len(state["question"]) > ROUNDS.value else "length"

    graph = built(write, length, edges=False)
    graph.add_edge(START, "write")
    graph.add_conditional_edges("write", stop)
    trace = traced_graph(graph, output="draft")(question="cats")
    assert trained(trace) == {"instruction", "rounds"}


def test_a_branch_sees_what_its_own_step_wrote() -> None:
    def is_long(state: State) -> Literal["length", "tone"]:
        return "length" if len(state["draft"]) > 3 else "tone"

    graph = built(write, length, tone, edges=False)
    graph.add_edge(START, "write")
    graph.add_conditional_edges("write", is_long)
    trace = traced_graph(graph)(question="cats")
    (branch,) = made_by(trace, "is_long")
    assert source_of(inputs_of(branch)["draft"]) == "write"


def test_a_branch_with_a_path_map_shows_the_step_it_led_to() -> None:
    graph = built(write, length, edges=False)
    graph.add_edge(START, "write")
    graph.add_conditional_edges("write", lambda state: True, {True: "length", False: END})
    trace = traced_graph(graph)(question="cats")
    (reader,) = made_by(trace, "length")
    assert inputs_of(reader)["chosen_by"]._value == "length"


def test_a_branch_at_the_start_chooses_the_first_step() -> None:
    graph = built(write, length, edges=False)
    graph.add_conditional_edges(START, lambda state: "write" if state["question"] else "length", ["write", "length"])
    trace = traced_graph(graph, output="draft")(question="cats")
    (writer,) = made_by(trace, "write")
    assert inputs_of(writer)["chosen_by"]._value == "write"


def test_a_command_leads_to_the_step_it_names() -> None:
    def decide(state: State) -> Command[Literal["length"]]:
        return Command(update={"draft": state["question"]}, goto="length")

    graph = built(decide, length, edges=False)
    graph.add_edge(START, "decide")
    trace = traced_graph(graph)(question="cats")
    (reader,) = made_by(trace, "length")
    assert source_of(inputs_of(reader)["draft"]) == "decide"
    assert inputs_of(reader)["chosen_by"].operation.name == "goto"


def test_what_was_sent_to_a_step_comes_from_the_branch_that_sent_it() -> None:
    def fan_out(state: State) -> list[Send]:
        return [Send("tone", {"draft": state["draft"] + mark}) for mark in ("", "!")]

    graph = built(write, tone, join, edges=False)
    graph.add_edge(START, "write")
    graph.add_conditional_edges("write", fan_out, ["tone"])
    graph.add_edge("tone", "join")
    trace = traced_graph(graph, output="notes")(question="cats")
    assert [node._value for node in made_by(trace, "tone")] == [{"notes": ["calm"]}, {"notes": ["loud"]}]
    assert all(inputs_of(n)["draft"].parents == tuple(made_by(trace, "fan_out")) for n in made_by(trace, "tone"))
    assert trained(trace) == {"instruction"}


def test_a_sent_state_may_be_the_state_itself() -> None:
    graph = built(write, tone, edges=False)
    graph.add_edge(START, "write")
    graph.add_conditional_edges("write", lambda state: [Send("tone", state)], ["tone"])
    trace = traced_graph(graph, output="notes")(question="cats")
    assert trace.value == ["calm"]
    assert trained(trace) == {"instruction"}


def test_a_graph_as_a_step_is_one_node_with_its_steps_inside() -> None:
    graph = StateGraph(State)
    graph.add_node("inner", built(write, length).compile())
    graph.add_edge(START, "inner")
    trace = traced_graph(graph, output="draft")(question="cats")
    (outer,) = made_by(trace, "inner")
    inside = [n.operation.name for n in outer._extra.inside if n.operation is not None] if outer._extra else []
    assert [name for name in inside if name in ("write", "length")] == ["write", "length"]
    assert trained(trace) == {"instruction"}


def test_a_graph_called_in_a_step_is_recorded_inside_it() -> None:
    inner = traced_graph(built(write)).graph

    def outer(state: State) -> dict[str, Any]:
        return {"draft": inner.invoke({"question": state["question"]})["draft"].upper()}

    trace = traced_graph(built(outer), output="draft")(question="cats")
    assert trace.value == "WRITE ABOUT CATS."
    assert trained(trace) == {"instruction"}


# What steps read


def read_all(state: State) -> dict[str, Any]:
    return {**state, "draft": "x"}


@pytest.mark.parametrize(
    "read",
    [
        lambda state: {**state},
        lambda state: dict(state),
        lambda state: state.copy(),
        lambda state: state | {},
        lambda state: {} | state,
        lambda state: list(state.items()),
        lambda state: list(state.values()),
        lambda state: str(state),
        lambda state: state == {},
        lambda state: "{question} {unused}".format(**state),
    ],
    ids=["unpack", "dict", "copy", "or", "ror", "items", "values", "str", "eq", "format"],
)
def test_copying_the_state_reads_all_of_it(read: Callable[[Any], object]) -> None:
    def step(state: State) -> dict[str, Any]:
        read(state)
        return {"draft": "x"}

    trace = traced_graph(built(step), output="draft")(question="cats", unused="u", notes=["n"])
    (node,) = made_by(trace, "step")
    assert list(inputs_of(node)) == ["question", "unused", "notes"]


@pytest.mark.parametrize(
    "read",
    [
        lambda state: state["question"],
        lambda state: state.get("question"),
        lambda state: "question" in state,
        lambda state: "%(question)s" % state,  # noqa: UP031  what is tested
        lambda state: "{question}".format_map(state),
        lambda state: operator.itemgetter("question")(state),
        lambda state: [key for key in state if key == "question" and state[key]],
    ],
    ids=["item", "get", "in", "percent", "format_map", "itemgetter", "loop"],
)
def test_reading_one_key_reads_no_other(read: Callable[[Any], object]) -> None:
    def step(state: State) -> dict[str, Any]:
        read(state)
        return {"draft": "x"}

    trace = traced_graph(built(step), output="draft")(question="cats", unused="u")
    (node,) = made_by(trace, "step")
    assert list(inputs_of(node)) == ["question"]


def test_a_key_that_nobody_wrote_is_not_an_input() -> None:
    def step(state: State) -> dict[str, Any]:
        return {"draft": state.get("unused", "nothing")}

    trace = traced_graph(built(step), output="draft")(question="cats")
    assert inputs_of(made_by(trace, "step")[0]) == {}


@dataclasses.dataclass
class Record:
    question: str = ""
    draft: str = ""
    unused: str = ""


class Model(BaseModel):
    question: str = ""
    draft: str = ""
    unused: str = ""


@pytest.mark.parametrize("schema", [Record, Model])
def test_an_object_state_counts_as_read_in_all_its_keys(schema: type) -> None:
    def first(state: Any) -> dict[str, Any]:
        return {"draft": INSTRUCTION.format(question=state.question)}

    def second(state: Any) -> dict[str, Any]:
        return {"unused": state.draft.upper()}

    trace = traced_graph(built(first, second, state=schema), output="unused")(question="cats")
    assert trace.value == "WRITE ABOUT CATS."
    (node,) = made_by(trace, "second")
    assert list(inputs_of(node)) == ["question", "draft", "unused"]
    assert trained(trace) == {"instruction"}


@pytest.mark.parametrize("schema", [Record, Model])
def test_an_object_state_keeps_its_type(schema: type) -> None:
    def step(state: Any) -> dict[str, Any]:
        return {"draft": type(state).__name__}

    assert traced_graph(built(step, state=schema), output="draft")(question="cats").value == schema.__name__


def test_a_step_may_return_an_object_state() -> None:
    def step(state: Any) -> Any:
        return Model(draft=INSTRUCTION.value)

    trace = traced_graph(built(step, state=Model), output="draft")(question="cats")
    assert (trace.value, trained(trace)) == ("Write about {question}.", {"instruction"})


def test_a_value_that_the_state_coerces_still_comes_from_its_writer() -> None:
    class Number(BaseModel):
        x: int = 0

    def as_text(state: Any) -> dict[str, Any]:
        return {"x": f"{round(WEIGHT.value)}"}

    def double(state: Any) -> dict[str, Any]:
        return {"x": state.x * 2}

    trace = traced_graph(built(as_text, double, state=Number), output="x")(x=5)
    assert (trace.value, trained(trace)) == (2, {"weight"})


def test_a_state_that_is_one_unnamed_value_is_refused() -> None:
    graph: Any = StateGraph(Annotated[list[str], operator.add])  # type: ignore[arg-type]
    graph.add_node("step", lambda state: ["x"])
    graph.add_edge(START, "step")
    with pytest.raises(UsageError, match="no name"):
        traced_graph(graph)


# Parameters


def test_parameters_in_globals_and_closures_are_found() -> None:
    local = ao.Parameter("x", name="local")

    def step(state: State) -> dict[str, Any]:
        return {"draft": local + INSTRUCTION}

    assert {p.name for p in traced_graph(built(step)).graph.trainable} == {"local", "instruction"}


def test_parameters_in_branches_are_found() -> None:
    assert {p.name for p in traced_graph(review_loop()).graph.trainable} == {"instruction", "rounds"}


class Writer:
    """A plain class, as people write their agents."""

    def __init__(self, prompt: ao.Parameter) -> None:
        self.prompt = prompt

    def write(self, state: State) -> dict[str, Any]:
        return {"draft": self.prompt + state["question"]}

    __call__ = write


@pytest.mark.parametrize("step", [lambda w: w.write, lambda w: w], ids=["method", "object"])
def test_parameters_in_attributes_are_found_and_reached(step: Callable[[Writer], Any]) -> None:
    prompt = ao.Parameter("On ", name="prompt")
    graph = StateGraph(State)
    graph.add_node("write", step(Writer(prompt)))
    graph.add_edge(START, "write")
    workflow = traced_graph(graph, output="draft")
    trace = workflow(question="cats")
    assert (trace.value, trained(trace)) == ("On cats", {"prompt"})
    assert [p.name for p in workflow.graph.trainable] == ["prompt"]


@ao.bundle(trainable=True, sandbox=None)
def shout(text: str) -> str:
    """The text, louder."""
    return text.upper()


def loud(state: State) -> dict[str, Any]:
    return {"draft": shout(state["question"])}


def test_trainable_code_called_in_a_step_is_reached() -> None:
    trace = traced_graph(built(loud), output="draft")(question="cats")
    assert (trace.value, trained(trace)) == ("CATS", {"shout"})


def test_trainable_code_runs_as_a_candidate_says() -> None:
    workflow = traced_graph(built(loud), output="draft")
    assert isinstance(shout, Bundle)
    assert shout.code is not None
    with bound({shout.code: "def shout(text):\n    return text + '!'\n"}):
        assert workflow(question="cats").value == "cats!"


def test_a_bundle_can_be_the_step_itself_and_reads_the_whole_state() -> None:
    @ao.bundle(trainable=True, sandbox=None)
    def step(state):  # type: ignore[no-untyped-def]
        return {"draft": state["question"] * 2}

    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    trace = traced_graph(graph, output="draft")(question="cats", unused="u")
    assert (trace.value, trained(trace)) == ("catscats", {"step"})
    assert list(inputs_of(made_by(trace, "step")[-1])) == ["question", "unused", "notes"]


def test_a_runnable_as_a_step_gets_its_config() -> None:
    seen = []

    def step(state: State, config: RunnableConfig) -> dict[str, Any]:
        seen.append(config["configurable"]["who"])
        return {"draft": INSTRUCTION.value}

    graph = StateGraph(State)
    graph.add_node("step", RunnableLambda(step))
    graph.add_edge(START, "step")
    workflow = traced_graph(graph, output="draft", config={"configurable": {"who": "me"}})
    assert (trained(workflow(question="q")), seen) == ({"instruction"}, ["me"])


def test_a_step_gets_its_runtime_context() -> None:
    @dataclasses.dataclass
    class Context:
        tenant: str

    def step(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        return {"draft": runtime.context.tenant}

    graph = StateGraph(State, context_schema=Context)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    assert traced_graph(graph, output="draft", context=Context("t9"))(question="q").value == "t9"


def test_an_input_that_is_a_node_stays_in_the_graph() -> None:
    @ao.trace
    def workflow(question: Any) -> Any:
        return graph.invoke({"question": question + mark})["draft"]

    mark = ao.Parameter("!", name="mark")
    graph = traced_graph(built(write)).graph
    trace = workflow(ao.node("cats"))
    assert trace.value == "Write about cats!."
    assert trained(trace) == {"mark", "instruction"}


# Running it


def test_the_graph_that_was_given_is_not_changed() -> None:
    graph = built(write)
    before = graph.nodes["write"].runnable
    traced_graph(graph)
    assert graph.nodes["write"].runnable is before


def test_outside_a_trace_the_graph_runs_as_ever() -> None:
    graph = traced_graph(built(write, length)).graph
    assert graph.invoke({"question": "cats"}) == {
        "question": "cats",
        "draft": "Write about cats.",
        "notes": ["17 letters"],
    }


def test_inside_stop_tracing_nothing_is_recorded() -> None:
    @ao.trace
    def workflow() -> Any:
        with ao.stop_tracing():
            return graph.invoke({"question": "cats"})["draft"]

    graph = traced_graph(built(write)).graph
    assert trained(workflow()) == set()


async def write_later(state: State) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"draft": INSTRUCTION.format(question=state["question"])}


async def branch_later(state: State) -> str:
    await asyncio.sleep(0)
    return "length" if ROUNDS.value else END


def test_async_steps_and_branches_make_an_async_workflow() -> None:
    graph = built(write_later, length, edges=False)
    graph.add_edge(START, "write_later")
    graph.add_conditional_edges("write_later", branch_later, ["length", END])
    workflow = traced_graph(graph, output="notes")
    trace = asyncio.run(workflow(question="cats"))
    assert workflow.is_async
    assert (trace.value, trained(trace)) == (["17 letters"], {"instruction", "rounds"})


def test_a_graph_with_plain_steps_can_be_awaited() -> None:
    @ao.trace
    async def workflow(question: str) -> Any:
        return (await graph.ainvoke({"question": question}))["draft"]

    graph = traced_graph(review_loop()).graph
    trace = asyncio.run(workflow("cats"))
    assert (trace.value, trained(trace)) == ("Write about cats.!!", {"instruction", "rounds"})


def test_a_stream_is_that_of_the_graph_itself() -> None:
    graph = review_loop()
    plain = list(graph.compile().stream({"question": "cats"}, stream_mode=["updates", "values"]))
    assert list(traced_graph(graph).graph.stream({"question": "cats"}, stream_mode=["updates", "values"])) == plain


def test_a_streamed_run_is_recorded() -> None:
    @ao.trace
    def workflow(question: str) -> Any:
        return list(graph.stream({"question": question}, stream_mode="updates"))[-1]

    graph = traced_graph(built(write, length)).graph
    assert trained(workflow("cats")) == {"instruction"}


def test_a_stream_that_is_left_early_is_recorded_so_far() -> None:
    @ao.trace
    def workflow(question: str) -> Any:
        chunks: Any = graph.stream({"question": question}, stream_mode="updates")
        first = next(chunks)
        chunks.close()
        return first

    graph = traced_graph(built(write, length)).graph
    assert trained(workflow("cats")) == {"instruction"}


def test_an_async_stream_is_recorded() -> None:
    @ao.trace
    async def workflow(question: str) -> Any:
        return [chunk async for chunk in graph.astream({"question": question}, stream_mode="values")][-1]

    graph = traced_graph(built(write_later, length)).graph
    assert trained(asyncio.run(workflow("cats"))) == {"instruction"}


def test_values_that_leave_a_graph_in_a_strict_trace_raise() -> None:
    graph = traced_graph(built(length_of_question)).graph
    workflow = ao.trace(strict=True)(lambda: graph.invoke({"question": "cats"}))
    with pytest.raises(StrictTraceError):
        workflow()


def length_of_question(state: State) -> dict[str, Any]:
    return {"score": float(len(state["question"]))}


def test_two_runs_in_one_trace_do_not_mix() -> None:
    @ao.trace
    def workflow() -> Any:
        first = graph.invoke({"question": "cats"})["draft"]
        return graph.invoke({"question": first})["draft"]

    graph = traced_graph(built(write)).graph
    assert workflow().value == "Write about Write about cats.."


def test_with_config_keeps_the_graph_traced() -> None:
    @ao.trace
    def workflow() -> Any:
        return graph.with_config(tags=["t"]).invoke({"question": "cats"})["draft"]

    graph = traced_graph(built(write)).graph
    assert trained(workflow()) == {"instruction"}


# Interrupts and checkpoints


def ask_person(state: State) -> dict[str, Any]:
    answer = interrupt({"is it good": state["draft"]})
    return {"unused": f"{answer}: {state['draft']}"}


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "memory":
        yield InMemorySaver()
    else:
        with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as sqlite:
            yield sqlite


THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}


def interrupted(saver: Any, answer: Any = "yes") -> tuple[ao.Trace, Any]:
    """A traced run that is interrupted and resumed; its trace and the graph."""
    graph = traced_graph(built(write, ask_person).compile(checkpointer=saver)).graph

    @ao.trace
    def workflow(question: Any) -> Any:
        paused = graph.invoke({"question": question}, THREAD)
        assert paused["__interrupt__"][0].value == {"is it good": "Write about cats."}
        return graph.invoke(Command(resume=answer), THREAD)["unused"]

    return workflow(ao.node("cats")), graph


def test_an_interrupted_run_goes_on_where_it_stopped(saver: Any) -> None:
    trace, _ = interrupted(saver)
    assert trace.value == "yes: Write about cats."


def test_feedback_reaches_parameters_read_before_the_interrupt(saver: Any) -> None:
    trace, _ = interrupted(saver)
    assert trained(trace) == {"instruction"}
    assert len(made_by(trace, "ask_person")) == 1


def test_what_the_run_is_resumed_with_is_an_input(saver: Any) -> None:
    trace, _ = interrupted(saver, answer=ao.Parameter("fine", name="answer"))
    assert trace.value == "fine: Write about cats."
    assert trained(trace) == {"instruction", "answer"}


def test_checkpoints_hold_plain_values(saver: Any) -> None:
    _, graph = interrupted(saver)
    values = [checkpoint.values for checkpoint in graph.get_state_history(THREAD)]
    assert values
    assert all(type(value) in (str, list) for state in values for value in state.values())


def test_an_interrupt_is_not_a_failure() -> None:
    trace, _ = interrupted(InMemorySaver())
    assert trace.failures == []


def test_a_run_can_be_resumed_by_another_graph_of_the_same_checkpoints(tmp_path: Path) -> None:
    path = str(tmp_path / "checkpoints.sqlite")
    with SqliteSaver.from_conn_string(path) as saver:
        traced_graph(built(write, ask_person).compile(checkpointer=saver)).graph.invoke({"question": "cats"}, THREAD)
    with SqliteSaver.from_conn_string(path) as saver:
        graph = traced_graph(built(write, ask_person).compile(checkpointer=saver)).graph
        resumed = ao.trace(lambda: graph.invoke(Command(resume="no"), THREAD)["unused"])()
    assert resumed.value == "no: Write about cats."


def test_a_state_that_was_updated_by_hand_comes_from_outside() -> None:
    @ao.trace
    def workflow() -> Any:
        graph.invoke({"question": "cats"}, THREAD)
        graph.update_state(THREAD, {"draft": ao.Parameter("by hand", name="hand")})
        return graph.invoke(Command(resume="yes"), THREAD)["unused"]

    graph = traced_graph(built(write, ask_person).compile(checkpointer=InMemorySaver())).graph
    trace = workflow()
    (step,) = made_by(trace, "ask_person")
    assert trace.value == "yes: by hand"
    assert inputs_of(step)["draft"].parameter.name == "hand"


def test_steps_done_beside_an_interrupted_one_stay_in_the_history() -> None:
    def side(state: State) -> dict[str, Any]:
        return {"notes": [INSTRUCTION.value]}

    def ask(state: State) -> dict[str, Any]:
        return {"notes": [interrupt("?")]}

    @ao.trace
    def workflow() -> Any:
        graph.invoke({"question": "cats"}, THREAD)
        return graph.invoke(Command(resume="yes"), THREAD)["notes"]

    builder = built(side, ask, join, edges=False)
    for name in ("side", "ask"):
        builder.add_edge(START, name)
    builder.add_edge(["side", "ask"], "join")
    graph = traced_graph(builder.compile(checkpointer=InMemorySaver())).graph
    trace = workflow()
    assert sorted(trace.value) == ["Write about {question}.", "yes"]
    assert trained(trace) == {"instruction"}


def test_a_run_from_an_earlier_checkpoint_takes_its_state_as_given() -> None:
    def count(state: State) -> dict[str, Any]:
        return {"notes": [f"{len(state['notes'])}"]}

    def last(state: State) -> dict[str, Any]:
        return {"draft": state["notes"][-1]}

    @ao.trace
    def workflow() -> Any:
        graph.invoke({"question": "cats"}, THREAD)
        past = next(s for s in graph.get_state_history(THREAD) if s.next == ("count",))
        return graph.invoke(None, past.config)["notes"]

    graph = traced_graph(built(write, count, last).compile(checkpointer=InMemorySaver())).graph
    trace = workflow()
    assert trace.value == ["0"]
    again = made_by(trace, "count")[-1]
    assert source_of(inputs_of(again)["notes"]) == "input"
    assert made_by(trace, "last")[-1].serial > again.serial > made_by(trace, "last")[0].serial


def test_every_run_of_the_workflow_has_a_thread_of_its_own() -> None:
    def count(state: State) -> dict[str, Any]:
        return {"notes": ["again"]}

    workflow = traced_graph(built(count).compile(checkpointer=InMemorySaver()), output="notes")
    assert [workflow(question="q").value for _ in range(2)] == [["again"], ["again"]]


def test_a_workflow_that_stops_at_an_interrupt_says_so() -> None:
    workflow = traced_graph(built(write, ask_person).compile(checkpointer=InMemorySaver()), output="unused")
    trace = workflow(question="cats")
    assert "it waits at an interrupt" in str(trace.error)


# Failures


def fail(state: State) -> dict[str, Any]:
    raise ZeroDivisionError(f"cannot use {state['draft']!r}")


def test_a_step_that_raises_is_a_failed_node() -> None:
    trace = traced_graph(built(write, fail))(question="cats")
    assert isinstance(trace.error, ZeroDivisionError)
    assert trace.output.operation is not None
    assert trace.output.operation.name == "fail"


def test_a_failure_is_told_in_the_same_words_in_every_run() -> None:
    told = [failure_text(traced_graph(built(write, fail))(question="cats").error) for _ in range(2)]
    assert told == ["ZeroDivisionError: cannot use 'Write about cats.'\nDuring task with name 'fail'"] * 2


def test_feedback_on_a_failed_step_reaches_what_it_read() -> None:
    assert trained(traced_graph(built(write, fail))(question="cats")) == {"instruction"}


def test_a_branch_that_raises_is_a_failed_node() -> None:
    def broken(state: State) -> str:
        raise KeyError(state["draft"])

    graph = built(write, edges=False)
    graph.add_edge(START, "write")
    graph.add_conditional_edges("write", broken, [END])
    trace = traced_graph(graph)(question="cats")
    assert trace.output.operation is not None
    assert (trace.output.operation.name, trained(trace)) == ("broken", {"instruction"})


def test_a_step_that_is_tried_again_is_recorded_as_it_succeeded() -> None:
    tries: list[int] = []

    def shaky(state: State) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("lost")
        return {"draft": INSTRUCTION.value}

    graph = StateGraph(State)
    graph.add_node("shaky", shaky, retry_policy=RetryPolicy(initial_interval=0.001, jitter=False))
    graph.add_edge(START, "shaky")
    trace = traced_graph(graph, output="draft")(question="cats")
    assert trace.error is None
    assert len(made_by(trace, "shaky")) == 1


def test_a_loop_without_end_is_a_failed_run() -> None:
    graph = built(write, edges=False)
    graph.add_edge(START, "write")
    graph.add_edge("write", "write")
    trace = traced_graph(graph, config={"recursion_limit": 3})(question="cats")
    assert type(trace.error).__name__ == "GraphRecursionError"


def test_an_output_that_the_graph_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="no state key `answer`"):
        traced_graph(built(write), output="answer")


def test_something_else_than_a_state_graph_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a StateGraph, compiled or not, got str"):
        traced_graph("graph")  # type: ignore[arg-type]


def test_without_langgraph_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['langgraph'] = None; sys.modules['langchain_core'] = None\n"
        "import agentopt.integrations\n"
        "try:\n    import agentopt.integrations.langgraph\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(MissingDependency.__name__)
    assert "pip install 'agentopt[langgraph]'" in done.stdout


# What is relied on


def test_the_attributes_that_are_used_beyond_the_documentation_exist() -> None:
    compiled = review_loop().compile()
    assert isinstance(compiled, CompiledStateGraph)
    assert compiled.builder.nodes["write"].runnable.invoke({"question": "q"}) is not None  # type: ignore[union-attr]
    branch = compiled.builder.branches["join"]["enough"]
    assert branch.ends is None
    assert branch.path.name == "enough"
    assert set(compiled.builder.channels) == set(State.__annotations__)
    assert set(compiled.builder.schemas[State]) == set(State.__annotations__)
    assert set(compiled.nodes) == {START, "write", "length", "tone", "join"}


def test_a_run_says_its_superstep_path_and_name() -> None:
    seen: list[Any] = []

    def step(state: State, config: RunnableConfig) -> None:
        seen.append([config["metadata"][f"langgraph_{key}"] for key in ("step", "path", "node")])

    built(step).compile().invoke({"question": "q"})
    assert seen == [[1, ("__pregel_pull", "step"), "step"]]


# Many at once, and optimizing


def test_candidates_that_are_run_at_once_stay_apart() -> None:
    workflow = traced_graph(review_loop(), output="draft")

    def run(number: int) -> None:
        with bound({INSTRUCTION: f"candidate {number} {{question}}"}):
            trace = workflow(question="q")
        versions = [v for v in subgraph(trace.output).parameters if v.parameter is INSTRUCTION]
        found[number] = (trace.value, [v._value for v in versions])

    found: dict[int, Any] = {}
    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {n: (f"candidate {n} q!!", [f"candidate {n} {{question}}"]) for n in range(16)}
    assert found == expected


def test_candidates_in_tasks_stay_apart() -> None:
    workflow = traced_graph(built(write_later), output="draft")

    async def run(number: int) -> Any:
        with bound({INSTRUCTION: f"candidate {number}"}):
            return (await workflow(question="q")).value

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(run(n) for n in range(16)))

    assert asyncio.run(all_of_them()) == [f"candidate {n}" for n in range(16)]


def rendered(workflow: GraphWorkflow) -> str:
    return render([propagate(workflow(question="cats").output, (0.0, "too short"))])


def test_the_same_run_renders_to_the_same_text_however_its_threads_are_timed() -> None:
    def slow_first(state: State) -> dict[str, Any]:
        if len(texts) % 2:
            threading.Event().wait(0.01)
        return {"notes": [INSTRUCTION + "a"]}

    def slow_second(state: State) -> dict[str, Any]:
        if not len(texts) % 2:
            threading.Event().wait(0.01)
        return {"notes": [WEIGHT + 1]}

    texts: list[str] = []
    graph = built(slow_first, slow_second, join, edges=False)
    for name in ("slow_first", "slow_second"):
        graph.add_edge(START, name)
    graph.add_edge(["slow_first", "slow_second"], "join")
    workflow = traced_graph(graph, output="notes")
    for _ in range(6):
        texts.append(rendered(workflow))
    assert len(set(texts)) == 1


def test_a_rendering_shows_steps_state_keys_and_branches() -> None:
    text = rendered(traced_graph(review_loop(), output="draft"))
    for line in (
        "write1 = write(question=question, notes=notes)",
        "length1 = length(draft=item1)",
        "enough1 = enough(notes=add1)  # 'write'",
        "write2 = write(question=question, notes=add1, chosen_by=enough1)",
        "enough2 = enough(notes=add2)  # '__end__'",
    ):
        assert line in text


def test_dropping_the_trace_frees_the_graph() -> None:
    import gc
    import weakref

    workflow = traced_graph(review_loop().compile(checkpointer=InMemorySaver()), output="draft")
    trace = workflow(question="cats")
    node = weakref.ref(made_by(trace, "length")[0])
    del trace
    gc.collect()
    assert node() is None


def test_a_number_in_a_step_is_found_by_random_steps() -> None:
    def weigh(state: State) -> dict[str, Any]:
        return {"score": WEIGHT * len(state["question"])}

    def square(state: State) -> dict[str, Any]:
        return {"score": (state["score"] - 12.0) ** 2}

    result = ao.optimize(
        traced_graph(built(weigh, square), output="score"),
        examples=[{"question": "cats", "split": "train"}, {"question": "dogs", "split": "dev"}],
        feedback=lambda distance: -distance,
        proposer="perturb",
        budget=ao.Budget(evaluations=120),
        out=None,
    )
    assert result.best.values["weight"] == pytest.approx(3.0, abs=0.5), "it starts at 1"


def test_a_prompt_in_a_step_is_improved_from_feedback_on_a_later_one() -> None:
    def judge(state: State) -> dict[str, Any]:
        return {"score": float("please" in state["draft"])}

    asked: list[str] = []

    def reply(request: Any) -> str:
        asked.append("\n".join(message.content for message in request.messages))
        return '{"reasoning": "be polite", "changes": {"instruction": "please write about {question}"}}'

    result = ao.optimize(
        traced_graph(built(write, length, judge), output="score"),
        examples=[{"question": "cats", "split": "train"}, {"question": "dogs", "split": "dev"}],
        feedback=lambda score: (score, "Be polite."),
        llm=ScriptedLLM([reply] * 3),
        target=1.0,
        out=None,
    )
    assert result.best.values["instruction"] == "please write about {question}"
    assert "judge1 = judge(draft=item1)" in asked[0]
    assert "length1" not in asked[0], "it is not between the parameter and the output"


def test_a_step_can_ask_the_model_of_the_run() -> None:
    def ask_model(state: State, config: RunnableConfig) -> dict[str, Any]:
        return {"draft": ao.ask(config["configurable"]["llm"], INSTRUCTION.value + state["question"])}

    result = ao.optimize(
        traced_graph(built(ask_model).compile(checkpointer=InMemorySaver()), output="draft", uses_llm=True),
        examples=[{"question": "cats", "split": "train"}],
        feedback=lambda draft: 1.0 if draft == "miaow" else 0.0,
        workflow_llm=ScriptedLLM(["miaow"] * 9),
        proposer="perturb",
        target=1.0,
        out=None,
    )
    assert "stopped because the target is reached" in str(result)


def test_async_graphs_are_optimized_too() -> None:
    async def weigh(state: State) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"score": -abs(WEIGHT - 4.0)}

    result = ao.optimize(
        traced_graph(built(weigh), output="score"),
        feedback=lambda score: score,
        examples=[{"question": "cats", "split": "train"}],
        proposer="perturb",
        budget=ao.Budget(evaluations=60),
        out=None,
    )
    assert result.best.values["weight"] == pytest.approx(4.0, abs=0.5)


def test_versions_are_those_of_the_candidate() -> None:
    workflow = traced_graph(built(write), output="draft")
    with bound({INSTRUCTION: "new {question}"}):
        trace = workflow(question="q")
    (version,) = [n for n in trace.nodes if isinstance(n, Version)]
    assert version._value == "new {question}"

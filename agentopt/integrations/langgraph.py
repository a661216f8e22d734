"""LangGraph: a `StateGraph` as a traced workflow, without a change to its nodes.

`traced_graph(graph)` is the workflow, for `optimize`; its `graph` is the traced graph, for `invoke`, `stream` and the
rest inside a workflow of one's own. What is recorded, and the limits, are said in `traced_graphs`.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from agentopt.errors import MissingDependency, UsageError
from agentopt.graph.node import Node, make
from agentopt.graph.operation import Operation
from agentopt.graph.tracing import TracedWorkflow
from agentopt.integrations.history import History

try:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph import StateGraph
    from langgraph.graph.state import CompiledStateGraph
except ImportError as error:
    raise MissingDependency("langgraph", "langgraph", "agentopt.integrations.langgraph") from error

from agentopt.integrations.traced_graphs import OWN_HISTORY, TracedGraph

_RESULT = Operation("result", lambda **state: state, doc="what the graph returned")


class GraphWorkflow(TracedWorkflow):
    """A state graph as a workflow: called with state keys, it returns a `Trace`. Made by `traced_graph`.

    Attributes:
        graph: the traced graph, for `invoke`, `stream`, `get_state` and the rest inside a workflow of one's own.
    """

    __agentopt_module__ = True  # so that the parameters of its steps are found

    def __init__(self, graph: TracedGraph, function: Callable[..., Any]) -> None:
        super().__init__(function, is_strict=False)
        self.graph = graph


def traced_graph(
    graph: StateGraph[Any, Any, Any, Any] | CompiledStateGraph[Any, Any, Any, Any],
    *,
    output: str | None = None,
    config: RunnableConfig | None = None,
    context: Any = None,
    uses_llm: bool = False,
) -> GraphWorkflow:
    """A workflow that runs `graph`, its steps recorded; the graph itself is not changed.

    Called with keys of the graph's input as keyword arguments. Parameters are found in the code of steps and branches
    (globals, closures, attributes of the objects whose methods they are). The workflow is `async def`
    where a step or branch has no synchronous function.

    Args:
        graph: with steps and edges; compiled where it needs a checkpointer or a store.
        output: the state key that is the workflow's output; all keys of the output schema where not given.
        config: given to every run. A checkpointer's thread is a fresh one per run unless it names one.
        context: the run context, for graphs with a `context_schema`.
        uses_llm: steps find the run's model, metered and recorded, as `config["configurable"]["llm"]`.

    Raises:
        UsageError: not a state graph, no such output, or a state key that a workflow cannot be called with.
    """
    if not isinstance(graph, (StateGraph, CompiledStateGraph)):
        raise UsageError(f"expected a StateGraph, compiled or not, got {type(graph).__name__}")
    compiled = graph.compile() if isinstance(graph, StateGraph) else graph
    traced = TracedGraph.of(compiled)
    if output is not None and output not in traced.builder.channels:
        raise UsageError(f"the graph has no state key `{output}`; it has {sorted(traced.builder.channels)}")
    call = _Call(traced, output, config or {}, context)
    name = "graph" if traced.name == "LangGraph" else traced.name
    return GraphWorkflow(traced, _workflow_function(call, name, uses_llm=uses_llm))


@dataclass(frozen=True)
class _Call:
    """How the workflow calls its graph, and what it returns."""

    graph: TracedGraph
    output: str | None
    config: RunnableConfig
    context: Any

    def configured(self, history: History, llm: Any) -> RunnableConfig:
        configurable = {**self.config.get("configurable", {}), OWN_HISTORY: history}
        if self.graph.checkpointer and "thread_id" not in configurable:
            configurable["thread_id"] = f"agentopt-{secrets.token_hex(8)}"
        if llm is not None:
            configurable["llm"] = llm
        return {**self.config, "configurable": configurable}

    def output_of(self, result: Mapping[str, Any], history: History) -> Any:
        if self.output is not None and self.output not in result:
            paused = "; it waits at an interrupt" if "__interrupt__" in result else ""
            raise ValueError(f"the graph ended without a value for `{self.output}`{paused}")
        keys = [self.output] if self.output is not None else list(result)
        nodes = {k: history.output(k, result[k]) if k in self.graph.builder.channels else Node(result[k]) for k in keys}
        if not history.ends and self.output is not None:
            return nodes[self.output]
        value = result[self.output] if self.output is not None else dict(result)
        ends = {"chosen_by": history.ends[0] if len(history.ends) == 1 else history.ends} if history.ends else {}
        made = make(value, _RESULT, (*nodes.values(), *ends.values()))
        made.extra().keywords = (*nodes, *ends)
        return made


def _workflow_function(call: _Call, name: str, *, uses_llm: bool) -> Callable[..., Any]:
    graph = call.graph
    keys = [k for k in graph.builder.schemas[graph.builder.input_schema] if k in graph.builder.channels]
    if "__root__" in keys or "llm" in keys:
        wrong = "`llm`, which is the run's model" if "llm" in keys else "no name"
        raise UsageError(f"a state key has {wrong}; give the graph a state with other keys")

    def run(*, llm: Any = None, **state: Any) -> Any:
        history = graph.new_history()
        result = graph.invoke(state, call.configured(history, llm), context=call.context)
        return call.output_of(result, history)

    async def run_async(*, llm: Any = None, **state: Any) -> Any:
        history = graph.new_history()
        result = await graph.ainvoke(state, call.configured(history, llm), context=call.context)
        return call.output_of(result, history)

    function: Any = run_async if graph.is_async else run
    function.__name__ = function.__qualname__ = name
    names = [k for k in keys if k.isidentifier() and not iskeyword(k)] + (["llm"] if uses_llm else [])
    only = inspect.Parameter.KEYWORD_ONLY
    function.__signature__ = inspect.Signature([inspect.Parameter(n, only, default=None) for n in names])
    return function  # type: ignore[no-any-return]

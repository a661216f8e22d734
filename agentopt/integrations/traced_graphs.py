"""A LangGraph graph that records its runs.

Limits: a dataclass or pydantic state, and a state given whole to a `@bundle`, count as read in all their keys. A step
whose result came from LangGraph's cache did not run, so its keys look like inputs. A step that is a remote graph or
one of the functional API is one node. A step that is deferred does not show the branch that chose it. A run from an
earlier checkpoint (`checkpoint_id`), or from one of another trace, takes the state in it as given: its keys are inputs.

Beyond what LangGraph documents, these modules use `CompiledStateGraph.builder`, `.nodes`, `.copy` and that `invoke`
calls `.stream`; `StateGraph.nodes`, `.branches`, `.channels` and `.schemas`; `StateNodeSpec.runnable`;
`BranchSpec.path` and `.ends`; `RunnableCallable`; the metadata `langgraph_step`, `langgraph_path` and `langgraph_node`
of a run; the note it puts on an exception; and that configurable keys which begin with `__` stay out of checkpoints.
"""

from __future__ import annotations

import copy
import dataclasses
import re
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.channels import AnyValue, EphemeralValue, LastValue, LastValueAfterFinish, UntrackedValue
from langgraph.config import get_config
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from agentopt.graph.node import Node
from agentopt.graph.operation import Operation, name_of
from agentopt.graph.scope import SCOPE
from agentopt.graph.structure import nodes_in
from agentopt.graph.tracing import Trace
from agentopt.graph.trainable import Parameter
from agentopt.integrations.history import History
from agentopt.integrations.returned import plain, updates
from agentopt.integrations.traced_steps import HISTORY, is_async, parameters_in, traced_branch, traced_step

LAST_VALUE = (LastValue, LastValueAfterFinish, AnyValue, EphemeralValue, UntrackedValue)
OWN_HISTORY = "__agentopt_own_history"  # a run's, from its workflow; not for graphs inside its steps

_TASK_ID = re.compile(r" and id '[0-9a-f-]{36}'$")


class TracedGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """A compiled graph whose runs inside a trace or a bundle are recorded; elsewhere it runs as ever.

    Attributes:
        trainable: parameters that its steps and branches read.
        is_async: whether a step or branch has no synchronous function.
    """

    __agentopt_module__ = True  # so that the parameters of workflows that use the graph are found
    trainable: list[Parameter]
    is_async: bool

    @classmethod
    def of(cls, compiled: CompiledStateGraph[Any, Any, Any, Any]) -> TracedGraph:
        """A traced copy of `compiled`, with its checkpointer, store and interrupts."""
        if isinstance(compiled, cls):
            return compiled
        builder = copy.copy(compiled.builder)
        steps = {name: _inner(spec.runnable) for name, spec in builder.nodes.items()}
        paths = [branch.path for branches in builder.branches.values() for branch in branches.values()]
        builder.nodes = {
            name: dataclasses.replace(spec, runnable=traced_step(name, steps[name]))
            for name, spec in builder.nodes.items()
        }
        builder.branches = defaultdict(dict)
        for source, branches in compiled.builder.branches.items():
            builder.branches[source] = {
                name: branch._replace(path=traced_branch(name, branch)) for name, branch in branches.items()
            }
        rebuilt = builder.compile()
        traced: TracedGraph = cls.__new__(cls)
        traced.__dict__.update({**compiled.__dict__, "nodes": rebuilt.nodes})
        runnables = [*steps.values(), *paths]
        traced.trainable = list({id(p): p for r in runnables for p in _trainable(r)}.values())
        traced.is_async = any(_waits(r) for r in runnables)
        reducers = {key: _reducer(ch) for key, ch in builder.channels.items() if not isinstance(ch, LAST_VALUE)}
        traced._reducers = reducers
        traced._histories = WeakKeyDictionary()
        traced._lock = threading.Lock()
        return traced

    _reducers: dict[str, Operation]
    _histories: WeakKeyDictionary[Trace, dict[tuple[str, str], History]]
    _lock: threading.Lock

    def copy(self, update: dict[str, Any] | None = None) -> TracedGraph:
        """Another graph with the same steps; what `with_config` makes."""
        clone: TracedGraph = copy.copy(self)
        clone.__dict__.update(update or {})
        return clone

    def new_history(self) -> History:
        """The history of a run that has not begun."""
        return History(self._reducers)

    def stream(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> Iterator[Any]:
        """As ever; `invoke` comes here too. What leaves the graph is noted as an escape when the run is over."""
        with _Run(self, input, config) as run:
            yield from super().stream(run.input, run.config, **options)

    async def astream(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> AsyncIterator[Any]:
        """As `stream`."""
        with _Run(self, input, config) as run:
            async for chunk in super().astream(run.input, run.config, **options):
                yield chunk

    def update_state(self, config: RunnableConfig, values: Any, *args: Any, **options: Any) -> RunnableConfig:
        """As ever; the values, nodes among them, are inputs of what reads them."""
        self._give(config, values)
        return super().update_state(config, plain(values), *args, **options)

    async def aupdate_state(self, config: RunnableConfig, values: Any, *args: Any, **options: Any) -> RunnableConfig:
        """As `update_state`."""
        self._give(config, values)
        return await super().aupdate_state(config, plain(values), *args, **options)

    def _give(self, config: RunnableConfig, values: Any) -> None:
        history = self.history({**(self.config or {}).get("configurable", {}), **config.get("configurable", {})})
        if history is not None:
            _give(history, values)

    def history(self, configurable: dict[str, Any]) -> History | None:
        """The history that a run goes on with, or a fresh one; `None` where nothing is recorded.

        Within one trace, the runs on one thread of a checkpointer share theirs, until one goes back to an earlier
        checkpoint.
        """
        scope = SCOPE.get()
        if scope is None or not scope.is_recording or (scope.trace is None and scope.reads is None):
            return None
        thread, place = configurable.get("thread_id"), configurable.get("checkpoint_ns") or ""
        if scope.trace is None or thread is None or not (self.checkpointer or place):
            return self.new_history()
        with self._lock:
            histories = self._histories.setdefault(scope.trace, {})
            if configurable.get("checkpoint_id") and not place:
                histories[str(thread), place] = self.new_history()
            return histories.setdefault((str(thread), place), self.new_history())


class _Run:
    """One call of a traced graph: what it really gets, and the history behind it."""

    def __init__(self, graph: TracedGraph, given: Any, config: RunnableConfig | None) -> None:
        config = config or {}
        configurable = dict(config.get("configurable", {}))
        own = configurable.pop(OWN_HISTORY, None)
        known = {**_ambient(), **(graph.config or {}).get("configurable", {}), **configurable}
        self._is_own = own is not None
        self.history: History | None = own or graph.history(known)
        self.config: RunnableConfig = {**config, "configurable": {**configurable, HISTORY: self.history}}
        self.input = plain(given)
        if self.history is not None:
            self.history.start()
            if isinstance(given, Command):
                self.history.resume([node._leaf() for node in nodes_in(given.resume)])
            _give(self.history, given)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._fail(error)
        elif error is None or isinstance(error, GeneratorExit):
            self._leave()

    def _fail(self, error: Exception) -> None:
        """The run ended with `error`. The number of the task, which LangGraph notes on it, differs from run to run."""
        if self.history is not None and hasattr(error, "__notes__"):
            error.__notes__ = [_TASK_ID.sub("", note) for note in error.__notes__]

    def _leave(self) -> None:
        """The run is over, and its values go where they are not followed, except into the workflow of its own."""
        if self.history is not None:
            self.history.flush()
            for node in () if self._is_own else self.history.latest():
                _ = node.value


def _ambient() -> dict[str, Any]:
    """What is configurable in the step that runs here, if one does."""
    try:
        return dict(get_config().get("configurable", {}))
    except RuntimeError:
        return {}


def _give(history: History, values: Any) -> None:
    for key, value in updates(values):
        history.give(key, value._leaf() if isinstance(value, Node) else Node(value, name=key))


def _inner(runnable: Any) -> Any:
    """The step's own runnable; a graph as a step is traced too, and its nodes are the inside of the step's."""
    return TracedGraph.of(runnable) if isinstance(runnable, CompiledStateGraph) else runnable


def _reducer(channel: Any) -> Operation:
    function = getattr(channel, "operator", None)
    doc = "gathers what steps wrote to one state key"
    return Operation(name_of(function) if function else type(channel).__name__, function or type(channel), doc=doc)


def _trainable(runnable: Any) -> Iterator[Parameter]:
    return iter(runnable.trainable) if isinstance(runnable, TracedGraph) else parameters_in(runnable)


def _waits(runnable: Any) -> bool:
    return runnable.is_async if isinstance(runnable, TracedGraph) else is_async(runnable)

"""LangGraph's steps and branches, wrapped so that each run of one becomes a node.

The node's inputs are the state keys that the step read, each from the step that wrote it, and the branch that chose the
step (`chosen_by`). Parameters and other nodes that it reads by itself are inputs too, as in a bundle, and what it
computes on nodes is its inside. What steps return goes into the state as plain values, so streams and checkpoints
hold no node.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph._internal._runnable import RunnableCallable
from langgraph.errors import GraphBubbleUp
from langgraph.types import Overwrite, Send

from agentopt.graph.bundling import Bundle
from agentopt.graph.node import Node, note_failure
from agentopt.graph.operation import Operation
from agentopt.graph.parameters import parameters_of, parameters_used_by
from agentopt.graph.scope import SCOPE, child_scope
from agentopt.graph.structure import nodes_in
from agentopt.graph.trainable import Parameter
from agentopt.integrations.history import Finished, History, Place
from agentopt.integrations.reading import Reading
from agentopt.integrations.returned import goals, plain, sends, updates

HISTORY = "__agentopt_history"
"""Key of a run's history among what is configurable."""


class _Step:
    """One run of a step or branch."""

    def __init__(
        self, operation: Operation, state: Any, config: RunnableConfig, *, is_whole: bool, is_branch: bool = False
    ) -> None:
        self.operation = operation
        self.history: History | None = config.get("configurable", {}).get(HISTORY)
        self.reading = Reading(state, is_whole=is_whole)
        self.state = self.reading.state if self.history is not None else state
        self._place = _place(config)
        self._is_branch = is_branch
        self._reads: list[Node] = []
        self._made: list[Node] = []
        if self.history is not None:
            self.history.begin(self._place)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The body runs inside. A failure is recorded; an interrupt, or a command to the graph above, is none."""
        if self.history is None:
            yield
            return
        token = SCOPE.set(child_scope(reads=self._reads, made=self._made))
        try:
            try:
                yield
            finally:
                SCOPE.reset(token)
                self.reading.end()
        except GraphBubbleUp:
            raise
        except Exception as error:
            note_failure(error, self.history.failed(self._finished()))
            raise

    def plain(self, returned: Any) -> Any:
        """What the body returned, without nodes, which become hidden inputs."""
        sent = [send.arg for send in sends(returned)]
        self._reads.extend(node._leaf() for node in nodes_in([returned, *sent]))
        return plain(returned)

    def end(self, returned: Any) -> Any:
        """Records the step, and returns what it returned."""
        if self.history is not None:
            pairs = updates(returned)
            written = [(key, v.value if isinstance(v, Overwrite) else v) for key, v in pairs]
            replaced = frozenset(key for key, v in pairs if isinstance(v, Overwrite))
            value = dict(written) if returned is not None else None
            done = self._finished(value=value, written=written, replaced=replaced, leads_to=goals(returned))
            self.history.finish(done)
        return returned

    def end_branch(self, chosen: Any, ends: dict[Any, str] | None) -> Any:
        """Records where a branch leads, and returns what it returned."""
        if self.history is not None:
            several = list(chosen) if isinstance(chosen, (list, tuple)) else [chosen]
            to = [x if isinstance(x, Send) or not ends else ends.get(x, x) for x in several]
            value = to if isinstance(chosen, (list, tuple)) else to[0]
            names = [x.node if isinstance(x, Send) else str(x) for x in to]
            self.history.finish(self._finished(value=value, leads_to=names))
        return chosen

    def _finished(self, **about: Any) -> Finished:
        made = {id(node) for node in self._made}
        hidden = {id(node): node for node in self._reads if id(node) not in made}
        return Finished(
            place=self._place,
            operation=self.operation,
            reading=self.reading,
            is_branch=self._is_branch,
            hidden=tuple(hidden.values()),
            inside=tuple(self._made),
            **{"value": None, **about},
        )


def _place(config: RunnableConfig) -> Place:
    about = config.get("metadata", {})
    path = about.get("langgraph_path", ())
    words = tuple(f"{part:09}" if isinstance(part, int) else str(part) for part in path)
    name = str(about.get("langgraph_node", ""))
    is_sent = bool(path) and path[0] == "__pregel_push"
    return Place(superstep=int(about.get("langgraph_step", 0)), path=words, name=name, is_sent=is_sent)


def traced_step(name: str, runnable: Any) -> RunnableCallable:
    operation = _operation(name, runnable)
    is_whole = isinstance(_function(runnable), Bundle)

    def run(state: Any, config: RunnableConfig) -> Any:
        step = _Step(operation, state, config, is_whole=is_whole)
        with step.running():
            returned = step.plain(runnable.invoke(step.state, config))
        return step.end(returned)

    async def run_async(state: Any, config: RunnableConfig) -> Any:
        step = _Step(operation, state, config, is_whole=is_whole)
        with step.running():
            returned = step.plain(await runnable.ainvoke(step.state, config))
        return step.end(returned)

    return RunnableCallable(run, run_async, name=name, trace=False)


def traced_branch(name: str, branch: Any) -> RunnableCallable:
    path, ends = branch.path, branch.ends
    operation = _operation(name, path)
    is_whole = isinstance(_function(path), Bundle)

    def choose(state: Any, config: RunnableConfig) -> Any:
        step = _Step(operation, state, config, is_whole=is_whole, is_branch=True)
        with step.running():
            chosen = step.plain(path.invoke(step.state, config))
        return step.end_branch(chosen, ends)

    async def choose_async(state: Any, config: RunnableConfig) -> Any:
        step = _Step(operation, state, config, is_whole=is_whole, is_branch=True)
        with step.running():
            chosen = step.plain(await path.ainvoke(step.state, config))
        return step.end_branch(chosen, ends)

    return RunnableCallable(choose, choose_async, name=name, trace=False)


def _function(runnable: Any) -> Any:
    """The user's function behind a step or branch; `None` where it is another kind of runnable."""
    if isinstance(runnable, RunnableCallable):
        return runnable.func or runnable.afunc
    return getattr(runnable, "func", None) or runnable.afunc if isinstance(runnable, RunnableLambda) else None


def is_async(runnable: Any) -> bool:
    return isinstance(runnable, (RunnableCallable, RunnableLambda)) and getattr(runnable, "func", None) is None


def _operation(name: str, runnable: Any) -> Operation:
    function = _function(runnable)
    doc = inspect.getdoc(function) if inspect.isroutine(function) or isinstance(function, Bundle) else ""
    return Operation(name, function or runnable, doc=doc or "")


def parameters_in(runnable: Any) -> Iterator[Parameter]:
    """Parameters in a step's code: in globals, closures, bound arguments and attributes of its object."""
    function = _function(runnable)
    while isinstance(function, functools.partial):
        yield from parameters_of([*function.args, *function.keywords.values()]).values()
        function = function.func
    if function is None:
        return
    yield from parameters_used_by(function).values()
    is_object = not (inspect.isroutine(function) or isinstance(function, Bundle))
    holder = function if is_object else getattr(function, "__self__", None)
    if is_object:
        yield from parameters_used_by(type(function).__call__).values()
    if holder is not None:
        yield from parameters_of(dict(getattr(holder, "__dict__", {}))).values()

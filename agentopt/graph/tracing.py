"""`@trace`: one run of a workflow becomes one `Trace`."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Any, overload

from agentopt.errors import EnvironmentProblem, RunError, StrictTraceError, UsageError
from agentopt.graph.diagrams import to_dot, to_mermaid
from agentopt.graph.drawing import to_svg
from agentopt.graph.export import graph_json, to_networkx
from agentopt.graph.node import Node, make
from agentopt.graph.operation import GATHER, Operation, name_of
from agentopt.graph.scope import SCOPE, child_scope
from agentopt.graph.showing import shortened, show
from agentopt.graph.structure import contains_node, unwrapped
from agentopt.graph.subgraph import ancestors
from agentopt.graph.telemetry import to_otel, to_perfetto

if TYPE_CHECKING:
    import networkx
    from opentelemetry.trace import Tracer


@dataclass(frozen=True)
class Escape:
    """A place where a value left the graph, so that what follows depends on it unseen."""

    node: Node
    how: str
    file: str
    line: int


class Trace:
    """One run of a workflow.

    Attributes:
        name: the workflow's.
        output: node of what the workflow returned; where it failed, the node that failed.
        escapes: where values left the graph, in order.
        failures: exceptions and the nodes that raised them, in order, those caught by the workflow too.
        calls: when each bundle ran, the fields of `graph.timing.CallTime`; read them with `graph.timing.spans`.
        began_at_ns: nanoseconds since 1970; `began_ns` and `ended_ns` are those of `time.perf_counter_ns`.
    """

    def __init__(self, name: str, *, is_strict: bool = False) -> None:
        self.name = name
        self.is_strict = is_strict
        self.output: Node = Node(None)
        self.escapes: list[Escape] = []
        self.failures: list[tuple[Exception, Node]] = []
        self.calls: list[tuple[int, Operation, int, int, int, int]] = []
        self.began_at_ns = time.time_ns()
        self.began_ns = self.ended_ns = time.perf_counter_ns()

    @property
    def value(self) -> Any:
        """What the workflow returned, as plain Python; `None` where it failed."""
        return self.output._value

    @property
    def error(self) -> Exception | None:
        """The exception that ended the workflow, if one did."""
        return self.output.error

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Everything the output was computed from, in order of creation, the output last."""
        return ancestors(self.output)

    def backward(self, feedback: object) -> None:
        """Propagates feedback on the output (or on the failure) to the parameters; see `Node.backward`."""
        self.output.backward(feedback)

    def to_json(self) -> dict[str, Any]:
        """The output's graph as JSON data; see `graph.export.graph_json`."""
        return graph_json(self.output)

    def to_networkx(self) -> networkx.DiGraph:
        """The output's graph as a networkx `DiGraph`; see `graph.export.to_networkx`."""
        return to_networkx(self.output)

    def to_dot(self) -> str:
        """The output's graph in Graphviz's DOT language."""
        return to_dot(self.output)

    def to_mermaid(self) -> str:
        """The output's graph as a Mermaid flowchart."""
        return to_mermaid(self.output)

    def to_svg(self) -> str:
        """A picture of the output's graph; see `graph.drawing.to_svg`."""
        return to_svg(self.output)

    def to_perfetto(self) -> dict[str, Any]:
        """When each bundle ran, as JSON data for Perfetto or `chrome://tracing`; see `graph.telemetry.to_perfetto`."""
        return to_perfetto(self)

    def to_otel(self, tracer: Tracer, *, include_content: bool = False) -> None:
        """Gives the run to OpenTelemetry as spans; see `graph.telemetry.to_otel`."""
        to_otel(self, tracer, include_content=include_content)

    def note_escape(self, node: Node, how: str, file: str, line: int) -> None:
        """Notes that `node` left the graph at `file:line`."""
        self.escapes.append(Escape(node, how, file, line))

    def finish(self, returned: Any, workflow: Operation) -> None:
        """Sets the output from what the workflow returned.

        A plain value that the workflow computed outside the graph depends on whatever escaped.
        """
        if isinstance(returned, Node):
            self.output = returned._leaf()
        elif contains_node(returned):
            kept = unwrapped(returned, keep=lambda node: node._leaf())
            self.output = make(unwrapped(returned), GATHER, (kept,))
        else:
            self.output = make(returned, workflow, tuple({id(e.node): e.node for e in self.escapes}.values()))

    def fail(self, error: Exception, workflow: Operation) -> None:
        """Sets the output to the node that raised `error`.

        An exception of the workflow's own lines depends on the values that escaped, and on the last failure.
        """
        for raised, node in reversed(self.failures):  # the outermost of nested bundles knows the graph's nodes
            if raised is error:
                self.output = node
                return
        causes = (error.__cause__, error.__context__)
        earlier = [node for raised, node in self.failures if any(raised is cause for cause in causes)]
        seen = [e.node for e in self.escapes] + earlier[-1:]
        self.output = make(None, workflow, tuple({id(node): node for node in seen}.values()))
        self.output.extra().error = error

    def __repr__(self) -> str:
        shown = f"failed: {shortened(repr(self.error), 300)}" if self.error else shortened(show(self.value), 300)
        return f"Trace({self.name}: {shown}, {len(self.nodes)} nodes, {len(self.escapes)} escapes)"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What notebooks show: a picture of the graph, and the text."""
        return {"image/svg+xml": self.to_svg(), "text/plain": repr(self)}


class TracedWorkflow:
    """A workflow whose calls return a `Trace`. Made by `trace`."""

    __qualname__: str

    def __init__(self, function: Callable[..., Any], *, is_strict: bool) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise UsageError(f"`{function.__qualname__}` is a generator; trace a function that returns its result")
        functools.update_wrapper(self, function)
        self.function = function
        self.is_strict = is_strict
        self.operation = Operation(name_of(function), function, doc=inspect.getdoc(function) or "")
        self.is_async = inspect.iscoroutinefunction(function) or bool(getattr(function, "is_async", False))

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return TracedWorkflow(MethodType(self.function, instance), is_strict=self.is_strict)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the workflow. Returns its `Trace`, or an awaitable of it for `async def`."""
        trace = Trace(self.operation.name, is_strict=self.is_strict)
        return self._awaited(trace, args, kwargs) if self.is_async else self._run(trace, args, kwargs)

    @contextmanager
    def _recording(self, trace: Trace) -> Iterator[None]:
        """The workflow runs inside: in a scope of its own, its failure the trace's output."""
        token = SCOPE.set(child_scope(trace=trace, reads=None, made=None))
        try:
            yield
        except (StrictTraceError, RunError, EnvironmentProblem):
            raise
        except Exception as error:  # noqa: BLE001  a workflow's failure is data
            trace.fail(error, self.operation)
        finally:
            trace.ended_ns = time.perf_counter_ns()
            SCOPE.reset(token)

    def _run(self, trace: Trace, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
        with self._recording(trace):
            trace.finish(self.function(*args, **kwargs), self.operation)
        return trace

    async def _awaited(self, trace: Trace, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
        with self._recording(trace):
            trace.finish(await self.function(*args, **kwargs), self.operation)
        return trace

    def __reduce__(self) -> str:
        """By name, as functions."""
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<workflow {self.operation.name}>"


@overload
def trace(function: Callable[..., Any], *, strict: bool = False) -> TracedWorkflow: ...
@overload
def trace(*, strict: bool = False) -> Callable[[Callable[..., Any]], TracedWorkflow]: ...
def trace(function: Callable[..., Any] | None = None, *, strict: bool = False) -> Any:
    """Makes every call of a workflow return a `Trace` of that run.

    Inside, a failing operation is recorded with its exception; a workflow that ends in an exception
    gives a trace whose output is the node that failed, so feedback can be given on it.

    Args:
        strict: raise `StrictTraceError` where a value leaves the graph (a branch on a node, `int(node)`).
    """
    if function is None:
        return functools.partial(TracedWorkflow, is_strict=strict)
    return TracedWorkflow(function, is_strict=strict)

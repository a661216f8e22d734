"""Traces: what a run of a workflow leaves behind, however it ends."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentopt.errors import (
    BudgetExhausted,
    EnvironmentProblem,
    LLMError,
    MissingDependency,
    MissingKey,
    ModelUnavailable,
    ReplayMismatch,
    SandboxError,
    StrictTraceError,
    UsageError,
)
from agentopt.graph import diagrams, drawing, export
from agentopt.graph.bundling import bundle
from agentopt.graph.node import Node, node
from agentopt.graph.scope import SCOPE, stop_tracing
from agentopt.graph.subgraph import subgraph
from agentopt.graph.tracing import Trace, trace
from agentopt.graph.trainable import Parameter


def run(function: Callable[..., Any], *args: Any, strict: bool = False) -> Trace:
    """One traced run of `function`."""
    made: Trace = trace(function, strict=strict)(*args)
    return made


def parameters_behind(made: Trace) -> list[Parameter]:
    return [version.parameter for version in subgraph(made.output).parameters]


# output


def test_output_is_the_node_that_the_workflow_returns() -> None:
    x = node(1)

    made = run(lambda: x + 1)

    assert made.value == 2
    assert made.output.parents == (x,)
    assert made.error is None


def test_returned_parameter_is_shown_as_the_version_read() -> None:
    parameter = Parameter(1, name="p")

    made = run(lambda: parameter)
    parameter.set(2)

    assert made.value == 1
    assert parameters_behind(made) == [parameter]


@pytest.mark.parametrize("wrap", [lambda x: [x, 7], lambda x: {"k": (x, 7)}], ids=["list", "dict"])
def test_returned_container_of_nodes_is_gathered(wrap: Callable[[Any], Any]) -> None:
    x = node(1)

    made = run(lambda: wrap(x))

    assert made.value == wrap(1)
    assert made.output.parents == (x,)


def test_plain_value_depends_on_what_escaped() -> None:
    x, y, unused = node(1), node(2), node(3)

    made = run(lambda: int(x) + int(y) + int(x) + len([unused]) - 1)

    assert made.value == 4
    assert made.output.parents == (x, y)


def test_workflow_that_returns_nothing_has_no_value_and_no_error() -> None:
    made = run(lambda: None)

    assert (made.value, made.error, made.nodes) == (None, None, (made.output,))


def test_nodes_are_in_order_of_creation_with_the_output_last() -> None:
    x = node(1)

    made = run(lambda: (x + 1) * (x + 2))

    assert [n._value for n in made.nodes] == [1, 2, 3, 6]
    assert made.nodes[-1] is made.output


def test_repr_counts_nodes_and_escapes() -> None:
    def workflow() -> Any:
        return node(1) + 1

    assert repr(run(workflow)) == "Trace(workflow: 2, 2 nodes, 0 escapes)"


def test_arguments_and_keywords_reach_the_workflow() -> None:
    @trace
    def workflow(a: Any, *rest: Any, b: Any = 10, **more: Any) -> Any:
        return [a, rest, b, more]

    assert workflow(1, 2, c=3).value == [1, (2,), 10, {"c": 3}]


def test_traced_method_gets_its_object() -> None:
    class Agent:
        start = 10

        @trace
        def answer(self, x: int) -> Any:
            return node(self.start) + x

    assert Agent().answer(1).value == 11


def test_nested_trace_is_a_run_of_its_own() -> None:
    inner = trace(lambda x: 1 / x)

    def workflow() -> Any:
        failed = inner(node(0))
        assert failed.error is not None
        return "went on"

    made = run(workflow)

    assert (made.value, made.error, made.failures) == ("went on", None, [])


def test_nothing_is_active_after_a_run() -> None:
    run(lambda: 1)
    run(lambda: 1 / 0)

    assert SCOPE.get() is None


def test_parallel_runs_keep_their_escapes_apart() -> None:
    nodes = [node(i) for i in range(8)]
    barrier = threading.Barrier(8)
    made: dict[int, Trace] = {}

    def workflow(i: int) -> int:
        barrier.wait()
        return sum(int(nodes[i]) for _ in range(100))

    threads = [threading.Thread(target=lambda i=i: made.update({i: run(workflow, i)})) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [{e.node for e in made[i].escapes} for i in range(8)] == [{n} for n in nodes]
    assert all(len(made[i].escapes) == 100 for i in range(8))


# async


def test_async_workflow_is_awaited() -> None:
    x = node(1)

    @trace
    async def workflow() -> Any:
        await asyncio.sleep(0)
        return x + int(x)

    made: Trace = asyncio.run(workflow())

    assert made.value == 2
    assert [e.how for e in made.escapes] == ["int"]


def test_async_failure_is_a_failed_node() -> None:
    x = node(0)

    @trace
    async def workflow() -> Any:
        await asyncio.sleep(0)
        return 1 / x

    made: Trace = asyncio.run(workflow())

    assert isinstance(made.error, ZeroDivisionError)
    assert made.output.parents == (x,)


def test_concurrent_async_runs_keep_their_escapes_apart() -> None:
    nodes = [node(i) for i in range(10)]

    @trace
    async def workflow(x: Any) -> int:
        total = 0
        for _ in range(5):
            await asyncio.sleep(0)
            total += int(x)
        return total

    async def all_of_them() -> list[Trace]:
        made: list[Trace] = await asyncio.gather(*map(workflow, nodes))
        return made

    made = asyncio.run(all_of_them())

    assert [{e.node for e in one.escapes} for one in made] == [{n} for n in nodes]


def test_cancelled_async_workflow_is_cancelled() -> None:
    @trace
    async def workflow() -> None:
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.ensure_future(workflow())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


# failures


def raise_bare() -> None:
    raise ValueError


def assert_bare() -> None:
    assert not 1


@pytest.mark.parametrize("function", [raise_bare, assert_bare])
def test_exception_of_the_workflow_s_own_lines_ends_the_trace_as_data(function: Callable[[], None]) -> None:
    made = run(function)

    assert isinstance(made.error, (ValueError, AssertionError))
    assert made.value is None
    assert made.output.error is made.error


def test_exception_of_the_workflow_s_own_lines_depends_on_what_escaped() -> None:
    parameter = Parameter(1, name="p")

    def workflow() -> None:
        if parameter > 0:
            raise ValueError("too big")

    made = run(workflow)

    assert parameters_behind(made) == [parameter]


@pytest.mark.parametrize(
    "fail",
    [
        lambda x: 1 / x,
        lambda x: x / 0,
        lambda x: x + "text",
        lambda x: x[0],
        lambda x: x(1),
        lambda x: -node("a") + x,
        lambda x: x.to_bytes(-1),
        lambda x: x + Parameter("a", name="q"),
        lambda x: node([1])[x + 5],
    ],
)
def test_failing_operation_is_a_failed_node(fail: Callable[[Any], Any]) -> None:
    made = run(fail, node(0))

    assert made.error is not None
    assert made.failures == [(made.error, made.output)]
    assert made.output.parents != ()
    assert made.output.operation is not None
    assert made.output.operation.name != "<lambda>"


def test_missing_attribute_in_a_trace_is_a_failed_node() -> None:
    x = node(0)

    made = run(lambda: x.nope)

    assert made.output.parents == (x,)


def test_caught_exception_is_listed_and_does_not_end_the_workflow() -> None:
    x = node(0)

    def workflow() -> Any:
        try:
            return 1 / x
        except ZeroDivisionError:
            return x + 1

    made = run(workflow)

    assert (made.value, made.error) == (1, None)
    assert [type(error) for error, _ in made.failures] == [ZeroDivisionError]


def test_exception_raised_from_a_failure_depends_on_it() -> None:
    parameter = Parameter(0, name="p")

    def workflow() -> None:
        try:
            _ = 1 / parameter
        except ZeroDivisionError as error:
            raise RuntimeError("wrapped") from error

    made = run(workflow)

    assert isinstance(made.error, RuntimeError)
    assert parameters_behind(made) == [parameter]


def test_exception_raised_while_handling_a_failure_depends_on_it() -> None:
    parameter = Parameter(0, name="p")

    def workflow() -> None:
        try:
            _ = 1 / parameter
        except ZeroDivisionError:
            raise RuntimeError("replaced")  # noqa: B904

    made = run(workflow)

    assert parameters_behind(made) == [parameter]


def test_reraised_exception_belongs_to_the_node_that_raised_it() -> None:
    x = node(0)

    def workflow() -> Any:
        try:
            return 1 / x
        except ZeroDivisionError:
            raise

    made = run(workflow)

    assert made.output.parents == (x,)


def test_failure_inside_stop_tracing_is_a_failure() -> None:
    def workflow() -> Any:
        with stop_tracing():
            return node(1) / 0

    assert isinstance(run(workflow).error, ZeroDivisionError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("is_bundled", [True, False])
def test_request_to_stop_passes_through(error: type[BaseException], is_bundled: bool) -> None:
    def stop() -> None:
        raise error

    with pytest.raises(error):
        run(bundle(stop) if is_bundled else stop)
    assert SCOPE.get() is None


@pytest.mark.parametrize(
    "error",
    [
        BudgetExhausted("b"),
        LLMError("l"),
        ReplayMismatch("r"),
        SandboxError("s"),
        EnvironmentProblem("e"),
        MissingKey("k"),
        ModelUnavailable("m"),
        MissingDependency("package", "extra", "this"),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.parametrize("is_bundled", [True, False])
def test_error_of_the_run_passes_through_unrecorded(error: Exception, is_bundled: bool) -> None:
    failures: list[Any] = []

    def stop() -> None:
        scope = SCOPE.get()
        assert scope is not None
        assert scope.trace is not None
        failures.append(scope.trace.failures)
        raise error

    with pytest.raises(type(error)) as raised:
        run(bundle(stop) if is_bundled else stop)

    assert raised.value is error
    assert failures == [[]]


def test_error_of_the_run_passes_through_an_async_trace() -> None:
    @trace
    async def workflow() -> None:
        raise BudgetExhausted("b")

    with pytest.raises(BudgetExhausted):
        asyncio.run(workflow())


def test_feedback_can_be_given_on_a_failure() -> None:
    parameter = Parameter(0, name="p")

    made = run(lambda: 1 / parameter)
    made.backward(made.error)

    assert [e.feedback.text for e in parameter.evidence] == ["ZeroDivisionError: division by zero"]


def test_generator_workflow_is_refused() -> None:
    def workflow() -> Iterator[int]:
        yield 1

    with pytest.raises(UsageError):
        trace(workflow)


# escapes


def test_escape_names_file_and_line() -> None:
    x = node(1)

    def workflow() -> int:
        return 2 if x else 3

    made = run(workflow)

    first = inspect.getsourcelines(workflow)[1]
    assert [(e.file, e.line, e.how) for e in made.escapes] == [(__file__, first + 1, "bool")]


@pytest.mark.parametrize("leave", [list, tuple, sorted, lambda x: {i for i in x if i}, lambda x: max(x)])
def test_escape_through_a_builtin_names_the_line_of_the_caller(leave: Callable[[Any], Any]) -> None:
    made = run(lambda: leave(node([1, 2])))

    assert {e.file for e in made.escapes} == {__file__}


def test_escapes_are_in_order() -> None:
    def workflow() -> None:
        int(node(1))
        bool(node(2))
        str(node(3))

    assert [e.how for e in run(workflow).escapes] == ["int", "bool", "str"]


def test_reading_a_value_inside_stop_tracing_is_no_escape() -> None:
    def workflow() -> int:
        with stop_tracing():
            return int(node(1))

    assert run(workflow).escapes == []


@pytest.mark.parametrize("leave", [bool, int, float, str, lambda x: x.value, lambda x: [0, 1][x]])
def test_strict_trace_raises_where_a_value_leaves(leave: Callable[[Any], Any]) -> None:
    with pytest.raises(StrictTraceError, match=r"test_tracing\.py:\d+"):
        run(leave, node(1), strict=True)


def test_strict_trace_lets_bundles_read() -> None:
    made = run(lambda: bundle(lambda x: int(x) + 1)(node(1)), strict=True)

    assert made.value == 2


def test_strict_trace_lets_trainable_bundles_run() -> None:
    def own(x: int) -> int:
        return x

    f: Any = bundle(trainable=True)(own)

    assert run(lambda: f(1), strict=True).value == 1


def test_strict_async_trace_raises() -> None:
    async def workflow() -> int:
        return int(node(1))

    with pytest.raises(StrictTraceError):
        asyncio.run(trace(workflow, strict=True)())


# freeing


def test_dropped_trace_frees_its_graph_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        made = run(lambda: bundle(lambda x: x + 1)(node(1)) * 2)
        seen = [weakref.ref(n) for n in made.nodes]
        assert len(seen) == 3
        del made
        assert [ref() for ref in seen] == [None] * 3
    finally:
        gc.enable()


def test_dropped_failed_trace_is_freed() -> None:
    made = run(lambda: 1 / node(0))
    seen = weakref.ref(made.output)

    del made
    gc.collect()

    assert seen() is None


def test_output_outlives_its_trace() -> None:
    made = run(lambda: node(1) + 1)
    output: Node = made.output
    del made

    assert output.value == 2


# exports


@pytest.mark.parametrize(
    ("exported", "same"),
    [
        (Trace.to_json, export.graph_json),
        (Trace.to_dot, diagrams.to_dot),
        (Trace.to_mermaid, diagrams.to_mermaid),
        (Trace.to_svg, drawing.to_svg),
        (lambda run: run.to_networkx().adj, lambda output: export.to_networkx(output).adj),
    ],
    ids=["json", "dot", "mermaid", "svg", "networkx"],
)
def test_a_trace_exports_the_graph_of_its_output(exported: Any, same: Any) -> None:
    made = trace(lambda: node(1, name="x") + 1)()

    assert exported(made) == same(made.output)


def test_repr_of_a_trace_with_a_long_value_is_short() -> None:
    assert len(repr(trace(lambda: node("x" * 100_000))())) < 500

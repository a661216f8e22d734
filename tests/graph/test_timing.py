"""When bundles ran: nesting and order, in threads and tasks too."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from agentopt.graph.bundling import bundle
from agentopt.graph.node import Node, node
from agentopt.graph.scope import stop_tracing
from agentopt.graph.timing import spans
from agentopt.graph.tracing import Trace, trace


@bundle
def inner(x: Any) -> Any:
    return x + 1


@bundle
def outer(x: Any) -> Any:
    return inner(inner(node(x)))


def shape(run: Trace) -> list[tuple[str, str | None]]:
    """Each span's name with its parent's."""
    made = spans(run)
    return [(s.operation.name, None if s.parent is None else made[s.parent].operation.name) for s in made]


def test_every_call_is_a_span_inside_the_call_that_made_it() -> None:
    run = trace(lambda: inner(outer(1)))()

    assert shape(run) == [("outer", None), ("inner", "outer"), ("inner", "outer"), ("inner", None)]


def test_spans_lie_within_their_parents_and_the_trace() -> None:
    run = trace(lambda: outer(outer(1)))()
    made = spans(run)

    for span in made:
        first, last = (
            (0, run.ended_ns - run.began_ns)
            if span.parent is None
            else (
                made[span.parent].began_ns,
                made[span.parent].ended_ns,
            )
        )
        assert first <= span.began_ns <= span.ended_ns <= last


def test_calls_whose_result_was_not_used_are_spans() -> None:
    def workflow() -> Any:
        inner(1)
        return outer(2)

    assert shape(trace(workflow)())[0] == ("inner", None)


def test_a_failed_call_is_a_span() -> None:
    @bundle
    def fail() -> None:
        raise KeyError("k")

    (span,) = spans(trace(lambda: fail())())

    assert span.node is not None
    assert isinstance(span.node.error, KeyError)


def test_operators_are_no_spans() -> None:
    assert spans(trace(lambda: node(1) + 1)()) == ()


def test_calls_outside_a_trace_note_nothing() -> None:
    run = trace(lambda: node(1))()
    inner(1)

    assert run.calls == []


def test_calls_where_nothing_is_recorded_note_nothing() -> None:
    def workflow() -> Any:
        with stop_tracing():
            return inner(1)

    assert trace(workflow)().calls == []


def test_times_keep_no_node_alive() -> None:
    alive: list[weakref.ref[Node]] = []

    def workflow() -> Any:
        made: Any = inner(1)
        alive.append(weakref.ref(made))
        return 0

    run = trace(workflow)()
    gc.collect()

    assert (alive[0](), len(run.calls)) == (None, 1)


def test_bodies_that_have_the_same_identity_one_after_the_other_are_told_apart() -> None:
    def workflow() -> Any:
        return [outer(i) for i in range(200)]

    assert shape(trace(workflow)()) == [("outer", None), ("inner", "outer"), ("inner", "outer")] * 200


def test_one_after_the_other_is_one_lane() -> None:
    assert {span.lane for span in spans(trace(lambda: outer(outer(1)))())} == {0}


def test_tasks_that_ran_side_by_side_have_lanes_of_their_own() -> None:
    started: list[int] = []

    @bundle
    async def wait(i: int) -> int:
        started.append(i)
        while len(started) < 3:
            await asyncio.sleep(0)
        inner(i)
        return i

    @trace
    async def workflow() -> Any:
        return list(await asyncio.gather(*(wait(i) for i in range(3))))

    made = spans(asyncio.run(workflow()))

    assert sorted(span.lane for span in made if span.operation.name == "wait") == [0, 1, 2]
    assert all(made[s.parent].lane == s.lane for s in made if s.parent is not None)


def test_a_coroutine_that_is_awaited_later_begins_when_it_runs() -> None:
    @bundle
    async def late() -> int:
        return 1

    @trace
    async def workflow() -> Any:
        waiting: Any = late()
        inner(1)
        return await waiting

    assert [s.operation.name for s in spans(asyncio.run(workflow()))] == ["inner", "late"]


def test_threads_that_ran_side_by_side_have_lanes_of_their_own() -> None:
    barrier = threading.Barrier(4, timeout=20)

    @bundle
    def meet(i: int) -> int:
        barrier.wait()
        return i

    def workflow() -> Any:
        with ThreadPoolExecutor(4) as pool:
            contexts = [contextvars.copy_context() for _ in range(4)]
            return [f.result() for f in [pool.submit(c.run, meet, i) for i, c in enumerate(contexts)]]

    assert sorted(span.lane for span in spans(trace(workflow)())) == [0, 1, 2, 3]


def test_a_generator_is_a_span_for_each_value_without_the_time_between() -> None:
    @bundle
    def count() -> Any:
        yield 1
        yield 2

    def workflow() -> Any:
        return [inner(x) for x in count()]

    made = spans(trace(workflow)())

    assert [s.operation.name for s in made] == ["count", "inner", "count", "inner"]
    assert all(a.ended_ns <= b.began_ns for a, b in pairwise(made))


@pytest.mark.parametrize("depth", [3000])
def test_many_calls_are_read_in_one_sweep(depth: int) -> None:
    def workflow() -> Any:
        x: Any = node(0)
        for _ in range(depth):
            x = inner(x)
        return x

    assert len(spans(trace(workflow)())) == depth

"""The context variable: what is traced, bound and recorded here does not reach other threads and tasks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from agentopt.errors import UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.node import detach, node
from agentopt.graph.scope import SCOPE, active_sandbox, bound, stop_tracing
from agentopt.graph.subgraph import subgraph
from agentopt.graph.trainable import Parameter
from agentopt.sandbox.base import Sandbox


def is_recording() -> bool:
    """Whether operations are recorded here."""
    return (node(1) + 1).parents != ()


# stop_tracing


def test_nothing_is_recorded_inside_stop_tracing() -> None:
    with stop_tracing():
        made = node(1) + 1

    assert (made.value, made.parents, made.operation) == (2, (), None)


def test_bundles_are_not_recorded_inside_stop_tracing() -> None:
    add = bundle(lambda x: x + 1)
    with stop_tracing():
        made = add(node(1))

    assert (made.value, made.parents) == (2, ())


def test_recording_goes_on_afterwards() -> None:
    with stop_tracing():
        pass

    assert is_recording()


def test_inner_exit_of_nested_stop_tracing_does_not_start_tracing() -> None:
    with stop_tracing():
        with stop_tracing():
            pass
        assert not is_recording()
    assert is_recording()


def test_recording_goes_on_after_an_exception() -> None:
    with pytest.raises(ValueError), stop_tracing():
        raise ValueError

    assert is_recording()


def test_stop_tracing_does_not_reach_other_threads() -> None:
    seen: list[bool] = []
    with stop_tracing():
        thread = threading.Thread(target=lambda: seen.append(is_recording()))
        thread.start()
        thread.join()

    assert seen == [True]


def test_overlapping_stop_tracing_in_two_threads_does_not_mix() -> None:
    entered, left = threading.Event(), threading.Event()
    seen: list[bool] = []

    def other() -> None:
        with stop_tracing():
            entered.set()
            left.wait(5)
            seen.append(is_recording())

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(5)
    with stop_tracing():
        pass
    seen.append(is_recording())
    left.set()
    thread.join()

    assert seen == [True, False]


def test_stop_tracing_does_not_reach_other_tasks() -> None:
    async def stopped(entered: asyncio.Event, done: asyncio.Event) -> bool:
        with stop_tracing():
            entered.set()
            await done.wait()
            return is_recording()

    async def both() -> list[bool]:
        entered, done = asyncio.Event(), asyncio.Event()
        task = asyncio.ensure_future(stopped(entered, done))
        await entered.wait()
        here = is_recording()
        done.set()
        return [here, await task]

    assert asyncio.run(both()) == [True, False]


# bound


def test_bound_value_holds_inside_only() -> None:
    parameter = Parameter(1, name="p")

    with bound({parameter: 2}):
        assert detach(parameter) == 2
        assert (parameter + 0).value == 2
    assert detach(parameter) == 1


def test_bound_value_is_read_by_bundles() -> None:
    parameter = Parameter(1, name="p")
    as_argument = bundle(lambda x: x * 10)
    as_global = bundle(lambda: parameter * 10)

    with bound({parameter: 2}):
        assert (as_argument(parameter).value, as_global().value) == (20, 20)


def test_graph_made_with_bound_values_leads_to_the_parameter() -> None:
    parameter = Parameter(1, name="p")

    with bound({parameter: 2}):
        made = parameter * 10
    versions = subgraph(made).parameters

    assert [(v.parameter, v._value) for v in versions] == [(parameter, 2)]


def test_inner_bound_adds_to_the_outer_one() -> None:
    a, b = Parameter("a", name="a"), Parameter("b", name="b")

    with bound({a: "A", b: "B"}):
        with bound({b: "X"}):
            assert (detach(a), detach(b)) == ("A", "X")
        assert (detach(a), detach(b)) == ("A", "B")


def test_bound_ends_with_an_exception() -> None:
    parameter = Parameter(1, name="p")

    with pytest.raises(ValueError), bound({parameter: 2}):
        raise ValueError

    assert detach(parameter) == 1


def test_bound_value_may_be_none() -> None:
    parameter = Parameter(1, name="p")

    with bound({parameter: None}):
        assert detach(parameter) is None


def test_bound_values_of_concurrent_threads_do_not_mix() -> None:
    parameter = Parameter(-1, name="p")
    barrier = threading.Barrier(8)

    def measure(value: int) -> set[Any]:
        with bound({parameter: value}):
            barrier.wait(5)
            return {(parameter + 0).value for _ in range(500)}

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(measure, range(8)))

    assert seen == [{i} for i in range(8)]
    assert detach(parameter) == -1


def test_bound_values_of_concurrent_tasks_do_not_mix() -> None:
    parameter = Parameter(-1, name="p")

    async def measure(value: int) -> set[Any]:
        seen = set()
        with bound({parameter: value}):
            for _ in range(20):
                await asyncio.sleep(0)
                seen.add((parameter + 0).value)
        return seen

    async def all_of_them() -> list[set[Any]]:
        return await asyncio.gather(*map(measure, range(8)))

    assert asyncio.run(all_of_them()) == [{i} for i in range(8)]


def test_bound_value_reaches_a_thread_that_runs_in_the_copied_context() -> None:
    parameter = Parameter(1, name="p")

    with bound({parameter: 2}), ThreadPoolExecutor(1) as pool:
        seen = pool.submit(contextvars.copy_context().run, detach, parameter).result()

    assert seen == 2


def test_bound_value_reaches_asyncio_to_thread() -> None:
    parameter = Parameter(1, name="p")

    async def measure() -> Any:
        with bound({parameter: 2}):
            return await asyncio.to_thread(detach, parameter)

    assert asyncio.run(measure()) == 2


def test_set_during_bound_shows_when_it_ends() -> None:
    parameter = Parameter(1, name="p")

    with bound({parameter: 2}):
        parameter.set(3)
        assert detach(parameter) == 2
    assert detach(parameter) == 3


def test_node_read_inside_bound_in_a_bundle_is_a_hidden_input() -> None:
    hidden, other = node(5), Parameter(1, name="other")

    @bundle
    def read() -> Any:
        with bound({other: 2}):
            return int(hidden)

    assert hidden in set(read().parents)


# sandbox


def test_sandbox_of_the_run_is_the_active_one() -> None:
    mine = cast(Sandbox, object())  # never called
    with bound({}, sandbox=mine):
        assert active_sandbox() is mine
        with bound({Parameter(1, name="p"): 2}):
            assert active_sandbox() is mine


def test_without_a_run_there_is_no_active_sandbox() -> None:
    with pytest.raises(UsageError, match="LocalSandbox"):
        active_sandbox()


def test_scope_is_empty_outside_everything() -> None:
    assert SCOPE.get() is None


def read_in_a_new_thread(parameter: Parameter, runner: Any = lambda read: read()) -> Any:
    found = []
    thread = threading.Thread(target=runner, args=(lambda: found.append(detach(parameter)),))
    thread.start()
    thread.join()
    return found[0]


def test_thread_without_the_run_s_context_has_the_own_value_and_a_warning_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    p = Parameter(1, name="p")

    with bound({p: 2}):
        assert read_in_a_new_thread(p) == 1

    assert "parameter `p` has its own value in thread" in caplog.text
    assert "copy_context" in caplog.text


def test_thread_in_a_copied_context_has_the_run_s_value(caplog: pytest.LogCaptureFixture) -> None:
    p = Parameter(1, name="p")

    with bound({p: 2}):
        assert read_in_a_new_thread(p, contextvars.copy_context().run) == 2

    assert caplog.text == ""


def test_parameter_read_after_the_run_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    p = Parameter(1, name="p")

    with bound({p: 2}):
        pass

    assert detach(p) == 1
    assert caplog.text == ""

"""Where measurements run: in this process, or on the machines of a cluster, behind one protocol."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from contextvars import copy_context
from typing import Any, Protocol, runtime_checkable

from agentopt.errors import UsageError
from agentopt.evaluate.measurement import Measured, Measurement
from agentopt.evaluate.threads import DaemonThreads


class Watch(Protocol):
    """Who waits for a measurement; called from any thread."""

    def began(self) -> None:
        """The workflow is about to run; also where it is run again. The time it may take counts from here."""
        ...

    def ended(self, ended: Measured | BaseException) -> None:
        """What came of it; of what comes after the first, and after it was given up, nothing is taken."""
        ...


THREADS_PER_COROUTINE = 4
"""How many threads one `async def` workflow may fill with `asyncio.to_thread` before it waits for others' to end."""
MOST_JUDGES = 32
"""How many outputs of `async def` workflows are judged at a time."""


@runtime_checkable
class Executor(Protocol):
    """Where measurements run."""

    @property
    def width(self) -> int:
        """How many may be under way at once; the engine starts no more."""
        ...

    def start(self, measurement: Measurement, watch: Watch) -> Callable[[], None]:
        """Starts a measurement, and tells `watch` of it.

        Returns:
            What gives it up: to be called from any thread; does not wait.
        """
        ...

    def close(self) -> None:
        """Frees what it holds, without waiting for what was given up."""
        ...


class LocalExecutor:
    """Threads and an event loop of this process.

    A plain workflow has a thread to itself. All `async def` workflows are tasks of one event loop, so that thousands
    can be under way; code in one of them that blocks (`time.sleep`, `requests`, `ao.ask` without `asyncio.to_thread`)
    holds up all the others, and their time limits. Calls of the sandbox block too: where the parameters hold code, an
    `async def` workflow has a thread, with an event loop of its own.

    A task that is given up is cancelled. A thread cannot be stopped: it goes on until its work ends or the process
    does, and another takes its place.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._threads = DaemonThreads(width, "agentopt")
        self._judges = DaemonThreads(min(width, MOST_JUDGES), "agentopt-judge")
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, measurement: Measurement, watch: Watch) -> Callable[[], None]:
        """See `Executor.start`."""
        context = copy_context()
        kinds = {parameter.kind for parameter in measurement.task.space.parameters.values()}
        if measurement.task.workflow.is_async and "code" not in kinds:
            return self._start_task(measurement, watch)
        future = self._threads.submit(context.run, _run, measurement, watch)
        return lambda: self._threads.give_up(future)

    def _start_task(self, measurement: Measurement, watch: Watch) -> Callable[[], None]:
        loop = self._running_loop()
        context = copy_context()
        tasks: list[asyncio.Task[None]] = []  # the loop's thread alone touches it

        def begin() -> None:
            work = self._awaited(measurement, watch)
            tasks.append(loop.create_task(work, context=context))

        loop.call_soon_threadsafe(begin)
        return lambda: _tell(loop, lambda: tasks[0].cancel())

    async def _awaited(self, measurement: Measurement, watch: Watch) -> None:
        async def judged(work: Callable[[], Measured]) -> Measured:
            future = self._judges.submit(copy_context().run, work)
            try:
                return await asyncio.wrap_future(future)
            except asyncio.CancelledError:
                self._judges.give_up(future)
                raise

        ended: Measured | BaseException
        watch.began()
        try:
            ended = await measurement.awaited(judged)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():  # it was given up
                raise
            ended = measurement.failed(RuntimeError("the workflow cancelled itself"))
        except BaseException as error:  # noqa: BLE001  handed on
            ended = error
        with suppress(RuntimeError):  # closed meanwhile, as after an interrupt: nobody listens
            self._judges.submit(watch.ended, ended)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = self._loop = asyncio.new_event_loop()
            loop.set_default_executor(DaemonThreads(self.width * THREADS_PER_COROUTINE, "agentopt-blocking"))
            threading.Thread(target=_serve, args=(loop,), name="agentopt-loop", daemon=True).start()
        return self._loop

    def close(self) -> None:
        """See `Executor.close`."""
        self._threads.shutdown()
        self._judges.shutdown()
        if self._loop is not None:
            _tell(self._loop, self._loop.stop)


def _run(measurement: Measurement, watch: Watch) -> None:
    ended: Measured | BaseException
    watch.began()
    try:
        ended = measurement.run()
    except BaseException as error:  # noqa: BLE001  handed on
        ended = error
    watch.ended(ended)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Runs the loop until it is stopped; then what is still in it is cancelled, and has a moment to clean up."""
    with ExitStack() as stack:
        stack.callback(loop.close)
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        loop.run_until_complete(loop.shutdown_asyncgens())


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], Any]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what)


def open_executor(spec: str | Executor | Any | None) -> Executor | None:
    """The executor that `spec` names.

    Args:
        spec: `None` for this process; `"dask:<address>"`, such as `"dask:tcp://10.0.0.1:8786"`; `"ray:<address>"`; a
            `dask.distributed.Client`; or an `Executor`, which stays the caller's to close.

    Raises:
        UsageError: it is none of these.
        MissingDependency: the extra is not installed.
    """
    if spec is None or isinstance(spec, Executor):
        return spec
    if isinstance(spec, str):
        kind, _, address = spec.partition(":")
        opener = {"dask": _open_dask, "ray": _open_ray}.get(kind)
        if opener is not None and address:
            return opener(address)
    elif type(spec).__module__.partition(".")[0] == "distributed":
        return _open_dask(spec)
    raise UsageError(f"`executor` is {spec!r}; expected 'dask:<address>', 'ray:<address>', a Client or an Executor")


def _open_dask(where: Any) -> Executor:
    from agentopt.evaluate.dask import DaskExecutor

    return DaskExecutor(where)


def _open_ray(address: str) -> Executor:
    from agentopt.evaluate.ray import RayExecutor

    return RayExecutor(address)

"""Threads for work that may never end: they do not keep the process alive, and one that hangs can be replaced."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class DaemonThreads(ThreadPoolExecutor):
    """A pool of at most `width` daemon threads, each made when none is free.

    It is a `ThreadPoolExecutor` because an event loop takes nothing else as its default executor. Unlike one, neither
    `shutdown` nor the end of the process waits for work under way.
    """

    def __init__(self, width: int, name: str) -> None:
        super().__init__(width)  # its own threads are never started: they begin with its own `submit`
        self._width = width
        self._name = name
        self._changed = threading.Condition()
        self._tasks: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running: set[Future[Any]] = set()
        self._count = self._idle = 0
        self._is_closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `Executor.submit`."""
        future: Future[Any] = Future()
        with self._changed:
            if self._is_closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._tasks.append((future, lambda: fn(*args, **kwargs)))
            if self._idle < len(self._tasks) and self._count < self._width:
                self._count += 1
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()
            self._changed.notify()
        return future

    def give_up(self, future: Future[Any]) -> None:
        """Takes the thread of this work out of the count, so that another may be made; it ends when the work does."""
        with self._changed:
            if future in self._running:
                self._running.remove(future)
                self._count -= 1

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """Takes no more work, and ends each thread when it has none; never waits."""
        with self._changed:
            self._is_closed = True
            while cancel_futures and self._tasks:
                self._tasks.popleft()[0].cancel()
            self._changed.notify_all()

    def _serve(self) -> None:
        while (task := self._next()) is not None:
            future, work = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001  it is the future's
                    future.set_exception(error)
            with self._changed:
                if future not in self._running:
                    return
                self._running.remove(future)
            del task, future, work  # nothing of it is kept while the thread waits for more

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._changed:
            self._idle += 1
            while not self._tasks and not self._is_closed:
                self._changed.wait()
            self._idle -= 1
            if not self._tasks:
                self._count -= 1
                return None
            task = self._tasks.popleft()
            self._running.add(task[0])
            return task

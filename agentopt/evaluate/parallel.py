"""The same function on many things at once, for whoever waits for models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_parallel(function: Callable[[Given], Made], items: Sequence[Given], *, workers: int = 8) -> list[Made]:
    """What the function returns for each of the items, in their order.

    Raises:
        Exception: what it raised for the first item that failed, after all have ended.
    """
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(workers, len(items)), thread_name_prefix="agentopt") as pool:
        jobs = [pool.submit(copy_context().run, function, item) for item in items]
    return [job.result() for job in jobs]

"""What executors on clusters share: orders out, models asked in the driver, evaluations and graphs back."""

from __future__ import annotations

import ipaddress
import itertools
import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from agentopt.canonical import digest
from agentopt.errors import AgentoptError, RunError, UsageError
from agentopt.evaluate.executors import Watch
from agentopt.evaluate.gateway import Desk, Gateway
from agentopt.evaluate.measurement import Measurable, Measured, Measurement
from agentopt.evaluate.remote import Order, pack_task, received


class Submitted(Protocol):
    """A cluster's future."""

    def result(self) -> Any: ...
    def add_done_callback(self, done: Callable[[Any], Any], /) -> Any: ...


class ClusterExecutor:
    """An `Executor` whose measurements are made by workers elsewhere; what subclasses add is how to reach them.

    The workers need the same agentopt, and the packages that the workflow imports; the user's own modules are sent.
    They need no key: every model call is made by this process, once, also for a worker that died (`evaluate.gateway`).
    Code that a model wrote runs in the sandbox of the worker's machine. Each worker's word is trusted, as the cluster
    does: what comes back is unpickled here.

    A measurement that is given up may go on where it is, until it ends or next asks a model, which is refused.
    `timeout_s` counts from when a worker begins it, again where another has to; while no worker does, nothing ends it.

    Args:
        host: where the gateway listens; an address of this machine that the workers reach.
        name: what the workers call that address, where it is another.
    """

    lost: tuple[type[BaseException], ...] = ()
    """What a future raises where workers died again and again on one measurement."""

    def __init__(self, width: int, *, host: str, name: str | None) -> None:
        if width < 1:
            raise UsageError("the cluster has no workers")
        self.width = width
        self._gateway = Gateway(host, name)
        self._numbers = itertools.count()
        self._packed: tuple[Measurable, object, str] | None = None

    def submit(self, order: Order, key: str) -> Submitted:
        """Has a worker `perform` the order; the same key never twice."""
        raise NotImplementedError

    def cancel(self, submitted: Any) -> None:
        """Takes back what was submitted, if it has not begun."""
        raise NotImplementedError

    def start(self, measurement: Measurement, watch: Watch) -> Callable[[], None]:
        """See `Executor.start`."""
        task = self._offered(measurement)
        desk = self._gateway.open_desk(measurement.llm, watch.began)
        order = Order(task=task, candidate=measurement.candidate, instance=measurement.instance, desk=desk)
        values = digest(measurement.candidate.values)[:16]
        key = f"agentopt-{task[:8]}-{values}-{measurement.instance.id}-{next(self._numbers)}"
        submitted = self.submit(order, key)
        submitted.add_done_callback(partial(self._done, measurement, desk, watch))
        return partial(self._give_up, submitted, desk)

    def _offered(self, measurement: Measurement) -> str:
        task, sandbox = measurement.task, measurement.sandbox
        if self._packed is None or self._packed[0] is not task or self._packed[1] is not sandbox:
            key, packed = pack_task(task, sandbox)
            self._gateway.offer(key, packed)
            self._packed = (task, sandbox, key)
        return self._packed[2]

    def _done(self, measurement: Measurement, desk: Desk, watch: Watch, submitted: Submitted) -> None:
        ended: Measured | BaseException
        try:
            ended = received(submitted.result(), measurement)
        except self.lost as error:
            ended = measurement.failed(RuntimeError(f"its worker processes died: {type(error).__name__}"))
        except AgentoptError as error:
            ended = error
        except BaseException as error:  # noqa: BLE001  raised by the engine
            ended = RunError(f"the cluster lost a measurement: {type(error).__name__}: {error}")
        self._gateway.close_desk(desk)
        watch.ended(ended)

    def _give_up(self, submitted: Submitted, desk: Desk) -> None:
        self._gateway.close_desk(desk)
        self.cancel(submitted)

    def close(self) -> None:
        """See `Executor.close`."""
        self._gateway.close()


def check_reachable(host: str, workers: Iterable[str]) -> None:
    """Refuses a gateway on loopback where workers are on other machines.

    Raises:
        UsageError: it says what to give.
    """
    here = {"localhost", socket.gethostname()}
    far = [worker for worker in workers if worker not in here and not _is_loopback(worker)]
    if far and _is_loopback(host):
        raise UsageError(
            f"workers such as {far[0]} cannot reach this process at {host}; give the executor `host=`, "
            f"an address of this machine on their network"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""Measurements on a Ray cluster (extra `ray`), for those who have one."""

from __future__ import annotations

from typing import Any

from agentopt.errors import EnvironmentProblem, MissingDependency
from agentopt.evaluate.cluster import ClusterExecutor, Submitted, check_reachable
from agentopt.evaluate.remote import Order, perform

RETRIES = 3


class RayExecutor(ClusterExecutor):
    """The workers of a Ray cluster, as many measurements at once as it has processors when this is made.

    Ray notices a dead node after some 15 seconds; its measurements are then made by others, and after 3 such deaths
    one has failed. See `ClusterExecutor` for the rest.

    Args:
        where: the cluster's address: `auto`, `10.0.0.1:6379`, `ray://…`, or `local` for one of this machine's own. A
            process that is connected to a cluster already goes on with that one.
        host, name: see `ClusterExecutor`.

    Raises:
        MissingDependency: `ray` is not installed.
        EnvironmentProblem: the cluster does not answer.
        UsageError: the cluster has no processors, or its workers cannot reach this process.
    """

    def __init__(self, where: str = "auto", *, host: str = "127.0.0.1", name: str | None = None) -> None:
        try:
            import ray
        except ImportError:
            raise MissingDependency("ray", "ray", "measuring on a Ray cluster") from None
        self._ray = ray
        self.lost = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError)
        self._is_own = not ray.is_initialized()
        if self._is_own:
            try:
                ray.init(where, log_to_driver=False)
            except (ConnectionError, OSError, ValueError) as error:
                raise EnvironmentProblem(f"no Ray cluster answers at {where}: {error}") from None
        try:
            nodes = [node for node in ray.nodes() if node["Alive"]]
            own = ray.util.get_node_ip_address()
            check_reachable(name or host, [n["NodeManagerAddress"] for n in nodes if n["NodeManagerAddress"] != own])
            super().__init__(int(ray.cluster_resources().get("CPU", 0)), host=host, name=name)
        except BaseException:
            self._disconnect()
            raise
        self._perform = ray.remote(max_retries=RETRIES)(perform)

    def submit(self, order: Order, key: str) -> Submitted:
        """See `ClusterExecutor.submit`."""
        reference = self._perform.options(name=key).remote(order)
        future: Any = reference.future()
        future.agentopt_reference = reference  # to cancel it by
        submitted: Submitted = future
        return submitted

    def cancel(self, submitted: Any) -> None:
        """See `ClusterExecutor.cancel`."""
        self._ray.cancel(submitted.agentopt_reference)

    def close(self) -> None:
        """See `Executor.close`."""
        super().close()
        self._disconnect()

    def _disconnect(self) -> None:
        if self._is_own:
            self._ray.shutdown()

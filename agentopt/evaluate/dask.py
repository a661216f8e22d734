"""Measurements on a Dask cluster (extra `dask`)."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit

from agentopt.errors import EnvironmentProblem, MissingDependency
from agentopt.evaluate.cluster import ClusterExecutor, Submitted, check_reachable
from agentopt.evaluate.remote import Order, perform

CONNECT_S = 10


class DaskExecutor(ClusterExecutor):
    """The workers of a Dask cluster, as many measurements at once as they have threads when this is made.

    A worker that dies is noticed at once and its measurements are made by others; after the cluster's
    `allowed-failures` (3) deaths, one has failed. See `ClusterExecutor` for the rest.

    Args:
        where: the scheduler's address, such as `tcp://10.0.0.1:8786`, or a client, which stays the caller's to close.
        host, name: see `ClusterExecutor`.

    Raises:
        MissingDependency: `distributed` is not installed.
        EnvironmentProblem: the scheduler does not answer.
        UsageError: there are no workers, or they cannot reach this process.
    """

    def __init__(self, where: Any, *, host: str = "127.0.0.1", name: str | None = None) -> None:
        try:
            from distributed import Client, KilledWorker
        except ImportError:
            raise MissingDependency("distributed", "dask", "measuring on a Dask cluster") from None
        self.lost = (KilledWorker,)
        self._is_own = isinstance(where, str)
        try:
            self._client = Client(where, timeout=CONNECT_S) if self._is_own else where
        except OSError as error:
            raise EnvironmentProblem(f"no Dask scheduler answers at {where}: {error}") from None
        try:
            threads = self._client.nthreads()
            check_reachable(name or host, [urlsplit(worker).hostname or "localhost" for worker in threads])
            super().__init__(sum(threads.values()), host=host, name=name)
        except BaseException:
            self._close_client()
            raise

    def submit(self, order: Order, key: str) -> Submitted:
        """See `ClusterExecutor.submit`."""
        submitted: Submitted = self._client.submit(perform, order, key=key, pure=False)
        return submitted

    def cancel(self, submitted: Any) -> None:
        """See `ClusterExecutor.cancel`."""
        # The client waits for the scheduler, which may not answer any more.
        threading.Thread(target=self._client.cancel, args=([submitted],), name="agentopt-cancel", daemon=True).start()

    def close(self) -> None:
        """See `Executor.close`."""
        super().close()
        self._close_client()

    def _close_client(self) -> None:
        if self._is_own:
            self._client.close()

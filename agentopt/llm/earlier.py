"""What models answered before a run was interrupted, given once more to whoever asks the same again."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agentopt.canonical import canonical
from agentopt.llm.base import Request
from agentopt.llm.recorded import Exchange, ExchangeRole

logger = logging.getLogger(__name__)


class Earlier:
    """Exchanges by role, label and request, each given once, in recorded order.

    `max_tokens` is not compared: a budget of tokens or dollars shortens requests before they are sent.

    Args:
        exchanges: in recorded order.
    """

    def __init__(self, exchanges: Iterable[Exchange] = ()) -> None:
        self._lock = threading.Lock()
        self._labels: dict[tuple[str, str], dict[str, deque[Exchange]]] = {}
        for exchange in exchanges:
            by_request = self._labels.setdefault((exchange.role, canonical(exchange.where)), {})
            by_request.setdefault(_key(exchange.request), deque()).append(exchange)

    def take(self, role: ExchangeRole, where: Mapping[str, Any], request: Request) -> Exchange | None:
        """The next recorded exchange of this request; `None` where there is no further one, which is logged where
        other requests with this label were recorded: the workflow does not ask the same when it is run again."""
        with self._lock:
            by_request = self._labels.get((role, canonical(where)), {})
            same = by_request.get(_key(request))
            if same:
                return same.popleft()
            if any(by_request.values()):
                logger.warning("%s %s asks something else than before the run was interrupted", role, dict(where))
            return None


def _key(request: Request) -> str:
    return replace(request, max_tokens=None).digest

"""The order of requests that several threads make at once: who reserves first, and whose exchanges come first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Condition


class Turns:
    """Requests under way together, each with its place in an order that no thread's timing changes.

    Whoever takes turns ends each of them, whatever happens. Places are started in their order; a place that nobody
    has started holds up all later ones.
    """

    def __init__(self) -> None:
        self._changes = Condition()
        self._next_to_start = 0
        self._next_to_end = 0
        self._ended: set[int] = set()
        self._held: dict[int, list[Callable[[], None]]] = {}

    def start(self, place: int) -> None:
        """Waits until all earlier places have passed on, or have ended."""
        with self._changes:
            self._changes.wait_for(lambda: self._next_to_start >= place)

    def pass_on(self, place: int) -> None:
        """Lets the next place start; a second time it does nothing."""
        with self._changes:
            self._next_to_start = max(self._next_to_start, place + 1)
            self._changes.notify_all()

    def hand_on(self, place: int, deliver: Callable[[], None]) -> None:
        """Calls `deliver` as soon as all earlier places have ended, in the thread that ended the last of them."""
        with self._changes:
            if place == self._next_to_end:
                deliver()
            else:
                self._held.setdefault(place, []).append(deliver)

    def end(self, place: int) -> None:
        """Ends a place, and delivers all that waited for it, even if a delivery raises; then it raises that."""
        with self._changes:
            self._changes.wait_for(lambda: self._next_to_start >= place)
            self.pass_on(place)
            self._ended.add(place)
            due: list[Callable[[], None]] = []
            while self._next_to_end in self._ended:
                self._next_to_end += 1
                due += self._held.pop(self._next_to_end, ())
            with ExitStack() as deliveries:
                for deliver in reversed(due):
                    deliveries.callback(deliver)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One place among the turns; see the methods of `Turns`."""

    turns: Turns
    place: int

    def start(self) -> None:
        self.turns.start(self.place)

    def pass_on(self) -> None:
        self.turns.pass_on(self.place)

    def hand_on(self, deliver: Callable[[], None]) -> None:
        self.turns.hand_on(self.place, deliver)

    def end(self) -> None:
        self.turns.end(self.place)

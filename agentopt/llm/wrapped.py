"""What stands around another `LLM`, and what a wrapper may ask of it beyond `complete`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from agentopt.errors import UsageError
from agentopt.llm.base import LLM, Capability, Reply, Request
from agentopt.llm.price import Price
from agentopt.llm.turns import Turn

if TYPE_CHECKING:
    from agentopt.llm.recorded import Exchange


@runtime_checkable
class Labelled(Protocol):
    """An `LLM` that wants to know for what it is asked, such as `ReplayedLLM`."""

    def labelled(self, **where: Any) -> LLM: ...


@runtime_checkable
class Timed(Protocol):
    """An `LLM` that may wait before it sends, such as `LimitedLLM`."""

    def timed(self, seconds_left: Callable[[], float]) -> LLM:
        """A copy that raises `BudgetExhausted`, nothing sent, rather than wait longer than that."""
        ...


@runtime_checkable
class Ordered(Protocol):
    """An `LLM` that can keep the order of requests made at once, such as `RecordedLLM`."""

    def in_turn(self, turn: Turn) -> LLM:
        """A copy whose requests take that turn."""
        ...


@runtime_checkable
class Skipping(Protocol):
    """An `LLM` that gives its replies in order, and can pass over those that a run was given before."""

    def skip(self, exchanges: Sequence[Exchange]) -> None:
        """Passes over what an interrupted run was given in these exchanges."""
        ...


class WrappedLLM:
    """`inner`, under its own name; what a subclass does not change is passed on.

    Attributes:
        retries: whether it makes several attempts per call.

    Raises:
        UsageError: `inner` retries, so that its attempts would go uncounted.
    """

    retries: ClassVar[bool] = False

    def __init__(self, inner: LLM) -> None:
        if isinstance(inner, WrappedLLM) and inner.retries:
            own = type(self).__name__
            raise UsageError(f"`{inner.name}` retries inside of {own}, so attempts would go uncounted; swap them")
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def answered_by(self) -> str:
        return self._inner.answered_by

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._inner.capabilities

    @property
    def price(self) -> Price | None:
        # asked for at every call, and `isinstance` of a Protocol is slow
        known: Price | None = getattr(self._inner, "price", None)
        return known

    def labelled(self, **where: Any) -> Self:
        """A copy around the labelled inner model; what the wrapper itself holds is shared."""
        return self._around(labelled(self._inner, **where))

    def timed(self, seconds_left: Callable[[], float]) -> Self:
        return self._around(timed(self._inner, seconds_left))

    def in_turn(self, turn: Turn) -> Self:
        return self._around(in_turn(self._inner, turn))

    def recall(self, request: Request) -> Reply | None:
        return recall(self._inner, request)

    def skip(self, exchanges: Sequence[Exchange]) -> None:
        skip(self._inner, exchanges)

    def complete(self, request: Request) -> Reply:
        return self._inner.complete(request)

    def _around(self, inner: LLM) -> Self:
        twin = copy.copy(self)
        twin._inner = inner
        return twin


def labelled(llm: LLM, **where: Any) -> LLM:
    """`llm` knowing for what it is asked, where it wants to know."""
    return llm.labelled(**where) if isinstance(llm, Labelled) else llm


def timed(llm: LLM, seconds_left: Callable[[], float]) -> LLM:
    """`llm` waiting no longer than `seconds_left()`, where it waits by itself."""
    return llm.timed(seconds_left) if isinstance(llm, Timed) else llm


def in_turn(llm: LLM, turn: Turn) -> LLM:
    """`llm` taking that turn among requests made at once, where it keeps an order."""
    return llm.in_turn(turn) if isinstance(llm, Ordered) else llm


def recall(llm: LLM, request: Request) -> Reply | None:
    """The reply that `llm` (such as `CachedLLM`) knows without asking, with `cached` set, which costs nothing; `None`
    where the model has to be asked."""
    look: Callable[[Request], Reply | None] | None = getattr(llm, "recall", None)
    return None if look is None else look(request)


def skip(llm: LLM, exchanges: Sequence[Exchange]) -> None:
    """Lets `llm` pass over what an interrupted run was given, where it gives its replies in order."""
    if isinstance(llm, Skipping):
        llm.skip(exchanges)

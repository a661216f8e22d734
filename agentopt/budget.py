"""Limits, and the one ledger that keeps them.

Everything that costs something reserves it here first, and settles with what it really cost.
A reservation that does not fit is refused, so a limit is never exceeded, whatever the number of
threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Literal, get_args

from agentopt.errors import BudgetExhausted, UsageError

Resource = Literal["evaluations", "asks", "llm_calls", "tokens", "usd", "seconds"]
_RESOURCES = get_args(Resource)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much a run may spend. `None` is no limit; the run stops at whichever limit comes first.

    Args:
        evaluations: (candidate, instance) pairs measured, cached ones not counted.
        asks: trials that the optimizer asks for, whether they measure anything new or not. Cached
            evaluations are free, so an optimizer that repeats itself is stopped by this.
        llm_calls: requests sent to a model, retries included.
        tokens: prompt and completion tokens together.
        usd: US dollars, by the prices known for the model.
        seconds: wall time from the start of the run.
    """

    evaluations: int | None = None
    asks: int | None = None
    llm_calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, limit in self.limits().items():
            if not isinstance(limit, Real) or not limit >= 0:
                raise UsageError(f"budget `{name}` is {limit!r}; expected 0 or more")

    def limits(self) -> dict[str, float]:
        """The limits that are set, by resource."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


class Ledger:
    """What was spent against a `Budget`. Safe to share between threads.

    `hold` sets resources aside (for the final test, say): `reserve` cannot touch them, a
    reservation with `held=True` draws on them first.

    Args:
        spent: what was spent before, by resource; it counts.
        spent_by: by whom, as `spent_by`.

    Attributes:
        changes: is notified whenever a reservation is settled; holding it keeps everybody else from reserving.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        spent: Mapping[str, float] | None = None,
        spent_by: Mapping[str, Mapping[str, float]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget = budget
        self._limits = budget.limits()
        self._clock = clock
        self.changes = threading.Condition()
        self._spent: dict[str, float] = dict(spent or {})
        self._started = clock() - self._spent.pop("seconds", 0.0)
        self._reserved: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._spent_by: dict[str, dict[str, float]] = {n: dict(by) for n, by in (spent_by or {}).items()}

    @property
    def spent(self) -> dict[str, float]:
        """What was spent so far, by resource, `seconds` included."""
        with self.changes:
            return {**self._spent, "seconds": self._clock() - self._started}

    @property
    def spent_by(self) -> dict[str, dict[str, float]]:
        """What was spent so far by those whom reservations name, by resource."""
        with self.changes:
            return {name: dict(spent) for name, spent in self._spent_by.items()}

    def reserved(self, resource: Resource) -> float:
        """What is set aside of `resource` for steps under way."""
        with self.changes:
            return self._reserved.get(resource, 0)

    def left(self, resource: Resource, *, held: bool = False) -> float:
        """What can still be reserved of `resource`; infinite where no limit is set."""
        with self.changes:
            return self._left(resource, held)

    def _left(self, resource: str, held: bool) -> float:
        limit = self._limits.get(resource)
        if limit is None:
            return float("inf")
        if resource == "seconds":
            return limit - (self._clock() - self._started)
        used = self._spent.get(resource, 0) + self._reserved.get(resource, 0)
        return limit - used - (0 if held else self._held.get(resource, 0))

    def reserve(self, *, held: bool = False, by: str = "", **amounts: float) -> Reservation:
        """Sets `amounts` aside, by resource, all or none.

        Args:
            by: who spends it, for `spent_by`; empty is nobody in particular.

        Raises:
            BudgetExhausted: one of them does not fit, or the time is up.
            UsageError: no such resource, or an amount below 0.
        """
        for resource, amount in amounts.items():
            if resource not in _RESOURCES or not amount >= 0:
                raise UsageError(f"cannot reserve {amount} of `{resource}`; resources are {', '.join(_RESOURCES)}")
        with self.changes:
            if self._left("seconds", held) <= 0:
                raise BudgetExhausted(f"the time limit of {self._limits['seconds']:g} s is reached")
            for resource, amount in amounts.items():
                left = self._left(resource, held)
                if amount > left:
                    raise BudgetExhausted(
                        f"budget `{resource}` has {max(left, 0):g} of {self._limits[resource]:g} left, "
                        f"the next step needs {amount:g}"
                    )
            for resource, amount in amounts.items():
                self._reserved[resource] = self._reserved.get(resource, 0) + amount
                if held:
                    self._held[resource] = max(0, self._held.get(resource, 0) - amount)
        return Reservation(self, amounts, by)

    def hold(self, **amounts: float) -> None:
        """Replaces what is set aside for later, by resource."""
        with self.changes:
            self._held.update(amounts)

    def _settle(self, reserved: Mapping[str, float], actual: Mapping[str, float], by: str) -> None:
        with self.changes:
            for resource, amount in reserved.items():
                self._reserved[resource] -= amount
            for spent in (self._spent, *([self._spent_by.setdefault(by, {})] if by else [])):
                for resource, amount in actual.items():
                    spent[resource] = spent.get(resource, 0) + amount
            self.changes.notify_all()


class Reservation:
    """Resources set aside by `Ledger.reserve`, to be settled once."""

    def __init__(self, ledger: Ledger, amounts: Mapping[str, float], by: str) -> None:
        self._ledger = ledger
        self._by = by
        self._amounts: Mapping[str, float] | None = amounts

    def settle(self, **actual: float) -> None:
        """Books what the step really cost, and gives the rest back.

        Raises:
            UsageError: it was settled before.
        """
        if self._amounts is None:
            raise UsageError("this reservation was settled before")
        self._ledger._settle(self._amounts, actual, self._by)
        self._amounts = None

"""Budgets: a limit is never exceeded, and nothing reserved is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.budget import Budget, Ledger, Reservation
from agentopt.errors import BudgetExhausted, UsageError

SETTINGS = settings(derandomize=True, deadline=None, max_examples=100)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_spent_before_counts() -> None:
    clock = Clock()
    ledger = Ledger(Budget(llm_calls=5, seconds=10), spent={"llm_calls": 3, "seconds": 4.0}, clock=clock)
    assert ledger.left("llm_calls") == 2
    assert ledger.left("seconds") == 6
    clock.now += 6
    with pytest.raises(BudgetExhausted, match="10 s is reached"):
        ledger.reserve(llm_calls=1)


def test_no_limits_means_everything_fits() -> None:
    ledger = Ledger(Budget())

    ledger.reserve(evaluations=10**9, usd=10.0**9).settle(evaluations=10**9)

    assert ledger.left("evaluations") == float("inf")
    assert ledger.spent["evaluations"] == 10**9


def test_limits_are_those_that_are_set() -> None:
    assert Budget(evaluations=0, usd=1.5).limits() == {"evaluations": 0, "usd": 1.5}


@pytest.mark.parametrize("name", ["evaluations", "asks", "llm_calls", "tokens", "usd", "seconds"])
def test_negative_limit_is_refused_by_name(name: str) -> None:
    limits: dict[str, Any] = {name: -1}

    with pytest.raises(UsageError, match=f"`{name}` is -1"):
        Budget(**limits)


def test_nan_limit_is_refused() -> None:
    with pytest.raises(UsageError):
        Budget(usd=float("nan"))


def test_zero_limit_allows_nothing() -> None:
    with pytest.raises(BudgetExhausted):
        Ledger(Budget(evaluations=0)).reserve(evaluations=1)


def test_exactly_the_limit_fits_and_no_more() -> None:
    ledger = Ledger(Budget(evaluations=3))

    ledger.reserve(evaluations=3)

    with pytest.raises(BudgetExhausted, match="`evaluations` has 0 of 3 left, the next step needs 1"):
        ledger.reserve(evaluations=1)


def test_unsettled_reservations_count() -> None:
    ledger = Ledger(Budget(tokens=10))

    first = ledger.reserve(tokens=6)

    assert ledger.left("tokens") == 4
    first.settle(tokens=1)
    assert ledger.left("tokens") == 9


def test_what_was_not_needed_is_given_back() -> None:
    ledger = Ledger(Budget(evaluations=1))

    ledger.reserve(evaluations=1).settle()

    assert ledger.spent.get("evaluations", 0) == 0
    ledger.reserve(evaluations=1)


def test_reservation_is_all_or_none() -> None:
    ledger = Ledger(Budget(llm_calls=5, tokens=5))

    with pytest.raises(BudgetExhausted, match="tokens"):
        ledger.reserve(llm_calls=1, tokens=6)

    assert ledger.left("llm_calls") == 5


def test_settling_twice_is_refused_and_books_once() -> None:
    ledger = Ledger(Budget(evaluations=5))
    reservation = ledger.reserve(evaluations=1)
    reservation.settle(evaluations=1)

    with pytest.raises(UsageError, match="settled"):
        reservation.settle(evaluations=1)

    assert ledger.spent["evaluations"] == 1
    assert ledger.left("evaluations") == 4


def test_cost_of_another_resource_can_be_booked() -> None:
    ledger = Ledger(Budget(llm_calls=5, usd=1.0))

    ledger.reserve(llm_calls=1).settle(llm_calls=1, usd=0.25)

    assert ledger.left("usd") == 0.75


def test_step_that_cost_more_than_reserved_is_booked_in_full() -> None:
    ledger = Ledger(Budget(tokens=10))

    ledger.reserve(tokens=5).settle(tokens=15)

    assert ledger.spent["tokens"] == 15
    with pytest.raises(BudgetExhausted, match="has 0 of 10 left"):
        ledger.reserve(tokens=1)


# held


def test_what_is_held_cannot_be_reserved_for_other_things() -> None:
    ledger = Ledger(Budget(evaluations=10))

    ledger.hold(evaluations=4)

    assert (ledger.left("evaluations"), ledger.left("evaluations", held=True)) == (6, 10)
    with pytest.raises(BudgetExhausted):
        ledger.reserve(evaluations=7)


def test_held_reservation_draws_on_what_is_held() -> None:
    ledger = Ledger(Budget(evaluations=10))
    ledger.hold(evaluations=4)
    ledger.reserve(evaluations=6).settle(evaluations=6)

    ledger.reserve(held=True, evaluations=4).settle(evaluations=4)

    assert ledger.spent["evaluations"] == 10
    assert ledger.left("evaluations", held=True) == 0


def test_held_reservation_leaves_the_rest_to_others() -> None:
    ledger = Ledger(Budget(evaluations=10))
    ledger.hold(evaluations=4)

    ledger.reserve(held=True, evaluations=4)

    assert ledger.left("evaluations") == 6


def test_holding_again_replaces_what_was_held() -> None:
    ledger = Ledger(Budget(evaluations=10))

    ledger.hold(evaluations=4)
    ledger.hold(evaluations=1)

    assert ledger.left("evaluations") == 9


def test_held_reservation_may_take_more_than_is_held() -> None:
    ledger = Ledger(Budget(evaluations=10))
    ledger.hold(evaluations=2)

    ledger.reserve(held=True, evaluations=5)

    assert (ledger.left("evaluations"), ledger.left("evaluations", held=True)) == (5, 5)


# time


def test_time_that_is_up_refuses_everything() -> None:
    clock = Clock()
    ledger = Ledger(Budget(seconds=5), clock=clock)

    clock.now += 4.999
    ledger.reserve(evaluations=1)
    clock.now += 0.001

    with pytest.raises(BudgetExhausted, match="time limit of 5 s"):
        ledger.reserve(evaluations=1)


def test_seconds_are_spent_by_the_clock() -> None:
    clock = Clock()
    ledger = Ledger(Budget(seconds=5), clock=clock)

    clock.now += 2

    assert (ledger.spent["seconds"], ledger.left("seconds")) == (2, 3)


def test_time_without_a_limit_is_counted_and_endless() -> None:
    clock = Clock()
    ledger = Ledger(Budget(), clock=clock)

    clock.now += 10.0**9

    ledger.reserve(evaluations=1)
    assert ledger.spent["seconds"] == 10.0**9


# many threads, and any order


def test_limit_is_exact_under_16_threads() -> None:
    ledger = Ledger(Budget(evaluations=500, tokens=10_000))
    granted: list[int] = []
    start = threading.Barrier(16)

    def spend() -> None:
        start.wait()
        for _ in range(100):
            try:
                reservation = ledger.reserve(evaluations=1, tokens=3)
            except BudgetExhausted:
                continue
            reservation.settle(evaluations=1, tokens=3)
            granted.append(1)

    threads = [threading.Thread(target=spend) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 500
    assert ledger.spent["evaluations"] == 500
    assert ledger.spent["tokens"] == 1500
    assert ledger.left("tokens") == 8500


@given(
    limit=st.integers(0, 20),
    held=st.integers(0, 10),
    steps=st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 6)), max_size=20),
)
@SETTINGS
def test_spent_reserved_and_left_always_add_up_to_the_limit(
    limit: int, held: int, steps: list[tuple[int, bool, int]]
) -> None:
    ledger = Ledger(Budget(tokens=limit), clock=lambda: 0.0)
    ledger.hold(tokens=held)
    under_way: list[tuple[Reservation, int]] = []
    spent = 0

    for amount, is_held, cost in steps:
        left = ledger.left("tokens", held=is_held)
        try:
            under_way.append((ledger.reserve(held=is_held, tokens=amount), amount))
        except BudgetExhausted:
            assert amount > left
        if len(under_way) > 2:
            reservation, reserved = under_way.pop(0)
            reservation.settle(tokens=min(cost, reserved))
            spent += min(cost, reserved)
        assert ledger.spent.get("tokens", 0) == spent
        assert ledger.left("tokens", held=True) == limit - spent - sum(r for _, r in under_way)
        assert ledger.left("tokens", held=True) >= 0


def test_unknown_resource_is_refused() -> None:
    with pytest.raises((UsageError, TypeError)):
        Ledger(Budget(evaluations=1)).reserve(evalutions=5)


def test_negative_amount_is_refused() -> None:
    with pytest.raises(UsageError):
        Ledger(Budget(evaluations=1)).reserve(evaluations=-5)

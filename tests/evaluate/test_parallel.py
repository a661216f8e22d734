"""Many things at once, in order."""

from __future__ import annotations

from threading import Barrier

import pytest

from agentopt.evaluate.parallel import in_parallel


def test_results_come_in_the_order_of_the_items() -> None:
    assert in_parallel(lambda x: x * x, range(20)) == [x * x for x in range(20)]


def test_all_are_under_way_together() -> None:
    barrier = Barrier(4, timeout=20)
    assert sorted(in_parallel(lambda _: barrier.wait(), range(4))) == [0, 1, 2, 3]


def test_the_first_failure_is_raised_after_all_have_ended() -> None:
    done: list[int] = []

    def work(x: int) -> None:
        if x in (1, 3):
            raise ValueError(f"item {x}")
        done.append(x)

    with pytest.raises(ValueError, match="item 1"):
        in_parallel(work, range(5))
    assert sorted(done) == [0, 2, 4]


def test_nothing_is_done_for_no_items() -> None:
    assert in_parallel(lambda x: x, []) == []

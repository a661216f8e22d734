"""Growing sets of instances, and who goes on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentopt.selection.rungs import rungs, survivors
from agentopt.testing.contracts import SelectionContract


class TestSurvivors(SelectionContract):
    def choose(self, scores: Sequence[Sequence[float]]) -> list[int]:
        return survivors({i: sum(row) for i, row in enumerate(scores)}, factor=3)


@given(st.integers(0, 60), st.integers(1, 9), st.integers(2, 5))
def test_each_rung_begins_the_next_and_the_last_is_everything(count: int, smallest: int, factor: int) -> None:
    instances = [str(i) for i in range(count)]
    found = rungs(instances, smallest=smallest, factor=factor)
    assert found[-1] == tuple(instances)
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(found))
    assert all(len(later) <= factor * len(earlier) for earlier, later in pairwise(found))


def test_one_in_three_goes_on_rounded_up() -> None:
    assert survivors({0: 0.1, 1: 0.4, 2: 0.4, 3: 0.2}, factor=3) == [1, 2]


def test_nobody_of_nobody_goes_on() -> None:
    assert survivors({}, factor=3) == []

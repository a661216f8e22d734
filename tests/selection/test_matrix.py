"""B4 and consensus, against worked examples and simulated tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest

from agentopt.selection.matrix import b4, consensus, log_posterior
from agentopt.testing.contracts import SelectionContract

EXAMPLE = [[True, True, False], [True, True, False], [True, False, True], [False, False, False]]


class TestB4(SelectionContract):
    def choose(self, scores: Sequence[Sequence[float]]) -> list[int]:
        return b4([[s > 0.5 for s in row] for row in scores])


@pytest.mark.parametrize(("pattern", "expected"), [((1, 1, 0), -19.924), ((1, 0, 1), -24.754), ((0, 0, 0), -29.027)])
def test_the_posterior_is_that_of_the_worked_example(pattern: tuple[int, ...], expected: float) -> None:
    assert log_posterior(EXAMPLE, [bool(x) for x in pattern], 10, 10) == pytest.approx(expected, abs=1e-3)


def test_the_largest_posterior_is_chosen() -> None:
    assert b4(EXAMPLE) == [0, 1]


def test_the_order_of_tests_and_solutions_does_not_matter() -> None:
    assert b4([row[::-1] for row in EXAMPLE[::-1]]) == [2, 3]


def test_solutions_that_pass_nothing_are_chosen_only_where_there_are_no_others() -> None:
    assert b4([[False, False], [False, False]]) == [0, 1]
    assert b4([[False] * 2] * 9 + [[True, False]]) == [9]


def test_without_tests_or_solutions_there_is_nothing_to_tell_apart() -> None:
    assert b4([[], []]) == [0, 1]
    assert b4([]) == []


def test_b4_finds_a_right_solution_as_often_as_was_measured() -> None:
    # 10 solutions, 30 tests; right with 0.2 and 0.3, a wrong one passes a wrong test with 0.1, a right one with 0.4
    hits = draws = 0
    for seed in range(1500):
        rng = Random(seed)
        right = [rng.random() < 0.2 for _ in range(10)]
        true = [rng.random() < 0.3 for _ in range(30)]
        if any(right):
            passes = [[t if r else rng.random() < (0.4 if t else 0.1) for t in true] for r in right]
            draws += 1
            hits += right[b4(passes)[0]]
    assert hits / draws == pytest.approx(0.983, abs=0.02)


def test_agreement_counts_the_others_with_the_same_output() -> None:
    assert consensus([["1", "2"], ["1", "3"], ["1", "2"]]) == [3, 2, 3]


def test_a_failure_costs_a_hundred_unless_all_fail() -> None:
    assert consensus([["1", None], ["1", None], [None, None]]) == [1, 1, -100]


def test_a_known_test_has_a_veto() -> None:
    scores = consensus([["1"], ["1"], ["2"]], [True, True, False])
    assert max(range(3), key=scores.__getitem__) == 2


def test_nothing_to_compare_scores_nothing() -> None:
    assert consensus([]) == []
    assert consensus([[], []]) == [0, 0]


def test_a_growing_matrix_draws_on_stronger_priors() -> None:
    assert math.isfinite(log_posterior(EXAMPLE * 500, EXAMPLE[0], 1000, 10_000))

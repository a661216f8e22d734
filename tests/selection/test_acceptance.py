"""The test of a child: its error rate, its power, and its p-values against enumeration."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentopt.selection.acceptance import SequentialTest, proves_better, sign_flip_p
from tests.benchmarks.acceptance import gate_rates


def accepted(gain: float, *, total: int, runs: int = 250, graded: bool = False) -> float:
    """How often a child whose scores are better by `gain` in the mean is called better."""
    test, count = SequentialTest(), 0
    for run in range(runs):
        rng = Random(run)

        def draw(mean: float) -> float:
            return rng.gauss(mean, 0.3) if graded else float(rng.random() < mean)  # noqa: B023

        before = [draw(0.5) for _ in range(total)]
        after = [draw(0.5 + gain) for _ in range(total)]
        verdicts = (test.verdict(before[:n], after[:n], total=total) for n in test.looks(total))
        count += next((v for v in verdicts if v != "undecided"), "") == "better"
    return count / runs


@pytest.mark.parametrize("graded", [False, True])
def test_a_child_that_changes_nothing_is_called_better_in_at_most_five_of_a_hundred(graded: bool) -> None:
    assert accepted(0.0, total=40, graded=graded) <= 0.05


def test_a_worse_child_is_hardly_ever_called_better() -> None:
    assert accepted(-0.1, total=40) <= 0.01


def test_a_much_better_child_is_called_better() -> None:
    assert accepted(0.3, total=60) >= 0.8


@given(st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]), max_size=9))
def test_p_values_are_those_of_enumeration(differences: list[float]) -> None:
    signed = [[s * abs(d) for s, d in zip(signs, differences)] for signs in product((1, -1), repeat=len(differences))]
    assert sign_flip_p(differences) == pytest.approx(sum(sum(row) >= sum(differences) for row in signed) / len(signed))


def test_p_values_of_many_pairs_are_drawn_the_same_every_time() -> None:
    rng = Random(1)
    differences = [rng.gauss(0.1, 1) for _ in range(60)]
    assert sign_flip_p(differences) == sign_flip_p(differences)


def test_no_difference_is_no_evidence() -> None:
    assert sign_flip_p([0.0] * 30) == 1.0


def test_nothing_is_said_before_the_first_look() -> None:
    assert SequentialTest().verdict([0.0] * 3, [1.0] * 3, total=40) == "undecided"
    assert SequentialTest().verdict([], [], total=0) == "undecided"


def test_a_clear_child_is_accepted_after_a_quarter() -> None:
    assert SequentialTest().verdict([0.0] * 10, [1.0] * 10, total=40) == "better"


def test_a_clearly_worse_child_is_given_up_after_a_quarter() -> None:
    assert SequentialTest().verdict([1.0] * 10, [0.0] * 10, total=40) == "not better"


def test_all_pairs_without_proof_are_not_better() -> None:
    before, after = [0.0, 1.0] * 10, [1.0, 0.0] * 10
    assert SequentialTest(futility=0).verdict(before, after, total=20) == "not better"


def test_failures_count_as_the_largest_difference() -> None:
    inf = float("inf")
    assert SequentialTest().verdict([-inf] * 10, [0.1] * 10, total=10) == "better"
    assert SequentialTest().verdict([-inf] * 10, [-inf] * 10, total=10) == "not better"


def test_a_single_pair_proves_nothing() -> None:
    assert SequentialTest().verdict([0.0], [1.0], total=1) == "not better"


def test_a_proof_holds_its_error_rate_and_finds_twice_what_three_examples_find_at_that_rate() -> None:
    rates = gate_rates(pairs=60, runs=1500, changed=0.2)
    assert rates.false <= 0.05
    assert rates.power >= 2 * rates.power_of_three


def test_a_child_without_shared_instances_is_not_proved_better() -> None:
    assert not proves_better({"a": 0.0}, {"b": 1.0}, error_rate=0.05)
    assert not proves_better({}, {}, error_rate=0.05)

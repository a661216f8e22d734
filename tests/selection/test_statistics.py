"""Intervals against published values, closed forms and hand computation."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.selection.statistics import Interval, mean_interval, paired_difference, paired_gain

Z2 = 3.841458820694124  # square of the 97.5 % point of the normal distribution


def interval(scores: list[float], **more: int) -> Interval:
    found = mean_interval(scores, **more)
    assert found is not None
    return found


def bits(successes: int, count: int) -> list[float]:
    return [1.0] * successes + [0.0] * (count - successes)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857-872, Table I, method 3 (score, without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes: int, count: int, low: float, high: float) -> None:
    found = interval(bits(successes, count))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.method == "wilson"


@pytest.mark.parametrize(
    ("successes", "low", "high"),
    # Closed forms of Wilson 1927: z²/(n+z²) at the ends, 1/2 ± z/(2 sqrt(n+z²)) in the middle.
    [
        (0, 0.0, Z2 / (10 + Z2)),
        (10, 10 / (10 + Z2), 1.0),
        (5, 0.5 - math.sqrt(Z2) / (2 * math.sqrt(10 + Z2)), 0.5 + math.sqrt(Z2) / (2 * math.sqrt(10 + Z2))),
    ],
)
def test_wilson_of_ten_has_the_closed_form(successes: int, low: float, high: float) -> None:
    found = interval(bits(successes, 10))
    assert found.low == pytest.approx(low, abs=1e-12)
    assert found.high == pytest.approx(high, abs=1e-12)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_covers_the_mean_and_stays_in_zero_to_one(pair: tuple[int, int]) -> None:
    found = interval(bits(*pair))
    slack = 1e-12  # of floating point
    assert 0 <= found.low <= found.mean + slack
    assert found.mean - slack <= found.high <= 1


@given(st.integers(1, 100).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_symmetric_in_success_and_failure(pair: tuple[int, int]) -> None:
    successes, count = pair
    one, other = interval(bits(successes, count)), interval(bits(count - successes, count))
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)


def test_no_scores_have_no_interval() -> None:
    assert mean_interval([]) is None


def test_a_single_one_is_a_proportion() -> None:
    found = interval([1.0])
    assert found.method == "wilson"
    assert found.low == pytest.approx(1 / (1 + Z2))


def test_a_single_other_score_says_nothing_about_the_spread() -> None:
    assert interval([0.3]) == Interval(mean=0.3, low=-math.inf, high=math.inf, method="bootstrap", count=1)


def test_a_score_of_minus_infinity_has_no_finite_interval() -> None:
    found = interval([1.0, -math.inf])
    assert (found.mean, found.low, found.high) == (-math.inf, -math.inf, math.inf)


def test_bootstrap_is_the_same_under_a_seed() -> None:
    rng = random.Random(1)
    scores = [rng.random() for _ in range(20)]
    assert interval(scores, seed=3) == interval(scores, seed=3)


def test_bootstrap_depends_on_the_seed() -> None:
    rng = random.Random(1)
    scores = [rng.random() for _ in range(20)]
    assert interval(scores, seed=3) != interval(scores, seed=4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_bootstrap_covers_the_mean(scores: list[float]) -> None:
    found = interval([*scores, 0.5])
    slack = 1e-9 * (1 + abs(found.mean))
    assert found.method == "bootstrap"
    assert found.low - slack <= found.mean <= found.high + slack


def test_bootstrap_of_equal_scores_is_a_point() -> None:
    found = interval([0.25] * 5)
    assert (found.low, found.mean, found.high) == (0.25, 0.25, 0.25)


def test_bootstrap_comes_near_the_normal_interval_for_many_scores() -> None:
    rng = random.Random(5)
    scores = [rng.gauss(10, 2) for _ in range(2000)]
    mean = sum(scores) / 2000
    half = 1.96 * math.sqrt(sum((s - mean) ** 2 for s in scores) / 1999 / 2000)
    found = interval(scores)
    assert found.low == pytest.approx(mean - half, abs=0.15 * half)
    assert found.high == pytest.approx(mean + half, abs=0.15 * half)


def difference(before: list[float], after: list[float]) -> Interval:
    found = paired_difference(before, after)
    assert found is not None
    return found


def test_agresti_min_by_hand() -> None:
    # 10 pairs, 4 won, 1 lost: with half a pair in each cell 4.5 and 1.5 of 12;
    # (4.5-1.5)/12 ± 1.959964 sqrt(6 - 9/12) / 12 = 0.25 ± 0.374238.
    before = [0.0, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    after = [1.0, 1, 1, 1, 0, 1, 1, 1, 0, 0]
    found = difference(before, after)
    assert (found.method, found.count) == ("agresti-min", 10)
    assert found.mean == pytest.approx(0.3)
    assert found.low == pytest.approx(-0.124238, abs=1e-5)
    assert found.high == pytest.approx(0.624238, abs=1e-5)


def test_agresti_min_of_no_change_has_an_interval() -> None:
    # 20 equal pairs: 0 ± 1.959964 sqrt(1) / 22.
    found = difference([1.0] * 20, [1.0] * 20)
    assert found.mean == 0
    assert found.high == pytest.approx(0.0890893, abs=1e-6)
    assert found.low == -found.high


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=60))
def test_agresti_min_changes_sign_when_the_sides_are_swapped(pairs: list[tuple[float, float]]) -> None:
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    there, back = difference(before, after), difference(after, before)
    assert there.low == pytest.approx(-back.high, abs=1e-12)
    assert there.low - 1e-12 <= there.mean <= there.high + 1e-12


def test_differences_of_other_scores_are_bootstrapped() -> None:
    found = difference([0.1, 0.2, 0.3], [0.3, 0.4, 0.8])
    assert found.method == "bootstrap"
    assert found.mean == pytest.approx(0.3)


def test_pairing_makes_a_constant_gain_certain() -> None:
    found = difference([0.1, 0.5, 0.9], [0.35, 0.75, 1.15])
    assert found.high - found.low == pytest.approx(0, abs=1e-12)


def test_no_pairs_have_no_interval() -> None:
    assert paired_difference([], []) is None


def test_sides_of_different_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired_difference([1.0], [1.0, 0.0])


def test_scores_by_instance_are_paired_where_both_have_one() -> None:
    before, after = {"a": 0.0, "b": 1.0, "c": 0.0}, {"c": 1.0, "a": 1.0, "d": 0.0}
    assert paired_gain(before, after) == paired_difference([0.0, 0.0], [1.0, 1.0])
    assert paired_gain(before, {}) is None

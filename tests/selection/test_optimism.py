"""Corrections for choosing the best of many."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest

from agentopt.selection.optimism import corrected_best, shrunken_means


def noise(candidates: int, instances: int, seed: int, spread: float = 0.0) -> list[list[float]]:
    """Scores of 0 and 1 of candidates whose true means are 0.5 and up to `spread` more."""
    rng = Random(seed)
    return [[float(rng.random() < 0.5 + spread * c / candidates) for _ in range(instances)] for c in range(candidates)]


def test_the_best_of_equals_is_corrected_to_what_it_is_worth() -> None:
    worlds = [noise(12, 30, seed) for seed in range(200)]
    naive = mean(max(map(mean, w)) for w in worlds)
    corrected = mean(corrected_best(w, resamples=40) for w in worlds)
    assert naive > 0.6
    assert corrected == pytest.approx(0.5, abs=0.02)


def test_shrinking_brings_the_means_nearer_to_the_truth() -> None:
    def error(means: list[float]) -> float:
        return sum((m - 0.5 - 0.1 * c / 12) ** 2 for c, m in enumerate(means))

    worlds = [noise(12, 30, seed, spread=0.1) for seed in range(40)]
    assert sum(error(shrunken_means(w)) for w in worlds) < 0.6 * sum(error([mean(r) for r in w]) for w in worlds)


def test_differences_that_are_no_chance_stay() -> None:
    scores = [[0.0] * 9, [0.5] * 9, [1.0] * 9]
    assert shrunken_means(scores) == pytest.approx([0.0, 0.5, 1.0])


def test_hard_instances_are_no_noise() -> None:
    hard = [[0.0, 1.0] * 10, [0.1, 1.1] * 10, [0.2, 1.2] * 10]
    assert shrunken_means(hard) == pytest.approx([0.5, 0.6, 0.7])


def test_shrinking_keeps_the_order() -> None:
    scores = noise(8, 20, seed=3)
    means = [mean(row) for row in scores]
    shrunken = shrunken_means(scores)
    assert all((shrunken[i] <= shrunken[j]) for i in range(8) for j in range(8) if means[i] < means[j])


@pytest.mark.parametrize("scores", [[[0.25]], [[0.25, 0.75]], [[0.5], [0.25]]])
def test_too_little_to_correct_is_left_as_it_is(scores: list[list[float]]) -> None:
    assert corrected_best(scores) == max(map(mean, scores))
    assert shrunken_means(scores) == [mean(row) for row in scores]

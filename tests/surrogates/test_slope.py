"""Slopes against those of known functions."""

from __future__ import annotations

from random import Random

import pytest

from agentopt.surrogates.slope import slopes


def test_a_plane_has_its_own_slopes() -> None:
    points = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 2.0]]
    found = slopes(points, [3 * x - 2 * y + 5 for x, y in points])
    assert [s.value for s in found] == pytest.approx([3.0, -2.0])
    assert [s.direction for s in found] == [1, -1]


def test_only_the_last_points_count() -> None:
    points = [[float(x)] for x in range(10)]
    assert slopes(points, [0.0] * 7 + [0.0, 1.0, 2.0])[0].value == pytest.approx(1.0)


def test_the_gradients_sign_is_found_on_quadratics_with_five_percent_noise() -> None:
    right = told = 0
    for seed in range(300):
        rng = Random(seed)
        best = [rng.random(), rng.random()]
        points = [[rng.random() for _ in range(2)] for _ in range(5)]
        exact = [-sum((x - 1 - b) ** 2 for x, b in zip(p, best)) for p in points]
        scores = [score + rng.gauss(0, 0.05 * (max(exact) - min(exact))) for score in exact]
        for slope in slopes(points, scores):  # uphill on both axes, since the best lies above 1
            told += slope.direction != 0
            right += slope.direction > 0
    assert told > 300
    assert right / told >= 0.95


@pytest.mark.parametrize(("points", "scores"), [([], []), ([[0.5]], [1.0]), ([[0.5], [0.5]], [1.0, 2.0])])
def test_too_little_tells_no_direction(points: list[list[float]], scores: list[float]) -> None:
    assert all(slope.direction == 0 for slope in slopes(points, scores))

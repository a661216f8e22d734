"""The searches that need no model come as near to known optima as was measured; `benchmarks/search.py` has more."""

from __future__ import annotations

from statistics import median

import pytest

from tests.benchmarks.search import BANDS, gap


@pytest.mark.parametrize("optimizer", [name for name in BANDS if name != "random"])
def test_the_median_gap_after_thirty_measurements_is_within_the_band(optimizer: str) -> None:
    for function in ("booth", "rosenbrock"):
        gaps = [gap(optimizer, function, seed) for seed in range(20)]
        assert median(gaps) <= 3 * BANDS[optimizer][function], function

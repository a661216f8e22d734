"""Halving spends little on most candidates, and measures on all what it returns."""

from __future__ import annotations

from collections import Counter

import pytest

from agentopt.errors import UsageError
from agentopt.events import Asked, CandidateAdded, Evaluated, Event
from tests.benchmarks.search import halved


def noisy(optimizer: str, seed: int, evaluations: int, found: list[Event] | None = None) -> float:
    """True score of what is returned; what happened goes to `found`."""
    return -halved(optimizer, seed, evaluations=evaluations, on_event=None if found is None else found.append)


def test_most_candidates_are_measured_on_few_instances() -> None:
    found: list[Event] = []
    noisy("halving:optimizer=(random:batch=9),smallest=3,factor=3", 0, 300, found)
    sizes = Counter(Counter(e.candidate for e in found if isinstance(e, Evaluated)).values())
    assert sizes[3] > sizes[9] > sizes[27] >= 2


def test_a_third_of_a_rung_goes_on() -> None:
    found: list[Event] = []
    noisy("halving:optimizer=(random:batch=9),smallest=3,factor=3", 1, 27 + 9 * 3 + 3 * 6 + 18, found)
    sizes = Counter(Counter(e.candidate for e in found if isinstance(e, Evaluated)).values())
    assert sizes == {27: 2, 9: 2, 3: 6}


def test_half_of_the_measurements_find_as_good_a_point() -> None:
    full = [noisy("random:batch=9", seed, 540) for seed in range(5)]
    halved = [noisy("halving:optimizer=(random:batch=9),smallest=3", seed, 270) for seed in range(5)]
    assert sum(halved) >= sum(full)


@pytest.mark.parametrize("settings", ["factor=1", "smallest=0"])
def test_settings_that_cannot_work_are_a_usage_error(settings: str) -> None:
    with pytest.raises(UsageError, match=settings.partition("=")[0]):
        noisy(f"halving:optimizer=random,{settings}", 0, 30)


def test_each_bracket_begins_on_its_own_rung_and_spends_about_as_much() -> None:
    found: list[Event] = []
    noisy("halving:optimizer=(random:batch=9),smallest=3,factor=3,brackets=3", 0, 1200, found)
    bracket = {e.candidate: int(e.notes.get("bracket", -1)) for e in found if isinstance(e, CandidateAdded)}
    first: dict[int, int] = {}
    for asked in found:
        if isinstance(asked, Asked):
            for trial in asked.trials:
                first.setdefault(trial["candidate"], len(trial["instances"]))
    sizes = {(bracket[c], size) for c, size in first.items() if bracket[c] >= 0}
    assert sizes == {(0, 3), (1, 9), (2, 27)}
    spent = Counter(bracket[e.candidate] for e in found if isinstance(e, Evaluated) and bracket[e.candidate] >= 0)
    assert max(spent.values()) <= 2 * min(spent.values())

"""A choice among several answers to one problem: the same model first, then the same optimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from agentopt.adapters.answer import Answer, is_same_value

SameModel = Callable[[Answer, Answer], bool]
"""Whether two answers are of one model; `same_optimum` where nothing better is at hand."""


def same_optimum(a: Answer, b: Answer) -> bool:
    """Both have no solution in the same way, or the same verified optimum."""
    return same_value((a.status, a.value), (b.status, b.value))


def same_value(a: tuple[str, float | None], b: tuple[str, float | None]) -> bool:
    """Whether two pairs of status and optimum say the same."""
    if a[0] != "optimal" or b[0] != "optimal":
        return a[0] == b[0]
    return a[1] is not None and b[1] is not None and is_same_value(a[1], b[1])


def vote(answers: Sequence[Answer], styles: Sequence[str], same_model: SameModel = same_optimum) -> Answer:
    """The answer that most others agree with, with all of them as its `samples`.

    Most answers of the same model win; among equals, the optimum that most answers share, then the class whose
    members were written in more styles, then the fewest open warnings, then the earlier one. An answer without
    a proved status has no vote.

    Args:
        styles: how each answer was written; the same number from different styles counts for more.
    """
    places = [i for i, answer in enumerate(answers) if answer.objectives["proved"]]
    if not places:
        best = next((a for a in answers if a.model is not None), answers[0])
        return replace(best, samples=tuple(answers), votes=0)
    classes: list[list[int]] = []
    for place in places:
        home = next((c for c in classes if same_model(answers[c[0]], answers[place])), None)
        if home is None:
            classes.append([place])
        else:
            home.append(place)

    def rank(members: list[int]) -> tuple[int, int, int, int]:
        sharing = sum(same_optimum(answers[members[0]], answers[place]) for place in places)
        cleanest = min(len(answers[place].warnings) for place in members)
        return len(members), sharing, len({styles[place] for place in members}), -cleanest

    won = max(classes, key=rank)  # the first of equals
    chosen = min(won, key=lambda place: len(answers[place].warnings))
    votes = sum(same_optimum(answers[chosen], answers[place]) for place in places)
    return replace(answers[chosen], samples=tuple(answers), votes=votes)

"""Fitting lines of text into a number of tokens, and saying what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agentopt.graph.showing import estimate_tokens, shortened

_SHORTEST_LINE = 160
"""Lines are shortened to this many characters before whole lines are left out."""


def fitted(lines: Sequence[str], max_tokens: int, what: str, kinds: Sequence[str] = ()) -> list[str]:
    """`lines` in at most about `max_tokens`: each shortened, or else the middle ones left out.

    Args:
        what: what the lines are, for the line that says how many are missing.
        kinds: the kind of each line; that line then says how many there were of each.
    """
    if sum(map(estimate_tokens, lines)) <= max_tokens:
        return list(lines)
    share = 4 * max_tokens // len(lines)
    if share >= _SHORTEST_LINE:
        return [shortened(line, share - 60) for line in lines]
    left = max_tokens - 30
    head, tail = 0, len(lines)
    while head < tail:
        place = head if head <= len(lines) - tail else tail - 1
        cost = estimate_tokens(shortened(lines[place], _SHORTEST_LINE)) + 1
        if cost > left:
            break
        left -= cost
        head, tail = (head + 1, tail) if place == head else (head, place)
    counted = ", ".join(f"{count} {kind}" for kind, count in Counter(kinds[head:tail]).most_common(4))
    left_out = f"… ({tail - head} more {what} left out here{': ' + counted if counted else ''})"
    return [shortened(line, _SHORTEST_LINE) for line in [*lines[:head], left_out, *lines[tail:]]]


def shares(needs: Sequence[int], total: int) -> list[int]:
    """`total` dealt out: nobody gets more than needed, and what one does not need goes to the others."""
    given = [0] * len(needs)
    open_places = sorted(range(len(needs)), key=lambda place: needs[place])
    for rank, place in enumerate(open_places):
        given[place] = min(needs[place], max(0, total) // (len(needs) - rank))
        total -= given[place]
    return given

"""When a draft goes back for a repair, and which repairs are kept."""

from __future__ import annotations

from collections.abc import Set

from agentopt.adapters.answer import Answer

_RANKS = {"no_program": 0, "infeasible": 2, "unbounded": 2, "optimal": 3}


def is_settled(answer: Answer, asked: Set[tuple[str, str]]) -> bool:
    """Nothing is left to repair: a verified optimum, no warning, and every question asked once.

    Args:
        asked: keys of the questions that went back before.
    """
    has_optimum = answer.status == "optimal" and answer.verdict != "refuted"
    return has_optimum and not answer.warnings and all(f.key in asked for f in answer.findings)


def is_kept(before: Answer, after: Answer) -> bool:
    """Whether a repair is kept; otherwise the draft before it stands.

    A better status is kept and a worse one is not. With the same status, a warning must be gone and none be new; a
    program that failed again, or a model that was only asked about, may be another one.
    """
    ranks = [_RANKS.get(answer.status, 1) for answer in (before, after)]
    if ranks[0] != ranks[1]:
        return ranks[0] < ranks[1]
    old, new = ({f.key for f in answer.warnings} for answer in (before, after))
    return new < old or (not old and not new)

"""When a draft goes back for a repair, and which repairs are kept."""

from __future__ import annotations

from agentopt.adapters.answer import Answer

_RANKS = {"no_program": 0, "infeasible": 2, "unbounded": 2, "optimal": 3}


def wants_repair(status: str, verdict: str, warnings: list[str], questions: list[str]) -> bool:
    """Whether a draft goes back to the model, with what was found out about it.

    Plain data in and out, since a pipeline makes its source a parameter.

    Args:
        status, verdict: of the answer, as in `Answer`.
        warnings: what is to be repaired.
        questions: what is to be decided, and was not asked before.
    """
    return status != "optimal" or verdict == "refuted" or bool(warnings or questions)


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

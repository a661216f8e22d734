"""What a proposer suggests: new values for some parameters, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentopt.errors import ProposalError
from agentopt.space import Space


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """New values for some parameters, checked.

    Args:
        changes: by parameter name; only what is to change; empty where the proposer would leave all as it is.
        reasoning: the proposer's words.
        origin: which proposer made it.
    """

    changes: Mapping[str, Any]
    reasoning: str = ""
    origin: str = ""


def checked_proposal(
    space: Space, values: Mapping[str, Any], suggested: Mapping[str, Any], *, reasoning: str = "", origin: str = ""
) -> Proposal:
    """A proposal from what was suggested: all of it, or none.

    Args:
        values: the parent's values, which the changes apply to.
        suggested: by parameter name; `None` leaves a parameter as it is, unless `None` is one of its choices.

    Raises:
        ProposalError: a value cannot be taken, or all are the present ones; the words are for the proposer.
    """
    meant = {
        name: value
        for name, value in suggested.items()
        if value is not None or (name in space.parameters and None in space.parameters[name].choices)
    }
    checked = space.checked(meant)
    changes = {name: value for name, value in checked.items() if not _same(value, values[name])}
    if meant and not changes:
        raise ProposalError("the proposal changes nothing: every value is the one the parameter has already")
    return Proposal(changes=changes, reasoning=reasoning, origin=origin)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)

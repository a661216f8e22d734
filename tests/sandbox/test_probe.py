from __future__ import annotations

from agentopt.sandbox.base import Guarantee, Outcome
from agentopt.sandbox.probe import guarantees_of

STOPPED, LOUD = Outcome(status="timeout"), Outcome(status="output")


def test_guarantee_that_one_attempt_broke_is_absent() -> None:
    escapes: dict[Guarantee, list[str]] = {"network": ["UDP"], "files": []}

    held = guarantees_of(escapes, STOPPED, LOUD, ["landlock"])

    assert held == {"time": "wall clock", "output": "capped pipe", "files": "landlock"}


def test_time_and_output_are_claimed_only_where_the_limit_was_seen_to_work() -> None:
    assert guarantees_of({}, Outcome(status="ok"), Outcome(status="ok"), []) == {}

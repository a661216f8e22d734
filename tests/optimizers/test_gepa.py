"""GEPA's merge by common ancestor, and its gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import agentopt as ao
from agentopt.candidate import Archive, Evaluation
from agentopt.errors import UsageError
from agentopt.events import CandidateAdded, Evaluated, Event
from agentopt.feedback import Feedback
from agentopt.optimizers.gepa import merged_values
from agentopt.testing.llms import MutatorLLM
from agentopt.testing.worlds import PromptWorld


def family(*members: tuple[Mapping[str, Any], tuple[int, ...], float]) -> Archive:
    """Candidates with values, parents and a score on the instance `one`."""
    archive = Archive()
    for number, (values, parents, score) in enumerate(members):
        archive.add(archive.candidate(values, parents=parents))
        archive.record(
            Evaluation(
                candidate=number, instance="one", split="dev", status="ok", score=score, feedback=Feedback(score)
            )
        )
    return archive


START = ({"a": 0, "b": 0, "c": 0}, (), 0.0)


def test_what_each_changed_is_taken_and_of_both_the_better_ones() -> None:
    archive = family(START, ({"a": 1, "b": 0, "c": 1}, (0,), 0.5), ({"a": 0, "b": 2, "c": 2}, (0,), 0.7))
    assert merged_values(archive, 1, 2, ["one"]) == {"a": 1, "b": 2, "c": 2}


def test_the_newest_common_ancestor_counts() -> None:
    archive = family(
        START,
        ({"a": 5, "b": 0, "c": 0}, (0,), 0.1),
        ({"a": 5, "b": 1, "c": 0}, (1,), 0.5),
        ({"a": 5, "b": 0, "c": 1}, (1,), 0.5),
    )
    assert merged_values(archive, 2, 3, ["one"]) == {"a": 5, "b": 1, "c": 1}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (({"a": 1, "b": 0, "c": 0}, (0,), 0.5), ({"a": 1, "b": 1, "c": 0}, (1,), 0.6)),  # one descends from the other
        (({"a": 1, "b": 0, "c": 0}, (0,), 0.5), ({"a": 2, "b": 0, "c": 0}, (0,), 0.6)),  # both changed the same
        (({"a": 1, "b": 0, "c": 0}, (0,), -1.0), ({"a": 0, "b": 1, "c": 0}, (0,), 0.6)),  # worse than the ancestor
    ],
)
def test_nothing_is_merged_that_has_nothing_to_give(first: Any, second: Any) -> None:
    assert merged_values(family(START, first, second), 1, 2, ["one"]) is None


def events(spec: str, **world: Any) -> list[Event]:
    found: list[Event] = []
    settings = PromptWorld(**world).settings()
    ao.optimize(
        optimizer=spec,
        proposer="reflect",
        llm=MutatorLLM(),
        budget=ao.Budget(evaluations=400),
        on_event=found.append,
        **settings,
    )
    return found


def dev_measured(found: list[Event]) -> dict[int, int]:
    count: dict[int, int] = {}
    for event in found:
        if isinstance(event, Evaluated) and event.instance.startswith("dev"):
            count[event.candidate] = count.get(event.candidate, 0) + 1
    return count


def test_the_tested_gate_gives_children_up_after_a_quarter_or_half_of_dev() -> None:
    measured = set(dev_measured(events("gepa:attempts=20", noise=0.3)).values())
    assert 6 in measured
    assert measured <= {6, 12, 24}


def test_the_original_gate_measures_all_of_dev_or_nothing() -> None:
    *_, last = dev_measured(found := events("gepa:attempts=20,gate=sum")).items()
    assert {n for c, n in dev_measured(found).items() if c != last[0]} == {24}


def test_merges_have_two_parents_and_are_as_many_as_allowed_at_most() -> None:
    found = events("gepa:attempts=20,gate=sum,merge=true,merges=2", noise=0.3)
    merges = [e for e in found if isinstance(e, CandidateAdded) and len(e.parents) == 2]
    assert 0 < len(merges) <= 2


def test_components_take_turns() -> None:
    found = [e for e in events("gepa:attempts=20") if isinstance(e, CandidateAdded)]
    changed = [{n for n in e.values if e.values[n] != found[e.parents[0]].values[n]} for e in found if e.parents]
    assert all(len(names) == 1 for names in changed)
    assert set().union(*changed) == {"plan", "answer"}


def test_an_unknown_gate_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="gate"):
        events("gepa:gate=open")


def best_in_pure_noise(spec: str, seed: int) -> int:
    settings = PromptWorld(noise=1.0, seed=seed).settings()
    result = ao.optimize(
        optimizer=spec, proposer="reflect", llm=MutatorLLM(seed=seed), budget=ao.Budget(evaluations=150), **settings
    )
    return result.best.id


def test_where_scores_are_chance_a_proof_keeps_the_start_and_the_mean_does_not() -> None:
    assert sum(best_in_pure_noise("gepa:attempts=20", seed) != 0 for seed in range(8)) <= 2
    assert sum(best_in_pure_noise("gepa:attempts=20,accept=mean", seed) != 0 for seed in range(8)) >= 4


def test_the_rule_of_acceptance_is_in_the_result() -> None:
    settings = PromptWorld(train=2, dev=2).settings()
    found = ao.optimize(optimizer="gepa", llm=MutatorLLM(), budget=ao.Budget(evaluations=6), **settings)
    assert "sign-flip test" in found.acceptance
    assert "0.05" in found.acceptance

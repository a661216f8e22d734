"""Runs beside each other: paired by instance, and refused where that would mean nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agentopt.errors import UsageError
from agentopt.events import CandidateAdded, Evaluated, Event, RunFinished, RunStarted
from agentopt.inspector.comparison import compare_runs, comparison_table
from agentopt.inspector.view import RunView, view
from agentopt.store.sqlite import StoredEvent

Scores = Mapping[str, float]


def run(name: str, *, task: str = "t", is_ended: bool = True, **splits: Scores) -> RunView:
    """A run of one candidate with these scores."""
    instances = {split: list(scores) for split, scores in splits.items()}
    events: list[Event] = [
        RunStarted(
            run=name, task={"name": task}, settings={}, llm={}, answered_by="nobody", space=[], instances=instances
        ),
        CandidateAdded(candidate=0, values={}),
    ]
    for split, scores in splits.items():
        for instance, score in scores.items():
            events.append(Evaluated(candidate=0, instance=instance, split=split, status="ok", score=score))
    if is_ended:
        result = {"best": {"id": 0}, "spent": {"evaluations": 4}}
        events.append(RunFinished(reason="done", result=result))
    return view([StoredEvent(n, float(n), e) for n, e in enumerate(events)])


def test_the_gain_is_paired_by_instance_and_not_by_place() -> None:
    one = run("one", test={"a": 0.1, "b": 0.5, "c": 0.7})
    other = run("other", test={"c": 0.8, "a": 0.2, "b": 0.6})
    compared = compare_runs([one, other])
    assert compared.split == "test"
    assert compared.runs[0].gain is None
    gain = compared.runs[1].gain
    assert gain is not None
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    assert gain.count == 3


def test_runs_with_different_test_instances_are_compared_on_dev_and_it_is_said() -> None:
    one, other = run("one", dev={"d": 0.0}, test={"a": 1.0}), run("other", dev={"d": 1.0}, test={"b": 1.0})
    compared = compare_runs([one, other])
    assert compared.split == "dev"
    assert "so they flatter" in rendered(compared)


def test_runs_without_test_and_dev_are_compared_on_train() -> None:
    assert compare_runs([run("one", train={"a": 1.0}), run("other", train={"a": 1.0})]).split == "train"


def rendered(compared: object) -> str:
    from rich.console import Console

    console = Console(width=400)
    with console.capture() as capture:
        console.print(comparison_table(compared))  # type: ignore[arg-type]  # tests pass what `compare_runs` gave
    return capture.get()


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([run("one", train={"a": 1.0})], "takes 2 runs or more, got 1"),
        ([run("one", train={"a": 1.0}), run("two", task="u", train={"a": 1.0})], "`one` is of `t`, `two` of `u`"),
        ([run("one", train={"a": 1.0}), run("two", train={"b": 1.0})], "share 0 of 1 and 1 train instances"),
        ([run("one", train={"a": 1.0}), run("two", is_ended=False, train={"a": 1.0})], "agentopt resume two"),
    ],
    ids=["one", "tasks", "instances", "unfinished"],
)
def test_what_cannot_be_compared_is_refused_with_words(runs: list[RunView], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compare_runs(runs)


def test_a_hostile_name_reaches_the_terminal_as_text() -> None:
    bad = run("\x1b[31mred", train={"a": 1.0})
    assert "\x1b" not in rendered(compare_runs([bad, bad]))

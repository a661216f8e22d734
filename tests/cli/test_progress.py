"""Progress: one line where something got better, a pace from the tightest limit, and nothing when quiet."""

from __future__ import annotations

import pytest

from agentopt.cli.progress import PLAIN_LINE_EVERY_S, Progress
from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, RunFinished, RunStarted
from agentopt.store.sqlite import StoredEvent


class Clock:
    """A clock that goes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def header(**budget: float) -> RunStarted:
    return RunStarted(
        run="r",
        task={"name": "t"},
        settings={"budget": budget},
        llm={},
        answered_by="nobody",
        space=[],
        instances={"train": ["a"], "dev": ["d", "e"]},
    )


def scored(candidate: int, score: float | None, *instances: str) -> list[Event]:
    return [Evaluated(candidate=candidate, instance=i, split="dev", status="ok", score=score) for i in instances]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


def test_a_better_mean_is_a_line_and_a_worse_one_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(clock=Clock()) as progress:
        for event in [
            header(),
            CandidateAdded(candidate=0, values={}),
            *scored(0, 0.5, "d", "e"),
            CandidateAdded(candidate=1, values={}),
            *scored(1, 0.25, "d", "e"),
            CandidateAdded(candidate=2, values={}),
            *scored(2, 0.75, "d", "e"),
        ]:
            progress.event(event)
    assert lines(capsys) == [
        "t: run r, answered by nobody",
        "best 0.5, 1 candidates, 2 evaluations",
        "best 0.75 (start 0.5), 3 candidates, 6 evaluations",
    ]


def test_without_a_better_one_there_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(clock=clock) as progress:
        progress.event(header())
        for n in range(100):
            clock.now += PLAIN_LINE_EVERY_S / 10
            progress.event(CandidateAdded(candidate=n, values={}))
    assert len(lines(capsys)) == 1 + 10


def test_the_tightest_limit_says_how_long_it_will_last(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(clock=clock) as progress:
        progress.event(header(evaluations=20, seconds=7200))
        clock.now += 60.0
        for event in scored(0, 1.0, "d", "e"):
            progress.event(event)
    assert lines(capsys)[-1].endswith("2/20 evaluations, at most 9 min 0 s left")


def test_a_resumed_run_is_paced_by_what_it_does_since(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(clock=clock) as progress:
        past: list[Event] = [header(evaluations=12), *scored(0, 1.0, *"dededede"), RunFinished(reason="killed")]
        progress.past([StoredEvent(n, float(n), e) for n, e in enumerate(past)])
        clock.now += 10.0
        progress.event(scored(1, 2.0, "d")[0])
        progress.event(scored(1, 2.0, "e")[0])
    assert lines(capsys)[-1].endswith("10/12 evaluations, at most 10 s left")


@pytest.mark.parametrize("score", [None, {"$float": "nan"}, {"$float": "-inf"}])
def test_a_score_that_is_no_number_breaks_nothing(score: object, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(clock=Clock()) as progress:
        progress.event(header())
        for instance in "de":
            progress.event(Evaluated(candidate=0, instance=instance, split="dev", status="ok", score=score))
    assert lines(capsys)


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=True) as progress:
        progress.event(header())
        progress.event(CandidateAdded(candidate=0, values={}))
    assert lines(capsys) == []


def test_what_was_free_is_not_counted_as_spent(capsys: pytest.CaptureFixture[str]) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    exchanges = [{"reply": {"text": "1", "usage": usage, "cached": cached}} for cached in (False, True)]
    with Progress(clock=Clock()) as progress:
        progress.event(header(llm_calls=9, tokens=90, evaluations=4))
        for exchange in exchanges:
            progress.event(Exchanged(exchange=exchange))
        taken = scored(1, 1.0, "d", "e")[0].model_copy(update={"taken_from": 0})
        for event in [*scored(0, 0.5, "d"), taken, *scored(0, 0.5, "e")]:
            progress.event(event)
    assert "2/4 evaluations, 1/9 llm calls, 7/90 tokens" in lines(capsys)[-1]

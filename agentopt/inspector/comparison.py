"""Runs of one task beside each other, and by how much their best candidates differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from agentopt.errors import UsageError
from agentopt.inspector.text import number, plain
from agentopt.inspector.view import RunView, score_of
from agentopt.selection.statistics import Interval, mean_interval, paired_gain


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One run of a comparison.

    Args:
        best: id of the best candidate, by the run's own word.
        dev: its scores on dev (train where there is no dev), for which it was chosen, so they flatter.
        test: its scores on test; `None` where there is no test.
        gain: by how much it is better than the first run's best, paired by instance; `None` for the first run.
        spent: by resource, as in `Budget`.
    """

    run: str
    best: int
    dev: Interval | None
    test: Interval | None
    gain: Interval | None
    spent: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs of one task.

    Args:
        split: whose instances the gains are paired by: `test` where every run measured the same ones, else `dev`, or
            `train` where there is no dev.
        runs: in the order given.
    """

    task: str
    split: str
    runs: Sequence[ComparedRun]

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON data."""
        return asdict(self)


def compare_runs(views: Sequence[RunView]) -> Comparison:
    """The runs beside each other, each against the first.

    Instances are known by their ids: that a data file was changed between two runs is not noticed.

    Raises:
        UsageError: fewer than two runs, one that has not ended, or runs of different tasks or instances.
    """
    if len(views) < 2:
        raise UsageError(f"a comparison takes 2 runs or more, got {len(views)}")
    first = views[0]
    for view in views:
        if view.best is None:
            raise UsageError(f"run `{view.header.run}` has no result yet; `agentopt resume {view.header.run}` goes on")
        ours, theirs = view.header.task.get("name"), first.header.task.get("name")
        if ours != theirs:
            raise UsageError(
                f"runs of different tasks cannot be compared: `{first.header.run}` is of `{theirs}`, "
                f"`{view.header.run}` of `{ours}`"
            )
    split = _shared_split(views)
    base = _scores(first, split)
    runs = []
    for view in views:
        scores = _scores(view, split)
        gain = None if view is first else paired_gain(base, scores)
        assert view.best is not None  # checked above
        runs.append(
            ComparedRun(
                run=view.header.run,
                best=view.best,
                dev=mean_interval(list(_scores(view, _dev(view)).values())),
                test=mean_interval(list(_scores(view, "test").values())),
                gain=gain,
                spent=(view.result or {}).get("spent", {}),
            )
        )
    return Comparison(task=str(first.header.task.get("name", "")), split=split, runs=runs)


def _dev(view: RunView) -> str:
    return "dev" if view.header.instances.get("dev") else "train"


def _shared_split(views: Sequence[RunView]) -> str:
    """The split on whose instances every run measured its best.

    Raises:
        UsageError: there is none, and why.
    """
    tests = [set(_scores(view, "test")) for view in views]
    if tests[0] and all(test == tests[0] for test in tests):
        return "test"
    split = _dev(views[0])
    ids = [view.header.instances.get(split, []) for view in views]
    for view, own in zip(views, ids):
        if sorted(own) != sorted(ids[0]):
            raise UsageError(
                f"runs on different instances cannot be compared: `{views[0].header.run}` and `{view.header.run}` "
                f"share {len(set(own) & set(ids[0]))} of {len(ids[0])} and {len(own)} {split} instances"
            )
        if not _scores(view, split):
            raise UsageError(f"run `{view.header.run}` has no scores on {split}, only words: nothing to compare")
    return split


def _scores(view: RunView, split: str) -> dict[str, float]:
    """Scores of the run's best candidate by instance."""
    assert view.best is not None, "runs without a result are refused"
    found = {e.instance: score_of(e) for e in view.candidates[view.best].evaluations if e.split == split}
    return {instance: score for instance, score in found.items() if score is not None}


def comparison_table(comparison: Comparison) -> RenderableType:
    """The comparison for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("run", "best", "dev", "test", f"gain over the first, on {comparison.split}", "spent"):
        table.add_column(column, overflow="fold")
    for run in comparison.runs:
        spent = ", ".join(f"{number(amount)} {name}" for name, amount in run.spent.items() if amount)
        gain = "-" if run.gain is None else f"{_interval(run.gain)}, n = {run.gain.count}"
        table.add_row(
            *map(plain, (run.run, run.best, _interval(run.dev), _interval(run.test), gain, spent)),
        )
    words = f"{comparison.task}; 95 % intervals; gains are paired by instance on {comparison.split}"
    if comparison.split != "test":
        words += ", for which the best was chosen, so they flatter: not all runs measured the same test instances"
    return Group(plain(words), table)


def _interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"{number(interval.mean)} [{number(interval.low)}, {number(interval.high)}]"

"""What a run found, and how sure that is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentopt.candidate import Archive, Candidate
from agentopt.canonical import from_jsonable, known_fields, to_jsonable
from agentopt.curve import CurvePoint, curve_of, curve_svg
from agentopt.errors import FormatError, MissingDependency, UsageError
from agentopt.selection.pareto import FrontPoint, front
from agentopt.selection.statistics import Interval
from agentopt.space import Space
from agentopt.store.sqlite import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESULT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run found.

    Args:
        run: the run's id in its record.
        best: the best candidate by dev score.
        dev_start, dev_best: mean scores on dev (on train, where there is no dev), higher is better; the best one was
            chosen for being high there, so it flatters. `None` where nothing has a score.
        test_start, test_best: mean scores with 95 % intervals on the untouched test split; `None` without one.
        test_gain: the difference on test, paired by instance, with its 95 % interval.
        dev_gain: the difference on dev, paired by instance, with its 95 % interval; it flatters as `dev_best` does.
        acceptance: by which rule a candidate became the best, in the optimizer's words; empty where it has none.
        rates: mean of each further objective of the best candidate, over the instances of its dev score.
        reason: why the search stopped.
        spent: by resource, as in `Budget`.
        spent_by: what models took of it, by who asked them: `optimizer`, `workflow`.
        candidates: how many were tried, the start included.
        record: the file that holds the run, if one does.
        archive: all that was tried, test instances left out; `None` in a result read from a file.
        compared: the instances of the dev scores; likewise.
    """

    run: str
    task: str
    start: Candidate
    best: Candidate
    dev_start: float | None
    dev_best: float | None
    test_start: Interval | None
    test_best: Interval | None
    test_gain: Interval | None
    rates: Mapping[str, float]
    reason: str
    spent: Mapping[str, float]
    candidates: int
    dev_gain: Interval | None = None
    acceptance: str = ""
    spent_by: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    record: Path | None = None
    space: Space | None = field(default=None, repr=False, compare=False)
    archive: Archive | None = field(default=None, repr=False, compare=False)
    compared: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def values(self) -> Mapping[str, Any]:
        """The best values, by parameter name."""
        return self.best.values

    @property
    def gap(self) -> float | None:
        """By how much the best candidate's mean on dev is above that on test; `None` where one is missing."""
        if self.dev_best is None or self.test_best is None:
            return None
        return self.dev_best - self.test_best.mean

    def front(self, *objectives: str) -> list[FrontPoint]:
        """The candidates that no other one dominates, by their means on dev, the highest of the first objective first.

        Args:
            objectives: `score`, names in `Feedback.objectives`, or costs: `llm_calls`, `tokens`, `usd`, `seconds`;
                score and tokens where none are given.

        Raises:
            UsageError: this result was read from a file, which holds the best candidate only.
        """
        if self.archive is None:
            raise UsageError("a result read from a file has no front; it holds the start and the best candidate only")
        return front(self.archive, self.compared, objectives or ("score", "tokens"))

    def apply(self) -> None:
        """Gives the workflow's parameters the best values, for good.

        Raises:
            UsageError: this result was read from a file, and knows no parameters; use `Space.set` or `Parameter.set`.
        """
        if self.space is None:
            raise UsageError("a result read from a file has no workflow; set the parameters from `result.values`")
        self.space.set(self.best.values)

    def to_json(self) -> dict[str, Any]:
        """The result as JSON data."""
        data = {name: getattr(self, name) for name in _PLAIN}
        for name in ("start", "best", *_INTERVALS):
            value = getattr(self, name)
            data[name] = None if value is None else asdict(value)
        data["record"] = str(self.record) if self.record else None
        return {"agentopt_result": RESULT_VERSION} | {key: to_jsonable(value) for key, value in data.items()}

    def save(self, path: str | Path) -> None:
        """Writes the result as JSON; `Result.load` reads it."""
        Path(path).write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Reads what `save` wrote.

        Raises:
            FormatError: the file is not a result.
        """
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise FormatError(f"{path}: not a result of agentopt: {error}") from None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Reads what `to_json` wrote."""
        version = data.get("agentopt_result") if isinstance(data, Mapping) else None
        if version != RESULT_VERSION:
            raise FormatError(f"expected `agentopt_result` {RESULT_VERSION}, got {version!r}")
        plain = {name: from_jsonable(data[name]) for name in _PLAIN if name in data or name not in _LATER}
        for name in ("start", "best"):
            plain[name] = Candidate(**known_fields(Candidate, from_jsonable(data[name])))
        for name in _INTERVALS:
            found = from_jsonable(data.get(name))
            plain[name] = None if found is None else Interval(**known_fields(Interval, found))
        return cls(**plain, record=Path(data["record"]) if data["record"] else None)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draws the best score so far against evaluations, and the test scores with their intervals.

        Args:
            axes: matplotlib axes to draw on; new ones where not given.

        Raises:
            MissingDependency: matplotlib is missing.
            UsageError: the run kept no record.
        """
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise MissingDependency("matplotlib", "plot", "`Result.plot`") from error
        points = self._curve()
        axes = axes if axes is not None else pyplot.subplots()[1]
        split = "the split compared on"
        evaluations = [point.evaluations for point in points]
        axes.step(evaluations, [point.best for point in points], where="post", label=f"best so far on {split}")
        axes.plot(evaluations, [point.mean for point in points], "o", label=f"each candidate on {split}")
        last = self.spent.get("evaluations", evaluations[-1] if evaluations else 0)
        for name, test, place in (("start", self.test_start, 0.0), ("best", self.test_best, last)):
            if test is not None and math.isfinite(test.high - test.low):
                bars = [[test.mean - test.low], [test.high - test.mean]]
                axes.errorbar([place], [test.mean], yerr=bars, fmt="D", capsize=4, label=f"test, {name}, 95 % interval")
        axes.set(title=self.task, xlabel="evaluations", ylabel="score")
        axes.legend()
        return axes

    def _curve(self) -> list[CurvePoint]:
        if self.record is None or not self.record.is_file():
            raise UsageError(f"run {self.run} has no record to draw; `optimize(out=…)` says where it is kept")
        with Store(self.record) as store:
            return curve_of(store.outline(self.run))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """How notebooks show it: as text, and where there is a record, as a picture of the search."""
        bundle = {"text/plain": str(self)}
        if self.record is not None and self.record.is_file():
            bundle["image/svg+xml"] = curve_svg(self._curve(), self.task)
        return bundle

    def __str__(self) -> str:
        lines = [f"{self.task}: {self.candidates} candidates, stopped because {self.reason}"]
        lines.append(f"  dev   {_score(self.dev_start)} -> {_score(self.dev_best)}")
        if self.test_start and self.test_best and self.test_gain:
            lines.append(f"  test  {_with_interval(self.test_start)} -> {_with_interval(self.test_best)}")
            lines.append(f"        gain {_with_interval(self.test_gain)}, paired, n = {self.test_gain.count}")
        if self.gap is not None:
            lines.append(f"        gap {self.gap:.3f} (best, dev less test)")
        if self.rates:
            lines.append(
                f"  rates {', '.join(f'{name} {rate:.3g}' for name, rate in self.rates.items())} (best, on dev)"
            )
        spent = ", ".join(f"{name} {amount:g}" for name, amount in self.spent.items() if name != "seconds" and amount)
        lines.append(f"  spent {spent or 'nothing'}, {self.spent.get('seconds', 0):.1f} s; run {self.run}")
        return "\n".join(lines)


_LATER = ("acceptance", "spent_by")  # results of an older agentopt do not have them
_PLAIN = ("run", "task", "dev_start", "dev_best", "rates", "reason", "spent", "candidates", *_LATER)
_INTERVALS = ("test_start", "test_best", "test_gain", "dev_gain")


def _score(score: float | None) -> str:
    return "no score" if score is None else f"{score:.6g}"


def _with_interval(interval: Interval) -> str:
    if not math.isfinite(interval.high - interval.low):
        return f"{interval.mean:.3f} (no interval)"
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"

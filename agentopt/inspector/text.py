"""A run as text for a terminal."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agentopt.graph.showing import shortened
from agentopt.inspector.document import stopped
from agentopt.inspector.gain import gains, verdict
from agentopt.inspector.spending import spending_by_role, spending_text
from agentopt.inspector.view import CandidateView, RunView, Step, as_interval

_BARS = "▁▂▃▄▅▆▇█"


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def plain(value: object) -> Text:
    """`value` as text that a terminal only prints: no markup, and control characters made visible.

    A record is untrusted; an escape sequence in it must not reach the terminal.
    """
    return Text(_CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", str(value)))


def panel(body: object, title: object) -> Panel:
    """A frame with a title around a text."""
    return Panel(plain(body), title=plain(title), title_align="left")


def summary(run: RunView) -> RenderableType:
    """Start, best, cost, and why it stopped, with tables of the steps and the candidates."""
    header, facts = run.header, Table.grid(padding=(0, 2))
    facts.add_row("task", plain(str(header.task.get("name", ""))))
    facts.add_row("run", plain(f"{header.run}, {_when(run.started_at)}, {run.seconds:.1f} s"))
    facts.add_row("answered by", plain(header.answered_by))
    facts.add_row("stopped", plain(stopped(run)))
    for label, line in _scores(run):
        facts.add_row(label, plain(line))
    evaluations = sum(len(c.evaluations) for c in run.candidates.values())
    facts.add_row("measured", plain(f"{evaluations} evaluation{'s' if evaluations != 1 else ''}"))
    for role, spent in spending_by_role(run).items():
        facts.add_row(plain(f"{role} model"), plain(spending_text(spent)))
    if curve := best_so_far(run):
        facts.add_row("best so far", plain(sparkline(curve)))
    parts: list[RenderableType] = [facts, plain(""), candidates_table(run)]
    return Group(*parts, *([plain(""), steps_table(run)] if run.steps else []))


def _scores(run: RunView) -> list[tuple[str, str]]:
    result = run.result
    if result is None:
        return []
    rows = [("dev", f"{number(result['dev_start'])} -> {number(result['dev_best'])}")]
    if rates := result.get("rates"):
        rows.append(("rates", ", ".join(f"{name} {number(rate)}" for name, rate in rates.items())))
    if result["test_best"]:
        rows.append(("test", f"{_interval(result['test_start'])} -> {_interval(result['test_best'])}"))
        if gain := as_interval(result["test_gain"]):
            rows.append(("gain on test", f"{verdict(gain)} (paired, n = {gain.count})"))
        if result["dev_best"] is not None:
            rows.append(("dev - test", f"{number(result['dev_best'] - result['test_best']['mean'])} (of the best)"))
    return rows


def _interval(interval: dict[str, Any]) -> str:
    return f"{number(interval['mean'])} [{number(interval['low'])}, {number(interval['high'])}]"


def _when(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):  # a record may say anything
        return f"at {seconds}"


def number(value: Any) -> str:
    """A score as text."""
    return "-" if value is None else f"{float(value):.4g}"


def best_so_far(run: RunView) -> list[float]:
    """The best dev (or train) mean after each candidate, finite ones only."""
    split = run.compared_split
    curve: list[float] = []
    for candidate in run.candidates.values():
        mean = candidate.mean(split)
        if (
            mean is not None
            and math.isfinite(mean)
            and candidate.count(split) >= len(run.header.instances.get(split, ()))
        ):
            curve.append(max(mean, curve[-1]) if curve else mean)
    return curve


def sparkline(values: list[float], width: int = 60) -> str:
    """`values` as a line of bars, lowest to highest, with the first and the last in figures."""
    step = max(1, math.ceil(len(values) / width))
    shown = values[::step]
    low, high = min(shown), max(shown)
    heights = [int((v - low) / (high - low) * (len(_BARS) - 1)) if high > low else 0 for v in shown]
    return f"{number(values[0])} {''.join(_BARS[h] for h in heights)} {number(values[-1])}"


def candidates_table(run: RunView, most: int = 40) -> RenderableType:
    """One line per candidate: scores per split, origin, and what changed against its parent."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "from", "train", "dev", "test", "made by"):
        table.add_column(column, no_wrap=True)
    table.add_column("changes", overflow="fold", ratio=1)
    listed = list(run.candidates.values())
    shown = listed if len(listed) <= most else [*listed[: most // 2], *listed[-most // 2 :]]
    for candidate in shown:
        added = candidate.added
        mark = "*" if added.candidate == run.best else ""
        table.add_row(
            f"{added.candidate}{mark}",
            ",".join(map(str, added.parents)),
            *(number(candidate.mean(split)) for split in ("train", "dev", "test")),
            plain(added.origin),
            plain(shortened(changes(run, candidate), 160)),
        )
    if len(shown) < len(listed):
        return Group(table, plain(f"({len(listed) - len(shown)} candidates in the middle are not shown)"))
    return table


def changes(run: RunView, candidate: CandidateView) -> str:
    """What differs from the candidate's first parent, on one line."""
    values = run.values(candidate.added.candidate)
    return "; ".join(f"{name} = {' '.join(str(values[name]).split())}" for name in run.changed(candidate))


def steps_table(run: RunView, most: int = 40) -> RenderableType:
    """One line per proposal: what it changed, and what it was worth."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("step", "candidate"):
        table.add_column(column, no_wrap=True)
    table.add_column("changes", overflow="fold")
    table.add_column("gain against its parent", overflow="fold", ratio=1)
    shown = run.steps if len(run.steps) <= most else [*run.steps[: most // 2], *run.steps[-most // 2 :]]
    for step in shown:
        table.add_row(str(step.number), *_step_cells(run, step))
    if len(shown) < len(run.steps):
        return Group(table, plain(f"({len(run.steps) - len(shown)} steps in the middle are not shown)"))
    return table


def _step_cells(run: RunView, step: Step) -> tuple[str, Text, Text]:
    if step.candidate is None:
        return "refused", plain(""), plain(shortened(" ".join(step.problem.split()), 100))
    compared = gains(run, step.parents[0], step.candidate)
    worth = f"{compared[0].split}: {verdict(compared[0].difference)}" if compared else "not measured with its parent"
    names = ", ".join(run.changed(run.candidates[step.candidate]))
    return f"{','.join(map(str, step.parents))} -> {step.candidate}", plain(names), plain(worth)

"""A run as text for a terminal."""

from __future__ import annotations

import difflib
import math
import re
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agentopt.canonical import from_jsonable
from agentopt.errors import UsageError
from agentopt.graph.showing import shortened
from agentopt.inspector.document import stopped
from agentopt.inspector.view import CandidateView, RunView, score_of

_BARS = "▁▂▃▄▅▆▇█"


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def plain(value: object) -> Text:
    """`value` as text that a terminal only prints: no markup, and control characters made visible.

    A record is untrusted; an escape sequence in it must not reach the terminal.
    """
    return Text(_CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", str(value)))


def _panel(body: object, title: object) -> Panel:
    return Panel(plain(body), title=plain(title), title_align="left")


def summary(run: RunView) -> RenderableType:
    """Start, best, cost, and why it stopped, with a table of the candidates."""
    header, facts = run.header, Table.grid(padding=(0, 2))
    facts.add_row("task", plain(str(header.task.get("name", ""))))
    facts.add_row("run", plain(f"{header.run}, {_when(run.started_at)}, {run.seconds:.1f} s"))
    facts.add_row("answered by", plain(header.answered_by))
    facts.add_row("stopped", plain(stopped(run)))
    for label, line in _scores(run):
        facts.add_row(label, plain(line))
    facts.add_row("spent", plain(_spent(run)))
    if curve := best_so_far(run):
        facts.add_row("best so far", plain(sparkline(curve)))
    return Group(facts, candidates_table(run))


def _scores(run: RunView) -> list[tuple[str, str]]:
    result = run.result
    if result is None:
        return []
    rows = [("dev", f"{number(result['dev_start'])} -> {number(result['dev_best'])}")]
    if rates := result.get("rates"):
        rows.append(("rates", ", ".join(f"{name} {number(rate)}" for name, rate in rates.items())))
    if result["test_best"]:
        before, after, gain = (_interval(result[key]) for key in ("test_start", "test_best", "test_gain"))
        rows.append(("test", f"{before} -> {after}"))
        rows.append(("gain on test", f"{gain}, paired, n = {result['test_gain']['count']}"))
    return rows


def _interval(interval: dict[str, Any]) -> str:
    return f"{number(interval['mean'])} [{number(interval['low'])}, {number(interval['high'])}]"


def _spent(run: RunView) -> str:
    roles = sorted({str(e.get("role", "")) for e in run.exchanges})
    calls = ", ".join(_calls(role, [e for e in run.exchanges if e.get("role", "") == role]) for role in roles)
    evaluations = sum(len(c.evaluations) for c in run.candidates.values())
    return f"{evaluations} evaluations, {calls or 'no model calls'}"


def _calls(role: str, exchanges: list[dict[str, Any]]) -> str:
    """How often a role asked, and what the replies say that took; known replies, given again, took nothing."""
    replies = [e.get("reply") or {} for e in exchanges]
    known = sum(bool(r.get("cached")) for r in replies)
    usage = [r.get("usage") or {} for r in replies if not r.get("cached")]
    tokens = sum((u.get("prompt_tokens") or 0) + (u.get("completion_tokens") or 0) for u in usage)
    usd = sum(u.get("cost_usd") or 0.0 for u in usage)
    took = [f"{tokens} tokens"] * bool(tokens) + [f"${usd:.4g}"] * bool(usd) + [f"{known} known replies"] * bool(known)
    return f"{len(exchanges) - known} {role} calls" + (f" ({', '.join(took)})" if took else "")


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
    split = "dev" if run.header.instances.get("dev") else "train"
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
    values = from_jsonable(candidate.added.values)
    parent = run.candidates.get(candidate.added.parents[0]) if candidate.added.parents else None
    before = from_jsonable(parent.added.values) if parent else {}
    return "; ".join(f"{k} = {' '.join(str(v).split())}" for k, v in values.items() if before.get(k) != v)


def candidate_view(run: RunView, identity: int) -> RenderableType:
    """One candidate: values, reasoning, and each measurement with its feedback.

    Raises:
        UsageError: there is no such candidate.
    """
    if identity not in run.candidates:
        raise UsageError(f"run {run.header.run} has no candidate {identity}; it has 0 to {len(run.candidates) - 1}")
    candidate = run.candidates[identity]
    parts: list[RenderableType] = []
    for name, value in from_jsonable(candidate.added.values).items():
        parts.append(_panel(value, name))
    if reasoning := candidate.added.notes.get("reasoning"):
        parts.append(_panel(reasoning, "reasoning"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("instance", "split", "score", "feedback"):
        table.add_column(column, overflow="fold")
    for evaluation in candidate.evaluations:
        said = plain(shortened(str(evaluation.feedback.get("text", "")), 400))
        table.add_row(plain(evaluation.instance), plain(evaluation.split), number(score_of(evaluation)), said)
    return Group(*parts, table)


def difference(run: RunView, first: int, second: int) -> RenderableType:
    """How two candidates differ, parameter by parameter, as unified diffs."""
    for identity in (first, second):
        if identity not in run.candidates:
            raise UsageError(f"run {run.header.run} has no candidate {identity}; it has 0 to {len(run.candidates) - 1}")
    before, after = (from_jsonable(run.candidates[i].added.values) for i in (first, second))
    text = Text()
    for name in before:
        if before[name] == after[name]:
            continue
        a, b = str(before[name]).splitlines(), str(after[name]).splitlines()
        for line in difflib.unified_diff(a, b, f"{name} of {first}", f"{name} of {second}", n=2, lineterm=""):
            text.append(plain(line).plain + "\n", style={"+": "green", "-": "red"}.get(line[:1], ""))
    return text if text.plain else plain("no difference")


def exchange_view(run: RunView, index: int) -> RenderableType:
    """One exchange: every message, and the reply.

    Raises:
        UsageError: there is no such exchange.
    """
    if not 0 <= index < len(run.exchanges):
        there = f"it has 0 to {len(run.exchanges) - 1}" if run.exchanges else "no model was asked"
        raise UsageError(f"run {run.header.run} has no exchange {index}; {there}")
    exchange = run.exchanges[index]
    parts = [_panel(m["content"], m["role"]) for m in exchange["request"]["messages"]]
    reply = exchange.get("reply")
    said = reply["text"] if reply else exchange.get("error", "")
    title = "reply" if reply else "failed"
    where = ", ".join(f"{k} {v}" for k, v in (exchange.get("where") or {}).items())
    parts.append(_panel(said, f"{title} ({exchange.get('role', '')}{', ' + where if where else ''})"))
    return Group(*parts)

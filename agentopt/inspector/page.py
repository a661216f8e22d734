"""A run as one self-contained page: no script, no network, every value escaped.

A record is untrusted: nothing in it can become markup, and the page's policy forbids scripts.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentopt.canonical import from_jsonable
from agentopt.errors import UsageError
from agentopt.events import Evaluated
from agentopt.inspector.text import best_so_far, number, stopped
from agentopt.inspector.view import CandidateView, RunView, score_of

_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
)


def write_page(path: Path, runs: Sequence[RunView], *, title: str = "agentopt") -> None:
    """Writes one page that shows the runs one after the other.

    Raises:
        UsageError: the file cannot be written.
    """
    style = files("agentopt.inspector").joinpath("page.css").read_text(encoding="utf-8")
    head = f"{_HEAD}<title>{escape(title)}</title><style>{style}</style></head>"
    page = f"{head}<body><h1>{escape(title)}</h1>{''.join(_run(run) for run in runs)}</body></html>"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot write the page `{path}`: {error}") from None


def _run(run: RunView) -> str:
    rows = [
        ("answered by", run.header.answered_by),
        ("stopped because", stopped(run)),
        ("run", f"{run.header.run}, {run.seconds:.1f} s"),
    ]
    if result := run.result:
        rows.append(("dev", f"{number(result['dev_start'])} → {number(result['dev_best'])}"))
        if result["test_best"]:
            rows += [(label, _interval(result[key])) for label, key in _TEST_ROWS]
    facts = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
    parts = [
        f"<h2>{escape(str(run.header.task.get('name', '')))}</h2><table>{facts}</table>",
        _curve(best_so_far(run)),
        _section(
            f"Candidates ({len(run.candidates)})", (_candidate(run, c) for c in run.candidates.values()), is_open=True
        ),
        _section(
            f"Exchanges with models ({len(run.exchanges)})", (_exchange(i, e) for i, e in enumerate(run.exchanges))
        ),
    ]
    if run.refusals:
        parts.append(_section(f"Refused proposals ({len(run.refusals)})", (_pre(r.problem) for r in run.refusals)))
    return "".join(parts)


_TEST_ROWS = (
    ("test, start", "test_start"),
    ("test, best", "test_best"),
    ("gain on test, paired", "test_gain"),
)


def _interval(interval: dict[str, Any]) -> str:
    low, high = number(interval["low"]), number(interval["high"])
    return f"{number(interval['mean'])}, 95 % interval {low} to {high} (n = {interval['count']}, {interval['method']})"


def _curve(values: list[float]) -> str:
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    height = (high - low) or 1.0
    points = [(40 + 920 * i / (len(values) - 1), 120 - 100 * (v - low) / height) for i, v in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
    label = f"best score so far, by candidate: {number(values[0])} to {number(values[-1])}"
    return (
        f'<svg viewBox="0 0 1000 140" role="img" aria-label="{escape(label)}"><polyline points="{line}"/>{dots}</svg>'
        f'<div class="muted">{escape(label)}</div>'
    )


def _section(title: str, parts: Iterable[str], *, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary><b>{escape(title)}</b></summary>{''.join(parts)}</details>"


def _candidate(run: RunView, candidate: CandidateView) -> str:
    added = candidate.added
    scores = [
        f"{split} {number(candidate.mean(split))}" for split in ("train", "dev", "test") if candidate.count(split)
    ]
    title = f"{added.candidate} · {added.origin or 'unknown'} · {', '.join(scores) or 'not measured'}"
    mark = ' class="best"' if added.candidate == run.best else ""
    star = " ★ best" if added.candidate == run.best else ""
    parts = [f"<summary{mark}>{escape(title + star)}</summary>"]
    if reasoning := added.notes.get("reasoning"):
        parts.append(f'<div class="muted">why</div>{_pre(reasoning)}')
    parts.append(_changes(run, candidate))
    parts.append(_section(f"Measurements ({len(candidate.evaluations)})", map(_evaluation, candidate.evaluations)))
    return f"<details>{''.join(parts)}</details>"


def _changes(run: RunView, candidate: CandidateView) -> str:
    values = from_jsonable(candidate.added.values)
    parent = run.candidates.get(candidate.added.parents[0]) if candidate.added.parents else None
    before = from_jsonable(parent.added.values) if parent else {}
    parts = []
    for name, value in values.items():
        if parent is None:
            parts.append(f'<div class="muted">{escape(name)}</div>{_pre(value)}')
        elif before.get(name) != value:
            against = f"{name}, against candidate {candidate.added.parents[0]}"
            parts.append(f'<div class="muted">{escape(against)}</div>{_diff(str(before.get(name)), str(value))}')
    return "".join(parts)


def _diff(before: str, after: str) -> str:
    lines = []
    changed = difflib.unified_diff(before.splitlines(), after.splitlines(), n=3, lineterm="")
    for line in list(changed)[2:]:  # after the two lines that would name files
        tag = {"+": "ins", "-": "del"}.get(line[:1])
        lines.append(f"<{tag}>{escape(line)}</{tag}>" if tag else escape(line))
    return f"<pre>{chr(10).join(lines)}</pre>"


def _evaluation(evaluation: Evaluated) -> str:
    score = score_of(evaluation)
    shown = "no score" if score is None or math.isnan(score) else number(score)
    title = f"{evaluation.instance} · {evaluation.split} · {evaluation.status} · {shown}"
    parts = [f"<summary>{escape(title)}</summary>{_pre(evaluation.feedback.get('text', ''))}"]
    if evaluation.graph:
        lines = [_node_line(node) for node in evaluation.graph.get("nodes", [])]
        left_out = evaluation.graph.get("left_out", 0)
        head = [f"({left_out} earlier nodes are not kept)"] if left_out else []
        parts.append(_section("Graph", [_pre("\n".join(head + lines))]))
    return f"<details>{''.join(parts)}</details>"


def _node_line(node: dict[str, Any]) -> str:
    made = f" = {node['text']}" if node.get("text") else ""
    inside = "".join(f"\n        {line}" for line in node.get("inside") or ())
    return f"{node.get('kind', '')} {node.get('name', '')}{made}  # {node.get('value', '')}{inside}"


def _exchange(index: int, exchange: dict[str, Any]) -> str:
    reply = exchange.get("reply") or {}
    where = ", ".join(f"{k} {v}" for k, v in (exchange.get("where") or {}).items())
    title = f"{index} · {exchange.get('role', '')}{' · ' + where if where else ''}"
    messages = exchange.get("request", {}).get("messages", [])
    parts = [f'<div class="muted">{escape(m["role"])}</div>{_pre(m["content"])}' for m in messages]
    said = reply.get("text") or exchange.get("error", "")
    parts.append(f'<div class="muted">{"reply" if reply else "failed"}</div>{_pre(said)}')
    return f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>"


def _pre(text: object) -> str:
    return f"<pre>{escape(str(text))}</pre>"

"""`agentopt demo`: one problem of each family, on traces that ship with agentopt."""

from __future__ import annotations

import textwrap
from pathlib import Path

from agentopt.catalog import find_pack
from agentopt.cli.options import OutOption, console, store_path
from agentopt.events import RunStarted
from agentopt.inspector.page import write_page
from agentopt.inspector.view import RunView, score_of, view
from agentopt.replay import replay
from agentopt.shelf import shelf
from agentopt.store.sqlite import Store
from agentopt.store.tracefile import read_trace

TRACES = ("numerical-pump_setpoints.jsonl", "prompt-ticket_triage.jsonl", "modeling-lot_sizing.jsonl")
LIVE = "OPENAI_API_KEY=… agentopt run ticket_triage --llm openai:<model>"


def demo(out: OutOption = Path("runs/demo")) -> None:
    """Optimize one problem of each family; the models' words are from kept traces, all else is computed now."""
    paths = [shelf("traces") / name for name in TRACES]
    headers = [read_trace(path)[0].event for path in paths]
    answered = ", ".join(sorted({h.answered_by for h in headers if isinstance(h, RunStarted)}))
    _say(
        f"The models' words are replayed from traces/ (answered by: {answered}); live: {LIVE} (or openai:<model>@<url>)"
    )
    _say("Everything else is computed now: graphs, proposals, sandboxed code, solves, verification, scores.")
    runs = [_shown(path, out) for path in paths]
    page = out / "report.html"
    write_page(page, runs, title="agentopt demo")
    _say(f"\nreport: {page}")


def _shown(path: Path, out: Path) -> RunView:
    report = replay(path, mode="loose", out=out)
    with Store(store_path(out)) as store:
        run = view(store.events(report.result.run))
    _say(f"\n== {find_pack(report.task.name).title}")
    _say("feedback on the start:")
    _say(textwrap.indent(_first_failure(run), "  | "))
    _say(str(report.result))
    if report.task.verifier is not None:
        _say("verified afterwards:")
        _say(textwrap.indent(str(report.task.verify(report.result.best)), "  "))
    if not report.is_same:
        changed = f"{len(report.missing)} of {report.events} events"
        _say(f"  NOTE: {changed} of {path.name} differ here (another solver version?); see `agentopt replay`")
    return run


def _first_failure(run: RunView, most_lines: int = 10) -> str:
    """What was said about the first train instance on which the start was not as good as it gets."""
    failed = {e.instance: e for e in run.candidates[0].evaluations if score_of(e) != 1.0}
    start = [failed[instance] for instance in run.header.instances["train"] if instance in failed]
    lines = str(start[0].feedback["text"]).splitlines() if start else []
    left_out = [f"… ({len(lines) - most_lines} more lines)"] if len(lines) > most_lines else []
    return "\n".join(lines[:most_lines] + left_out)


def _say(text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)

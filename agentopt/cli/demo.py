"""`agentopt demo`: one problem of each family, on traces that ship with agentopt."""

from __future__ import annotations

from pathlib import Path

from agentopt.cli.options import OutOption, console, store_path
from agentopt.events import RunStarted
from agentopt.inspector.page import write_page
from agentopt.inspector.view import view
from agentopt.replay import ReplayReport, replay
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
    _say("Everything else is computed now: graphs, proposals, sandboxed code, solves, verification, scores.\n")
    reports = [_shown(path, out) for path in paths]
    with Store(store_path(out)) as store:
        runs = [view(store.events(report.result.run)) for report in reports]
    page = out / "report.html"
    write_page(page, runs, title="agentopt demo")
    _say(f"report: {page}")


def _shown(path: Path, out: Path) -> ReplayReport:
    report = replay(path, mode="loose", out=out)
    _say(str(report.result))
    if report.task.verifier is not None:
        _say(str(report.task.verify(report.result.best)))
    if not report.is_same:
        changed = f"{len(report.missing)} of {report.events} events"
        _say(f"  NOTE: {changed} of {path.name} differ here (another solver version?); see `agentopt replay`")
    _say("")
    return report


def _say(text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)

"""`agentopt inspect`: look at a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentopt.cli.options import JsonOption, OutOption, console, print_json, store_path
from agentopt.inspector import text
from agentopt.inspector.page import write_page
from agentopt.inspector.view import view
from agentopt.store.tracefile import read_run


def inspect(
    run: Annotated[str, typer.Argument(help="A run's id, `last`, or a trace file.")] = "last",
    candidate: Annotated[int | None, typer.Option(help="Show one candidate: values, reasoning, feedback.")] = None,
    diff: Annotated[tuple[int, int] | None, typer.Option(help="Show how two candidates differ.")] = None,
    exchange: Annotated[int | None, typer.Option(help="Show one exchange with a model, from 0.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page.")] = None,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Show what a run tried, what came of it, and what it cost."""
    stored = read_run(run, store_path(out))
    if as_json:
        print_json([{"serial": s.serial, "time": s.time, **s.event.model_dump()} for s in stored])
        return
    shown = view(stored)
    if html is not None:
        write_page(html, [shown])
        console.print(f"wrote {html}", markup=False)
    elif candidate is not None:
        console.print(text.candidate_view(shown, candidate))
    elif diff is not None:
        console.print(text.difference(shown, *diff))
    elif exchange is not None:
        console.print(text.exchange_view(shown, exchange))
    else:
        console.print(text.summary(shown))

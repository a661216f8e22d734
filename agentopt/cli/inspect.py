"""`agentopt inspect`: look at a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from agentopt.cli.options import JsonOption, OutOption, console, print_json, store_path
from agentopt.errors import UsageError
from agentopt.inspector import closeups
from agentopt.inspector.document import candidate_json, difference_json, exchange_json, step_json
from agentopt.inspector.page import write_page
from agentopt.inspector.text import summary
from agentopt.inspector.view import RunView, view, view_of
from agentopt.store.tracefile import read_run


def inspect(
    run: Annotated[str, typer.Argument(help="A run's id, `last`, or a trace file.")] = "last",
    candidate: Annotated[int | None, typer.Option(help="Show one candidate: values, reasoning, feedback.")] = None,
    step: Annotated[int | None, typer.Option(help="Show one proposal, from 1: change, reason, cost, gain.")] = None,
    node: Annotated[str | None, typer.Option(help="Show a node of an evaluation's graph, by name.")] = None,
    instance: Annotated[str | None, typer.Option(help="With --node: the evaluation on this instance.")] = None,
    diff: Annotated[tuple[int, int] | None, typer.Option(help="Show how two candidates differ.")] = None,
    exchange: Annotated[int | None, typer.Option(help="Show one exchange with a model, from 0.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page.")] = None,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Show what a run tried, what came of it, and what it cost."""
    if html is not None:
        write_page(html, [view(read_run(run, store_path(out)))])
        console.print(f"wrote {html}", markup=False)
        return
    asked = {"candidate": candidate, "step": step, "diff": diff, "exchange": exchange}
    if instance is not None and node is None:
        raise UsageError("`--instance` says which evaluation's graph `--node` is of; give `--node` too")
    if node is None and as_json and all(value is None for value in asked.values()):
        stored = read_run(run, store_path(out))
        print_json([{"serial": s.serial, "time": s.time, **s.event.model_dump()} for s in stored])
        return
    shown = view_of(run, store_path(out))
    if node is not None:
        evaluation = closeups.evaluation_of(shown, candidate, instance)
        if as_json:
            print_json(closeups.node_json(evaluation, node))
        else:
            console.print(closeups.node_view(evaluation, node))
    elif as_json:
        print_json(_json(shown, candidate, step, diff, exchange))
    else:
        console.print(_text(shown, candidate, step, diff, exchange))


def _text(
    run: RunView, candidate: int | None, step: int | None, diff: tuple[int, int] | None, exchange: int | None
) -> RenderableType:
    if candidate is not None:
        return closeups.candidate_view(run, candidate)
    if step is not None:
        return closeups.step_view(run, step)
    if diff is not None:
        return closeups.difference(run, *diff)
    return summary(run) if exchange is None else closeups.exchange_view(run, exchange)


def _json(
    run: RunView, candidate: int | None, step: int | None, diff: tuple[int, int] | None, exchange: int | None
) -> object:
    if candidate is not None:
        return candidate_json(run, candidate)
    if step is not None:
        return step_json(run, step)
    if diff is not None:
        return difference_json(run, *diff)
    assert exchange is not None
    return exchange_json(run, exchange)

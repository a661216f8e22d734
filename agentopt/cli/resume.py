"""`agentopt resume`: go on with a run that stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentopt.budget import Budget
from agentopt.cli.models import limits_or_none, price_or_file
from agentopt.cli.options import (
    JsonOption,
    OutOption,
    console,
    print_json,
    say_reviewed,
    store_path,
)
from agentopt.cli.progress import Progress
from agentopt.cli.run import interruptible
from agentopt.events import RunStarted
from agentopt.past import recorded_budget
from agentopt.resumption import resume as resumed
from agentopt.store.tracefile import read_run


def resume(
    run: Annotated[str, typer.Argument(help="A run's id, `last`, or a trace file of an unfinished run.")] = "last",
    llm: Annotated[str | None, typer.Option(help="The optimizer's model; the recorded one if not given.")] = None,
    workflow_llm: Annotated[str | None, typer.Option(help="The workflow's own model, likewise.")] = None,
    evaluations: Annotated[int | None, typer.Option(help="Another limit for the whole run: measurements.")] = None,
    asks: Annotated[int | None, typer.Option(help="Likewise: trials the optimizer asks for.")] = None,
    llm_calls: Annotated[int | None, typer.Option(help="Likewise: requests to models.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Likewise: tokens.")] = None,
    usd: Annotated[float | None, typer.Option(help="Likewise: US dollars; needs a known price.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Likewise: wall time while it was running.")] = None,
    price: Annotated[
        str | None, typer.Option(help="As for `agentopt run`, with the next four; the recorded price if not given.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="File of known replies.")] = None,
    in_flight: Annotated[int | None, typer.Option(help="Limit: model calls under way at once.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="Limit: model calls in any minute.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(help="Limit: tokens in any minute.")] = None,
    executor: Annotated[str | None, typer.Option(help="Measure elsewhere: dask:tcp://… or ray:….")] = None,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Go on with a run that was interrupted, or that its budget ended; no recorded model call is made again."""
    given = Budget(evaluations=evaluations, asks=asks, llm_calls=llm_calls, tokens=tokens, usd=usd, seconds=seconds)
    stored = read_run(run, store_path(out))
    if isinstance(header := stored[0].event, RunStarted) and "review" in header.settings:
        say_reviewed(out)
    recorded = recorded_budget([s.event for s in stored])
    with Progress(quiet=as_json) as progress, interruptible(progress, out):
        progress.past(stored)
        result = resumed(
            run,
            budget=Budget(**{**vars(recorded), **given.limits()}),
            llm=llm,
            workflow_llm=workflow_llm,
            price=price_or_file(price),
            cache=cache or False,
            limits=limits_or_none(in_flight, requests_per_minute, tokens_per_minute),
            executor=executor,
            out=out,
            on_event=progress.event,
        )
    if as_json:
        print_json(result.to_json())
    else:
        console.print(str(result), markup=False)

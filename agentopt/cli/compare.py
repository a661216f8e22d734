"""`agentopt compare`: runs of one task beside each other, or optimizers on one task."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from agentopt.budget import Budget
from agentopt.canonical import to_jsonable
from agentopt.catalog import load_task
from agentopt.cli.options import JsonOption, OutOption, console, print_json, store_path
from agentopt.contest import Standing, contest
from agentopt.errors import UsageError
from agentopt.inspector.comparison import compare_runs, comparison_table
from agentopt.inspector.text import number
from agentopt.inspector.view import view
from agentopt.optimizers.spec import split_specs
from agentopt.selection.statistics import Interval
from agentopt.store.tracefile import read_run


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Ids of runs, `last`, or trace files; the first is compared with. A task, with --optimizers."
        ),
    ],
    optimizers: Annotated[str | None, typer.Option(help="Run these on the task instead: a,b:setting=1,c.")] = None,
    evaluations: Annotated[int | None, typer.Option(help="--optimizers: measurements per run.")] = None,
    llm_calls: Annotated[int | None, typer.Option(help="--optimizers: requests to models per run.")] = None,
    seeds: Annotated[int, typer.Option(help="--optimizers: runs of each.", min=1)] = 5,
    llm: Annotated[str | None, typer.Option(help="--optimizers: the model.")] = None,
    proposer: Annotated[str, typer.Option(help="--optimizers: for those that take one.")] = "optoprime",
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Compare runs of one task (scores with intervals, cost, the difference paired by instance), or optimizers."""
    if optimizers is not None:
        budget = Budget(evaluations=evaluations, llm_calls=llm_calls)
        if len(runs) != 1 or not budget.limits():
            raise UsageError("`--optimizers` takes one task, and a budget: --evaluations or --llm-calls")
        specs = split_specs(optimizers)
        found = contest(load_task(runs[0]), specs, budget=budget, seeds=seeds, llm=llm, proposer=proposer, out=out)
        if as_json:
            print_json(to_jsonable([asdict(standing) for standing in found]))
        else:
            console.print(standings_table(found))
        return
    comparison = compare_runs([view(read_run(run, store_path(out))) for run in runs])
    if as_json:
        print_json(to_jsonable(comparison.to_json()))
    else:
        console.print(comparison_table(comparison))


def standings_table(standings: list[Standing]) -> Table:
    """One row for each optimizer; intervals are over the seeds."""
    table = Table("optimizer", "score of the best", "gain over the first", "evaluations", "model calls")
    for standing in standings:
        spent = [f"{standing.spent.get(name, 0):.4g}" for name in ("evaluations", "llm_calls")]
        table.add_row(standing.optimizer, _shown(standing.score), _shown(standing.gain), *spent)
    return table


def _shown(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{number(interval.mean)} ({number(interval.low)} to {number(interval.high)})"

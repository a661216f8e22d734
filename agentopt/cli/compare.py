"""`agentopt compare`: runs of one task beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentopt.canonical import to_jsonable
from agentopt.cli.options import JsonOption, OutOption, console, print_json, store_path
from agentopt.inspector.comparison import compare_runs, comparison_table
from agentopt.inspector.view import view
from agentopt.store.tracefile import read_run


def compare(
    runs: Annotated[list[str], typer.Argument(help="Ids of runs, `last`, or trace files; the first is compared with.")],
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Compare runs of one task: scores with intervals, cost, and the difference paired by instance."""
    comparison = compare_runs([view(read_run(run, store_path(out))) for run in runs])
    if as_json:
        print_json(to_jsonable(comparison.to_json()))
    else:
        console.print(comparison_table(comparison))

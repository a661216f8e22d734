"""`agentopt keep`: write a run into a trace file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentopt.cli.options import OutOption, console, store_path
from agentopt.errors import UsageError
from agentopt.store.tracefile import read_run, write_trace


def keep(
    run: Annotated[str, typer.Argument(help="A run's id, or `last`.")],
    file: Annotated[Path, typer.Argument(help="The trace file to write, ending in .jsonl.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    out: OutOption = Path("runs"),
) -> None:
    """Write a run into a trace file, to keep, to send and to replay."""
    if file.suffix != ".jsonl":
        raise UsageError(f"a trace file ends in .jsonl, got `{file}`")
    if file.exists() and not force:
        raise UsageError(f"`{file}` exists; --force replaces it")
    stored = read_run(run, store_path(out))
    write_trace(file, stored)
    console.print(f"wrote {file}: {len(stored)} events", markup=False)

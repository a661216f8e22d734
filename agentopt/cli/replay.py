"""`agentopt replay`: run a trace again and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentopt.cli.options import JsonOption, console, print_json
from agentopt.replay import replay as replayed


def replay(
    trace: Annotated[Path, typer.Argument(help="A trace file.")],
    loose: Annotated[bool, typer.Option("--loose", help="Give the answers in order, whatever is asked.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a trace again, its models answering from the file, and compare every event."""
    report = replayed(trace, mode="loose" if loose else "strict")
    if as_json:
        print_json(
            {
                "is_same": report.is_same,
                "events": report.events,
                "missing": list(report.missing),
                "added": list(report.added),
                "result": report.result.to_json(),
            }
        )
    else:
        console.print(str(report.result), markup=False)
        if report.is_same:
            console.print(f"all {report.events} events happened again")
        else:
            console.print(
                f"{len(report.missing)} of {report.events} events did not happen, {len(report.added)} others did"
            )
            for label, lines in (("not again", report.missing), ("instead", report.added)):
                for line in lines[:5]:
                    console.print(f"  {label}: {line[:300]}", markup=False)
    if not report.is_same:
        raise typer.Exit(1)

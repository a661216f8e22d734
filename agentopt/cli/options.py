"""Options that several commands share, and how they print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agentopt.errors import UsageError

OutOption = Annotated[Path, typer.Option("--out", help="Folder of the record.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

console = Console(highlight=False)


def print_json(data: Any) -> None:
    """Prints JSON data, the same in a terminal and in a pipe."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def say_reviewed(out: Path) -> None:
    """Says on standard error where the proposals of a run are decided."""
    where = "" if out == Path("runs") else f" {out}"
    print(f"agentopt: every proposal waits until it is decided in: agentopt ui{where}", file=sys.stderr)


def store_path(out: Path) -> Path:
    """The record's file in its folder."""
    return out / "agentopt.sqlite"


def pairs(option: str, text: str | None) -> dict[str, str]:
    """What an option of the form `name=value,name=value` says.

    Raises:
        UsageError: a part has no `=`, or nothing beside it; names the option.
    """
    found = {}
    for part in text.split(",") if text is not None else ():
        name, _, value = (side.strip() for side in part.partition("="))
        if not name or not value:
            raise UsageError(f"{option} is {text!r}; expected name=value, or several with commas between them")
        found[name] = value
    return found

"""Options that several commands share, and how they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

OutOption = Annotated[Path, typer.Option("--out", help="Folder of the record.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

console = Console(highlight=False)


def print_json(data: Any) -> None:
    """Prints JSON data, the same in a terminal and in a pipe."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def store_path(out: Path) -> Path:
    """The record's file in its folder."""
    return out / "agentopt.sqlite"

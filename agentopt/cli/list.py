"""`agentopt list`: what there is."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from agentopt.catalog import adapter_names, packs
from agentopt.cli.options import JsonOption, OutOption, console, print_json, store_path
from agentopt.errors import UsageError
from agentopt.events import RunStarted
from agentopt.optimizers.named import plugins
from agentopt.prompts import load_prompt, prompt_names
from agentopt.shelf import shelf
from agentopt.store.sqlite import Store
from agentopt.store.tracefile import read_trace

KINDS = ("tasks", "traces", "runs", "optimizers", "proposers", "adapters", "prompts")


def list_(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """List tasks, traces, runs, optimizers, proposers, adapters or prompts."""
    rows = _rows(kind, out)
    if as_json:
        print_json([{"name": name, "about": about} for name, about in rows])
        return
    table = Table.grid(padding=(0, 2))
    for name, about in rows:
        table.add_row(Text(name), Text(about))
    console.print(table if rows else f"there are no {kind}")


def _rows(kind: str, out: Path) -> list[tuple[str, str]]:
    match kind:
        case "tasks":
            return [(f"{pack.kind}/{pack.name}", pack.title) for pack in packs()]
        case "traces":
            return [(path.name, _trace_line(path)) for path in sorted(shelf("traces").glob("*.jsonl"))]
        case "runs":
            return _runs(store_path(out))
        case "optimizers" | "proposers":
            return [(name, _first_line(cls)) for name, cls in plugins(kind).items()]
        case "adapters":
            return [(name, "") for name in adapter_names()]
        case "prompts":
            return [(name, load_prompt(name).note) for name in prompt_names()]
    raise UsageError(f"there is no list of `{kind}`; there are {', '.join(KINDS)}")


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _trace_line(path: Path) -> str:
    header = read_trace(path)[0].event
    assert isinstance(header, RunStarted)
    return f"{header.task.get('name', '')}, answered by {header.answered_by}"


def _runs(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    with Store(path) as store:
        return [(r.run, f"{r.task}, {datetime.fromtimestamp(r.started, UTC):%Y-%m-%d %H:%M} UTC") for r in store.runs()]

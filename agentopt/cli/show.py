"""`agentopt show`: one thing, whole."""

from __future__ import annotations

import inspect
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from agentopt.catalog import find_pack, load_task
from agentopt.cli.options import JsonOption, console, print_json
from agentopt.errors import MissingDependency, UsageError
from agentopt.inspector.text import summary
from agentopt.inspector.view import view
from agentopt.instance import SPLITS
from agentopt.optimizers.named import plugins
from agentopt.prompts import load_prompt
from agentopt.shelf import shelf
from agentopt.store.tracefile import read_trace
from agentopt.task import Pack

KINDS = ("task", "trace", "prompt", "optimizer", "proposer")


def show(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    name: Annotated[str, typer.Argument(help="See `agentopt list`.")],
    as_json: JsonOption = False,
) -> None:
    """Show one task, trace, prompt, optimizer or proposer."""
    match kind:
        case "task":
            pack = find_pack(name)
            _print({"folder": str(pack.folder), **pack.about, **_introduction(pack)}, as_json)
        case "trace":
            path = Path(name) if Path(name).is_file() else shelf("traces") / name
            if not path.is_file():
                there = ", ".join(sorted(p.name for p in shelf("traces").glob("*.jsonl")))
                raise UsageError(f"there is no trace `{name}`; on the shelf there are {there}")
            stored = read_trace(path)
            if as_json:
                print_json([s.event.model_dump() for s in stored])
            else:
                console.print(summary(view(stored)))
        case "prompt":
            prompt = load_prompt(name)
            _print({"name": prompt.name, "version": prompt.version, **prompt.sections}, as_json)
        case "optimizer" | "proposer":
            group: Any = f"{kind}s"
            classes = plugins(group)
            if name not in classes:
                raise UsageError(f"there is no {kind} `{name}`; there are {', '.join(classes)}")
            signature = str(inspect.signature(classes[name]))
            _print({"name": name, "settings": signature, "about": inspect.getdoc(classes[name]) or ""}, as_json)
        case _:
            raise UsageError(f"cannot show a `{kind}`; one of {', '.join(KINDS)}")


def _introduction(pack: Pack) -> dict[str, str]:
    """What a newcomer needs beyond `task.toml`: how much there is to run on, the pack's own words, and a command."""
    shown: dict[str, str] = {}
    flags = "--llm openai:<model>"
    try:
        task = load_task(str(pack.folder))
    except MissingDependency as error:
        shown["missing"] = str(error)
    else:
        counts = Counter(instance.split for instance in task.instances)
        shown["instances"] = ", ".join(f"{split} {counts[split]}" for split in SPLITS if counts[split])
        if "hidden_cost" in pack.about:
            flags = "--optimizer zo-rank:judge=llm --llm manual:answers"
        elif all(p.kind in ("number", "integer", "choice") for p in task.space.parameters.values()):
            flags = "--proposer perturb --evaluations 60"
    readme = pack.folder / "README.md"
    if readme.is_file():
        shown["readme"] = readme.read_text(encoding="utf-8").strip()
    return shown | {"run": f"agentopt run {pack.kind}/{pack.name} {flags}"}


def _print(data: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(data)
        return
    for key, value in data.items():
        shown = str(value)
        console.print(f"{key}:\n{shown}\n" if "\n" in shown else f"{key}: {shown}", markup=False, soft_wrap=True)

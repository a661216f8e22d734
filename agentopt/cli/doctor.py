"""`agentopt doctor`: what this machine has, and what the sandbox guarantees here."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, get_args

import typer
from rich.table import Table
from rich.text import Text

from agentopt.cli.options import JsonOption, console, print_json
from agentopt.errors import SandboxError
from agentopt.llm.openai import KEY_VARIABLE
from agentopt.sandbox.base import Guarantee
from agentopt.sandbox.local import LocalSandbox

CORE = ("openai", "pydantic", "networkx", "numpy", "highspy", "typer", "rich")
EXTRAS = ("scipy", "pyscipopt")


def doctor(
    as_json: JsonOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if the sandbox lacks a guarantee.")] = False,
) -> None:
    """Check Python, packages, the key, and which guarantees the sandbox gives on this machine."""
    report = _report()
    if as_json:
        print_json(report)
    else:
        table = Table.grid(padding=(0, 2))
        for section, facts in report.items():
            table.add_row(Text(section, style="bold"), "")
            for name, fact in facts.items():
                table.add_row(Text(f"  {name}"), Text(str(fact)))
        console.print(table)
    if strict and "NOT guaranteed" in report["sandbox"].values():
        raise typer.Exit(1)


def _report() -> dict[str, dict[str, Any]]:
    is_set = bool(os.environ.get(KEY_VARIABLE))
    return {
        "machine": {
            "agentopt": version("agentopt"),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "processors": os.cpu_count(),
        },
        "packages": {name: _version(name) for name in CORE},
        "extras": {name: _version(name) for name in EXTRAS},
        "models": {KEY_VARIABLE: "set" if is_set else "not set (needed for `openai:` only)"},
        "sandbox": _sandbox(),
    }


def _version(name: str) -> str:
    if importlib.util.find_spec(name) is None:
        return "not installed"
    try:
        return version(name)
    except PackageNotFoundError:
        return "installed"


def _sandbox() -> dict[str, str]:
    try:
        with LocalSandbox() as sandbox:
            held = sandbox.guarantees
    except SandboxError as error:
        return {"unavailable": str(error)}
    return {name: held.get(name, "NOT guaranteed") for name in get_args(Guarantee)}

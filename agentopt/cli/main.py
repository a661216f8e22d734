"""The `agentopt` command."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from agentopt.errors import AgentoptError, UsageError

_COMMANDS = {
    "run": "run:run",
    "resume": "resume:resume",
    "inspect": "inspect:inspect",
    "compare": "compare:compare",
    "ui": "ui:ui",
    "estimate": "estimate:estimate",
    "replay": "replay:replay",
    "keep": "keep:keep",
    "list": "list:list_",
    "show": "show:show",
    "doctor": "doctor:doctor",
    "demo": "demo:demo",
    "vllm-serve": "vllm_serve:vllm_serve",
}
"""Where each command is: module of `agentopt.cli` and function, in the order of the help."""
_SETTINGS = {"vllm-serve": {"allow_extra_args": True}}


class _Commands(TyperGroup):
    """The commands, each imported when it is called: what the others need costs it no time."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in _COMMANDS:
            module, _, function = _COMMANDS[cmd_name].partition(":")
            one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
            found = getattr(import_module(f"agentopt.cli.{module}"), function)
            one.command(cmd_name, context_settings=_SETTINGS.get(cmd_name))(found)
            self.commands[cmd_name] = typer.main.get_command(one)
        return self.commands.get(cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in _COMMANDS:
            for name in _COMMANDS:  # those that an unknown name is compared with
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Optimize numbers, prompts and code of agent workflows from feedback; see what happened; run it again.",
)
app.callback()(lambda: None)  # without one, and without commands registered here, typer makes no group


def main() -> None:
    """Runs the command line; an error is one line on standard error, and exit status 2 (usage) or 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character must not end the command
    try:
        app()
    except AgentoptError as error:
        notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
        print(f"agentopt: {error}{notes}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)

"""The `agentopt` command."""

from __future__ import annotations

import io
import sys

import typer

from agentopt.cli.compare import compare
from agentopt.cli.demo import demo
from agentopt.cli.doctor import doctor
from agentopt.cli.estimate import estimate
from agentopt.cli.inspect import inspect
from agentopt.cli.keep import keep
from agentopt.cli.list import list_
from agentopt.cli.replay import replay
from agentopt.cli.resume import resume
from agentopt.cli.run import run
from agentopt.cli.show import show
from agentopt.cli.ui import ui
from agentopt.cli.vllm_serve import vllm_serve
from agentopt.errors import AgentoptError, UsageError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Optimize numbers, prompts and code of agent workflows from feedback; see what happened; run it again.",
)
app.command()(run)
app.command()(resume)
app.command()(inspect)
app.command()(compare)
app.command()(ui)
app.command()(estimate)
app.command()(replay)
app.command()(keep)
app.command("list")(list_)
app.command()(show)
app.command()(doctor)
app.command()(demo)
app.command("vllm-serve", context_settings={"allow_extra_args": True})(vllm_serve)


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

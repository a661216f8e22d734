"""`agentopt vllm-serve`: a local vLLM server until Ctrl-C."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agentopt.llm.vllm_server import VLLMServer

PROGRESS_EVERY_S = 10.0


def vllm_serve(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A model's name on the hub, or its folder.")],
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    python: Annotated[str, typer.Option(help="Python of the environment with vLLM.")] = sys.executable,
    log: Annotated[Path, typer.Option(help="Where the server's output goes.")] = Path("runs/vllm.log"),
) -> None:
    """Serve a model with vLLM and print what to give as --llm; what stands after -- goes to vLLM."""
    announced_s = 0.0

    def say(waited_s: float) -> None:
        nonlocal announced_s
        if waited_s >= announced_s + PROGRESS_EVERY_S:
            announced_s = waited_s
            print(f"waiting for vLLM, {waited_s:.0f} s", file=sys.stderr, flush=True)

    print(f"starting vLLM; its output goes to {log}", file=sys.stderr, flush=True)
    server = VLLMServer(model, host=host, port=port, arguments=context.args, python=python, log=log, on_wait=say)
    try:
        with server:
            print(f"--llm {server.spec}", flush=True)
            server.wait()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise typer.Exit(130) from None

"""`agentopt estimate`: what a budget buys, before anything is spent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from agentopt.budget import Budget
from agentopt.catalog import load_task
from agentopt.cli.options import JsonOption, console, print_json
from agentopt.estimate import estimate as estimate_of


def estimate(
    task: Annotated[str, typer.Argument(help="A pack (folder, kind/name or name).")],
    optimizer: Annotated[str, typer.Option(help="See `agentopt list optimizers`.")] = "greedy",
    proposer: Annotated[str, typer.Option(help="See `agentopt list proposers`.")] = "optoprime",
    evaluations: Annotated[int | None, typer.Option(help="Budget: measurements.")] = None,
    asks: Annotated[int | None, typer.Option(help="Budget: trials the optimizer asks for.")] = None,
    llm_calls: Annotated[int | None, typer.Option(help="Budget: requests to models.")] = None,
    runs: Annotated[int, typer.Option(help="Simulated runs.", min=1)] = 3,
    as_json: JsonOption = False,
) -> None:
    """Estimate how many proposals, measurements and model calls a budget buys; runs neither workflow nor model."""
    budget = Budget(evaluations=evaluations, asks=asks, llm_calls=llm_calls)
    found = estimate_of(load_task(task), optimizer=optimizer, proposer=proposer, budget=budget, runs=runs)
    if as_json:
        print_json(asdict(found))
        return
    for name in ("proposals", "evaluations", "optimizer_calls", "workflow_calls"):
        low, high = getattr(found, name)
        console.print(f"{name.replace('_', ' '):16} {low if low == high else f'{low} to {high}'}")
    console.print(f"ends because     {'; '.join(found.reasons)}", markup=False)

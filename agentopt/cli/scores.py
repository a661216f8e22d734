"""The table of a run on benchmark problems."""

from __future__ import annotations

from rich import box
from rich.table import Table

from agentopt.adapters.scores import ProblemScore, Scores
from agentopt.cli.options import console
from agentopt.inspector.text import plain

_MOST_SUSPECTS = 20


def print_scores(scores: Scores) -> None:
    """Prints rates by problem type, the cost, and the labels that an accepted answer contradicts."""
    votes = {name: rate for name, rate in scores.rates.items() if "@" in name}
    rates = [name for name in scores.rates if name not in votes]
    table = Table("type", box=box.SIMPLE)
    for name in ("n", *rates):
        table.add_column(name, justify="right", no_wrap=True)
    kinds = scores.by_type()
    for kind, part in kinds.items():
        table.add_row(plain(kind or "-"), *_cells(part, rates))
    if len(kinds) > 1:
        table.add_section()
        table.add_row("all", *_cells(scores, rates))
    console.print(table)
    if votes:
        console.print(", ".join(f"{name} {_percent(rate)}" for name, rate in votes.items()), markup=False)
    cost = ", ".join(f"{name} {amount:.4g}" for name, amount in scores.cost_per_problem.items())
    console.print(f"cost per problem: {cost}", markup=False)
    if scores.suspects:
        console.print(f"label suspects ({len(scores.suspects)}): accepted answers that are not the label", markup=False)
        for problem in scores.suspects[:_MOST_SUSPECTS]:
            console.print(plain(_suspect(problem)))
        if len(scores.suspects) > _MOST_SUSPECTS:
            console.print(f"  … and {len(scores.suspects) - _MOST_SUSPECTS} more; --json lists all", markup=False)


def _cells(scores: Scores, rates: list[str]) -> list[str]:
    found = scores.rates
    return [str(len(scores.problems)), *(_percent(found[name]) for name in rates)]


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f}%"


def _suspect(problem: ProblemScore) -> str:
    answer = problem.status if problem.value is None else f"{problem.value:.10g}"
    label = "no optimum" if problem.label is None else f"{problem.label:.10g}"
    source = f" ({problem.provenance})" if problem.provenance else ""
    return f"  {problem.id}: answer {answer} ({problem.verdict}), label {label}{source}"

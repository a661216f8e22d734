"""`agentopt run`: optimize a task."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from agentopt.adapters.benchmarks import FORMATS
from agentopt.adapters.hints import CHANNELS
from agentopt.adapters.pipeline import pipeline_task
from agentopt.adapters.prompt import examples_task
from agentopt.adapters.scorers import SCORERS
from agentopt.adapters.scores import scores_of
from agentopt.budget import Budget
from agentopt.catalog import load_task
from agentopt.cli.models import limits_or_none, price_or_file
from agentopt.cli.options import (
    JsonOption,
    OutOption,
    console,
    pairs,
    print_json,
    say_reviewed,
)
from agentopt.cli.progress import Progress
from agentopt.cli.scores import print_scores
from agentopt.errors import UsageError
from agentopt.evaluate.twins import Reuse, Sameness
from agentopt.events import Evaluated, Event
from agentopt.loop import DEFAULT_BUDGET, optimize
from agentopt.task import Task


@dataclass(frozen=True)
class Files:
    """Options of `run` for tasks from a user's own file."""

    instances: Path | None
    ids: str | None
    format_name: str | None
    labels: Path | None
    plan: Mapping[str, Any]
    examples: Path | None
    start: str
    scorer: str
    columns: str | None
    only: str | None


def run(
    task: Annotated[
        str, typer.Argument(help="A pack (folder, kind/name or name), or `modeling` or `prompt` with a file.")
    ],
    llm: Annotated[str | None, typer.Option(help="The optimizer's model, such as openai:gpt-5-mini.")] = None,
    workflow_llm: Annotated[str | None, typer.Option(help="The workflow's own model, if another one.")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="See `agentopt list optimizers`; greedy, or measure with --instances.")
    ] = None,
    proposer: Annotated[str, typer.Option(help="See `agentopt list proposers`.")] = "optoprime",
    evaluations: Annotated[int | None, typer.Option(help="Budget: measurements.")] = None,
    asks: Annotated[int | None, typer.Option(help="Budget: trials the optimizer asks for.")] = None,
    llm_calls: Annotated[int | None, typer.Option(help="Budget: requests to models.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Budget: tokens.")] = None,
    usd: Annotated[float | None, typer.Option(help="Budget: US dollars; needs a known price.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Budget: wall time.")] = None,
    price: Annotated[
        str | None, typer.Option(help="PROMPT,COMPLETION in dollars per million tokens, or a file such as prices.toml.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="File of known replies; what is in it is not asked again.")] = None,
    in_flight: Annotated[int | None, typer.Option(help="Limit: model calls under way at once.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="Limit: model calls in any minute.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(help="Limit: tokens in any minute.")] = None,
    instances: Annotated[Path | None, typer.Option(help="modeling: JSON Lines of problems in words.")] = None,
    ids: Annotated[str | None, typer.Option(help="modeling: only these ids, separated by commas.")] = None,
    attempts: Annotated[int, typer.Option(help="modeling: drafts per sample, repairs included.")] = 3,
    file_format: Annotated[
        str | None, typer.Option("--format", help=f"modeling: {', '.join(FORMATS)}; else told from the file.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="modeling: JSON Lines with id, answer and provenance.")] = None,
    route: Annotated[str, typer.Option(help="modeling: code or declarative.")] = "code",
    pipeline: Annotated[str | None, typer.Option(help="modeling: direct, staged or consensus.")] = None,
    level: Annotated[str, typer.Option(help="modeling: fast, standard or rigorous.")] = "fast",
    samples: Annotated[int | None, typer.Option(help="modeling: answers per problem to choose from.")] = None,
    examples: Annotated[Path | None, typer.Option(help="prompt: JSON Lines or CSV with question and answer.")] = None,
    start: Annotated[str, typer.Option(help="prompt: the instruction to begin with.")] = "Answer the question.",
    scorer: Annotated[str, typer.Option(help=f"prompt: {', '.join(SCORERS)}; or number:TOLERANCE.")] = "exact",
    columns: Annotated[
        str | None, typer.Option(help="prompt: the file's names, as question=Frage,answer=Antwort.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="prompt: the examples with these values, as task=dates.")] = None,
    channels: Annotated[
        str | None,
        typer.Option(help=f"numerical: some of {','.join(CHANNELS)}; or a (all), m (one at random), n (none)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all chance.")] = 0,
    workers: Annotated[int, typer.Option(help="Measurements under way at once.")] = 8,
    executor: Annotated[str | None, typer.Option(help="Measure elsewhere: dask:tcp://… or ray:….")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds one measurement may take.")] = None,
    reuse: Annotated[str | None, typer.Option(help="Reuse evaluations by source or outputs; or off.")] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Each proposal waits for a person in `agentopt ui`.")
    ] = False,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Optimize a task, or measure a pipeline on a file of problems."""
    optimizer = optimizer or ("measure" if instances is not None else "greedy")
    plan = {"route": route, "level": level, "pipeline": pipeline, "samples": samples, "attempts": attempts}
    files = Files(instances, ids, file_format, labels, plan, examples, start, scorer, columns, only)
    chosen = _task(task, files, seed=seed, is_measured=optimizer == "measure", channels=channels)
    budget = Budget(evaluations=evaluations, asks=asks, llm_calls=llm_calls, tokens=tokens, usd=usd, seconds=seconds)
    evaluations_made: list[Evaluated] = []
    if review:
        say_reviewed(out)
    with Progress(quiet=as_json) as progress, interruptible(progress, out):

        def on_event(event: Event) -> None:
            if isinstance(event, Evaluated):
                evaluations_made.append(event)
            progress.event(event)

        result = optimize(
            chosen,
            optimizer=optimizer,
            proposer=proposer,
            budget=budget if budget.limits() else DEFAULT_BUDGET,
            llm=llm,
            workflow_llm=workflow_llm,
            price=price_or_file(price),
            cache=cache or False,
            limits=limits_or_none(in_flight, requests_per_minute, tokens_per_minute),
            seed=seed,
            workers=workers,
            executor=executor,
            timeout_s=timeout,
            reuse=Reuse(by=cast(Sameness, reuse), seed=seed) if reuse else None,  # checked by Reuse
            review=review,
            out=out,
            on_event=on_event,
        )
    scores = None if instances is None else scores_of(chosen.instances, evaluations_made, result.best.id)
    if as_json:
        print_json(result.to_json() | ({} if scores is None else {"scores": scores.to_json()}))
        return
    console.print(str(result), markup=False)
    if scores is not None and scores.problems:
        print_scores(scores)
    if chosen.verifier is not None:
        console.print(textwrap.indent(str(chosen.verify(result.best)), "  "), markup=False, soft_wrap=True)
    console.print(f"look: agentopt inspect {result.run}{'' if out == Path('runs') else f' --out {out}'}")


@contextmanager
def interruptible(progress: Progress, out: Path) -> Iterator[None]:
    """Ends the command where the user interrupts it, and says how the run goes on."""
    try:
        yield
    except KeyboardInterrupt:
        where = "" if out == Path("runs") else f" --out {out}"
        print(
            f"agentopt: interrupted; what was done is in the record: agentopt inspect {progress.run}{where}\n"
            f"agentopt: to go on from there: agentopt resume {progress.run}{where}",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None


def _task(name: str, files: Files, *, seed: int, is_measured: bool, channels: str | None) -> Task:
    if files.instances is not None:
        if name != "modeling":
            raise UsageError(f"--instances goes with `agentopt run modeling`, not with `{name}`")
        ids = files.ids.split(",") if files.ids else None
        return pipeline_task(
            files.instances,
            ids=ids,
            split="train" if is_measured else None,
            format_name=files.format_name,
            labels=files.labels,
            **files.plan,
        )
    if files.examples is not None:
        if name != "prompt":
            raise UsageError(f"--examples goes with `agentopt run prompt`, not with `{name}`")
        named = f"prompt/{files.examples.stem}"
        return examples_task(
            files.examples,
            name=named,
            start=files.start,
            scorer=files.scorer,
            seed=seed,
            columns=pairs("--columns", files.columns),
            only=pairs("--only", files.only),
        )
    if name in ("modeling", "prompt"):
        wanted = "--instances FILE" if name == "modeling" else "--examples FILE"
        raise UsageError(f"`agentopt run {name}` needs {wanted}; or name a pack, see `agentopt list tasks`")
    return load_task(name) if channels is None else load_task(name, channels=channels.split(","), seed=seed)

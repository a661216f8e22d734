"""`resume()`: an interrupted run goes on from its record, to where it would have come anyway."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentopt.budget import Budget
from agentopt.canonical import canonical, to_jsonable
from agentopt.catalog import task_of_record
from agentopt.errors import UsageError
from agentopt.evaluate.executors import Executor
from agentopt.evaluate.twins import NO_REUSE, Reuse
from agentopt.events import Event, RunStarted
from agentopt.instance import SPLITS
from agentopt.llm.base import LLM
from agentopt.llm.cache import ReplyCache
from agentopt.llm.limited import Limits
from agentopt.llm.price import Price
from agentopt.llm.recorded import ExchangeRole
from agentopt.llm.terms import Terms
from agentopt.llm.wrapped import skip
from agentopt.loop import cache_path, entered_executor, open_models, read_examples, review_setting, search
from agentopt.optimizers.base import Optimizer
from agentopt.optimizers.named import make_optimizer
from agentopt.past import Past, read_past
from agentopt.result import Result
from agentopt.review import Review
from agentopt.sandbox.base import Sandbox
from agentopt.settings import Settings
from agentopt.store.lock import run_lock
from agentopt.store.sqlite import Store, StoredEvent
from agentopt.store.tracefile import read_run
from agentopt.task import Task, as_task


def resume(
    run: str,
    *,
    workflow: Any = None,
    examples: str | Path | Sequence[Mapping[str, Any]] | None = None,
    feedback: Callable[..., Any] | None = None,
    parameters: object = None,
    target: float | None = None,
    optimizer: Optimizer | None = None,
    budget: Budget | None = None,
    llm: str | LLM | None = None,
    workflow_llm: str | LLM | None = None,
    price: Price | str | Path | None = None,
    limits: Limits | None = None,
    cache: bool | str | Path = False,
    sandbox: Sandbox | None = None,
    executor: str | Executor | None = None,
    review: bool | Review | None = None,
    out: str | Path = "runs",
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Goes on with a run that was interrupted, or that its budget ended, under the same id in the same record.

    It does what the uninterrupted run would have done: nothing that was measured is measured again, and no model call
    that was recorded is made again. Calls whose replies were not recorded when the run died are.

    Args:
        run: its id, `last`, or a trace file, whose run is entered in the record first.
        workflow: as in `optimize`, with the next four; found by the record where it is a task that agentopt can find.
        optimizer: where it is not one that can be made by name.
        budget: other limits for the whole run; what was spent before counts. The recorded ones where not given.
        llm: the optimizer's model; the recorded one where not given.
        workflow_llm: likewise; `llm` where that is given.
        price: as in `optimize`, with the next four; the recorded one where both models had the same.
        review: as in `optimize`; where not given, a run that was reviewed is reviewed in `agentopt ui`.
        out: folder of the record.

    Raises:
        UsageError: the run has come to its end, is going on elsewhere, cannot be found, or what is given is not what
            it was started with.
        ReplayMismatch: evidence of before was needed, and the workflow does not do again what it did.
    """
    path = Path(out) / "agentopt.sqlite"
    stored = read_run(run, path)
    header = _header(stored)
    if "optimizer" not in header.settings:
        raise UsageError(f"run `{header.run}` was made by steps in somebody's own loop; run that loop on")
    with run_lock(path, header.run):
        stored = _entered(path, run, stored)
        task = _task(header, workflow, examples, feedback, parameters, target)
        past = read_past(stored, task.space)
        with ExitStack() as stack:
            settings = replace(
                _settings(past, optimizer, budget),
                executor=entered_executor(executor, stack),
                review=review_setting("review" in header.settings if review is None else review),
            )
            _check_is_open(past, settings.budget)
            kept = stack.enter_context(ReplyCache(file)) if (file := cache_path(cache, out)) else None
            terms = Terms(price=price or _price(header), limits=limits, cache=kept)
            models = _models(header, task, (llm, workflow_llm), terms)
            _skip(models, past)
            return search(task, settings, models, sandbox=sandbox, store=path, on_event=on_event, past=past)


def _header(stored: Sequence[StoredEvent]) -> RunStarted:
    header = stored[0].event
    assert isinstance(header, RunStarted), "readers of records check it"
    return header


def _entered(path: Path, reference: str, stored: Sequence[StoredEvent]) -> list[StoredEvent]:
    """The run's events in the record, read while nobody else can write them; a trace file's are entered."""
    run = _header(stored).run
    with Store(path) as store:
        if run not in {known.run for known in store.runs()}:
            store.add_run(stored)
        elif reference not in (run, "last"):
            raise UsageError(f"`{path}` holds run `{run}` already; resume it by its id")
        return list(store.events(run))


def _task(
    header: RunStarted,
    workflow: Any,
    examples: str | Path | Sequence[Mapping[str, Any]] | None,
    feedback: Callable[..., Any] | None,
    parameters: object,
    target: float | None,
) -> Task:
    """The task of the run.

    Raises:
        UsageError: it cannot be found, or is not the one that was run.
    """
    if isinstance(workflow, Task):
        task = workflow
    elif workflow is not None:
        task = as_task(
            workflow,
            instances=read_examples(examples, seed=header.settings.get("seed", 0)),
            feedback=feedback,
            parameters=parameters,
            objective=str(header.task.get("objective", "")),
            target=target,
        )
    elif header.task.get("reference"):
        task = task_of_record(header.task["reference"])
    else:
        raise UsageError(
            f"run `{header.run}` is of a workflow in somebody's own code: "
            f"call `agentopt.resume({header.run!r}, workflow=…)` there, with what `optimize` was given"
        )
    instances = {s: [i.id for i in task.instances if i.split == s] for s in SPLITS}
    for what, was, is_ in (
        ("task", header.task.get("name"), task.name),
        ("parameters", header.space, to_jsonable(task.space.to_json())),
        ("instances", header.instances, instances),
    ):
        if canonical(was) != canonical(is_):
            raise UsageError(f"run `{header.run}` cannot be resumed: its {what} were {was}, what is given has {is_}")
    return task


def _settings(past: Past, optimizer: Optimizer | None, budget: Budget | None) -> Settings:
    recorded = past.header.settings
    chosen = optimizer or make_optimizer(recorded["optimizer"], "optoprime")
    limits = budget if budget is not None else past.budget
    return Settings(
        optimizer=chosen,
        budget=limits,
        seed=recorded.get("seed", 0),
        workers=recorded.get("workers", 8),
        timeout_s=recorded.get("timeout_s"),
        reuse=Reuse(**recorded["reuse"]) if "reuse" in recorded else NO_REUSE,
    )


def _check_is_open(past: Past, budget: Budget) -> None:
    """Refuses what could not go any further."""
    finished, run = past.finished, past.header.run
    if finished is None or finished.ended in ("error", "unanswered", "stopped"):
        return
    if finished.ended != "budget":
        raise UsageError(f"run `{run}` is finished: {finished.reason}")
    before = past.budget.limits()
    if not any(budget.limits().get(name, float("inf")) > limit for name, limit in before.items()):
        raise UsageError(f"run `{run}` ended because {finished.reason}; give it a larger budget than {before}")


def _price(header: RunStarted) -> Price | None:
    """The price that was paid, where all models had one price."""
    prices = [Price(**fields) for fields in header.prices.values()]
    return prices[0] if prices and len(prices) == len(header.llm) and len(set(prices)) == 1 else None


def _models(
    header: RunStarted, task: Task, given: tuple[str | LLM | None, str | LLM | None], terms: Terms
) -> dict[ExchangeRole, LLM]:
    """The models by role: those given, else those of the record, one where it was one."""
    llm, workflow_llm = given
    recorded = header.llm.get("workflow")
    if llm is None:
        llm = header.llm.get("optimizer")
        workflow_llm = workflow_llm or (recorded if recorded != llm else None)
    return open_models(task, llm, workflow_llm, terms)


def _skip(models: Mapping[ExchangeRole, LLM], past: Past) -> None:
    for model in {id(m): m for m in models.values()}.values():
        skip(model, past.exchanges(*(role for role, one in models.items() if one is model)))

"""`optimize()`: ask, measure, keep, under one budget, with everything written down."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from agentopt.budget import Budget
from agentopt.errors import UsageError
from agentopt.evaluate.executors import Executor, open_executor
from agentopt.evaluate.twins import Reuse, Sameness
from agentopt.events import (
    Event,
    Exchanged,
    RunStarted,
)
from agentopt.instance import Instance, as_instances, read_jsonl
from agentopt.llm.base import LLM
from agentopt.llm.cache import ReplyCache
from agentopt.llm.limited import Limits
from agentopt.llm.partly_replayed import PartlyReplayedLLM
from agentopt.llm.price import Price
from agentopt.llm.recorded import Exchange, ExchangeRole
from agentopt.llm.replayed import ReplayedLLM, ReplayMode
from agentopt.llm.resolve import resolve
from agentopt.llm.terms import Terms
from agentopt.optimizers.auto import Level, auto_budget
from agentopt.optimizers.base import Optimizer
from agentopt.optimizers.named import make_optimizer
from agentopt.past import Past
from agentopt.prompts import load_prompt
from agentopt.proposers.base import Proposer, settings_of
from agentopt.result import Result
from agentopt.review import Review
from agentopt.run import Run, plans_ahead
from agentopt.sandbox.base import Sandbox
from agentopt.sandbox.local import LocalSandbox
from agentopt.settings import Settings
from agentopt.store.lock import run_lock
from agentopt.store.sqlite import Store
from agentopt.store.tracefile import read_trace
from agentopt.task import Task, as_task

DEFAULT_BUDGET = Budget(asks=30)
CACHE_FILE = "replies.sqlite"
_THEN_LIVE = re.compile(r"(?P<trace>.+?)\+(?P<live>[a-z]+:.+)")


def optimize(
    workflow: Any,
    *,
    examples: str | Path | Sequence[Mapping[str, Any]] | None = None,
    feedback: Callable[..., Any] | None = None,
    parameters: object = None,
    objective: str = "",
    target: float | None = None,
    optimizer: str | Mapping[str, Any] | Optimizer = "greedy",
    proposer: str | Mapping[str, Any] | Proposer = "optoprime",
    budget: Budget | Level = DEFAULT_BUDGET,
    llm: str | LLM | None = None,
    workflow_llm: str | LLM | None = None,
    price: Price | str | Path | None = None,
    limits: Limits | None = None,
    cache: bool | str | Path = False,
    sandbox: Sandbox | None = None,
    out: str | Path | None = "runs",
    seed: int = 0,
    workers: int = 8,
    executor: str | Executor | Any | None = None,
    timeout_s: float | None = None,
    reuse: Sameness | Reuse | None = None,
    review: bool | Review = False,
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Improves a workflow's parameters from feedback, and returns what was found.

    The workflow is not changed; `result.apply()` gives it the best values.

    Args:
        workflow: a function (with `@trace` or without), or a `Task`, which brings the next five settings itself.
        examples: JSON Lines file or rows; fields named like the workflow's parameters are its inputs. `split`
            (train, dev, test) is taken from the rows, or dealt at random; see `instance.as_instances`.
        feedback: `feedback(output)` or `feedback(output, example)`; returns a score, words, or both.
        parameters: what may change; found in the workflow's code where not given.
        objective: what is to be achieved, in words for the optimizer.
        target: a score that cannot be beaten; the search stops there.
        optimizer: a spec such as `"gepa:minibatch=5,merge=true"`, `{"name": …, setting: …}` or an `Optimizer`.
        proposer: likewise, for the optimizers that take one.
        budget: limits of the whole run, the final test included; never exceeded. `"light"`, `"medium"` or `"heavy"`
            is enough for 10, 30 or 100 candidates on this task; see `optimizers.auto`.
        llm: the optimizer's model, as a specification such as `"openai:gpt-5-mini"` or an `LLM`.
        workflow_llm: given to a workflow with a parameter called `llm`; the same as `llm` where not given.
        price: of both models, or a file of prices by model (see `llm/prices.toml`); where not given, the list that
            ships knows OpenAI's own models. A budget of `usd` needs one.
        limits: how fast a model may be asked; see `llm.limited.Limits`.
        cache: file of replies to exact requests, which are not asked again (`True` is `replies.sqlite` in `out`);
            for one of two models only, give that one as `CachedLLM(…)`.
        sandbox: where code runs that a model wrote; a `LocalSandbox` where not given.
        out: folder of the record, `agentopt.sqlite` in it; `None` keeps none.
        seed: of all chance in the run.
        workers: measurements under way at once, where there is no `executor`. Plain workflows have a thread each;
            `async def` ones share one event loop, so there may be hundreds, but none may block it.
        executor: where to measure: this process where not given; `"dask:tcp://…"`, a `dask.distributed.Client`,
            `"ray:…"` or an `Executor`. Models are asked from this process all the same.
        timeout_s: seconds one measurement may take; then it has failed. See `Engine` for what becomes of it.
        reuse: when an evaluation is taken from a candidate that behaves the same: `"source"`, `"outputs"`, `"off"` or
            a `Reuse`. Where not given, `"source"` for a `Task` that says it is deterministic and asks no model,
            since nothing but the work can change there; otherwise `"off"`.
        review: every new candidate waits for a person, who accepts, edits or rejects it: `True` for whoever answers in
            `agentopt ui`, or a function from `review.Question` to `review.Decision`. Waiting counts as wall time.
        on_event: called with every event, in the thread that makes it.

    Raises:
        UsageError: something given cannot work; nothing was run.
        EnvironmentProblem: no key, no server; what was measured before is in the record.
    """
    if isinstance(workflow, Task):
        task = workflow
    else:
        task = as_task(
            workflow,
            instances=read_examples(examples, seed=seed),
            feedback=feedback,
            parameters=parameters,
            objective=objective,
            target=target,
        )
    if not isinstance(workers, int) or workers < 1:
        raise UsageError(f"`workers` is {workers!r}; expected a whole number, 1 or more")
    if not isinstance(seed, int) or seed < 0:
        raise UsageError(f"`seed` is {seed!r}; expected a whole number, 0 or more")
    if target is not None and (not isinstance(target, Real) or math.isnan(target)):
        raise UsageError(f"`target` is {target!r}; expected a number")
    if on_event is not None and not callable(on_event):
        raise UsageError(f"`on_event` is {on_event!r}; expected a function of an event")
    if timeout_s is not None and (not isinstance(timeout_s, Real) or not timeout_s > 0):
        raise UsageError(f"`timeout_s` is {timeout_s!r}; expected more than 0")
    store = Path(out) / "agentopt.sqlite" if out is not None else None
    with ExitStack() as stack:
        settings = Settings(
            optimizer=make_optimizer(optimizer, proposer),
            budget=budget if isinstance(budget, Budget) else auto_budget(budget, task.instances),
            seed=seed,
            workers=workers,
            executor=entered_executor(executor, stack),
            timeout_s=timeout_s,
            reuse=_reuse(reuse, task, seed),
            review=review_setting(review),
        )
        kept = stack.enter_context(ReplyCache(path)) if (path := cache_path(cache, out)) else None
        models = open_models(task, llm, workflow_llm, Terms(price=price, limits=limits, cache=kept))
        return search(task, settings, models, sandbox=sandbox, store=store, on_event=on_event)


def entered_executor(executor: str | Executor | None, stack: ExitStack) -> Executor | None:
    """The executor that `executor` names, closed with `stack`; one that was given is the caller's to close."""
    opened = open_executor(executor)
    if opened is not None and opened is not executor:
        stack.callback(opened.close)
    return opened


def read_examples(examples: str | Path | Sequence[Mapping[str, Any]] | None, *, seed: int) -> list[Instance]:
    """The instances in a JSON Lines file or in rows, as `optimize` takes them."""
    rows = read_jsonl(Path(examples)) if isinstance(examples, (str, Path)) else list(examples or ())
    return as_instances(rows, seed=seed)


def search(
    task: Task,
    settings: Settings,
    models: Mapping[ExchangeRole, LLM],
    *,
    sandbox: Sandbox | None,
    store: Path | None,
    on_event: Callable[[Event], None] | None,
    past: Past | None = None,
) -> Result:
    """One run from its start, or from where it stopped, to its end.

    Args:
        store: the record's file; `None` keeps none.
        past: what the run did before; whoever read it holds the run's lock.
    """
    _check(task, settings, models)
    with ExitStack() as stack:
        owned = sandbox or stack.enter_context(LocalSandbox(preload=task.preload))
        opened = stack.enter_context(Store(store)) if store is not None else None
        run = Run(task, settings, models, owned, opened, on_event, past)
        if store is not None and past is None:
            stack.enter_context(run_lock(store, run.id))
        return run.result()


def _reuse(asked: Sameness | Reuse | None, task: Task, seed: int) -> Reuse:
    if isinstance(asked, Reuse):
        return asked
    is_safe = task.is_deterministic and not task.needs_llm
    return Reuse(by=asked or ("source" if is_safe else "off"), seed=seed)


def review_setting(review: bool | Review) -> Review | Literal["queue"] | None:
    """Who reviews, `review` as `optimize` takes it."""
    if isinstance(review, bool):
        return "queue" if review else None
    return review


def cache_path(cache: bool | str | Path, out: str | Path | None) -> Path | None:
    """Where replies are kept, `cache` as `optimize` takes it; `None` for nowhere."""
    if isinstance(cache, bool):
        if cache and out is None:
            raise UsageError("`cache=True` keeps replies beside the record, and `out` is None; give `cache` a path")
        return Path(out) / CACHE_FILE if cache and out is not None else None
    if not isinstance(cache, (str, Path)):
        raise UsageError(f"`cache` is {cache!r}; expected a path, True or False")
    return Path(cache)


def open_models(
    task: Task, llm: str | LLM | None, workflow_llm: str | LLM | None, terms: Terms
) -> dict[ExchangeRole, LLM]:
    """The models by role. The same one serves both, except that a replay keeps its roles apart."""
    models: dict[ExchangeRole, LLM] = {}
    if llm is not None:
        models["optimizer"] = open_model(llm, "optimizer", terms=terms)
    spec = workflow_llm if workflow_llm is not None else llm
    if spec is not None and task.needs_llm:
        models["workflow"] = open_model(spec, "workflow", terms=terms)
    return models


def open_model(spec: str | LLM, role: ExchangeRole, *, mode: ReplayMode = "strict", terms: Terms | None = None) -> LLM:
    """The model that `spec` names, on these terms; `replay:<trace file>` answers from what was recorded for `role`,
    `replay:<trace file>+<another specification>` as far as that goes."""
    terms = terms or Terms()

    def live(spec: str | LLM, price: Price | None) -> LLM:
        return resolve(spec, price=price, schema_words=load_prompt("json_reply").fill(schema="{{schema}}"))

    if isinstance(spec, ReplayedLLM):
        return spec
    rest = spec.removeprefix("replay:") if isinstance(spec, str) and spec.startswith("replay:") else ""
    if not rest:
        return terms.model(spec, live)
    then_live = _THEN_LIVE.fullmatch(rest)
    path = Path(then_live["trace"] if then_live else rest)
    events = [stored.event for stored in read_trace(path)]
    header = events[0]
    assert isinstance(header, RunStarted)
    exchanges = [Exchange.from_json(e.exchange) for e in events if isinstance(e, Exchanged)]
    exchanges = [e for e in exchanges if e.role == role]
    name, answered = f"replay:{path.name}", header.answered_by
    if then_live:
        return PartlyReplayedLLM(terms.model(then_live["live"], live), exchanges, recorded_by=answered, name=name)
    price = header.prices.get(role)
    return ReplayedLLM(
        exchanges, mode=mode, answered_by=answered, name=name, price=None if price is None else Price(**price)
    )


def _check_review(settings: Settings) -> None:
    optimizer, is_reviewed = settings.optimizer, settings.review is not None
    name = settings_of(optimizer)["name"]
    if "person" in optimizer.needs and not is_reviewed:
        raise UsageError(f"optimizer `{name}` has a person rank; give `review=True`, or --review")
    if is_reviewed and plans_ahead(optimizer) and "person" not in optimizer.needs:
        raise UsageError(f"optimizer `{name}` cannot do without the points it asks for, so they cannot be reviewed")


def _check(task: Task, settings: Settings, models: Mapping[ExchangeRole, LLM]) -> None:
    """Refuses what cannot work before anything is spent."""
    needs = settings.optimizer.needs
    model = models.get("optimizer")
    if "llm" in needs and model is None:
        name = settings_of(settings.optimizer)["name"]
        raise UsageError(f"optimizer `{name}` asks a model; give `llm=`, such as llm='openai:gpt-5-mini'")
    _check_review(settings)
    if model is not None and (missing := sorted(needs - {"llm", "person"} - model.capabilities)):
        raise UsageError(f"the optimizer needs a model with {missing}; `{model.name}` has {sorted(model.capabilities)}")
    if task.needs_llm and "workflow" not in models:
        raise UsageError(f"workflow `{task.workflow.operation.name}` asks for an `llm`; give `llm=` or `workflow_llm=`")
    tests = sum(i.split == "test" for i in task.instances)
    for name in ("evaluations", "llm_calls"):
        limit = getattr(settings.budget, name)
        if limit is not None and limit <= 2 * tests and (name == "evaluations" or task.needs_llm):
            raise UsageError(
                f"budget `{name}` is {limit}, and measuring the start and the best on {tests} test instances takes "
                f"{2 * tests} already; raise it, or give fewer test instances"
            )

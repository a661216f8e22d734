"""How a search is made, and the header of the record that says so."""

from __future__ import annotations

import platform
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Literal

from agentopt.budget import Budget
from agentopt.canonical import to_jsonable
from agentopt.evaluate.executors import Executor
from agentopt.evaluate.twins import NO_REUSE, Reuse
from agentopt.events import RunStarted
from agentopt.instance import SPLITS
from agentopt.llm.base import LLM
from agentopt.llm.price import known_prices
from agentopt.llm.recorded import ExchangeRole
from agentopt.optimizers.base import Optimizer
from agentopt.proposers.base import settings_of
from agentopt.review import Review
from agentopt.sandbox.base import Sandbox
from agentopt.task import Task


@dataclass(frozen=True)
class Settings:
    """How to search, and how to measure (see `Engine`).

    Args:
        review: decides about every new candidate: whoever answers in the queue beside the record, or a function.
    """

    optimizer: Optimizer
    budget: Budget
    seed: int
    workers: int
    executor: Executor | None = None
    timeout_s: float | None = None
    reuse: Reuse = NO_REUSE
    review: Review | Literal["queue"] | None = None

    def beyond_defaults(self) -> dict[str, Any]:
        """What a replay must know of how it was measured and reviewed, where it is not the default."""
        known: dict[str, Any] = {} if self.timeout_s is None else {"timeout_s": self.timeout_s}
        known |= {} if self.reuse.by == "off" else {"reuse": asdict(self.reuse)}
        return known if self.review is None else known | {"review": True}


def new_run_id() -> str:
    """An id that no other run has; ids sort by the second they were made in."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def header_of(
    run: str, task: Task, settings: Settings, models: Mapping[ExchangeRole, LLM], sandbox: Sandbox
) -> RunStarted:
    """The header of a run that begins."""
    runs_code = task.runs_code or any(p.kind == "code" for p in task.space.parameters.values())
    return RunStarted(
        run=run,
        task={"name": task.name, "objective": task.objective, "reference": dict(task.reference)},
        settings={
            "optimizer": to_jsonable(settings_of(settings.optimizer)),
            "budget": settings.budget.limits(),
            "seed": settings.seed,
            "workers": settings.workers,
            **settings.beyond_defaults(),
        },
        llm={role: model.name for role, model in models.items()},
        prices=known_prices(models),
        answered_by=", ".join(sorted({model.answered_by for model in models.values()})) or "nobody",
        space=to_jsonable(task.space.to_json()),
        instances={split: [i.id for i in task.instances if i.split == split] for split in SPLITS},
        guarantees={str(k): v for k, v in sandbox.guarantees.items()} if runs_code else {},
        platform=this_platform(),
    )


def this_platform() -> dict[str, str]:
    """The versions of agentopt and Python, and the operating system."""
    return {"agentopt": version("agentopt"), "python": platform.python_version(), "system": platform.system()}

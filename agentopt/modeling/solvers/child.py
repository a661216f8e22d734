"""A solve in a process of its own, which ends with it.

It keeps solvers apart that cannot share a process (highspy and OR-Tools each bring HiGHS symbols that the
other cannot load), and a solver that crashes costs an answer, not the caller.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace

from agentopt.errors import UsageError
from agentopt.modeling.model import Model
from agentopt.modeling.solvers.base import Solution

_STARTUP_S = 20.0  # what starting Python and loading a solver may take on a busy machine


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a solver is asked for; see `Solver`."""

    time_limit_s: float = 60.0
    gap: float = 0.0
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        if self.time_limit_s < 0 or self.gap < 0:
            raise UsageError(f"a time limit and a gap are not negative, got {self.time_limit_s} and {self.gap}")


def solve_in_child(backend: str, model: Model, options: Options, *, choice: str = "") -> Solution:
    """What `solve_here` of a module of this folder returns, called in a new process.

    A process that crashes or does not end in time is a status, never an exception.

    Args:
        backend: name of the module.
        choice: which of the module's solvers, where it has several.
    """
    question = {"backend": backend, "model": model.to_json(), "options": asdict(options), "choice": choice}
    name = choice or backend
    try:
        process = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=options.time_limit_s + _STARTUP_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = "the process did not end in time"
        return Solution(status="time_limit", solver=name, message=message, options=asdict(options))
    if process.returncode != 0:
        message = process.stderr.strip()[-500:] or f"the process ended with {process.returncode}"
        return Solution(status="error", solver=name, message=message, options=asdict(options))
    return Solution.from_json(json.loads(process.stdout.splitlines()[-1]))


def answer(question: str) -> str:
    """The child's side: the solution of a question, both as JSON."""
    asked = json.loads(question)
    options = Options(**asked["options"])
    backend = importlib.import_module(f"agentopt.modeling.solvers.{asked['backend']}")
    started = time.perf_counter()
    found: Solution = backend.solve_here(Model.from_json(asked["model"]), options, asked["choice"])
    found = replace(found, time_s=time.perf_counter() - started, options=asked["options"])
    return json.dumps(found.to_json())


if __name__ == "__main__":
    sys.stdout.write(answer(sys.stdin.read()) + "\n")

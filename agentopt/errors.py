"""What agentopt raises.

    AgentoptError
    ├── UsageError            the caller's mistake: an argument, a file, a name (also ValueError)
    │   ├── FormatError       a file that cannot be read: names file and line
    │   └── StrictTraceError  a value left a strict trace
    ├── EnvironmentProblem    the machine lacks something
    │   ├── MissingDependency an extra that is not installed, with the pip command
    │   ├── MissingKey        no API key where one is needed
    │   └── ModelUnavailable  the server is unreachable, or does not know the model
    ├── RunError              something failed while a run was under way
    │   ├── BudgetExhausted   the next step would cost more than is left
    │   ├── LLMError          a model did not answer
    │   ├── RunStopped        a person asked a run to stop while it waited for them
    │   ├── ReplayMismatch    a replayed run asked for something its trace does not hold
    │   └── SandboxError      the sandbox itself could not start (never: the code in it failed)
    ├── CodeError             code under optimization failed where it ran; data, like any workflow error
    └── ProposalError         a proposal that cannot be applied; its text goes back to the model

What a model or a workflow gets wrong is data (a `Feedback`, a status, a `ProposalError` that is fed
back), not an exception that ends a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class AgentoptError(Exception):
    """Base of everything agentopt raises on purpose."""


class UsageError(AgentoptError, ValueError):
    """The caller passed something that cannot work."""


class FormatError(UsageError):
    """A file does not have the format it should have; the message starts with `file:line`."""


class StrictTraceError(UsageError):
    """A value left the graph inside `trace(strict=True)`."""


class EnvironmentProblem(AgentoptError):
    """The machine lacks something the request needs."""


class MissingDependency(EnvironmentProblem, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs `{package}`: pip install 'agentopt[{extra}]'")


class MissingKey(EnvironmentProblem):
    """An API key is needed and its environment variable is not set."""


class ModelUnavailable(EnvironmentProblem):
    """The model's server cannot be reached, or does not serve that model."""


class RunError(AgentoptError):
    """Something failed while a run was under way."""


class BudgetExhausted(RunError):
    """The next step would cost more than the budget has left."""


class LLMError(RunError):
    """A model did not give a usable answer, and asking again did not help."""


class RunStopped(RunError):
    """A person asked the run to stop; it can be resumed."""


class ReplayMismatch(RunError):
    """A replayed run asked for something that its trace does not hold."""


class SandboxError(RunError):
    """The sandbox could not be started or lost contact with its worker."""


class CodeError(AgentoptError):
    """Code under optimization failed where it ran: in the sandbox, or while being compiled."""


class ProposalError(AgentoptError):
    """A proposal cannot be applied. The message is written for the model that proposed it."""


@contextmanager
def context(**where: object) -> Iterator[None]:
    """Adds where it happened (`task=`, `node=`, `step=` …) to any exception that passes through.

    The words are attached as a note (PEP 678), so the message itself stays short.
    """
    try:
        yield
    except Exception as error:
        error.add_note("in " + ", ".join(f"{key} `{value}`" for key, value in where.items()))
        raise

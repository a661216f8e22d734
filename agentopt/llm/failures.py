"""Failures of one attempt that asking again may cure.

    LLMError
    └── Transient         refused for the moment; nothing was produced
        ├── Unreachable   no connection could be made
        └── LostReply     the request was taken, but no usable reply arrived

An `LLM` makes single attempts and raises these; `RetryingLLM` asks again; `Exchange` records the
class by name, so that a replay fails where the record did.
"""

from __future__ import annotations

from typing import ClassVar

from agentopt.errors import AgentoptError, EnvironmentProblem, LLMError, MissingKey, ModelUnavailable, UsageError


class Transient(LLMError):
    """The server refused for the moment: a rate limit, an overload, a conflict.

    Args:
        message: what was asked of whom, and what came back.
        retry_after_s: seconds after which to ask again, as the server said; 0 is at once, `None`
            leaves it to whoever retries.
    """

    final: ClassVar[type[AgentoptError]] = LLMError
    """What it becomes when asking again did not help."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unreachable(Transient):
    """No connection to the server could be made."""

    final = ModelUnavailable


class LostReply(Transient):
    """The request was sent, but no usable reply arrived: time-out, dropped connection, broken body.

    The server may have worked for it, and may bill it.
    """


_BY_NAME: dict[str, type[AgentoptError]] = {
    kind.__name__: kind for kind in (LLMError, Transient, Unreachable, LostReply, ModelUnavailable, MissingKey)
}


def failure_named(kind: str, message: str) -> AgentoptError:
    """The failure that a record holds as class name and message.

    What was transient may be asked again at once. A class that is not ours reads back as `LLMError`.
    """
    known = _BY_NAME.get(kind)
    if known is None:
        return LLMError(f"{kind}: {message}")
    if issubclass(known, Transient):
        return known(message, retry_after_s=0.0)
    return known(message)


def was_certainly_free(kind: str) -> bool:
    """`certainly_free`, of a failure that a record holds by the name of its class."""
    return kind in _BY_NAME and certainly_free(failure_named(kind, ""))


def certainly_free(error: BaseException) -> bool:
    """Whether the server certainly did no work that it could bill."""
    return isinstance(error, (EnvironmentProblem, LLMError, UsageError)) and not isinstance(error, LostReply)

"""Parameters: trainable nodes, and the versions of them that graphs refer to."""

from __future__ import annotations

import copy
import copyreg
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from agentopt.errors import ProposalError, UsageError
from agentopt.graph.allowed import check_value
from agentopt.graph.node import Node, next_serial
from agentopt.graph.scope import SCOPE
from agentopt.graph.showing import fingerprint
from agentopt.graph.structure import unwrapped

if TYPE_CHECKING:
    from agentopt.graph.subgraph import Evidence

Kind = Literal["number", "integer", "choice", "prompt", "code", "json"]
logger = logging.getLogger(__name__)


class Version(Node):
    """A parameter as it was when an operation read it."""

    __slots__ = ("parameter",)

    parameter: Parameter

    def __init__(self, value: Any, parameter: Parameter) -> None:
        self._value = value
        self._seen = fingerprint(value)
        self.operation = None
        self.inputs = ()
        self.serial = next_serial()
        self._extra = None
        self.parameter = parameter


class Parameter(Node):
    """A value that an optimizer may change: a trainable node.

    Graphs refer to the version that an operation read, so a graph stays true after an update.

    Args:
        value: the start value.
        name: what proposals call it; unique among the parameters that are optimized together.
        kind: number, integer, choice, prompt, code or json; inferred from `value` where not given
            (bool and values with `choices`: choice; int: integer; float: number; str: prompt).
        bounds: smallest and largest number allowed, both included; `None` for no limit.
        choices: the values allowed.
        step: numbers must be `bounds[0]` (or 0) plus a multiple of it.
        schema: JSON Schema words for a json value; shown to the optimizer, checked by `check`.
        check: called with a proposed value; raises, or returns a complaint, to refuse it.
        doc: what the parameter means, for the optimizer.

    Raises:
        UsageError: there is no name, or the start value does not fit what is said about it.
    """

    __slots__ = ("_current", "bounds", "check", "choices", "doc", "evidence", "kind", "schema", "step", "times_bound")

    def __init__(
        self,
        value: Any,
        *,
        name: str,
        kind: Kind | None = None,
        bounds: tuple[float | None, float | None] | None = None,
        choices: Sequence[Any] | None = None,
        step: float | None = None,
        schema: Mapping[str, Any] | None = None,
        check: Callable[[Any], object] | None = None,
        doc: str = "",
    ) -> None:
        if not name:
            raise UsageError("a parameter needs a name")
        super().__init__(None, name=name)
        value = unwrapped(value)
        self.kind = kind or _inferred(value, choices)
        self.bounds = bounds
        self.choices = (False, True) if isinstance(value, bool) and not choices else tuple(choices or ())
        self.step = step
        self.schema = schema
        self.check = check
        self.doc = doc
        self.evidence: list[Evidence] = []
        self.times_bound = 0  # in how many places `bound` gives it another value just now
        self._current = Version(value, self)
        try:
            self._current = Version(check_value(self, value), self)
        except ProposalError as error:
            said = str(error).replace("the proposal gives", "the start value is")
            raise UsageError(said) from None

    def _leaf(self) -> Version:
        scope = SCOPE.get()
        if scope is not None and self in scope.overlay:
            return scope.overlay[self]
        if self.times_bound:
            logger.warning(
                "parameter `%s` has its own value in thread `%s`, while a run gives it others: a thread that a "
                "workflow starts must run in contextvars.copy_context() to see them",
                self.name,
                threading.current_thread().name,
            )
        return self._current

    def set(self, value: Any) -> None:
        """Replaces the value. Graphs made before keep the value that they read."""
        self._current = Version(unwrapped(value), self)

    def zero_feedback(self) -> None:
        """Forgets the evidence gathered so far."""
        self.evidence.clear()

    # A copy is a parameter of its own: the same value and rules, no evidence.

    def __copy__(self) -> Parameter:
        made = type(self).__new__(type(self))
        made.__setstate__(self.__getstate__())
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        made = memo[id(self)] = type(self).__new__(type(self))
        made.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self),), self.__getstate__()  # type: ignore[attr-defined]  # as by default

    def __getstate__(self) -> dict[str, Any]:
        rules = {field: getattr(self, field) for field in _RULES}
        return rules | {"value": self._leaf()._value, "name": self.name, "description": self.description}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        Node.__init__(self, None, name=state["name"])
        for field in _RULES:
            setattr(self, field, state[field])
        if state["description"]:
            self.describe(state["description"])
        self.evidence = []
        self.times_bound = 0
        self._current = Version(state["value"], self)


_RULES = ("bounds", "check", "choices", "doc", "kind", "schema", "step")


def _inferred(value: Any, choices: Sequence[Any] | None) -> Kind:
    if choices or isinstance(value, bool):
        return "choice"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "prompt" if isinstance(value, str) else "json"

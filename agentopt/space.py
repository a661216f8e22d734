"""What may change: the parameters of a run, by name, and which values each may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, assert_never

from agentopt.canonical import canonical
from agentopt.errors import ProposalError, UsageError
from agentopt.graph.allowed import check_value
from agentopt.graph.node import detach
from agentopt.graph.scope import bound
from agentopt.graph.trainable import Parameter
from agentopt.sandbox.base import Sandbox


@dataclass(frozen=True)
class Space:
    """The parameters that are optimized together, by name."""

    parameters: Mapping[str, Parameter]

    def values(self) -> dict[str, Any]:
        """The parameters' present values."""
        return {name: detach(parameter) for name, parameter in self.parameters.items()}

    def checked(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The changes, each as a value of its parameter's kind; all or nothing.

        A value may be written differently (`"3"` for 3, code in a fence), never changed in meaning.

        Raises:
            ProposalError: naming every change that cannot be made, and why.
        """
        checked, problems = {}, []
        for name, value in changes.items():
            try:
                checked[name] = check_value(self._parameter(name), value)
            except ProposalError as error:
                problems.append(str(error))
        if problems:
            raise ProposalError("\n".join(problems))
        return checked

    def _parameter(self, name: str) -> Parameter:
        if name not in self.parameters:
            raise ProposalError(f"there is no parameter `{name}`; the parameters are {', '.join(self.parameters)}")
        return self.parameters[name]

    @contextmanager
    def bound(self, values: Mapping[str, Any], *, sandbox: Sandbox | None = None) -> Iterator[None]:
        """Gives the parameters these values inside, in this thread or task only."""
        self._check_names(values)
        with bound({self.parameters[name]: value for name, value in values.items()}, sandbox=sandbox):
            yield

    def set(self, values: Mapping[str, Any]) -> None:
        """Gives the parameters these values from now on.

        Raises:
            UsageError: a name that is not a parameter's.
        """
        self._check_names(values)
        for name, value in values.items():
            self.parameters[name].set(value)

    def restored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as a record holds them, a choice replaced by the very object that it was written for.

        Raises:
            UsageError: a name that is not a parameter's.
        """
        self._check_names(values)
        return {name: _restored(self.parameters[name], value) for name, value in values.items()}

    def _check_names(self, values: Mapping[str, Any]) -> None:
        if unknown := sorted(set(values) - set(self.parameters)):
            raise UsageError(f"no parameters called {unknown}; the parameters are {list(self.parameters)}")

    def reply_schema(self) -> dict[str, Any]:
        """JSON Schema of an object with one value or null per parameter."""
        properties = {name: {"anyOf": [_value_schema(p), {"type": "null"}]} for name, p in self.parameters.items()}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def to_json(self) -> list[dict[str, Any]]:
        """The parameters as JSON data, for a record's header."""
        return [
            {
                "name": name,
                "kind": p.kind,
                "bounds": list(p.bounds) if p.bounds else None,
                "choices": list(p.choices),
                "step": p.step,
                "doc": p.doc,
            }
            for name, p in self.parameters.items()
        ]


def _restored(parameter: Parameter, value: Any) -> Any:
    same = [choice for choice in parameter.choices if canonical(choice) == canonical(value)]
    return same[0] if same else value


def _value_schema(parameter: Parameter) -> dict[str, Any]:
    match parameter.kind:
        case "number" | "integer":
            return {"type": parameter.kind}
        case "choice":
            return {"enum": list(parameter.choices)}
        case "prompt" | "code":
            return {"type": "string"}
        case "json":
            return dict(parameter.schema or {})
        case _:
            assert_never(parameter.kind)

"""The values of parameters as JSON data, and back."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentopt.canonical import from_jsonable, to_jsonable
from agentopt.errors import FormatError, ProposalError, UsageError
from agentopt.graph.allowed import check_value
from agentopt.graph.bundling import BoundBundle, Bundle
from agentopt.graph.node import detach
from agentopt.graph.parameters import parameters_of, parameters_used_by
from agentopt.graph.trainable import Parameter

STATE_VERSION = 1


def state_dict(holder: object) -> dict[str, Any]:
    """The values of the parameters that `holder` reaches, by name, as JSON data that reads back equal.

    Args:
        holder: what `parameters_of` takes (a module's instance, a bundle, a list or dict of parameters), or a
            workflow, whose parameters are found in its code and go by their own names.

    Raises:
        UsageError: a value that JSON cannot hold without loss, or a holder that parameters are not looked for in.
    """
    values = {}
    for name, parameter in _parameters(holder).items():
        try:
            values[name] = to_jsonable(detach(parameter), strict=True)
        except UsageError as error:
            raise UsageError(f"the value of parameter `{name}` cannot be saved: {error}") from None
    return {"agentopt_state": STATE_VERSION, "values": values}


def load_state_dict(holder: object, data: Mapping[str, Any]) -> None:
    """Gives the parameters that `holder` reaches the values that `state_dict` gave.

    Raises:
        FormatError: `data` is not what `state_dict` gives.
        UsageError: names are missing or unexpected, or a value is not allowed; all of them are named, and nothing
            was changed.
    """
    version = data.get("agentopt_state") if isinstance(data, Mapping) else None
    if version != STATE_VERSION or not isinstance(data.get("values"), Mapping):
        raise FormatError(f"expected a state with `agentopt_state` {STATE_VERSION} and `values`, got {version!r}")
    parameters, given = _parameters(holder), data["values"]
    problems = []
    if missing := [name for name in parameters if name not in given]:
        problems.append(f"missing: {', '.join(missing)}")
    if unexpected := [str(name) for name in given if name not in parameters]:
        problems.append(f"unexpected: {', '.join(unexpected)}")
    values = {}
    for name in [name for name in parameters if name in given]:
        try:
            values[name] = check_value(parameters[name], from_jsonable(given[name]))
        except ProposalError as error:
            problems.append(str(error).replace("the proposal gives", "the state gives"))
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"parameter `{name}`: {error}")
    if problems:
        raise UsageError("the state does not fit, and nothing was changed; " + "; ".join(problems))
    for name, value in values.items():
        parameters[name].set(value)


def save(holder: object, path: str | Path) -> None:
    """Writes `state_dict(holder)` to a JSON file, which is replaced whole or not at all."""
    text = json.dumps(state_dict(holder), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, text)


def load(holder: object, path: str | Path) -> None:
    """Gives the parameters that `holder` reaches the values that `save` wrote.

    Raises:
        FormatError: the file cannot be read, or is not a state.
        UsageError: as `load_state_dict`.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8", errors="surrogatepass"))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not a state of agentopt: {error}") from None
    try:
        load_state_dict(holder, data)
    except UsageError as error:
        raise type(error)(f"{path}: {error}") from None


def replace_file(path: str | Path, text: str) -> None:
    """Writes a text file by way of a second one beside it, so that no reader sees half of it."""
    path = Path(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("x", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _parameters(holder: object) -> dict[str, Parameter]:
    """The parameters of a holder or a workflow, by name."""
    is_module = getattr(type(holder), "__agentopt_module__", False)
    if is_module or isinstance(holder, (Parameter, Bundle, BoundBundle, Mapping, list, tuple)):
        return parameters_of(holder)
    if not callable(holder) or isinstance(holder, type):
        shown = f"the class `{holder.__name__}`" if isinstance(holder, type) else f"a {type(holder).__name__}"
        raise UsageError(f"expected an instance of a class marked with @agentopt.module, or a workflow, got {shown}")
    return parameters_used_by(holder)

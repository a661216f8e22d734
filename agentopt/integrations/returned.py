"""What steps of a LangGraph graph return: which keys it writes, where it leads, and the same without nodes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from langgraph.types import Command, Send

from agentopt.graph.structure import fields_of, unwrapped
from agentopt.integrations.reading import ReadingDict


def sends(returned: Any) -> Iterator[Send]:
    """The states that are sent to steps of their own."""
    for one in returned if isinstance(returned, (list, tuple)) else [returned]:
        goto = one.goto if isinstance(one, Command) else one
        yield from (x for x in (goto if isinstance(goto, (list, tuple)) else [goto]) if isinstance(x, Send))


def goals(returned: Any) -> Sequence[str]:
    """Names of the steps that the commands in what a step returned go to."""
    found: list[str] = []
    for one in returned if isinstance(returned, (list, tuple)) else [returned]:
        if isinstance(one, Command) and one.graph is None:
            goto = one.goto if isinstance(one.goto, (list, tuple)) else [one.goto]
            found += [x.node if isinstance(x, Send) else str(x) for x in goto]
        elif isinstance(one, Send):
            found.append(one.node)
    return found


def updates(returned: Any) -> list[tuple[str, Any]]:
    """The state keys that a returned value writes, as LangGraph reads it."""
    if returned is None or isinstance(returned, Send):
        return []
    if isinstance(returned, dict):
        return list(returned.items())
    if isinstance(returned, Command):
        return updates(returned.update) if returned.graph is None else []
    if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[0], str):
        return [(returned[0], returned[1])]
    if isinstance(returned, (list, tuple)):
        return [pair for one in returned for pair in updates(one)]
    is_set = getattr(returned, "model_fields_set", ())
    pairs = [(name, getattr(returned, name)) for name in fields_of(returned) or ()]
    return [(name, value) for name, value in pairs if value is not None or name in is_set]


def plain(value: Any) -> Any:
    """`value` as LangGraph may keep it: no node in it, and no state that notes its reads."""
    if isinstance(value, ReadingDict):
        value = value.copy()
    if isinstance(value, Send):
        sent = copy.copy(value)
        sent.arg = plain(value.arg)
        return sent
    if isinstance(value, Command):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    if type(value) in (list, tuple):
        return type(value)(plain(x) for x in value) if any(_is_wrapped(x) for x in value) else unwrapped(value)
    if type(value) is dict and any(_is_wrapped(x) for x in value.values()):
        return {key: plain(x) for key, x in value.items()}
    return unwrapped(value)


def _is_wrapped(value: Any) -> bool:
    return isinstance(value, (ReadingDict, Send, Command))

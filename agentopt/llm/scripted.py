"""Answers written down beforehand, given in order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from agentopt.errors import FormatError, LLMError, UsageError
from agentopt.llm.base import Capability, Reply, Request, Usage
from agentopt.llm.price import FREE, Price

Scripted = str | Reply | Exception | Callable[[Request], str | Reply]
"""A text, a whole reply, a failure to raise, or a function of the request; each is used for one call."""


class ScriptedLLM:
    """Gives `replies` in order, one per call, whatever is asked.

    With several threads, which call gets which reply depends on their timing.

    Args:
        replies: what to answer.
        name: of the script, for records: a trace says `script:<name>`, or `script` without one.
        capabilities: what it pretends to be able to do.
    """

    def __init__(
        self, replies: Sequence[Scripted], *, name: str = "", capabilities: frozenset[Capability] = frozenset()
    ) -> None:
        self._replies = tuple(replies)
        self._script = name
        self._capabilities = capabilities
        self._asked = 0
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: str | Path) -> ScriptedLLM:
        """The script in a JSON Lines file: every line a string, or an object with the string `reply`.

        Raises:
            UsageError: there is no such file.
            FormatError: a line is something else.
        """
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the script `{path}`: {error}") from error
        replies = [_reply_on(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
        return cls(replies, name=path.name)

    @property
    def name(self) -> str:
        return f"scripted:{self._script}"

    @property
    def answered_by(self) -> str:
        return f"script:{self._script}" if self._script else "script"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._capabilities

    @property
    def price(self) -> Price:
        return FREE

    def skip(self, exchanges: Sequence[object]) -> None:
        """Passes over the replies that an interrupted run was given in these exchanges."""
        with self._lock:
            self._asked = min(len(self._replies), self._asked + len(exchanges))

    def complete(self, request: Request) -> Reply:
        """The next reply of the script; its tokens are not counted, and it costs nothing.

        Raises:
            LLMError: the script is used up.
        """
        with self._lock:
            if self._asked == len(self._replies):
                raise LLMError(f"`{self.name}` held {len(self._replies)} replies, and one more was asked for")
            reply = self._replies[self._asked]
            self._asked += 1
        if isinstance(reply, Exception):
            raise reply
        said = reply(request) if callable(reply) else reply
        return said if isinstance(said, Reply) else Reply(text=said, model="script", usage=Usage(cost_usd=0.0))


def _reply_on(line: str, where: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise FormatError(f"{where}: not JSON: {error}") from error
    reply = entry.get("reply") if isinstance(entry, dict) else entry
    if not isinstance(reply, str):
        raise FormatError(f'{where}: expected a string or {{"reply": "…"}}, got `{line[:80]}`')
    return reply

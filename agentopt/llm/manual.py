"""A person, or any other program, as the model: requests and replies are files in a folder."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from pathlib import Path

from agentopt.errors import LLMError, UsageError
from agentopt.llm.base import Capability, Reply, Request

_REQUEST_NAME = re.compile(r"(\d{4,})-[0-9a-f]{8}\.request\.md")
_DIGEST_LINE = re.compile(r"^Digest: ([0-9a-f]{64})$", re.MULTILINE)


class ManualLLM:
    """Writes each request to `folder` and waits until someone has written the reply beside it.

    `0001-<digest8>.request.md` asks, `0001-<digest8>.reply.txt` answers. The n-th request with some
    digest belongs to the n-th such file in the folder, so a run that is started again reads the
    replies it already has, and goes on from there. A folder serves one `ManualLLM` at a time.

    Args:
        folder: made where it does not exist.
        poll_s: how often to look; a reply is complete when it is not empty, and its size and time
            are the same in two looks.
        timeout_s: longest wait for a reply; `None` waits for ever.
    """

    def __init__(self, folder: str | Path, *, poll_s: float = 0.2, timeout_s: float | None = None) -> None:
        self._folder = Path(folder)
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._known: dict[str, list[str]] | None = None  # names waiting to be asked for, by digest
        self._last_number = 0

    @property
    def name(self) -> str:
        return "manual"

    @property
    def answered_by(self) -> str:
        return "manual"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset()

    def complete(self, request: Request) -> Reply:
        """The text of the reply file, without the line end that editors put last.

        Raises:
            UsageError: the folder cannot be written.
            LLMError: no reply within `timeout_s`, or one that is not UTF-8.
        """
        started = time.monotonic()
        with self._lock:
            name = self._name_for(request)
        reply = self._folder / f"{name}.reply.txt"
        self._wait_for(reply, started)
        try:
            text = reply.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise LLMError(f"the reply `{reply}` is not UTF-8: {error}") from error
        return Reply(text=text.removesuffix("\n"), model="manual", latency_s=time.monotonic() - started)

    def _name_for(self, request: Request) -> str:
        try:
            if self._known is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._known = self._read_folder()
            waiting = self._known.get(request.digest)
            if waiting:
                return waiting.pop(0)
            self._last_number += 1
            name = f"{self._last_number:04d}-{request.digest[:8]}"
            target = self._folder / f"{name}.request.md"
            draft = target.with_suffix(".tmp")
            draft.write_text(_as_markdown(name, request), encoding="utf-8", errors="backslashreplace")
            os.replace(draft, target)
        except OSError as error:
            raise UsageError(f"`manual:{self._folder}` cannot use its folder: {error}") from error
        return name

    def _read_folder(self) -> dict[str, list[str]]:
        known: dict[str, list[str]] = {}
        numbered = [(match, p) for p in self._folder.iterdir() if (match := _REQUEST_NAME.fullmatch(p.name))]
        for match, path in sorted(numbered, key=lambda pair: int(pair[0][1])):
            self._last_number = int(match[1])
            if digest := _DIGEST_LINE.search(path.read_text(encoding="utf-8", errors="replace")):
                known.setdefault(digest[1], []).append(path.name.removesuffix(".request.md"))
        return known

    def _wait_for(self, reply: Path, started: float) -> None:
        before: tuple[int, int] | None = None
        while True:
            try:
                stat = reply.stat()
                now = (stat.st_size, stat.st_mtime_ns) if stat.st_size else None
            except FileNotFoundError:
                now = None
            if now is not None and now == before:
                return
            before = now
            if self._timeout_s is not None and time.monotonic() - started > self._timeout_s:
                raise LLMError(f"no reply in `{reply}` within {self._timeout_s:g} s")
            time.sleep(self._poll_s)


def _as_markdown(name: str, request: Request) -> str:
    settings = request.to_json()
    schema = settings.pop("schema", None)
    schema_name = settings.pop("schema_name")
    messages = settings.pop("messages")
    shown = ", ".join(f"{key} {value}" for key, value in settings.items() if value != []) or "none"
    parts = [
        f"# Request {name}",
        f"Write the reply to `{name}.reply.txt` in this folder: the bare answer in UTF-8, not empty. "
        "It is read as soon as it stops growing; to be safe, write another file and rename it.",
        f"Digest: {request.digest}",
        f"Settings: {shown}",
        *(f"## {message['role']}\n\n{message['content']}" for message in messages),
    ]
    if schema is not None:
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
        parts.append(f"## schema `{schema_name}` of the reply\n\n{fence}json\n{text}\n{fence}")
    return "\n\n".join(parts) + "\n"

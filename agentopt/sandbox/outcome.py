"""What a transcript says became of a call. Its reply may be forged, so it is read with suspicion."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
from collections.abc import Mapping
from typing import Any

from agentopt.canonical import Json, from_jsonable
from agentopt.sandbox.base import Outcome
from agentopt.sandbox.conversation import Transcript
from agentopt.sandbox.program import EXHAUSTED, Request

_CRASH_MARK = "Fatal Python error: "
_ALLOCATION_FAILURES = ("std::bad_alloc", "Memory allocation still failed", "Fatal Python error: MemoryError")
_PLAIN_DTYPE = re.compile(r"bool|u?int\d{1,2}|float\d{2,3}|object")
_WORDS = 20_000
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


def outcome_of(transcript: Transcript, request: Request) -> Outcome:
    """The outcome of a call whose child is gone."""
    printed = transcript.output.decode("utf-8", "replace")
    stdout, _, crash = printed.partition(_CRASH_MARK)
    if transcript.exit_code >= 0:
        stdout, crash = printed, ""
    stdout = stdout.encode()[: request.limits.output_kb << 10].decode("utf-8", "ignore")
    outcome = dataclasses.replace(
        _verdict(transcript, printed, request), stdout=stdout, wall_s=transcript.wall_s, cpu_s=transcript.cpu_s
    )
    if crash and outcome.line is None:
        shown, line = _frames(crash, request)
        outcome = dataclasses.replace(outcome, traceback=shown, line=line)
    return outcome


def _verdict(transcript: Transcript, printed: str, request: Request) -> Outcome:
    limits = request.limits
    match transcript.stopped:
        case "time":
            return Outcome(status="timeout", error=f"did not end within {limits.wall_s:g} s")
        case "output":
            return Outcome(status="output", error=f"printed more than {limits.output_kb} KiB")
        case "result":
            return Outcome(status="output", error=f"returned more than {limits.result_kb} KiB as JSON")
    code = transcript.exit_code
    if code == EXHAUSTED:
        return Outcome(status="memory", error=f"MemoryError (it may use {limits.memory_mb} MiB of address space)")
    if code < 0:
        return _killed(-code, transcript, printed, request)
    if code > 0 or not transcript.reply:
        return Outcome(status="killed", error=f"it ended its own process with exit code {code} instead of returning")
    return _replied(transcript.reply, request)


def _killed(number: int, transcript: Transcript, printed: str, request: Request) -> Outcome:
    limits = request.limits
    allowed = limits.wall_s if limits.cpu_s is None else limits.cpu_s
    if number == signal.SIGXCPU or (number == signal.SIGKILL and transcript.cpu_s >= allowed):
        return Outcome(status="timeout", error=f"used more than {allowed:g} s of processor time")
    if any(words in printed for words in _ALLOCATION_FAILURES):
        return Outcome(
            status="memory", error=f"an allocation failed; it may use {limits.memory_mb} MiB of address space"
        )
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return Outcome(status="killed", error=f"ended by {name} ({(signal.strsignal(number) or 'unknown').lower()})")


def _replied(text: bytes, request: Request) -> Outcome:
    token = request.token.encode("ascii")
    if not text.startswith(token):
        return Outcome(status="killed", error="it wrote into the descriptor that is the sandbox's own")
    try:
        return _read_reply(json.loads(text[len(token) :], object_hook=_plain_arrays))
    except _UNREADABLE as error:
        return Outcome(status="error", error=f"TypeError: the returned value cannot be read back: {error}"[:2000])


def _read_reply(reply: Mapping[str, Any]) -> Outcome:
    match reply["status"]:
        case "ok":
            return Outcome(status="ok", value=from_jsonable(reply["value"]))
        case "error" | "memory" | "output" as status:
            line = reply.get("line")
            return Outcome(
                status=status,
                error=" ".join(_printable(reply.get("error")).split()),
                traceback=_printable(reply.get("traceback")),
                line=line if type(line) is int else None,
            )
        case status:
            raise ValueError(f"status {status!r}")


def _printable(text: object) -> str:
    """Text that any file or terminal takes, of a bounded length."""
    return str(text or "")[:_WORDS].encode("utf-8", "backslashreplace").decode("utf-8")


def _plain_arrays(fields: dict[str, Json]) -> dict[str, Json]:
    """Refuses arrays of text: one short line could make numpy ask for gigabytes in this process."""
    if "$array" in fields and not _PLAIN_DTYPE.fullmatch(str(fields.get("dtype"))):
        raise ValueError(f"an array of {fields.get('dtype')}; arrays of numbers, and lists, can cross")
    return fields


def _frames(crash: str, request: Request) -> tuple[str, int | None]:
    """Traceback in the source, innermost last, from what Python's `faulthandler` wrote, innermost first."""
    _, _, current = crash.rpartition("Current thread ")
    current = current.partition("\n\n")[0]
    lines = request.source.splitlines()
    shown: list[str] = []
    innermost: int | None = None
    for match in re.finditer(rf'File "{re.escape(request.filename)}", line (\d+) in (.+)', current):
        number = int(match[1])
        innermost = number if innermost is None else innermost
        text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        shown.insert(0, f'  File "{request.filename}", line {number}, in {match[2]}\n    {text}\n')
    return "".join(shown), innermost

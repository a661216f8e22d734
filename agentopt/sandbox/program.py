"""Runs a program's source inside the sandboxed process, and says what became of it as JSON.

Everything here shares a process with code that may be hostile: it can be lied to, never trusted.
"""

from __future__ import annotations

import importlib
import json
import linecache
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any, NoReturn

from agentopt.canonical import from_jsonable, to_jsonable
from agentopt.sandbox.base import Limits

MODULE_NAME = "candidate"
EXHAUSTED = 98  # exit code where not even a reply fits in the memory that is left
_ERROR_CHARACTERS = 2000
_TRACEBACK_FRAMES = 40
_TRACEBACK_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call, as it crosses to the child; `arguments` is the JSON text of `[args, kwargs]`."""

    token: str
    source: str
    function: str
    arguments: str
    filename: str
    scratch: str
    limits: Limits

    def encode(self) -> bytes:
        """JSON text."""
        return json.dumps({**vars(self), "limits": vars(self.limits)}).encode("ascii")

    @classmethod
    def decode(cls, text: bytes) -> Request:
        """The request that `encode` wrote."""
        fields = json.loads(text)
        return cls(**{**fields, "limits": Limits(**fields["limits"])})


def load(source: str, filename: str = "<candidate>") -> ModuleType:
    """Executes `source` as a fresh module named `candidate`.

    Harnesses use it too, so that tracebacks show the source's own lines. The module is in
    `sys.modules`, where `dataclasses` and `typing` look for it.
    """
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(MODULE_NAME)
    module.__file__ = filename
    sys.modules[MODULE_NAME] = module
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    return module


def answer(request: Request, channel: int) -> NoReturn:
    """Makes the call, writes one reply to the descriptor `channel`, and ends the process.

    The reply is the request's token and then JSON: a value, or an error. The token tells a reply
    from what the program may write there by accident; a program that wants to can find it.
    """
    write, leave, output = os.write, os._exit, sys.stdout
    kib = request.limits.result_kb
    too_long = _encode(request, {"status": "output", "error": f"returned more than {kib} KiB as JSON"})
    spoiled = _encode(request, {"status": "error", "error": "no reply could be written; was Python itself changed?"})
    try:
        try:
            reply = _perform(request)
            if len(reply) > kib << 10:
                reply = too_long
        except MemoryError:
            leave(EXHAUSTED)
        except BaseException:  # noqa: BLE001 - the record of this failure is the reply
            reply = spoiled
        with suppress(OSError, ValueError):  # the program closed its output
            output.flush()
        while reply:
            reply = reply[write(channel, reply) :]
    finally:
        leave(0)


def _encode(request: Request, reply: Mapping[str, Any]) -> bytes:
    return (request.token + json.dumps(reply)).encode("ascii")


def _perform(request: Request) -> bytes:
    try:
        value = _call(request)
    except BaseException as error:  # noqa: BLE001 - whatever the program raises is its answer
        return _encode(request, _failure(error, request))
    try:
        return _encode(request, {"status": "ok", "value": to_jsonable(value, strict=True)})
    except MemoryError:
        raise
    except RecursionError:
        reason = "it is nested too deeply"
    except Exception as error:  # noqa: BLE001 - the value's own methods may have raised it
        reason = _one_line(error)
    return _encode(request, {"status": "error", "error": f"TypeError: the returned value cannot cross: {reason}"})


def _call(request: Request) -> Any:
    args, kwargs = from_jsonable(json.loads(request.arguments))
    if ":" in request.function:
        module, _, name = request.function.partition(":")
        linecache.cache[request.filename] = (0, None, request.source.splitlines(keepends=True), request.filename)
        return getattr(importlib.import_module(module), name)(request.source, *args, **kwargs)
    program = load(request.source, request.filename)
    if not hasattr(program, request.function):
        raise NameError(f"the source defines no `{request.function}`")
    return getattr(program, request.function)(*args, **kwargs)


def _failure(error: BaseException, request: Request) -> dict[str, Any]:
    frames = [(frame, line) for frame, line in _walk(error) if frame.f_code.co_filename == request.filename]
    line = frames[-1][1] if frames else None
    if isinstance(error, SyntaxError) and error.filename == request.filename:
        line = error.lineno
    status, text = "error", _one_line(error)
    if isinstance(error, MemoryError):
        traceback.clear_frames(error.__traceback__)  # frees what the program held
        status, text = "memory", f"{text} (it may use {request.limits.memory_mb} MiB of address space)"
    return {"status": status, "error": text, "traceback": _shown(error, request), "line": line}


def _walk(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame, step.tb_lineno
        step = step.tb_next


def _shown(error: BaseException, request: Request) -> str:
    """Frames of the source; all frames where an installed function failed before it got there."""
    summary = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in summary if frame.filename == request.filename]
    if not own and ":" in request.function:
        own = list(summary)
    text = "".join(traceback.StackSummary.from_list(own[-_TRACEBACK_FRAMES:]).format())
    if isinstance(error, SyntaxError):
        text += "".join(traceback.format_exception_only(error))
    return text[-_TRACEBACK_CHARACTERS:]


def _one_line(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except BaseException as second:  # noqa: BLE001 - recorded in the text
        text = f"(its message cannot be read: {type(second).__name__})"
    line = f"{name}: {text}" if text else name
    return line if len(line) <= _ERROR_CHARACTERS else line[:_ERROR_CHARACTERS] + "…"

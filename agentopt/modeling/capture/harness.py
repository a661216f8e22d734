"""Runs a program that a model wrote, inside the sandbox, and takes out the optimization model it builds.

The convention: the program runs as a script (`__name__` is `"__main__"`). If it defines a function
`build`, that is called afterwards: with the data of the problem when it takes an argument, else
without. A model counts when the program solves it, or when `build` returns its `highspy.Highs`. If
several are solved, the last one counts.
"""

from __future__ import annotations

import contextlib
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FrameType, ModuleType
from typing import Any

from agentopt.canonical import Json, to_jsonable
from agentopt.modeling.capture import highspy_dialect
from agentopt.modeling.capture.gurobi import dialect as gurobi_dialect
from agentopt.modeling.capture.recorder import CannotCapture, ModulePatch, Patch, Recorder

FILENAME = "<candidate>"


def capture(source: str, data: Any = None, *, solve_time_s: float = 5.0) -> Json:
    """The models that the program `source` builds, as plain data.

    Called as `sandbox.call(source, "agentopt.modeling.capture.harness:capture", [data])`. It runs the
    program in this process, so nothing but a sandbox (or a test) should call it. What the program
    prints goes where the process prints.

    Args:
        data: passed to the program's `build`, if that takes an argument.
        solve_time_s: seconds after which a solve inside the program stops; the models are solved again
            outside, for as long as the caller likes.

    Returns:
        - `models`: list of `Model.to_json()`, in the order they were solved, the last eight at most;
          the last one counts.
        - `returned`: what `build` returned, if that is not a model, as `to_jsonable` writes it.
        - `error`: `None`, or `kind` (`syntax`, `program`: it raised, `unsupported`: a solve that cannot
          be captured exactly, `convention`, `no_model`), `message`, `line` (of the source, from 1, or
          `None`) and `traceback` (frames of the program alone).
        - `notes`: plain sentences, such as that it failed after its model was captured.
    """
    module = ModuleType("__main__")
    recorder = Recorder(filename=FILENAME, namespace=vars(module), solve_time_s=solve_time_s)
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
    returned: Any = None
    failure: Json = None
    try:
        code = compile(source, FILENAME, "exec")
        with _watched(source, recorder), _as_main(module):
            exec(code, vars(module))
            returned = _call_build(module, data, recorder)
    except SystemExit as error:
        if error.code not in (None, 0):
            failure = _failure("program", error, f"the program ended itself with {error.code!r}")
    except SyntaxError as error:
        failure = _failure("syntax", error, f"SyntaxError: {error.msg}")
    except CannotCapture as error:
        failure = _failure("convention", error, str(error))
    except MemoryError:
        if not recorder.models:
            raise
        failure = _failure("program", MemoryError(), "MemoryError")
    except Exception as error:  # noqa: BLE001 - whatever the program raises is its own failure, and recorded
        failure = _failure("program", error, f"{type(error).__name__}: {error}")
    return _report(recorder, module, returned, failure)


def _report(recorder: Recorder, module: ModuleType, returned: Any, failure: Json) -> Json:
    notes = []
    if recorder.solves > 1:
        notes.append(f"the program solved {recorder.solves} models; the last one counts")
    if recorder.models and failure is not None and failure["kind"] != "convention":
        notes.append(f"the program failed after its model was captured: {failure['message']} (line {failure['line']})")
        failure = None
    if recorder.refused:
        failure = {"kind": "unsupported", "message": "; ".join(recorder.refused), "line": None, "traceback": ""}
    if failure is None and not recorder.models:
        failure = {"kind": "no_model", "message": _why_no_model(module), "line": None, "traceback": ""}
    return {
        "models": [model.to_json() for model in recorder.models],
        "returned": None if highspy_dialect.is_highs(returned) else to_jsonable(returned),
        "error": failure,
        "notes": notes,
    }


def _why_no_model(module: ModuleType) -> str:
    """What the program did instead of solving a model."""
    held = [name for name, value in vars(module).items() if highspy_dialect.is_highs(value)]
    if held:
        return f"the program built a `Highs` in `{held[0]}` but never solved it"
    message = "the program built no model: nothing was solved with highspy or with linprog or milp of scipy"
    functions = [name for name, value in vars(module).items() if inspect.isfunction(value) and name != "build"]
    if functions:
        message += f"; it defines {', '.join(f'`{name}`' for name in functions)}, and only `build` is called for it"
    return message


@contextlib.contextmanager
def _watched(source: str, recorder: Recorder) -> Iterator[None]:
    """Solve calls are recorded inside; a library that the source does not mention is not loaded."""
    patches: list[Patch | ModulePatch] = []
    if "highspy" in source:
        patches += highspy_dialect.watch(recorder)
    if "gurobipy" in source:
        patches += gurobi_dialect.watch(recorder)
    if "scipy" in source:
        from agentopt.modeling.capture import scipy_dialect

        patches += scipy_dialect.watch(recorder)
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.undo()


@contextlib.contextmanager
def _as_main(module: ModuleType) -> Iterator[None]:
    """`module` is what the program finds as `__main__`."""
    before = sys.modules.get("__main__")
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        if before is not None:
            sys.modules["__main__"] = before


def _call_build(module: ModuleType, data: Any, recorder: Recorder) -> Any:
    """What `build` returned; a `Highs` that it did not solve is recorded."""
    build = getattr(module, "build", None)
    if not inspect.isfunction(build):
        return None
    parameters = list(inspect.signature(build).parameters.values())
    takes_data = bool(parameters)
    if takes_data and data is None:
        if parameters[0].default is inspect.Parameter.empty:
            raise CannotCapture("`build` takes an argument, and this problem comes without data")
        takes_data = False
    returned, variables = _call_and_keep_variables(build.__code__, build, [data] if takes_data else [])
    if highspy_dialect.is_highs(returned) and not any(returned is solved for solved in recorder.solved):
        known = recorder.variables(returned)
        recorder.record(lambda: highspy_dialect.model_of(returned, [variables, *known] if known else []))
    return returned


def _call_and_keep_variables(
    code: CodeType, function: Callable[..., Any], arguments: list[Any]
) -> tuple[Any, Mapping[str, Any]]:
    """The result of a call, and the local variables of `code` at its return: names for the columns."""
    variables: dict[str, Any] = {}

    def watch_return(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            variables.update(frame.f_locals)

    sys.setprofile(watch_return)
    try:
        return function(*arguments), variables
    finally:
        sys.setprofile(None)


def _failure(kind: str, error: BaseException, message: str) -> Json:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILENAME]
    line = frames[-1].lineno if frames else None
    if isinstance(error, SyntaxError) and error.filename == FILENAME:
        line = error.lineno
    return {"kind": kind, "message": message, "line": line, "traceback": "".join(traceback.format_list(frames))}

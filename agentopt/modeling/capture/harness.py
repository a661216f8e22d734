"""Runs a program that a model wrote, inside the sandbox, and takes out the optimization model it builds.

The convention: the program runs as a script (`__name__` is `"__main__"`). If it defines a function
`build`, that is called afterwards: with the data of the problem when it takes an argument, else
without. If it defines none and nothing was solved so far, its entry is called: the first that it defines
of `solve`, `main`, `run`, `build_model`, `create_model`, `solve_problem` and `optimize`, or its only
function that no other one calls. An entry gets the data by name where they are an object that has all
its parameters without a default, else like `build`. A model counts when the program solves it, or when
the function returns it. If several are solved, the last one counts.
"""

from __future__ import annotations

import contextlib
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from agentopt.canonical import Json, to_jsonable
from agentopt.modeling.capture.libraries import Dialect, GurobipySource, Undo, cannot_load, check_gurobipy, dialects_of
from agentopt.modeling.capture.recorder import CannotCapture, Recorder

FILENAME = "<candidate>"
CAPTURE = f"{__name__}:capture"
"""How a sandbox is asked for `capture`."""
_ENTRIES = ("solve", "main", "run", "build_model", "create_model", "solve_problem", "optimize")


def capture(source: str, data: Any = None, *, solve_time_s: float = 5.0, gurobipy: GurobipySource = "dialect") -> Json:
    """The models that the program `source` builds, as plain data.

    Called as `sandbox.call(source, "agentopt.modeling.capture.harness:capture", [data])`. It runs the
    program in this process, so nothing but a sandbox (or a test) should call it. What the program
    prints goes where the process prints.

    Args:
        data: passed to the program's `build`, if that takes an argument.
        solve_time_s: seconds after which a solve inside the program stops; the models are solved again
            outside, for as long as the caller likes.
        gurobipy: what programs that import it get: a dialect of ours, or the installed package.

    Returns:
        - `models`: list of `Model.to_json()`, in the order they were solved, the last eight at most;
          the last one counts.
        - `returned`: what `build` returned, if that is not a model, as `to_jsonable` writes it.
        - `error`: `None`, or `kind` (`syntax`, `program`: it raised, `unsupported`: a solve that cannot
          be captured exactly, `convention`, `no_model`), `message`, `line` (of the source, from 1, or
          `None`) and `traceback` (frames of the program alone).
        - `notes`: plain sentences, such as that it failed after its model was captured.

    Raises:
        MissingDependency: the installed gurobipy is asked for, and there is none.
    """
    check_gurobipy(gurobipy)
    module = ModuleType("__main__")
    recorder = Recorder(filename=FILENAME, namespace=vars(module), solve_time_s=solve_time_s)
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
    returned: Any = None
    failure: Json = None
    dialects: list[Dialect] = []
    try:
        code = compile(source, FILENAME, "exec")
        if (reason := cannot_load(source)) is not None:
            raise CannotCapture(reason)
        dialects = dialects_of(source, gurobipy)
        with _watched(dialects, recorder), _as_main(module):
            exec(code, vars(module))
            entry = _entry_of(module)
            if entry is not None and (entry.__name__ == "build" or not recorder.solves + len(recorder.refused)):
                returned = _call_entry(entry, data, recorder, dialects)
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
    return _report(recorder, module, dialects, returned, failure)


def _report(recorder: Recorder, module: ModuleType, dialects: Sequence[Dialect], returned: Any, failure: Json) -> Json:
    notes = []
    if recorder.solves > 1:
        notes.append(f"the program solved {recorder.solves} models; the last one counts")
    if recorder.models and failure is not None and failure["kind"] != "convention":
        notes.append(f"the program failed after its model was captured: {failure['message']} (line {failure['line']})")
        failure = None
    if recorder.refused:
        failure = {"kind": "unsupported", "message": "; ".join(recorder.refused), "line": None, "traceback": ""}
    if failure is None and not recorder.models:
        failure = {
            "kind": "no_model",
            "message": _why_no_model(recorder, module, dialects),
            "line": None,
            "traceback": "",
        }
    return {
        "models": [model.to_json() for model in recorder.models],
        "returned": None if _is_model(returned, dialects) else to_jsonable(returned),
        "error": failure,
        "notes": notes,
    }


def _is_model(value: object, dialects: Sequence[Dialect]) -> bool:
    return any(dialect.is_model(value) for dialect in dialects)


def _why_no_model(recorder: Recorder, module: ModuleType, dialects: Sequence[Dialect]) -> str:
    """What the program did instead of solving a model."""
    if recorder.raised:
        return f"the program caught an error and solved nothing: {recorder.raised[-1]}"
    held = [(name, value) for name, value in vars(module).items() if _is_model(value, dialects)]
    if held:
        name, value = held[0]
        return f"the program built a `{type(value).__name__}` in `{name}` but never solved it"
    message = "the program built no model: nothing was solved with highspy, with linprog or milp of scipy, or with "
    message += "another modeling library"
    entry = _entry_of(module)
    functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
    if entry is not None and entry.__name__ != "build":
        message += f"; `{entry.__name__}` was called and solved nothing"
    elif entry is None and functions:
        message += f"; it defines {', '.join(f'`{name}`' for name in functions)}, and none of them was called"
    return message


@contextlib.contextmanager
def _watched(dialects: Sequence[Dialect], recorder: Recorder) -> Iterator[None]:
    """Solve calls are recorded inside."""
    changes: list[Undo] = []
    try:
        for dialect in dialects:
            changes += dialect.watch(recorder)
        yield
    finally:
        for change in reversed(changes):
            change.undo()


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


def _entry_of(module: ModuleType) -> FunctionType | None:
    """The function that is called after the script, if there is one."""
    own = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__code__.co_filename == FILENAME
    }
    for name in ("build", *_ENTRIES):
        if name in own:
            return own[name]
    called = {name for function in own.values() for name in function.__code__.co_names}
    entries = [function for name, function in own.items() if name not in called]
    return entries[0] if len(entries) == 1 else None


def _call_entry(entry: FunctionType, data: Any, recorder: Recorder, dialects: Sequence[Dialect]) -> Any:
    """What the entry returned; a model that it did not solve is recorded."""
    arguments, named = _arguments(entry, data)
    returned, variables = _call_and_keep_variables(entry.__code__, entry, arguments, named)
    for dialect in dialects:
        if dialect.is_model(returned) and not any(returned is solved for solved in recorder.solved):
            known = recorder.variables(returned)
            recorder.record(lambda: dialect.model_of(returned, [variables, *known] if known else []))  # noqa: B023
    return returned


def _arguments(entry: FunctionType, data: Any) -> tuple[list[Any], dict[str, Any]]:
    """How the data of the problem go to the entry.

    Raises:
        CannotCapture: it needs an argument, and there are no data.
    """
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = [one for one in inspect.signature(entry).parameters.values() if one.kind not in kinds]
    if not parameters:
        return [], {}
    required = [one.name for one in parameters if one.default is inspect.Parameter.empty]
    if data is None:
        if required:
            raise CannotCapture(f"`{entry.__name__}` takes an argument, and this problem comes without data")
        return [], {}
    if entry.__name__ != "build" and isinstance(data, Mapping) and required and all(name in data for name in required):
        return [], {one.name: data[one.name] for one in parameters if one.name in data}
    return [data], {}


def _call_and_keep_variables(
    code: CodeType, function: Callable[..., Any], arguments: list[Any], named: Mapping[str, Any]
) -> tuple[Any, Mapping[str, Any]]:
    """The result of a call, and the local variables of `code` at its return: names for the columns."""
    variables: dict[str, Any] = {}

    def watch_return(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            variables.update(frame.f_locals)

    sys.setprofile(watch_return)
    try:
        return function(*arguments, **named), variables
    finally:
        sys.setprofile(None)


def _failure(kind: str, error: BaseException, message: str) -> Json:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILENAME]
    line = frames[-1].lineno if frames else None
    if isinstance(error, SyntaxError) and error.filename == FILENAME:
        line = error.lineno
    return {"kind": kind, "message": message, "line": line, "traceback": "".join(traceback.format_list(frames))}

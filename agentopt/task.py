"""A `Task` is what is optimized: a workflow, its parameters, instances, and what judges the output."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentopt.candidate import Candidate
from agentopt.errors import FormatError, UsageError
from agentopt.evaluate.measurement import needs_llm
from agentopt.feedback import Feedback, as_feedback
from agentopt.graph.parameters import named, parameters_used_by
from agentopt.graph.tracing import TracedWorkflow, trace
from agentopt.instance import Instance
from agentopt.space import Space

DEFAULT_OBJECTIVE = "Raise the score; follow what the feedback says."


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is optimized.

    Args:
        name: how it is called, such as `numerical/branin`.
        workflow: run once per candidate and instance; see `evaluate.measurement.call_arguments` for its arguments.
        space: what may change.
        instances: what it is run on; at least one in train.
        feedback: called as `feedback(output, fields)` with the plain output and the instance's fields; returns
            anything `feedback.as_feedback` takes.
        objective: what is to be achieved, in words for the optimizer.
        failure_score: the score of a run that fails.
        target: a score that cannot be beaten, where one is known; the search stops there.
        reference: how to find the task again, as plain data, for records; empty where it cannot be found by name.
        verifier: checks a candidate's values afterwards, independently of the score; see the adapter.
        runs_code: whether the workflow runs code that a model wrote, beyond code parameters.
        preload: modules that such code imports, loaded once by the sandbox.
        is_deterministic: whether the same values give the same feedback on the same instance, every time.
    """

    name: str
    workflow: TracedWorkflow
    space: Space
    instances: Sequence[Instance]
    feedback: Callable[[Any, Mapping[str, Any]], Any]
    objective: str = DEFAULT_OBJECTIVE
    failure_score: float = float("-inf")
    target: float | None = None
    reference: Mapping[str, Any] = field(default_factory=dict)
    verifier: Callable[[Mapping[str, Any]], Any] | None = None
    runs_code: bool = False
    preload: tuple[str, ...] = ()
    is_deterministic: bool = False

    def __post_init__(self) -> None:
        if not any(i.split == "train" for i in self.instances):
            raise UsageError(f"task `{self.name}` has no train instance; the optimizer would learn nothing")

    @property
    def needs_llm(self) -> bool:
        """Whether the workflow itself asks a model."""
        return needs_llm(self.workflow)

    def judge(self, output: Any, instance: Instance) -> Feedback:
        """Feedback on the output of one run."""
        return as_feedback(self.feedback(output, instance.fields))

    def verify(self, candidate: Any) -> Any:
        """What can be shown about a candidate (or its values) beyond its score; see the task's adapter.

        Raises:
            UsageError: this task has nothing that verifies.
        """
        if self.verifier is None:
            raise UsageError(f"task `{self.name}` has no verification of its own; its score is all there is")
        return self.verifier(candidate.values if isinstance(candidate, Candidate) else candidate)


def as_task(
    workflow: Any,
    *,
    instances: Sequence[Instance],
    feedback: Callable[..., Any] | None,
    parameters: object = None,
    objective: str = "",
    target: float | None = None,
) -> Task:
    """A task from a user's own workflow.

    Args:
        workflow: a function, traced or not; its parameters are found in its code unless they are given.
        feedback: `feedback(output)` or `feedback(output, example)`; without one, the output must be feedback
            itself (a number, `(score, text)`, …).

    Raises:
        UsageError: nothing to optimize, or something that cannot be called.
    """
    if not callable(workflow):
        raise UsageError(f"expected a workflow (a function) or a Task, got {type(workflow).__name__}")
    traced = workflow if isinstance(workflow, TracedWorkflow) else trace(workflow)
    space = Space(named(parameters if parameters is not None else parameters_used_by(traced)))
    return Task(
        name=traced.operation.name,
        workflow=traced,
        space=space,
        instances=instances or [Instance(id="run", split="train")],
        feedback=_with_fields(feedback),
        objective=objective or DEFAULT_OBJECTIVE,
        target=target,
    )


def _with_fields(feedback: Callable[..., Any] | None) -> Callable[[Any, Mapping[str, Any]], Any]:
    if feedback is None:
        return lambda output, _fields: output
    try:
        count = len(inspect.signature(feedback).parameters)
    except ValueError:  # a builtin without a signature
        count = 1
    return feedback if count >= 2 else lambda output, _fields: feedback(output)


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A folder with a problem: `task.toml`, instances, and at most one small Python file.

    Args:
        folder: where it lies.
        kind: its adapter: numerical, prompt, modeling.
        about: everything in `task.toml`.
    """

    folder: Path
    kind: str
    name: str
    about: Mapping[str, Any]

    @property
    def title(self) -> str:
        """One line that says what it is."""
        return str(self.about.get("title", self.name))

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        """The value of `key` in `task.toml`.

        Raises:
            FormatError: it is missing (and there is no default) or of another type; names file and key.
        """
        value = self.about.get(key, default)
        is_number = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if value is default and default is not None:
            return value
        is_bool = isinstance(value, bool) and kind is not bool
        if is_bool or not (isinstance(value, kind) or is_number):
            got = "nothing" if value is None else f"{value!r}"
            raise FormatError(f"{self.folder / 'task.toml'}: `{key}` must be a {kind.__name__}, got {got}")
        return value


def read_pack(folder: Path) -> Pack:
    """The pack in a folder.

    Raises:
        FormatError: `task.toml` is malformed, with file and line where TOML tells it.
        UsageError: there is no such folder or file.
    """
    path = folder / "task.toml"
    try:
        about = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the pack `{folder}`: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{path}: {error}") from None
    pack = Pack(folder=folder, kind=str(about.get("kind", "")), name=str(about.get("name", "")), about=about)
    if pack.get("schema", int) != 1:
        raise FormatError(f"{path}: `schema` is {about['schema']!r}; this agentopt reads 1")
    pack.get("kind", str)
    if pack.get("name", str) != folder.name:
        raise FormatError(f"{path}: `name` is {pack.name!r}, but the folder is `{folder.name}`")
    return pack

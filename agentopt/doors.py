"""Doors that people know from elsewhere, all into `optimize`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from agentopt.errors import UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.node import Node
from agentopt.graph.parameters import parameters_of
from agentopt.graph.trainable import Parameter
from agentopt.instance import read_jsonl
from agentopt.loop import optimize
from agentopt.result import Result

ProgramT = TypeVar("ProgramT")
_ONE = "candidate"


def optimize_anything(
    seed: Any,
    evaluate: Callable[..., Any],
    *,
    examples: str | Path | Sequence[Mapping[str, Any]] | None = None,
    **settings: Any,
) -> Result:
    """Improves a value, or several by name, that one function can measure: no workflow, no decorators.

    Args:
        seed: the start: a text, a number, …, or a mapping of names to such values or to `Parameter`s, which say what is
            allowed.
        evaluate: `evaluate(candidate)`, or `evaluate(candidate, example)` with examples; `candidate` is like `seed`,
            with plain values. Returns a score (higher is better), words, `(score, words)` or `(score, mapping of
            findings)`.
        examples: as for `optimize`.
        settings: further ones of `optimize`: `objective`, `llm`, `budget`, ….

    Returns:
        as `optimize`; the best is `result.values[name]`, or `result.values["candidate"]` where `seed` is one value.

    Raises:
        UsageError: as `optimize`.

    Source: the interface of `gepa.optimize_anything`.
    """
    is_one = not isinstance(seed, Mapping)
    named = {_ONE: seed} if is_one else dict(seed)
    parameters = {n: v if isinstance(v, Parameter) else Parameter(v, name=n) for n, v in named.items()}

    @bundle
    def measured(candidate: Mapping[str, Any], example: Mapping[str, Any] | None) -> Any:
        """The evaluator's verdict on the candidate."""
        given = candidate[_ONE] if is_one else candidate
        return _with_words(evaluate(given) if example is None else evaluate(given, example))

    def on_example(example: Mapping[str, Any]) -> Any:
        return measured(parameters, example)

    def alone() -> Any:
        return measured(parameters, None)

    rows = read_jsonl(Path(examples)) if isinstance(examples, (str, Path)) else examples
    return optimize(on_example if rows else alone, examples=rows, parameters=parameters, **settings)


def _with_words(verdict: Any) -> Any:
    """`(score, mapping)` with the mapping as lines of text; anything else as it is."""
    match verdict:
        case (score, Mapping() as found):
            return score, "\n".join(f"{name}: {value}" for name, value in found.items())
    return verdict


def compile(
    program: ProgramT,
    trainset: Sequence[Mapping[str, Any]],
    *,
    metric: Callable[[Mapping[str, Any], Any], Any],
    valset: Sequence[Mapping[str, Any]] = (),
    **settings: Any,
) -> ProgramT:
    """A copy of a callable object with better values for its parameters; `program` itself stays as it is.

    Args:
        program: an instance with `__call__` and parameters: of a `@module` class, or with bound attributes.
        trainset: examples to learn from; fields named like the arguments of `__call__` are its inputs.
        metric: `metric(example, prediction)`; returns a score, words, or both.
        valset: examples that candidates are compared on; `trainset` where there are none.
        settings: further ones of `optimize`: `optimizer`, `llm`, `budget`, ….

    Raises:
        UsageError: `program` cannot be called or has no parameters; and as `optimize`.

    Source: the interface of DSPy's optimizers (`Teleprompter.compile`).
    """
    compiled = copy.deepcopy(program)
    parameters = parameters_of(compiled)
    if not parameters or not callable(compiled) or isinstance(compiled, Node):
        raise UsageError(
            f"`compile` takes a callable object that has parameters, got {type(program).__name__}; "
            f"for functions there is `optimize`"
        )
    rows = [{**row, "split": "train"} for row in trainset] + [{**row, "split": "dev"} for row in valset]
    result = optimize(
        type(compiled).__call__.__get__(compiled),
        examples=rows,
        feedback=lambda prediction, example: metric(example, prediction),
        parameters=parameters,
        **settings,
    )
    result.apply()
    return compiled

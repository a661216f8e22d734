"""Text of a subgraph and its feedback, for a model or a person.

The same program gives the same text in every process: names are chosen here, in order of creation,
and no address, hash order or time enters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentopt.feedback import Feedback
from agentopt.graph.node import Node, Parameter, Version
from agentopt.graph.showing import estimate_tokens, failure_text, shortened, show
from agentopt.graph.structure import unwrapped
from agentopt.graph.subgraph import Evidence, Subgraph


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """How much is shown.

    Args:
        max_tokens: size of the code and values sections together, by `estimate_tokens`; what does not
            fit is folded, and the text says so. Parameters and feedback are always shown in full.
        value_chars: longest value shown whole; longer ones keep head and tail.
        show_source: print the source of bundled functions, not only their documentation.
    """

    max_tokens: int = 12_000
    value_chars: int = 600
    show_source: bool = False


class Names:
    """Names of nodes in one rendering: what the user called them, or what made them with a number."""

    def __init__(self, parameters: Mapping[Parameter, str] | None = None) -> None:
        self._parameters = parameters or {}
        self._names: dict[int, str] = {}
        self._used: set[str] = set()
        self._counts: Counter[str] = Counter()

    def name(self, node: Node) -> str:
        """The node's name; chosen when it is first asked for."""
        if id(node) not in self._names:
            name = self.given(node)
            if name is None or name in self._used:
                name = self._numbered(name or (node.operation.name if node.operation else "input"))
            self._used.add(name)
            self._names[id(node)] = name
        return self._names[id(node)]

    def given(self, node: Node) -> str | None:
        """The name that the user gave, or that the optimizer uses for a parameter."""
        if isinstance(node, Version):
            return self._parameters.get(node.parameter, node.parameter.name)
        return re.sub(r"\W+", "_", node.name) if node.name else None

    def _numbered(self, base: str) -> str:
        while True:
            self._counts[base] += 1
            if (name := f"{base}{self._counts[base]}") not in self._used:
                return name


def call_text(node: Node, names: Names) -> str:
    """The right-hand side of a node's line, such as `a + 1` or `ask(instruction, question=q)`."""
    operation = node.operation
    if operation is None:
        return show(node._value, 80)
    arguments = [_argument(x, names) for x in node.inputs]
    keywords = node._extra.keywords if node._extra else ()
    cut = len(arguments) - len(keywords)
    listed = arguments[:cut] + [f"{k}={a}" for k, a in zip(keywords, arguments[cut:])]
    if operation.symbol.startswith("numpy."):
        return f"{operation.symbol[:-3]}({', '.join(listed)})"
    if operation.symbol.endswith("(*)"):
        return f"{operation.symbol[:-3].format(listed[0])}({', '.join(listed[1:])})"
    if operation.symbol:
        return operation.symbol.format(*(f"({a})" if a.startswith("-") else a for a in arguments))
    return f"{operation.name}({', '.join(listed)})"


def _argument(x: Any, names: Names) -> str:
    if isinstance(x, Node):
        return names.name(x)
    return show(unwrapped(x, keep=lambda node: _Named(names.name(node._leaf()))), 200)


class _Named:
    """Stands for a node inside a container that is shown."""

    def __init__(self, name: str) -> None:
        self.name = name

    def to_text(self) -> str:
        return self.name


def parameter_text(version: Version, name: str | None = None) -> str:
    """One parameter, under its own name or another, with what is allowed for it, in full."""
    parameter = version.parameter
    name = name or parameter.name or ""
    words: list[str] = [parameter.kind]
    if parameter.bounds:
        low, high = parameter.bounds
        words.append(f"from {'-inf' if low is None else low} to {'inf' if high is None else high}")
    if parameter.choices:
        words.append("one of " + ", ".join(map(repr, parameter.choices)))
    if parameter.step:
        words.append(f"in steps of {parameter.step}")
    about = f" - {parameter.doc}" if parameter.doc else ""
    if parameter.kind in ("prompt", "code"):
        text = str(version._value)
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
        return f"{name} ({', '.join(words)}){about}:\n{fence}\n{text}\n{fence}"
    return f"{name} ({', '.join(words)}){about} = {show(version._value, None)}"


@dataclass(frozen=True)
class _Step:
    """One operation of a run: `name = call`, and its value, short enough for the same line or not."""

    name: str
    call: str
    short: str
    long: str

    @property
    def line(self) -> str:
        return f"{self.name} = {self.call}" + (f"  # {self.short}" if self.short else "")

    @property
    def value(self) -> str:
        return f"{self.name} = {_indented(self.long or self.short)}"


def _step(node: Node, names: Names, options: RenderOptions) -> _Step:
    name, call = names.name(node), call_text(node, names)
    if node.error is not None:
        return _Step(name, call, "", f"failed: {failure_text(node.error, 4 * options.value_chars)}")
    shown = _rounded(node._value) or _value_text(node, options)
    is_short = len(shown) <= 60 and "\n" not in shown
    return _Step(name, call, shown if is_short else "", "" if is_short else shown)


def _value_text(node: Node, options: RenderOptions) -> str:
    shown = show(node._value, options.value_chars)
    return f"{shown} (changed in place after it was recorded)" if node.is_changed else shown


def _rounded(value: Any) -> str:
    """A float that is long to write, to 7 significant digits; empty for everything else."""
    return f"{value:.7g}" if isinstance(value, float) and len(repr(value)) > 9 else ""


def _indented(text: str) -> str:
    return "\n" + "\n".join("    " + line for line in text.splitlines()) if "\n" in text else text


def _folded(lines: list[str], max_tokens: int, what: str) -> list[str]:
    """`lines` in at most about `max_tokens`: each shortened, or the middle ones left out, and said so."""
    if sum(map(estimate_tokens, lines)) <= max_tokens:
        return lines
    share = 4 * max_tokens // len(lines)
    if share >= 160:
        return [shortened(line, share) for line in lines]
    keep = max(1, 4 * max_tokens // 160)
    head, tail = (keep + 1) // 2, keep // 2
    left_out = f"… ({len(lines) - head - tail} more {what} left out here)"
    kept = [*lines[:head], left_out, *lines[len(lines) - tail :]]
    return [shortened(line, 160) for line in kept]


def feedback_text(feedback: Feedback) -> str:
    """Feedback in words: score, objectives, text and channels, each where there is one."""
    parts = [] if feedback.score is None else [f"score = {feedback.score:.6g}"]
    parts += [f"{name} = {value:.6g}" for name, value in feedback.objectives.items()]
    parts += [feedback.text] if feedback.text else []
    parts += [f"{name}: {text}" for name, text in feedback.channels.items()]
    return "\n".join(parts) or "(none)"


def _documentation(graphs: Sequence[Subgraph], options: RenderOptions) -> list[str]:
    operations = {}
    for graph in graphs:
        for node in graph.nodes:
            if node.operation is not None and not node.operation.symbol:
                operations[id(node.operation)] = node.operation
    lines = []
    for operation in operations.values():
        if options.show_source and operation.source:
            lines.append(shortened(operation.source, 4 * options.value_chars))
        elif operation.doc:
            lines.append(f"{operation.name}({', '.join(operation.parameters)}): {' '.join(operation.doc.split())}")
    return lines


def render(
    evidence: Sequence[Evidence],
    options: RenderOptions = RenderOptions(),
    *,
    parameters: Mapping[str, Parameter] | None = None,
) -> str:
    """All evidence as one text: parameters once, then per run its code, values and feedback.

    Runs whose code is the same as the first run's show only their values.

    Args:
        parameters: what the optimizer calls them, where that is not their own name.
    """
    called = {parameter: name for name, parameter in (parameters or {}).items()}
    versions = {v.parameter: v for e in evidence for v in e.subgraph.parameters}
    shown = [parameter_text(v, called.get(p)) for p, v in versions.items()]
    sections = ["# Parameters\n" + "\n".join(shown)] if shown else []
    if documented := _documentation([e.subgraph for e in evidence], options):
        sections.append("# Functions\n" + "\n".join(documented))
    share = options.max_tokens // max(1, len(evidence))
    runs = [_Run(one, options, Names(called)) for one in evidence]
    for number, run in enumerate(runs, 1):
        title = "" if len(runs) == 1 else f"# Run {number}{f' ({run.instance})' if run.instance else ''}\n"
        sections.append(title + run.text(share, is_code_known=number > 1 and run.code == runs[0].code))
    return "\n\n".join(sections)


class _Run:
    """One piece of evidence, made into lines."""

    def __init__(self, evidence: Evidence, options: RenderOptions, names: Names) -> None:
        graph = evidence.subgraph
        for version in graph.parameters:
            names.name(version)
        self.instance = evidence.instance
        self.inputs = [_input_line(node, names, options) for node in graph.inputs]
        self.steps = [_step(node, names, options) for node in graph.nodes]
        self.code = [(step.name, step.call) for step in self.steps]
        self.feedback = f"## Feedback on {names.name(graph.output)}\n{feedback_text(evidence.feedback)}"

    def text(self, max_tokens: int, *, is_code_known: bool) -> str:
        """The run's sections. `max_tokens` bounds inputs, code and values, a third each."""
        third = max_tokens // 3
        code = [] if is_code_known else [step.line for step in self.steps]
        values = [step.value for step in self.steps if is_code_known or step.long]
        sections = [
            ("## Inputs", _folded(self.inputs, third, "inputs")),
            ("## Code, with values", _folded(code, third, "steps")),
            ("## Values", _folded(values, third, "values")),
        ]
        return "\n".join(["\n".join([title, *lines]) for title, lines in sections if lines] + [self.feedback])


def _input_line(node: Node, names: Names, options: RenderOptions) -> str:
    about = f"  # {node.description}" if node.description else ""
    return f"{names.name(node)} = {_indented(_value_text(node, options))}{about}"

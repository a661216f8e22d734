"""Text of a subgraph and its feedback, for a model or a person.

The same program gives the same text in every process: names are chosen here, in order of creation,
and no address, hash order or time enters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentopt.feedback import Feedback
from agentopt.graph.fitting import fitted, shares
from agentopt.graph.node import Node
from agentopt.graph.showing import estimate_tokens, failure_text, shortened, show
from agentopt.graph.structure import unwrapped
from agentopt.graph.subgraph import Evidence, Subgraph
from agentopt.graph.trainable import Parameter, Version

_LEAST_TOKENS_OF_A_RUN = 60
"""A run gets at least so many tokens, or is left out."""


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """How much is shown.

    Args:
        max_tokens: size of the whole text, by `estimate_tokens`. What does not fit is shortened or left out, and the
            text says so; parameters are always shown in full, even where they alone take more.
        value_chars: longest value shown whole; longer ones keep head and tail.
        show_source: print the source of bundled functions, not only their documentation.
        open_bundles: show the operations inside a bundle below its own line.
    """

    max_tokens: int = 12_000
    value_chars: int = 600
    show_source: bool = False
    open_bundles: bool = False


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
    kind: str
    depth: int
    about: str

    @property
    def line(self) -> str:
        shown = " - ".join(part for part in (self.short, self.about) if part)
        return f"{'    ' * self.depth}{self.name} = {self.call}" + (f"  # {shown}" if shown else "")

    @property
    def value(self) -> str:
        return f"{self.name} = {_indented(self.long or self.short)}"


def _steps(node: Node, names: Names, options: RenderOptions, depth: int = 0) -> Iterator[_Step]:
    yield _step(node, names, options, depth)
    if options.open_bundles and node._extra is not None:
        for inner in node._extra.inside:
            if inner.operation is not None:
                yield from _steps(inner, names, options, depth + 1)


def _step(node: Node, names: Names, options: RenderOptions, depth: int) -> _Step:
    name, call = names.name(node), call_text(node, names)
    kind = node.operation.name if node.operation else "input"
    if node.error is not None:
        failed = f"failed: {failure_text(node.error, 4 * options.value_chars)}"
        return _Step(name, call, "", failed, kind, depth, node.description)
    shown = _rounded(node._value) or value_text(node, options.value_chars)
    is_short = len(shown) <= 60 and "\n" not in shown
    short, long = (shown, "") if is_short else ("", shown)
    return _Step(name, call, short, long, kind, depth, node.description)


def value_text(node: Node, max_chars: int) -> str:
    """A node's value in at most about `max_chars` characters, and whether it was changed since it was recorded."""
    shown = show(node._value, max_chars)
    return f"{shown} (changed in place after it was recorded)" if node.is_changed else shown


def _rounded(value: Any) -> str:
    """A float that is long to write, to 7 significant digits; empty for everything else."""
    return f"{value:.7g}" if isinstance(value, float) and len(repr(value)) > 9 else ""


def _indented(text: str) -> str:
    return "\n" + "\n".join("    " + line for line in text.splitlines()) if "\n" in text else text


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
    head = "# Parameters\n" + "\n".join(shown) if shown else ""
    documented = _documentation([e.subgraph for e in evidence], options)
    runs = [_Run(one, options, Names(called)) for one in evidence]
    room = options.max_tokens - estimate_tokens(head)
    for effort in (1.0, 0.9, 0.75, 0.5, 0.25):
        text = _assembled(head, documented, runs, int(room * effort))
        if estimate_tokens(text) <= options.max_tokens:
            return text
    return f"{head}\n\n… (nothing else fits into {options.max_tokens} tokens)"


def _assembled(head: str, documented: list[str], runs: Sequence[_Run], max_tokens: int) -> str:
    """The sections in `max_tokens` beyond the head: a quarter at most for functions, the rest for the runs."""
    sections = [head] if head else []
    if documented:
        sections.append("\n".join(["# Functions", *fitted(documented, max_tokens // 4, "functions")]))
        max_tokens -= min(max_tokens // 4, estimate_tokens(sections[-1]))
    most = max(1, max_tokens // _LEAST_TOKENS_OF_A_RUN)
    first, last = runs[: (most + 1) // 2], runs[(most + 1) // 2 :][-(most // 2) :] if most > 1 else []
    kept = list(runs) if len(runs) <= most else [*first, *last]
    needs = [run.need(is_code_known=number > 0 and run.code == runs[0].code) for number, run in enumerate(kept)]
    for number, (run, share) in enumerate(zip(kept, shares(needs, max_tokens)), 1):
        if len(kept) < len(runs) and number == len(first) + 1:
            sections.append(f"… ({len(runs) - len(kept)} more runs left out here)")
        title = "" if len(runs) == 1 else f"# Run {runs.index(run) + 1}{f' ({run.instance})' if run.instance else ''}\n"
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
        self.steps = [step for node in graph.nodes for step in _steps(node, names, options)]
        self.code = [(step.name, step.call) for step in self.steps]
        self.title = f"## Feedback on {names.name(graph.output)}"
        self.feedback = feedback_text(evidence.feedback)

    def _lines(self, *, is_code_known: bool) -> list[tuple[str, str, list[str], list[str]]]:
        """Title, what its lines are, lines, and their kinds, of each section but the feedback."""
        code = [] if is_code_known else self.steps
        values = [step for step in self.steps if is_code_known or step.long]
        return [
            ("## Inputs", "inputs", self.inputs, []),
            ("## Code, with values", "steps", [step.line for step in code], [step.kind for step in code]),
            ("## Values", "values", [step.value for step in values], [step.kind for step in values]),
        ]

    def need(self, *, is_code_known: bool) -> int:
        """Tokens of the whole run, nothing left out."""
        sections = [lines for _, _, lines, _ in self._lines(is_code_known=is_code_known)]
        return 30 + estimate_tokens(self.feedback) + sum(estimate_tokens(line) for lines in sections for line in lines)

    def text(self, max_tokens: int, *, is_code_known: bool) -> str:
        """The run's sections, in about `max_tokens`; feedback takes half of them at most."""
        sections = self._lines(is_code_known=is_code_known)
        needs = [sum(map(estimate_tokens, lines)) for _, _, lines, _ in sections]
        for_feedback = max(max_tokens // 2, max_tokens - 30 - sum(needs), 20)
        feedback = shortened(self.feedback, 4 * for_feedback)
        left = max_tokens - estimate_tokens(feedback) - 30
        parts = [
            "\n".join([title, *fitted(lines, share, what, kinds)])
            for (title, what, lines, kinds), share in zip(sections, shares(needs, left))
            if lines
        ]
        return "\n".join([*parts, self.title, feedback])


def _input_line(node: Node, names: Names, options: RenderOptions) -> str:
    about = f"  # {node.description}" if node.description else ""
    return f"{names.name(node)} = {_indented(value_text(node, options.value_chars))}{about}"

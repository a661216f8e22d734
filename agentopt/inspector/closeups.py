"""One thing of a run as text for a terminal: a candidate, a step, a node, a difference, an exchange."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agentopt.errors import UsageError
from agentopt.events import Evaluated
from agentopt.graph.export import GraphRecord, NodeRecord, read_graph
from agentopt.graph.showing import shortened
from agentopt.inspector.gain import gains, verdict
from agentopt.inspector.spending import spending, spending_text
from agentopt.inspector.text import number, panel, plain
from agentopt.inspector.view import RunView, Step, score_of

_MOST_FOR_WORDS = 60_000
"""Characters of two texts above which they are compared by lines: word by word would take seconds."""


def candidate_view(run: RunView, identity: int) -> RenderableType:
    """One candidate: values, reasoning, and each measurement with its feedback.

    Raises:
        UsageError: there is no such candidate.
    """
    candidate = run.candidate(identity)
    parts: list[RenderableType] = [panel(value, name) for name, value in run.values(identity).items()]
    if reasoning := candidate.added.notes.get("reasoning"):
        parts.append(panel(reasoning, "reasoning"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("instance", "split", "score", "feedback"):
        table.add_column(column, overflow="fold")
    for position in range(len(candidate.evaluations)):
        evaluation = run.whole_evaluation(identity, position)
        said = plain(shortened(str(evaluation.feedback.get("text", "")), 400))
        table.add_row(plain(evaluation.instance), plain(evaluation.split), number(score_of(evaluation)), said)
    return Group(*parts, table)


def step_view(run: RunView, which: int) -> RenderableType:
    """One proposal: what it changed and why, what came of it, what it cost, and the exchange.

    Raises:
        UsageError: there is no such step.
    """
    step = run.step(which)
    parts: list[RenderableType] = [_outcome(run, step)]
    if step.candidate is None:
        parts.append(panel(step.problem, "refused"))
    else:
        notes = run.candidates[step.candidate].added.notes
        if reasoning := notes.get("reasoning"):
            parts.append(panel(reasoning, "reasoning"))
        if step.parents[0] in run.candidates:
            parts.append(difference(run, step.parents[0], step.candidate))
    return Group(*parts, *(exchange_view(run, one) for one in step.exchanges))


def _outcome(run: RunView, step: Step) -> Table:
    facts = Table.grid(padding=(0, 2))
    parents = ", ".join(map(str, step.parents))
    if step.candidate is None:
        facts.add_row("step", plain(f"{step.number}: a proposal from candidate {parents}, refused"))
    else:
        changed = ", ".join(run.changed(run.candidates[step.candidate])) or "nothing"
        facts.add_row("step", plain(f"{step.number}: candidate {parents} -> {step.candidate}"))
        facts.add_row("changed", plain(changed))
        for gain in gains(run, step.parents[0], step.candidate):
            scores = f"{number(gain.before)} -> {number(gain.after)}"
            said = f"{scores}, {verdict(gain.difference)} (n = {gain.difference.count})"
            facts.add_row(plain(gain.split), plain(said))
    if step.exchanges:
        facts.add_row("asking took", spending_text(spending(run.exchanges[one] for one in step.exchanges)))
    return facts


def difference(run: RunView, first: int, second: int) -> RenderableType:
    """How two candidates differ, parameter by parameter: lines for code, words for all else.

    Raises:
        UsageError: one of them is not there.
    """
    for identity in (first, second):
        run.candidate(identity)
    before, after = run.values(first), run.values(second)
    kinds = {str(p.get("name")): p.get("kind") for p in run.header.space}
    text = Text()
    for name in dict.fromkeys((*before, *after)):
        a, b = (str(values[name]) if name in values else "" for values in (before, after))
        if a == b:
            continue
        text.append(plain(f"--- {name} of {first}\n+++ {name} of {second}\n").plain, style="bold")
        by_lines = kinds.get(name) == "code" or len(a) + len(b) > _MOST_FOR_WORDS
        for said, style in _lines(a, b) if by_lines else _words(a, b):
            text.append(plain(said).plain, style=style)
        text.append("\n")
    return text if text.plain else plain("no difference")


def _lines(before: str, after: str) -> Iterator[tuple[str, str]]:
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm="")
    for line in list(found)[2:]:  # after the two lines that name files
        yield f"{line}\n", {"+": "green", "-": "red"}.get(line[:1], "")


def _words(before: str, after: str) -> Iterator[tuple[str, str]]:
    """What went in `[-…-]`, what came in `{+…+}`, as `git diff --word-diff` has it: it reads without colour."""
    a, b = (re.findall(r"\s+|\S+", text) for text in (before, after))
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "".join(a[i:j]), ""
        if gone := "".join(a[i:j]) if kind != "equal" else "":
            yield f"[-{gone}-]", "red"
        if came := "".join(b[k:m]) if kind != "equal" else "":
            yield f"{{+{came}+}}", "green"
    yield "\n", ""


def exchange_view(run: RunView, index: int) -> RenderableType:
    """One exchange: every message, the reply, and what it took.

    Raises:
        UsageError: there is no such exchange.
    """
    exchange = run.whole_exchange(index)
    parts: list[RenderableType] = [panel(m["content"], m["role"]) for m in exchange["request"]["messages"]]
    reply = exchange.get("reply")
    said = reply["text"] if reply else exchange.get("error", "")
    where = "".join(f", {name} {value}" for name, value in (exchange.get("where") or {}).items())
    title = (
        f"{'reply' if reply else 'failed'} ({exchange.get('role', '')}{where}; {spending_text(spending([exchange]))})"
    )
    return Group(*parts, panel(said, title))


def evaluation_of(run: RunView, candidate: int | None, instance: str | None) -> Evaluated:
    """An evaluation, whole.

    Args:
        candidate: the best one where not given, or the last one where none is known as the best.
        instance: the first that the candidate was measured on where not given.

    Raises:
        UsageError: there is no such candidate, or it was not measured there.
    """
    last = max(run.candidates, default=0)
    identity = candidate if candidate is not None else last if run.best is None else run.best
    measured = run.candidate(identity).evaluations
    for position, evaluation in enumerate(measured):
        if instance in (None, evaluation.instance):
            return run.whole_evaluation(identity, position)
    there = ", ".join(shortened(e.instance, 40) for e in measured[:20]) or "nothing"
    raise UsageError(f"candidate {identity} was not measured on `{instance}`; it was on {there}")


def node_of(graph: GraphRecord, name: str) -> NodeRecord:
    """The node of that name.

    Raises:
        UsageError: there is none.
    """
    for node in graph.nodes:
        if node.name == name:
            return node
    names = shortened(", ".join(node.name for node in graph.nodes), 600)
    raise UsageError(f"the graph has no node `{name}`; it has {names}")


def graph_of(evaluation: Evaluated) -> GraphRecord:
    """The graph of an evaluation.

    Raises:
        UsageError: the record holds none.
        FormatError: it is not one.
    """
    if evaluation.graph is None:
        raise UsageError(f"the record holds no graph of candidate {evaluation.candidate} on `{evaluation.instance}`")
    return read_graph(evaluation.graph)


def node_view(evaluation: Evaluated, name: str) -> RenderableType:
    """A node of an evaluation's graph: what it was computed from, its value, and the feedback that reached it.

    Raises:
        UsageError: there is no such node, or no graph.
        FormatError: the graph is not one.
    """
    graph = graph_of(evaluation)
    node = node_of(graph, name)
    about = f"candidate {evaluation.candidate} on {evaluation.instance} ({evaluation.split})"
    facts = Table.grid(padding=(0, 2))
    facts.add_row("of", plain(about))
    facts.add_row("computed", plain(f"{node.name} = {node.text}" if node.text else f"{node.name}, {_a(node.kind)}"))
    uses = [other.name for other in graph.nodes if name in other.parents]
    facts.add_row(
        "used by", plain(", ".join(uses) or ("nothing: it is the output" if name == graph.output else "nothing"))
    )
    parts: list[RenderableType] = [facts, panel(node.value, "failure" if node.kind == "failure" else "value")]
    for parent in node.parents:
        parts.append(panel(node_of(graph, parent).value, f"input {parent}"))
    if node.inside:
        parts.append(panel("\n".join(node.inside), "inside"))
    said = f"score {number(score_of(evaluation))}\n{evaluation.feedback.get('text', '')}"
    return Group(*parts, panel(said, f"feedback on {graph.output}"))


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def node_json(evaluation: Evaluated, name: str) -> dict[str, Any]:
    """What `node_view` shows, as JSON data."""
    graph = graph_of(evaluation)
    node = node_of(graph, name)
    return {
        "candidate": evaluation.candidate,
        "instance": evaluation.instance,
        "node": {"name": node.name, "kind": node.kind, "text": node.text, "value": node.value, "inside": node.inside},
        "inputs": {parent: node_of(graph, parent).value for parent in node.parents},
        "used_by": [other.name for other in graph.nodes if name in other.parents],
        "output": graph.output,
        "feedback": evaluation.feedback,
    }

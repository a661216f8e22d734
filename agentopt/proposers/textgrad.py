"""TextGrad: criticism carried back along the graph, operation by operation, then one update per parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentopt.candidate import Candidate, Refusal
from agentopt.errors import ProposalError
from agentopt.evaluate.parallel import replies
from agentopt.feedback import Feedback
from agentopt.graph.node import Node
from agentopt.graph.propagation import Answers, Level, criticism_by_level
from agentopt.graph.render import Names, call_text, feedback_text, parameter_text, value_text
from agentopt.graph.subgraph import Evidence
from agentopt.graph.trainable import Parameter, Version
from agentopt.llm.base import LLM, Capability, Message, Request
from agentopt.llm.structured import extract_json
from agentopt.prompts import load_prompt
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.proposers.reply import parse_reply, reply_schema
from agentopt.space import Space

VALUE_CHARS = 2000
"""The longest value of an input or a result that is shown whole."""


class TextGradProposer:
    """Asks a critic about each operation between feedback and parameters, and an updater about each parameter.

    The critic is asked about all operations at one distance from the output at once, in all runs; so are updaters.
    Runs as deep as d take d + 1 rounds, however many instances there are, and equal questions of a round are asked
    once. A criticism that cannot be read
    is left out: then the feedback itself goes on to every input.

    Args:
        temperature: of the model; `None` for its default.

    Source: TextGrad, arXiv:2406.07496, section 3, with each operation asked about once, not once per path and input.
    """

    name = "textgrad"
    needs: frozenset[Capability | str] = frozenset({"llm"})

    def __init__(self, *, temperature: float | None = None) -> None:
        self.temperature = temperature

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        """At most one proposal, with a change for every parameter whose update could be used.

        Raises:
            BudgetExhausted: no model call is left.
        """
        parent = parents[0]
        names = {parameter: name for name, parameter in context.space.parameters.items()}
        said: dict[str, list[Feedback]] = {}
        for found in self._criticized(context, evidence, names):
            for parameter, feedback in found.items():
                if parameter in names:
                    said.setdefault(names[parameter], []).extend(feedback)
        versions = {names[v.parameter]: v for e in evidence for v in e.subgraph.parameters if v.parameter in names}
        wanted = [name for name in context.space.parameters if said.get(name) and name in versions]
        requests = [self._update(context, name, versions[name], said[name]) for name in wanted]
        texts = _texts(_model(context), requests)
        changes: dict[str, Any] = {}
        reasons = []
        for name, request in zip(wanted, requests, strict=True):
            try:
                proposal = parse_reply(texts[request.digest], _only(context.space, name), parent, origin=self.name)
            except ProposalError as error:
                context.refuse(Refusal(parents=(parent.id,), problem=str(error)))
                continue
            changes.update(proposal.changes)
            reasons.append(proposal.reasoning)
        return [Proposal(changes=changes, reasoning="\n".join(reasons), origin=self.name)] if changes else []

    def _criticized(
        self, context: Context, evidence: Sequence[Evidence], names: Mapping[Parameter, str]
    ) -> list[dict[Parameter, list[Feedback]]]:
        """What was said about each parameter in each of the runs, which are gone through abreast."""
        runs = [_Run(e, names) for e in evidence]
        found: list[dict[Parameter, list[Feedback]]] = [{} for _ in runs]
        answers: dict[int, Answers | None] = dict.fromkeys(range(len(runs)))
        while answers:
            levels: dict[int, Level] = {}
            for place, answer in answers.items():
                try:
                    levels[place] = next(runs[place].levels) if answer is None else runs[place].levels.send(answer)
                except StopIteration as end:
                    found[place] = end.value
            answers = dict(self._answered(context, runs, levels))
        return found

    def _answered(
        self, context: Context, runs: Sequence[_Run], levels: Mapping[int, Level]
    ) -> Iterator[tuple[int, Answers]]:
        """What the critic says about a level of each run, by the run's place."""
        requests = {
            place: [self._question(context, node, feedback, runs[place]) for node, feedback in level]
            for place, level in levels.items()
        }
        texts = _texts(_model(context), [request for of_run in requests.values() for request in of_run])
        for place, level in levels.items():
            yield (
                place,
                [
                    _answers(texts[request.digest], runs[place].targets(node), feedback)
                    for (node, feedback), request in zip(level, requests[place], strict=True)
                ],
            )

    def _question(self, context: Context, node: Node, feedback: Sequence[Feedback], run: _Run) -> Request:
        prompt, names, targets = load_prompt("textgrad"), run.names, run.targets(node)
        user = prompt.fill(
            "operation",
            objective=context.objective,
            operation=f"{names.name(node)} = {call_text(node, names)}\n{node.operation.doc if node.operation else ''}",
            inputs="\n".join(_line(parent, names) for parent in dict.fromkeys(node.parents)),
            result=value_text(node, VALUE_CHARS),
            feedback="\n\n".join(map(feedback_text, feedback)),
            names=", ".join(targets),
        )
        properties = {name: {"type": "string"} for name in targets}
        schema = _object({"criticism": _object(properties)})
        messages = (Message("system", prompt.fill("critic")), Message("user", user))
        return Request(messages=messages, schema=schema, schema_name="criticism", temperature=self.temperature)

    def _update(self, context: Context, name: str, version: Version, said: Sequence[Feedback]) -> Request:
        prompt = load_prompt("textgrad")
        user = prompt.fill(
            "parameter",
            objective=context.objective,
            name=name,
            current=parameter_text(version, name),
            criticism="\n\n".join(f"{place}. {feedback_text(f)}" for place, f in enumerate(said, 1)),
        )
        return Request(
            messages=(Message("system", prompt.fill("updater")), Message("user", user)),
            schema=reply_schema(_only(context.space, name)),
            schema_name="proposal",
            temperature=self.temperature,
        )


class _Run:
    """A run's way back from its feedback, with the names that its nodes are shown under."""

    def __init__(self, evidence: Evidence, names: Mapping[Parameter, str]) -> None:
        self.levels = criticism_by_level(evidence.subgraph.output, evidence.feedback)
        self.names = Names(names)
        self._asked = {id(node) for node in (*evidence.subgraph.nodes, *evidence.subgraph.parameters)}

    def targets(self, node: Node) -> dict[str, Node]:
        """The inputs of an operation that the critic is asked about, by name."""
        return {self.names.name(parent): parent for parent in node.parents if id(parent) in self._asked}


def _model(context: Context) -> LLM:
    assert context.llm is not None, "a run checks `needs` before it starts"
    return context.llm


def _texts(llm: LLM, requests: Sequence[Request]) -> dict[str, str]:
    """The replies by the request's digest; equal requests are sent once, all together."""
    distinct = {request.digest: request for request in requests}
    return {key: reply.text for key, reply in zip(distinct, replies(llm, list(distinct.values())), strict=True)}


def _answers(text: str, targets: Mapping[str, Node], feedback: Sequence[Feedback]) -> dict[Node, Feedback]:
    """What was said about each input; what was said about the result, where the critic gave nothing readable."""
    try:
        data = extract_json(text)
    except ProposalError:
        data = None
    said = data.get("criticism") if isinstance(data, dict) else None
    passed_on = replace(feedback[0], text="\n".join(f.text for f in feedback if f.text))
    return {
        node: Feedback(text=said[name])
        if isinstance(said, dict) and isinstance(said.get(name), str) and said[name].strip()
        else passed_on
        for name, node in targets.items()
    }


def _line(node: Node, names: Names) -> str:
    return f"{names.name(node)} = {value_text(node, VALUE_CHARS)}"


def _only(space: Space, name: str) -> Space:
    return Space({name: space.parameters[name]})


def _object(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }

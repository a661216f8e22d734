"""Demonstrations: what a prompt was answered with in good runs, written into the prompt as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentopt.graph.node import Node
from agentopt.graph.render import Names
from agentopt.graph.showing import show
from agentopt.graph.subgraph import Evidence
from agentopt.graph.trainable import Parameter, Version
from agentopt.prompts import load_prompt

VALUE_CHARS = 2000
"""The longest value that is shown whole."""


@dataclass(frozen=True)
class Demonstration:
    """One use of a prompt: what it was used on, a line per input, and what came of it."""

    inputs: str
    output: str


def demonstrations_of(evidence: Sequence[Evidence], parameter: Parameter) -> list[Demonstration]:
    """Each use of the parameter in these runs, in order, equal ones once.

    A use is an operation that reads the parameter and has another input of plain data; one without such an input, or
    without a result, shows nothing.
    """
    found = []
    for each in evidence:
        names = Names({})
        for node in each.subgraph.nodes:
            reads = any(isinstance(p, Version) and p.parameter is parameter for p in node.parents)
            if reads and node.error is None:
                inputs = [f"{names.name(p)}: {_shown(p)}" for p in dict.fromkeys(node.parents) if _is_input(p)]
                found += [Demonstration("\n".join(inputs), _shown(node))] if inputs else []
    return list(dict.fromkeys(found))


def with_demonstrations(instruction: str, demonstrations: Sequence[Demonstration]) -> str:
    """The instruction, with these examples after it; by itself where there are none."""
    if not demonstrations:
        return instruction
    prompt = load_prompt("demonstrations")
    examples = [
        prompt.fill("example", number=str(number), inputs=d.inputs, output=d.output)
        for number, d in enumerate(demonstrations, 1)
    ]
    return prompt.fill("prompt", instruction=instruction, examples="\n\n".join(examples))


def _is_input(node: Node) -> bool:
    return not isinstance(node, Version) and isinstance(node.value, (str, int, float, list, tuple, dict))


def _shown(node: Node) -> str:
    return node.value if isinstance(node.value, str) else show(node.value, VALUE_CHARS)

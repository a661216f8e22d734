"""Directional feedback: where none was given, it is made from earlier attempts, and then followed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from agentopt.candidate import Candidate
from agentopt.graph.render import RenderOptions, render
from agentopt.graph.showing import show
from agentopt.graph.subgraph import Evidence
from agentopt.graph.trainable import Parameter
from agentopt.llm.base import Capability, Message, Request
from agentopt.prompts import load_prompt
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.proposers.reply import ask_for_proposal, reply_schema
from agentopt.surrogates.slope import slopes


class DirectionalProposer:
    """One step in a direction: by least squares for numbers, in a model's words for everything else.

    The words cost a second call, made only where the space has more than numbers, two attempts or more have scores,
    and the feedback has no channel `fp` (LLF-Bench's "what to do next") of its own.

    Args:
        best, last: how many of the best and of the newest attempts are shown, with their scores.
        again: how often a reply that cannot be used is asked for again, with the reason.
        max_tokens: size of the rendered graph; see `RenderOptions`.

    Source: "The Importance of Directional Feedback for LLM-based Optimizers", arXiv:2405.16434. The temperature is 0,
    and 0.7 after an attempt that was not better than what it was made from.
    """

    name = "directional"
    needs: frozenset[Capability | str] = frozenset({"llm"})

    def __init__(self, *, best: int = 3, last: int = 2, again: int = 2, max_tokens: int = 12_000) -> None:
        self.best = best
        self.last = last
        self.again = again
        self.max_tokens = max_tokens

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        """At most one proposal for a child of `parents[0]`.

        Raises:
            BudgetExhausted: no model call is left.
        """
        parent = parents[0]
        instances = list(dict.fromkeys(e.instance for e in evidence))
        measured = [(c, context.archive.mean(c.id, instances)) for c in context.archive.candidates]
        attempts = [(c, mean) for c, mean in measured if mean is not None and math.isfinite(mean)]
        tried = self._tried(attempts)
        prompt = load_prompt("directional")
        user = prompt.fill(
            "user",
            objective=context.objective,
            evidence=render(evidence, RenderOptions(max_tokens=self.max_tokens), parameters=context.space.parameters),
            tried=tried,
            directions=self._directions(context, attempts, evidence, tried),
        )
        was_worse = any(c.parents == (parent.id,) for c in context.archive.candidates[-1:])
        request = Request(
            messages=(Message("system", prompt.fill("system")), Message("user", user)),
            schema=reply_schema(context.space),
            schema_name="proposal",
            temperature=0.7 if was_worse else 0.0,
        )
        proposal = ask_for_proposal(context, parent, request, again=self.again, origin=self.name)
        return [] if proposal is None else [proposal]

    def _tried(self, attempts: Sequence[tuple[Candidate, float]]) -> str:
        """The best and the newest attempts, the newest last."""
        ordered = sorted(attempts, key=lambda pair: -pair[1])[: self.best] + list(attempts)[-self.last :]
        shown = {c.id: (c, mean) for c, mean in ordered}
        lines = [f"- score {mean:.6g}: {_values(c)}" for c, mean in (shown[key] for key in sorted(shown))]
        return "\n".join(lines) or "(none has a score)"

    def _directions(
        self, context: Context, attempts: Sequence[tuple[Candidate, float]], evidence: Sequence[Evidence], tried: str
    ) -> str:
        numbers = {name: p for name, p in context.space.parameters.items() if p.kind in ("number", "integer")}
        lines = number_directions(numbers, attempts)
        lines += [f"- {e.feedback.channels['fp']}" for e in evidence if e.feedback.channels.get("fp")]
        has_words = any("fp" in e.feedback.channels for e in evidence)
        if len(numbers) < len(context.space.parameters) and not has_words and len(attempts) > 1:
            prompt = load_prompt("directional")
            user = prompt.fill("attempts", objective=context.objective, tried=tried)
            messages = (Message("system", prompt.fill("synthesizer")), Message("user", user))
            assert context.llm is not None, "a run checks `needs` before it starts"
            lines.append(context.llm.complete(Request(messages=messages, temperature=0.0)).text.strip())
        return "\n".join(line for line in lines if line) or "(the attempts do not tell yet)"


def number_directions(numbers: dict[str, Parameter], attempts: Sequence[tuple[Candidate, float]]) -> list[str]:
    """For each number, whether the score rises or falls with it, as far as the newest attempts tell."""
    if not numbers or len(attempts) < 2:
        return []
    widths = {name: _width(p, attempts[0][0].values[name]) for name, p in numbers.items()}
    points = [[c.values[name] / widths[name] for name in numbers] for c, _ in attempts]
    found = slopes(points, [mean for _, mean in attempts])
    words = {1: "increase", -1: "decrease", 0: "unclear"}
    return [f"- {name}: {words[slope.direction]}" for name, slope in zip(numbers, found, strict=True)]


def _width(parameter: Parameter, start: Any) -> float:
    low, high = parameter.bounds or (None, None)
    return float(high - low) or 1.0 if low is not None and high is not None else 1.0 + abs(start)


def _values(candidate: Candidate) -> str:
    return ", ".join(f"{name} = {show(value, 400)}" for name, value in candidate.values.items())

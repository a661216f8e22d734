"""The steps of the modeling pipelines, each one node of the graph: what asks a model, and what examines its drafts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from agentopt.adapters.answer import Answer
from agentopt.adapters.consensus import SameModel, same_optimum, vote
from agentopt.adapters.repairs import is_kept
from agentopt.adapters.routes import ROUTES, RouteName, program_in
from agentopt.errors import ProposalError
from agentopt.graph.bundling import bundle
from agentopt.graph.scope import active_sandbox
from agentopt.llm.base import LLM, ask
from agentopt.llm.structured import extract_json
from agentopt.modeling.evidence.enumeration import compare_with_checker
from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.evidence.integrality import integrality_findings
from agentopt.modeling.text import between
from agentopt.prompts import load_prompt

Hints = Callable[[str], str]
"""What earlier experience says about a problem in words; an empty text where it says nothing."""

_MOST_VARIABLES = 200
_MOST_DESCRIBED = 20_000
_CONTRADICTIONS = {
    "type": "object",
    "properties": {
        "contradictions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("problem", "description", "why")},
                "required": ["problem", "description", "why"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["contradictions"],
    "additionalProperties": False,
}


@bundle
def consult(question: str, hints: Hints | None) -> str:
    """What earlier experience says, as it is put under the problem."""
    said = hints(question).strip() if hints else ""
    return "\n\n" + load_prompt("modeling_notes").fill(hints=said) if said else ""


@bundle
def understand(understanding: str, question: str, notes: str, llm: LLM) -> str:
    """The problem as an expert reads it: decisions, goal, restrictions, numbers."""
    prompt = load_prompt("modeling_staged")
    return ask(llm, prompt.fill("user_understanding", instruction=understanding, question=question, notes=notes))


@bundle
def formulate(formulation: str, question: str, understood: str, llm: LLM) -> str:
    """Sets, parameters, variables, objective and constraints as mathematics, under the problem's words."""
    prompt = load_prompt("modeling_staged")
    asked = prompt.fill("user_formulation", instruction=formulation, question=question, understanding=understood)
    return prompt.fill("formulated", question=question, formulation=ask(llm, asked))


@bundle
def write_draft(instruction: str, question: str, notes: str, route: RouteName, llm: LLM) -> str:
    """The program or document that the model writes for the problem."""
    return ROUTES[route].write(instruction, question, notes, llm)


@bundle
def repair_draft(instruction: str, question: str, answer: Answer, route: RouteName, llm: LLM) -> str:
    """The draft again, after the model has seen what was found out about it."""
    return ROUTES[route].repair(instruction, question, answer.draft, _problem(answer), llm)


@bundle
def run_and_verify(draft: str, question: str, route: RouteName, is_compared: bool) -> Answer:
    """Solves the model of a draft, verifies the solution and, if asked for, compares the model with the words."""
    sandbox = active_sandbox()
    answer = replace(ROUTES[route].answer(draft, sandbox), draft=draft)
    if not is_compared:
        return answer
    findings = ROUTES[route].compare(question, draft, answer)
    if answer.model is not None and answer.status == "optimal" and answer.value is not None:
        findings += integrality_findings(answer.model, answer.value, sandbox)
    return replace(answer, findings=tuple(findings))


@bundle
def choose(answers: Sequence[Answer], styles: Sequence[str], same_model: SameModel) -> Answer:
    """The answer that most samples agree with."""
    return vote(answers, styles, same_model)


@bundle
def keep_better(before: Answer, after: Answer) -> Answer:
    """The repaired answer if that is kept, else the one before; with the samples and votes of the choice."""
    if not is_kept(before, after):
        return before
    votes = sum(same_optimum(after, sample) for sample in before.samples)
    return replace(after, samples=before.samples, votes=votes if before.samples else after.votes)


@bundle
def write_checker(checking: str, question: str, answer: Answer, llm: LLM) -> str:
    """A checker of single decisions, written from the words and the variables' names; empty where it makes no sense."""
    columns = answer.model.columns if answer.model else ()
    if not columns or len(columns) > _MOST_VARIABLES:
        return ""
    variables = "\n".join(f"{between(f'`{c.name}`', c.lower, c.upper)}, {c.type}" for c in columns)
    prompt = load_prompt("modeling_checker").fill("user", instruction=checking, question=question, variables=variables)
    return program_in(ask(llm, prompt))


@bundle
def compare_checked(answer: Answer, checker: str) -> Answer:
    """The answer with what the checker disagrees about; a checker that fails says nothing."""
    if answer.model is None or not checker:
        return answer
    values = answer.solution.values if answer.solution else None
    found = compare_with_checker(answer.model, checker, values, active_sandbox())
    others = tuple(f for f in answer.findings if f.check != "checker")
    return replace(answer, findings=(*others, *found.findings))


@bundle
def describe(answer: Answer, llm: LLM) -> str:
    """The answer's model in words, by who has not seen the problem; empty for a model too long to be described."""
    written = answer.model.to_text(max_rows=200) if answer.model else ""
    if not written or len(written) > _MOST_DESCRIBED:
        return ""
    return ask(llm, load_prompt("modeling_back_translation").fill("describe", model=written))


@bundle
def contradict(judging: str, question: str, description: str, answer: Answer, llm: LLM) -> Answer:
    """The answer with the contradictions between problem and description; those without a true quote are dropped."""
    if not description:
        return answer
    prompt = load_prompt("modeling_back_translation")
    asked = prompt.fill("judge", instruction=judging, question=question, description=description)
    reply = ask(llm, asked, schema=_CONTRADICTIONS, schema_name="contradictions")
    others = tuple(f for f in answer.findings if f.check != "review")
    return replace(answer, findings=(*others, *_contradictions(reply, question)))


def _contradictions(reply: str, question: str) -> list[Finding]:
    try:
        said: Any = extract_json(reply)
    except ProposalError:
        return []
    listed = said.get("contradictions") if isinstance(said, dict) else None
    found = []
    for entry in listed if isinstance(listed, list) else ():
        quote, why = (str(entry.get(key, "")) for key in ("problem", "why")) if isinstance(entry, dict) else ("", "")
        if quote.strip() and _plain(quote) in _plain(question):
            found.append(Finding(check="review", subject=_plain(quote), text=f"The problem says `{quote}`. {why}"))
    return found


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" .").lower()


def _problem(answer: Answer) -> str:
    """What was found, for a repair: about the model, then against the words."""
    said, prompt = answer.text, load_prompt("modeling_findings")
    questions = [f for f in answer.findings if f.is_question]
    if answer.warnings:
        said = prompt.fill("warnings", problem=said, warnings="\n".join(f"- {f.text}" for f in answer.warnings))
    if questions:
        said = prompt.fill("questions", problem=said, questions="\n".join(f"- {f.text}" for f in questions))
    return said

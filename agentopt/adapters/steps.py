"""The steps of the modeling pipelines, each one node of the graph: what asks a model, and what examines its drafts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from agentopt.adapters.answer import Answer
from agentopt.adapters.consensus import SameModel, proved_same_model, same_optimum, vote
from agentopt.adapters.repairs import is_kept
from agentopt.adapters.routes import ROUTES, RouteName, program_in
from agentopt.errors import ProposalError
from agentopt.graph.bundling import bundle
from agentopt.graph.scope import active_sandbox
from agentopt.llm.base import LLM, ask
from agentopt.llm.structured import extract_json
from agentopt.modeling.evidence.enumeration import compare_with_checker
from agentopt.modeling.evidence.finding import Finding, findings_of, look_of
from agentopt.modeling.evidence.integrality import integrality_findings
from agentopt.modeling.examine import Depth
from agentopt.modeling.report import Evidence
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
def run_and_verify(draft: str, question: str, route: RouteName, is_compared: bool, is_cross_checked: bool) -> Answer:
    """Solves the model of a draft, verifies the solution and, if asked for, compares the model with the words."""
    sandbox, way = active_sandbox(), ROUTES[route]
    depth = Depth(level="rigorous" if is_cross_checked else "standard", is_audited=is_compared)
    answer = replace(way.answer(draft, sandbox, depth), draft=draft)
    if not is_compared or answer.model is None:
        return answer
    looks = list(answer.looks)
    if way.unused is not None:
        looks.append(way.unused(draft, answer.model, sandbox))
    findings = [finding for look in looks for finding in findings_of(look)]
    for name in way.looks:
        found = [finding for finding in way.compare(question, draft, answer) if finding.check == name]
        looks.append(look_of(name, found))
        findings += found
    if answer.status == "optimal" and answer.value is not None:
        found = integrality_findings(answer.model, answer.value, sandbox)
        looks.append(look_of("integrality", found))
        findings += found
    return replace(answer, looks=tuple(looks), findings=tuple(findings))


@bundle
def choose(answers: Sequence[Answer], styles: Sequence[str], same_model: SameModel | None) -> Answer:
    """The answer that most samples agree with; by default, two are of one model where `equiv` proves it."""
    sandbox = active_sandbox()
    return vote(answers, styles, same_model or (lambda a, b: proved_same_model(a, b, sandbox)))


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
    """The answer with what the checker disagrees about; one that fails, or is not there, is a missing check."""
    if answer.model is None:
        return answer
    if not checker:
        return _looked_at(answer, "checker", [], f"the model has more than {_MOST_VARIABLES} variables, or none")
    values = answer.solution.values if answer.solution else None
    found = compare_with_checker(answer.model, checker, values, active_sandbox())
    return _looked_at(answer, "checker", found.findings, found.problem)


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
        return _looked_at(answer, "review", [], "the model is too long to be described")
    prompt = load_prompt("modeling_back_translation")
    asked = prompt.fill("judge", instruction=judging, question=question, description=description)
    reply = ask(llm, asked, schema=_CONTRADICTIONS, schema_name="contradictions")
    contradictions = _contradictions(reply, question)
    problem = "the reply has no list of contradictions" if contradictions is None else ""
    return _looked_at(answer, "review", contradictions or [], problem)


def _looked_at(answer: Answer, name: str, found: Sequence[Finding], problem: str) -> Answer:
    """The answer after one look more, in place of an earlier one of that name.

    Args:
        problem: why it could not look; empty if it could.
    """
    look = Evidence(name=name, result="not checked", detail=problem) if problem else look_of(name, found)
    looks = tuple(other for other in answer.looks if other.name != name)
    findings = tuple(finding for finding in answer.findings if finding.check != name)
    return replace(answer, looks=(*looks, look), findings=(*findings, *found))


def _contradictions(reply: str, question: str) -> list[Finding] | None:
    """Those with a true quote; `None` where the reply has no list of them."""
    try:
        said: Any = extract_json(reply)
    except ProposalError:
        return None
    listed = said.get("contradictions") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        return None
    found = []
    for entry in listed:
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

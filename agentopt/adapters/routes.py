"""The two ways to write a model down, `code` and `declarative`, behind one interface.

A draft is text in both: a program that builds the model, or a JSON document that is compiled. Each route says how a
draft is asked for, how a repair is, and what of a draft can be compared with the problem's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agentopt.adapters.answer import Answer, answer_of, answer_of_model
from agentopt.errors import ProposalError
from agentopt.llm.base import LLM, ask
from agentopt.llm.structured import extract_json
from agentopt.modeling.declarative.compilation import compile_document
from agentopt.modeling.declarative.document import (
    Document,
    document_schema,
    patch_schema,
    patched,
    read_document,
    read_patch,
)
from agentopt.modeling.declarative.units import unit_complaints
from agentopt.modeling.evidence.coverage import literals_in, number_findings
from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.evidence.provenance import provenance_findings
from agentopt.prompts import load_prompt
from agentopt.sandbox.base import Sandbox

RouteName = Literal["code", "declarative"]
LibraryName = Literal["gurobipy", "highspy"]
"""What programs are asked to be written with; all of `capture.libraries.DIALECTS` are accepted."""

_FENCE = re.compile(r"```[\w+-]*[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Route:
    """How models are written down.

    Args:
        draft: what a draft is called.
        instruction: the text to begin with that says how, by library; a parameter of the pipeline.
        write: `write(instruction, question, notes, llm)` gives a first draft.
        repair: `repair(instruction, question, draft, problem, llm)` gives another one, or the same again.
        answer: solves and verifies what a draft says.
        compare: findings about a draft whose model was solved, from the problem's words alone.
    """

    draft: str
    instruction: Callable[[LibraryName], str]
    write: Callable[[str, str, str, LLM], str]
    repair: Callable[[str, str, str, str, LLM], str]
    answer: Callable[[str, Sandbox], Answer]
    compare: Callable[[str, str, Answer], list[Finding]]


def program_in(reply: str) -> str:
    """The program in a reply: its last fenced block, or all of it where there is none."""
    blocks = _FENCE.findall(reply)
    return str(blocks[-1]) if blocks else reply


def _instruction(library: LibraryName) -> str:
    if library == "gurobipy":
        return load_prompt("modeling_gurobipy").fill()
    return load_prompt("modeling_pipeline").fill("instruction")


def _write_program(instruction: str, question: str, notes: str, llm: LLM) -> str:
    prompt = load_prompt("modeling_pipeline").fill("user", instruction=instruction, question=question + notes)
    return program_in(ask(llm, prompt))


def _repair_program(instruction: str, question: str, draft: str, problem: str, llm: LLM) -> str:
    prompt = load_prompt("modeling_pipeline")
    words = [
        prompt.fill("user", instruction=instruction, question=question),
        prompt.fill("repair", program=draft, problem=problem),
    ]
    return program_in(ask(llm, "\n\n".join(words)))


def _compare_program(question: str, draft: str, answer: Answer) -> list[Finding]:
    return number_findings(question, answer.model, literals_in(draft)) if answer.model else []


def _write_document(instruction: str, question: str, notes: str, llm: LLM) -> str:
    prompt = load_prompt("modeling_declarative").fill("user", instruction=instruction, question=question, notes=notes)
    return _draft_of(ask(llm, prompt, schema=document_schema(), schema_name="document"))


def _draft_of(reply: str) -> str:
    """The document as stable JSON, or the reply itself where there is none."""
    try:
        return json.dumps(extract_json(reply), ensure_ascii=False)
    except ProposalError:
        return reply


def _repair_document(instruction: str, question: str, draft: str, problem: str, llm: LLM) -> str:
    """The document with the patch that the model writes; a new one where the draft gives no model."""
    prompt = load_prompt("modeling_declarative")
    asked = prompt.fill("user", instruction=instruction, question=question, notes="")
    try:
        document = _compiled(draft)
    except ProposalError as error:
        again = prompt.fill("again", document=draft, problem=str(error))
        return _draft_of(ask(llm, f"{asked}\n\n{again}", schema=document_schema(), schema_name="document"))
    patch = prompt.fill("patch", document=draft, problem=problem)
    reply = ask(llm, f"{asked}\n\n{patch}", schema=patch_schema(), schema_name="patch")
    try:
        changed = patched(document, read_patch(extract_json(reply)))
    except ProposalError:  # a patch that is none, or is empty, leaves the document as it is
        return draft
    return json.dumps(changed.model_dump(), ensure_ascii=False)


def _compiled(draft: str) -> Document:
    document = read_document(extract_json(draft))
    compile_document(document)
    return document


def answer_of_document(draft: str, sandbox: Sandbox) -> Answer:
    """Compiles a document, and solves and verifies its model; no code of the document is executed."""
    try:
        model = compile_document(read_document(extract_json(draft))).model
    except ProposalError as error:
        return Answer(status="no_program", text=f"The document gave no model:\n{error}")
    return answer_of_model(model, sandbox)


def _compare_document(question: str, draft: str, answer: Answer) -> list[Finding]:
    if answer.model is None:
        return []
    document = read_document(extract_json(draft))
    unused = compile_document(document).unused
    found = [Finding(check="unused", subject=n, text=f"No row or objective depends on `{n}`.") for n in unused]
    found += [Finding(check="units", subject=name, text=f"{name}: {said}.") for name, said in unit_complaints(document)]
    found += provenance_findings(question, document)
    return [*number_findings(question, answer.model, _numbers_of(document)), *found]


def _numbers_of(document: Document) -> list[float]:
    """The numbers in values, bounds and expressions; those of unused parameters are said on their own."""
    found: list[float] = []
    pending: list[Any] = [data.values for data in document.parameters]
    while pending:
        values = pending.pop()
        pending += values if isinstance(values, list) else []
        found += [] if isinstance(values, list) else [values]
    texts = [document.objective.expression, *(row.expression for row in document.constraints)]
    return [*found, *(number for text in texts for number in literals_in(text))]


ROUTES: Mapping[RouteName, Route] = {
    "code": Route(
        draft="program",
        instruction=_instruction,
        write=_write_program,
        repair=_repair_program,
        answer=lambda draft, sandbox: answer_of(draft, None, sandbox),
        compare=_compare_program,
    ),
    "declarative": Route(
        draft="document",
        instruction=lambda _: load_prompt("modeling_declarative").fill("instruction"),
        write=_write_document,
        repair=_repair_document,
        answer=answer_of_document,
        compare=_compare_document,
    ),
}

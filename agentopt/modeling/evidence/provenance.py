"""Where the parts of a document come from: the words that they quote, and the sentences that nothing quotes."""

from __future__ import annotations

import re

from agentopt.modeling.declarative.document import Document
from agentopt.modeling.evidence.finding import Finding
from agentopt.modeling.evidence.numerals import numbers_in

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(*#-])|\n+")


def provenance(document: Document) -> list[tuple[str, str | None]]:
    """Each parameter, the objective and each constraint, with the words it quotes; `None` for those that quote none."""
    parts = [(f"parameter `{data.name}`", data.quote) for data in document.parameters]
    parts.append(("the objective", document.objective.quote))
    return [*parts, *((f"constraint `{row.name}`", row.quote) for row in document.constraints)]


def provenance_findings(question: str, document: Document) -> list[Finding]:
    """Quotes that are not in the text, constraints that quote nothing, and sentences with numbers that none quotes."""
    text = _plain(question)
    table = provenance(document)
    found = []
    for part, quote in table:
        if quote is not None and _plain(quote) not in text:
            said = f"{part} quotes `{quote}`, which the problem does not say."
            found.append(Finding(check="provenance", subject=part, text=said))
        elif quote is None and part.startswith("constraint"):
            said = f"{part} quotes no words of the problem."
            found.append(Finding(check="provenance", subject=part, text=said, is_question=True))
    quoted = [_plain(quote) for _, quote in table if quote]
    for sentence in _SENTENCE_END.split(question):
        plain = _plain(sentence)
        if numbers_in(sentence) and not any(quote in plain or plain in quote for quote in quoted):
            said = f"No parameter, constraint or objective quotes the sentence `{sentence.strip()}`"
            found.append(Finding(check="provenance", subject=plain[:60], text=said, is_question=True))
    return found


def _plain(text: str) -> str:
    """Text whose case, blanks and final full stop do not matter."""
    return " ".join(text.lower().split()).rstrip(".!?")

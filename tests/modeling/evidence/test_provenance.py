"""Quotes of a document against the text."""

from __future__ import annotations

from typing import Any

from agentopt.modeling.declarative.document import read_document
from agentopt.modeling.evidence.provenance import provenance_findings
from tests.modeling.declarative.documents import data, document, row, variable

QUESTION = "Each table earns $9. There is wood for\n40 tables. It rains. At most 12 chairs fit."


def findings(*, earn: str | None, wood: str | None, more: list[dict[str, Any]] | None = None) -> list[tuple[str, bool]]:
    written = document(
        [variable("table"), variable("chair")],
        "9 * table",
        [row("wood", "table <= 40", quote=wood), *(more or [])],
        parameters=[data("p", 9, quote=earn)],
    )
    return [(f.subject, f.is_question) for f in provenance_findings(QUESTION, read_document(written))]


FIT = [row("fit", "chair <= 12", quote="At most 12 chairs fit")]


def test_quotes_may_differ_in_blanks_case_and_full_stop() -> None:
    assert findings(earn="each table earns $9", wood="There is wood for 40 tables.", more=FIT) == []


def test_a_quote_that_the_text_does_not_hold_is_a_finding() -> None:
    found = findings(earn="Each table earns $9", wood="There is wood for 50 tables", more=FIT)
    assert ("constraint `wood`", False) in found


def test_a_constraint_without_a_quote_is_a_question() -> None:
    found = findings(earn="Each table earns $9.", wood="There is wood for 40 tables", more=[row("new", "chair <= 12")])
    assert ("constraint `new`", True) in found


def test_a_sentence_with_a_number_that_nothing_quotes_is_a_question() -> None:
    assert findings(earn="Each table earns $9", wood="There is wood for 40 tables") == [
        ("at most 12 chairs fit", True),
    ]

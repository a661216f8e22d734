"""What a check of a model against its text found; evidence, never a proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentopt.modeling.report import Evidence


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that may be wrong with a model.

    Args:
        check: which check found it: `numbers`, `units`, `unused`, `integrality`, `provenance`, `checker`, `review`,
            `data`, `columns`, `rows`, `big-M`.
        subject: what it is about, such as a row's name; with `check` it says whether two findings are the same.
        text: the facts, for whoever repairs the model.
        is_question: there is more than one defensible answer, so it is to be decided, not to be repaired.
    """

    check: str
    subject: str
    text: str
    is_question: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Equal for findings of the same thing, before and after a repair."""
        return self.check, self.subject


def findings_of(look: Evidence) -> list[Finding]:
    """What a look warns about; none where it does not."""
    if look.result != "warning":
        return []
    return [Finding(check=look.name, subject=", ".join(look.names), text=f"{look.detail}.")]


def look_of(check: str, findings: Sequence[Finding]) -> Evidence:
    """The findings of a check that was made, as one look; a question that is to be decided is no warning."""
    warnings = [finding for finding in findings if not finding.is_question]
    said = " ".join(finding.text for finding in warnings or findings)
    names = tuple(finding.subject for finding in warnings)
    return Evidence(name=check, result="warning" if warnings else "fine", detail=said or "nothing found", names=names)

"""What a check of a model against its text found; evidence, never a proof."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that may be wrong with a model.

    Args:
        check: which check found it: `numbers`, `units`, `unused`, `integrality`, `provenance`, `checker`, `review`.
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

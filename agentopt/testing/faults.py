"""What can go wrong with a call to a model, to be ordered from a `LoopbackServer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from agentopt.errors import UsageError

FaultKind = Literal[
    "status",  # answers with `status` and `message`
    "redirect",  # sends the client to the same path below /elsewhere, with status 307
    "error_object",  # status 200, and an error with `status` as its code and `message`
    "drop",  # closes the connection without an answer
    "truncate",  # closes the connection in the middle of the body
    "hang_up",  # answers, and then closes the connection without having said so
    "malformed",  # status 200, a body that is not JSON
    "html",  # status 200, a web page
    "broken_gzip",  # status 200, a body that says it is packed, and is not
    "huge",  # a body without an end
    "no_choices",  # an answer without a message
    "null_content",  # a message without text
    "refusal",  # a message that refuses with `message`
    "content_filter",  # an empty message that was filtered
    "length",  # half of the text, cut off
    "wrong_schema",  # JSON that satisfies no schema of interest
    "slow",  # the answer, after `delay_s`
    "drip",  # the answer, one byte every `delay_s`
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one call.

    Args:
        kind: see `FaultKind`.
        status: HTTP status of kind `status`, code of kind `error_object`.
        message: the server's words, of kinds `status`, `error_object` and `refusal`.
        headers: added to an answer of kind `status`, such as `Retry-After`.
        delay_s: of kinds `slow` and `drip`; ends early when the server closes.
    """

    kind: FaultKind
    status: int = 500
    message: str = "this call was ordered to fail"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RandomFaults:
    """Faults by chance; which call gets which depends on its number and the seed alone.

    Args:
        rate: share of the calls that get one, from 0 to 1.
        kinds: one of them, each as likely.

    Raises:
        UsageError: there is nothing to choose from, or `rate` is no share.
    """

    rate: float
    kinds: tuple[Fault, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.kinds or not 0 <= self.rate <= 1:
            raise UsageError(f"`rate` is {self.rate} of {len(self.kinds)} faults; expected 0 to 1 of at least one")

    def get(self, number: int) -> Fault | None:
        """The fault of a call, by its number."""
        chance = Random(f"{self.seed}:{number}")
        return chance.choice(self.kinds) if chance.random() < self.rate else None

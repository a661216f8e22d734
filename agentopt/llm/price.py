"""What a model's tokens cost."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from agentopt.errors import FormatError, UsageError

LISTED = Path(__file__).with_name("prices.toml")
"""The price list that ships; each price names its source and the day it was read."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens.

    Args:
        prompt_usd_per_mtok: dollars per 1,000,000 prompt tokens, without any discount for cached ones.
        completion_usd_per_mtok: dollars per 1,000,000 completion tokens, reasoning included.
        cached_prompt_usd_per_mtok: dollars per 1,000,000 prompt tokens that the server had in its own cache;
            `None` is no discount.

    Raises:
        UsageError: a price is not a number from 0 on.
    """

    prompt_usd_per_mtok: float
    completion_usd_per_mtok: float
    cached_prompt_usd_per_mtok: float | None = None

    def __post_init__(self) -> None:
        for name, usd in vars(self).items():
            if usd is not None and not 0 <= usd < float("inf"):
                raise UsageError(f"`{name}` is {usd}; expected dollars per million tokens, 0 or more")

    def usd(self, prompt_tokens: float, completion_tokens: float, *, cached_prompt_tokens: float = 0) -> float:
        """Dollars for that many tokens; `cached_prompt_tokens` are among the prompt tokens."""
        cached = self.cached_prompt_usd_per_mtok
        discount = 0.0 if cached is None else (self.prompt_usd_per_mtok - cached) * cached_prompt_tokens
        full = prompt_tokens * self.prompt_usd_per_mtok + completion_tokens * self.completion_usd_per_mtok
        return (full - discount) / 1_000_000

    @classmethod
    def from_text(cls, text: str) -> Price:
        """The price in `PROMPT,COMPLETION` or `PROMPT,CACHED_PROMPT,COMPLETION`, in dollars per million tokens.

        Raises:
            UsageError: `text` is something else.
        """
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) not in (2, 3):
            raise UsageError(f"`{text}` is no price; expected dollars per million tokens as PROMPT,COMPLETION")
        cached = numbers[1] if len(numbers) == 3 else None
        return cls(
            prompt_usd_per_mtok=numbers[0], completion_usd_per_mtok=numbers[-1], cached_prompt_usd_per_mtok=cached
        )


FREE = Price(prompt_usd_per_mtok=0.0, completion_usd_per_mtok=0.0)


@runtime_checkable
class Priced(Protocol):
    """An `LLM` that knows its price; a budget of `usd` needs one, to reserve before it is spent."""

    @property
    def price(self) -> Price | None: ...


def known_prices(models: Mapping[Any, object]) -> dict[str, dict[str, float]]:
    """The prices of those models that know theirs, under the same keys, as the fields of `Price` that are set."""
    prices = {name: model.price for name, model in models.items() if isinstance(model, Priced)}
    return {n: {k: v for k, v in vars(p).items() if v is not None} for n, p in prices.items() if p is not None}


def listed_price(name: str, path: str | Path = LISTED) -> Price | None:
    """The price in the list at `path` of the model called `name`, or `None` where the list does not have it.

    Args:
        name: the specification's, such as `openai:gpt-5-mini`. In the list that ships only OpenAI's own models are
            found, at OpenAI's own address; in another list `name` may also be a model at an address, such as
            `openai:m@http://127.0.0.1:8000/v1`, or anything else that `LLM.name` says.
        path: a TOML file such as `prices.toml` beside this module.

    Raises:
        UsageError: there is no such file.
        FormatError: the file is no price list.
    """
    models = _read(Path(path))
    price = models.get(name)
    scheme, _, model = name.partition(":")
    if price is None and scheme in ("openai", "responses") and "@" not in model:
        price = models.get(model)
    return price


def _read(path: Path) -> dict[str, Price]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the prices `{path}`: {error}") from error
    except ValueError as error:  # not TOML, not UTF-8
        raise FormatError(f"{path}: not a price list: {error}") from None
    models, sources = data.get("models"), data.get("sources", {})
    if not isinstance(models, dict) or not isinstance(sources, dict):
        raise FormatError(f"{path}: a price list has a table `models`, and `sources` they name")
    return {name: _price(entry, sources, f"{path}: model `{name}`") for name, entry in models.items()}


def _price(entry: Any, sources: Mapping[str, Any], where: str) -> Price:
    """The price in one line of a list; a line that names a source must name one with `source` and `date`."""
    if not isinstance(entry, dict) or not {"prompt", "completion"} <= entry.keys() <= _KEYS:
        raise FormatError(f"{where}: expected `prompt`, `completion`, perhaps `cached_prompt`, and `from`")
    if "from" in entry:
        source = sources.get(str(entry["from"]))
        if not (isinstance(source, dict) and {"source", "date"} <= source.keys()):
            raise FormatError(f"{where}: `sources.{entry['from']}` with `source` and `date` is missing")
    try:
        return Price(
            prompt_usd_per_mtok=entry["prompt"],
            completion_usd_per_mtok=entry["completion"],
            cached_prompt_usd_per_mtok=entry.get("cached_prompt"),
        )
    except (TypeError, UsageError) as error:
        raise FormatError(f"{where}: {error}") from None


_KEYS = {"prompt", "cached_prompt", "completion", "from"}

"""Prices: what tokens cost, and where a price is found."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentopt.errors import FormatError, UsageError
from agentopt.llm.base import Capability, Reply, Request
from agentopt.llm.price import LISTED, Price, listed_price
from agentopt.llm.terms import Terms

MINI = Price(prompt_usd_per_mtok=0.25, cached_prompt_usd_per_mtok=0.025, completion_usd_per_mtok=2.0)


def test_cached_prompt_tokens_are_discounted() -> None:
    assert MINI.usd(1_000_000, 0, cached_prompt_tokens=400_000) == pytest.approx(0.6 * 0.25 + 0.4 * 0.025)


def test_without_a_price_for_cached_tokens_there_is_no_discount() -> None:
    price = Price(prompt_usd_per_mtok=1.0, completion_usd_per_mtok=2.0)
    assert price.usd(10, 10, cached_prompt_tokens=10) == price.usd(10, 10)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.floats(0, 1))
def test_what_is_reserved_without_a_discount_is_at_least_what_is_booked(
    prompt: int, completion: int, share: float
) -> None:
    booked = MINI.usd(prompt, completion, cached_prompt_tokens=int(share * prompt))
    assert 0 <= booked <= MINI.usd(prompt, completion)


@pytest.mark.parametrize("usd", [-1.0, math.nan, math.inf])
def test_a_price_that_is_none_is_a_usage_error(usd: float) -> None:
    with pytest.raises(UsageError, match="prompt_usd_per_mtok"):
        Price(prompt_usd_per_mtok=usd, completion_usd_per_mtok=1.0)


@pytest.mark.parametrize(
    ("text", "price"),
    [("0.25,2", (0.25, None, 2.0)), ("0.25,0.025,2", (0.25, 0.025, 2.0)), ("0,0", (0.0, None, 0.0))],
)
def test_a_price_is_read_from_text(text: str, price: tuple[float, float | None, float]) -> None:
    prompt, cached, completion = price
    expected = Price(prompt_usd_per_mtok=prompt, cached_prompt_usd_per_mtok=cached, completion_usd_per_mtok=completion)
    assert Price.from_text(text) == expected


@pytest.mark.parametrize("text", ["", "1", "1,2,3,4", "one,two", "1;2", "-1,2", "nan,1"])
def test_text_that_is_no_price_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        Price.from_text(text)


def test_every_listed_price_names_a_source_and_its_date_and_is_dearest_for_completions() -> None:
    data = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    for name, entry in data["models"].items():
        assert data["sources"][entry["from"]].keys() == {"source", "date"}
        assert 0 < entry.get("cached_prompt", entry["prompt"]) <= entry["prompt"] < entry["completion"]
        assert listed_price(f"openai:{name}") is not None


def test_a_snapshot_costs_what_its_model_costs_where_both_are_listed() -> None:
    models = tomllib.loads(LISTED.read_text(encoding="utf-8"))["models"]
    undated = {name: entry for name, entry in models.items() if f"{name[:-11]}" in models}
    different = {name for name, entry in undated.items() if entry != models[name[:-11]]}
    assert len(undated) > 5
    assert different == {"gpt-4o-2024-05-13"}  # dearer than the later snapshots


@pytest.mark.parametrize("name", ["openai:gpt-5-mini", "responses:gpt-5-mini"])
def test_a_model_of_openai_is_found_by_its_exact_name(name: str) -> None:
    assert listed_price(name) == MINI


@pytest.mark.parametrize(
    "name",
    [
        "openai:gpt-5-mini@http://127.0.0.1:8000/v1",
        "vllm:gpt-5-mini",
        "openai:gpt-5-mini-2099-01-01",
        "openai:gpt-5.5",
        "gpt-5-mini-",
        "manual:gpt-5-mini",
    ],
)
def test_what_is_not_openais_or_not_listed_has_no_known_price(name: str) -> None:
    assert listed_price(name) is None


def prices(folder: Path, text: str) -> Path:
    (folder / "prices.toml").write_text(text)
    return folder / "prices.toml"


def test_a_file_knows_models_at_addresses(tmp_path: Path) -> None:
    name = "openai:m@http://127.0.0.1:8000/v1"
    path = prices(tmp_path, f'[models]\n"{name}" = {{ prompt = 0, completion = 0.5 }}\n')
    assert listed_price(name, path) == Price(prompt_usd_per_mtok=0, completion_usd_per_mtok=0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models", "not a price list"),
        ("", "table `models`"),
        ("[models]\nm = 3\n", "model `m`"),
        ("[models]\nm = { prompt = 1 }\n", "`completion`"),
        ("[models]\nm = { prompt = 1, completion = 2, colour = 3 }\n", "model `m`"),
        ('[models]\nm = { prompt = "1", completion = 2 }\n', "model `m`"),
        ("[models]\nm = { prompt = -1, completion = 2 }\n", "0 or more"),
        ('[models]\nm = { prompt = 1, completion = 2, from = "x" }\n', "`sources.x`"),
    ],
)
def test_a_file_that_is_no_price_list_is_an_error_that_names_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        listed_price("openai:m", prices(tmp_path, text))


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        listed_price("openai:m", tmp_path / "nowhere.toml")


class Priceable:
    """A model that costs what it is told."""

    name = "openai:gpt-5-mini"
    answered_by = "nobody"
    capabilities = frozenset[Capability]()

    def __init__(self, price: Price | None) -> None:
        self.price = price

    def complete(self, request: Request) -> Reply:
        raise AssertionError


@pytest.mark.parametrize("how", ["listed", "file", "given"])
def test_the_nearest_price_counts(tmp_path: Path, how: str) -> None:
    path = prices(tmp_path, '[models]\n"openai:gpt-5-mini" = { prompt = 7, completion = 8 }\n')
    own = Price(prompt_usd_per_mtok=1, completion_usd_per_mtok=2)
    expected = {"listed": MINI, "file": Price(prompt_usd_per_mtok=7, completion_usd_per_mtok=8), "given": own}
    terms = Terms(price={"listed": None, "file": path, "given": own}[how])
    llm = terms.model("openai:gpt-5-mini", lambda _, price: Priceable(price))
    assert isinstance(llm, Priceable)
    assert llm.price == expected[how]

"""Documents as JSON: what is read, what is refused and where, schemas for strict servers, and patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agentopt.modeling.declarative.document import (
    DocumentError,
    document_schema,
    patch_schema,
    patched,
    read_document,
    read_patch,
)
from tests.modeling.declarative.documents import document, row, transport, variable

# What servers that constrain decoding strictly take (OpenAI's documented subset).
ALLOWED = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "$defs", "$ref"}


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    yield schema
    for key in ("properties", "$defs"):
        for inner in schema.get(key, {}).values():
            yield from parts(inner)
    for inner in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]:
        yield from parts(inner)


@pytest.mark.parametrize("schema", [document_schema(), patch_schema()], ids=["document", "patch"])
def test_schema_uses_only_what_strict_decoding_supports(schema: dict[str, Any]) -> None:
    assert schema["type"] == "object"
    for part in parts(schema):
        assert set(part) <= ALLOWED
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])


def test_schema_holds_no_sentence() -> None:
    assert "description" not in str(document_schema())


def test_a_document_is_read() -> None:
    read = read_document(transport())
    assert [s.name for s in read.sets] == ["plants", "stores"]
    assert read.sets[1].members == [1, 2, 3]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("variables", 0, "type"), "int", "variables[0].type"),
        (("variables", 0, "lower"), [], "variables[0].lower"),
        (("constraints", 1, "expression"), 5, "constraints[1].expression"),
        (("objective", "sense"), "max", "objective.sense"),
        (("parameters", 0, "values"), float("nan"), "parameters[0].values"),
        (("sets", 0, "members"), "AB", "sets[0].members"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: tuple[Any, ...], value: Any, place: str) -> None:
    wrong: Any = transport()
    inner = wrong
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(DocumentError) as raised:
        read_document(wrong)
    assert all(line.startswith(place) for line in str(raised.value).splitlines())


@pytest.mark.parametrize("wrong", [None, [], "x", {}, {**transport(), "code": "import os"}])
def test_what_is_no_document_is_refused(wrong: Any) -> None:
    with pytest.raises(DocumentError):
        read_document(wrong)


def patch(**changes: Any) -> Any:
    empty: dict[str, Any] = {kind: [] for kind in ("sets", "parameters", "variables", "constraints", "removed")}
    return read_patch({"reason": "", **empty, "objective": None, **changes})


def test_a_patch_replaces_the_row_of_its_name_in_place() -> None:
    start = read_document(transport())
    changed = patched(start, patch(constraints=[row("supply_limit", "ship['A', 1] <= 5")]))
    assert [c.name for c in changed.constraints] == ["supply_limit", "demand_met"]
    assert changed.constraints[0].expression == "ship['A', 1] <= 5"
    assert changed.constraints[1] == start.constraints[1]
    assert start == read_document(transport())


def test_a_patch_adds_and_removes() -> None:
    change = patch(constraints=[row("new", "ship['A', 1] >= 1")], removed=["supply_limit"])
    assert [c.name for c in patched(read_document(transport()), change).constraints] == ["demand_met", "new"]


def test_a_patch_that_changes_nothing_is_refused() -> None:
    with pytest.raises(DocumentError, match="changes nothing"):
        patched(read_document(transport()), patch())


def test_removing_what_is_not_there_is_refused() -> None:
    with pytest.raises(DocumentError, match="no `ghost`"):
        patched(read_document(document([variable("x")])), patch(removed=["ghost"]))

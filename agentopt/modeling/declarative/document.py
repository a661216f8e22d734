"""A model as a document: sets, parameters, variables, objective and constraints, written without any code.

`document_schema()` is what a model's reply is constrained to; `read_document` checks one, and
`compilation.compile_document` makes the `Model`. How the expressions are written is said in `algebra`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agentopt.canonical import Json
from agentopt.errors import ProposalError
from agentopt.modeling.model import Sense

Member = int | str | list[int | str]
Values = float | list[float] | list[list[float]] | list[list[list[float]]]


class DocumentError(ProposalError):
    """A document that describes no model; every line of the message names a place in it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Named(_Part):
    name: str


class IndexSet(_Named):
    """A set to index with; members are texts, integers, or lists of them (arcs, pairs)."""

    members: list[Member]


class Data(_Named):
    """A parameter: one number, or nested lists of numbers in the order of the sets in `over`.

    Args:
        over: index names and sets, such as `p in plants, s in stores`; empty for one number.
        unit: of one number, such as `$/unit`; `None` where unknown.
        quote: the words of the problem it comes from, `None` where it comes from none.
    """

    over: str = ""
    values: Values
    unit: str | None = None
    quote: str | None = None


class Variable(_Named):
    """Decision variables of one kind.

    Args:
        over: as in `Data`, with a condition if wanted: `i in cities, j in cities if i != j`.
        lower, upper: a number or an expression in parameters and indices; `None` for no bound.
    """

    over: str = ""
    type: Literal["continuous", "integer", "binary"]
    lower: float | str | None
    upper: float | str | None
    unit: str | None = None
    meaning: str = ""


class Goal(_Part):
    """The objective."""

    sense: Sense
    expression: str
    unit: str | None = None
    quote: str | None = None


class Constraint(_Named):
    """One row for every index in `over` (one row where that is empty): two expressions and `<=`, `>=` or `==`."""

    over: str = ""
    expression: str
    quote: str | None = None


class Document(_Part):
    """A whole model."""

    sets: list[IndexSet] = []
    parameters: list[Data] = []
    variables: list[Variable]
    objective: Goal
    constraints: list[Constraint] = []


class Patch(_Part):
    """Changes to a document: parts are added, or take the place of those of the same name.

    Args:
        reason: what was wrong.
        removed: names of constraints, variables, parameters or sets to take out.
    """

    reason: str = ""
    sets: list[IndexSet] = []
    parameters: list[Data] = []
    variables: list[Variable] = []
    objective: Goal | None = None
    constraints: list[Constraint] = []
    removed: list[str] = []


_Whole = TypeVar("_Whole", Document, Patch)
_TYPES = ("int", "str", "float")
_NAMED = ("sets", "parameters", "variables", "constraints")


def document_schema() -> dict[str, Any]:
    """JSON Schema of a `Document`, as strict servers take it."""
    schema: dict[str, Any] = _plain(Document.model_json_schema())
    return schema


def patch_schema() -> dict[str, Any]:
    """JSON Schema of a `Patch`, as strict servers take it."""
    schema: dict[str, Any] = _plain(Patch.model_json_schema())
    return schema


def read_document(data: Json) -> Document:
    """The document in JSON data.

    Raises:
        DocumentError: it is none; every place that is wrong has a line.
    """
    return _read(Document, data)


def read_patch(data: Json) -> Patch:
    """The patch in JSON data; raises as `read_document` does."""
    return _read(Patch, data)


def _read(kind: type[_Whole], data: Json) -> _Whole:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise DocumentError(_places(error)) from None


def patched(document: Document, patch: Patch) -> Document:
    """The document with the changes of `patch`.

    Raises:
        DocumentError: it removes what is not there, or changes nothing.
    """
    known = {part.name for kind in _NAMED for part in getattr(document, kind)}
    if unknown := [name for name in patch.removed if name not in known]:
        raise DocumentError(f"removed: the document has no {', '.join(f'`{name}`' for name in unknown)}")
    changes: dict[str, Any] = {kind: _merged(document, patch, kind) for kind in _NAMED}
    changes["objective"] = patch.objective or document.objective
    changed = document.model_copy(update=changes)
    if changed == document:
        raise DocumentError("the patch changes nothing")
    return changed


def _merged(document: Document, patch: Patch, kind: str) -> list[Any]:
    new = {part.name: part for part in getattr(patch, kind)}
    kept = [new.pop(p.name, p) for p in getattr(document, kind) if p.name not in patch.removed]
    return [*kept, *new.values()]


def _places(error: ValidationError) -> str:
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        # The alternatives of a union are in the place, such as `list[float]`; to who wrote the JSON they say nothing.
        steps = [s for s in problem["loc"] if isinstance(s, int) or (s.isidentifier() and s not in _TYPES)]
        place = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps).lstrip(".")
        line = f"{place or 'document'}: {problem['msg']}"
        if line not in lines:
            lines.append(line)
    return "\n".join(lines[:12])


def _plain(schema: Any) -> Any:
    """The schema with every field required, and without descriptions: what a model is told stands in `prompts/`."""
    if isinstance(schema, list):
        return [_plain(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):  # here the keys are names, not words of JSON Schema
            plain[key] = {name: _plain(part) for name, part in value.items()}
        elif key not in ("title", "description", "default"):
            plain[key] = _plain(value)
    if "properties" in plain:  # strict servers want every field in every reply; readers forgive what has a default
        plain["required"] = list(plain["properties"])
    return plain

"""What a workflow is run on: an example of a prompt task, an instance of an optimization problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from agentopt.errors import FormatError, UsageError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One thing to run a workflow on.

    Args:
        id: unique within the task.
        split: train gives feedback to the optimizer, dev compares candidates, test is measured once, at the end.
        fields: named values: the workflow's inputs, and whatever the feedback function needs.
    """

    id: str
    split: Split
    fields: Mapping[str, Any] = field(default_factory=dict)


def read_jsonl(path: Path, check: Callable[[dict[str, Any]], str] = lambda row: "") -> list[dict[str, Any]]:
    """The objects in a JSON Lines file; blank lines are skipped.

    Args:
        check: says what is wrong with a row; an empty text where nothing is.

    Raises:
        FormatError: a line is not a JSON object, or not a right one; the message starts with `file:line`.
        UsageError: the file cannot be read, or holds nothing.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read `{path}`: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise FormatError(f"{path}:{number}: expected a JSON object, got {type(row).__name__}")
        if complaint := check(row):
            raise FormatError(f"{path}:{number}: {complaint}")
        rows.append(row)
    if not rows:
        raise UsageError(f"`{path}` holds no examples")
    return rows


def as_instances(
    rows: Sequence[Mapping[str, Any]], *, seed: int = 0, origin: str = "example", default_split: Split | None = None
) -> list[Instance]:
    """Rows of named values as instances.

    `id` and `split` are taken from the rows where they have them. Where no row has a split, rows are
    dealt at random (by `seed`) 40/30/30 to train, dev and test; fewer than six rows are all train,
    and then serve as dev too. `default_split` puts them all into one split instead.

    Raises:
        UsageError: an unknown split, splits on only some rows, or one id twice; names the row.
    """
    given = [row.get("split") for row in rows]
    has_splits = any(split is not None for split in given)
    if has_splits and None in given:
        raise UsageError(f"{origin} {given.index(None) + 1} has no `split` but others have; give all or none")
    splits: Sequence[Any] = given if has_splits else _dealt(len(rows), seed, default_split)
    instances: dict[str, Instance] = {}
    for number, (row, split) in enumerate(zip(rows, splits), 1):
        if split not in SPLITS:
            raise UsageError(f"{origin} {number}: `split` is {split!r}; expected one of {', '.join(SPLITS)}")
        identity = str(row.get("id", number))
        if identity in instances:
            raise UsageError(f"{origin} {number}: the id `{identity}` occurs twice")
        fields = {key: value for key, value in row.items() if key not in ("id", "split")}
        instances[identity] = Instance(id=identity, split=split, fields=fields)
    return list(instances.values())


def _dealt(count: int, seed: int, default_split: Split | None) -> list[Split]:
    if default_split is not None or count < 6:
        return [default_split or "train"] * count
    order = list(range(count))
    Random(f"splits:{seed}").shuffle(order)
    train, dev = round(count * 0.4), round(count * 0.3)
    splits: list[Split] = ["test"] * count
    for place, index in enumerate(order):
        if place < train + dev:
            splits[index] = "train" if place < train else "dev"
    return splits

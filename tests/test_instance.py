"""Instances: JSON Lines with errors that name the line, and splits that are the same in every process."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import FormatError, UsageError
from agentopt.instance import Instance, Split, as_instances, read_jsonl

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)


def written(folder: Path, text: str) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def test_rows_are_read_in_order(tmp_path: Path) -> None:
    assert read_jsonl(written(tmp_path, '{"a": 1}\n{"a": "ünï"}\n')) == [{"a": 1}, {"a": "ünï"}]


def test_blank_lines_and_a_missing_last_line_end_are_no_matter(tmp_path: Path) -> None:
    assert read_jsonl(written(tmp_path, '\n{"a": 1}\n  \n{"a": 2}')) == [{"a": 1}, {"a": 2}]


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    assert read_jsonl(written(tmp_path, '{"a": 1}\r\n{"a": 2}\r\n')) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{'a': 1}", "not JSON"),
        ('{"a": 1', "not JSON"),
        ("[1]", "expected a JSON object, got list"),
        ("3", "got int"),
        ("null", "got NoneType"),
        ('"text"', "got str"),
    ],
)
def test_line_that_is_no_object_is_named_with_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    path = written(tmp_path, f'{{"a": 1}}\n\n{line}\n{{"a": 2}}\n')

    with pytest.raises(FormatError) as raised:
        read_jsonl(path)

    assert str(raised.value).startswith(f"{path}:3: ")
    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_file_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="no examples"):
        read_jsonl(written(tmp_path, text))


def test_missing_file_and_folder_are_usage_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.jsonl", tmp_path):
        with pytest.raises(UsageError, match="cannot read"):
            read_jsonl(path)


def test_file_that_is_not_utf_8_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"a": "é"}'.encode("latin-1"))

    with pytest.raises(UsageError, match="cannot read"):
        read_jsonl(path)


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"], ids=ascii)
def test_unicode_line_separator_inside_a_string_is_part_of_it(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path, f'{{"a": "one{separator}two"}}\n')

    assert read_jsonl(path) == [{"a": f"one{separator}two"}]


# instances


def rows(count: int) -> list[dict[str, Any]]:
    return [{"question": f"q{i}"} for i in range(count)]


def splits(instances: list[Instance]) -> list[Split]:
    return [i.split for i in instances]


def test_id_and_split_come_from_the_row_and_are_no_fields() -> None:
    found = as_instances([{"id": 7, "split": "dev", "x": 1}])

    assert found == [Instance(id="7", split="dev", fields={"x": 1})]


def test_rows_without_an_id_are_numbered_from_1() -> None:
    assert [i.id for i in as_instances(rows(3))] == ["1", "2", "3"]


def test_instances_stay_in_order() -> None:
    assert [i.fields["question"] for i in as_instances(rows(20), seed=5)] == [f"q{i}" for i in range(20)]


def test_no_rows_are_no_instances() -> None:
    assert as_instances([]) == []


@pytest.mark.parametrize("count", [1, 5])
def test_fewer_than_six_rows_are_all_train(count: int) -> None:
    assert splits(as_instances(rows(count))) == ["train"] * count


@pytest.mark.parametrize(
    ("count", "expected"), [(6, (2, 2, 2)), (10, (4, 3, 3)), (20, (8, 6, 6)), (100, (40, 30, 30)), (7, (3, 2, 2))]
)
def test_rows_are_dealt_40_30_30(count: int, expected: tuple[int, int, int]) -> None:
    dealt = Counter(splits(as_instances(rows(count))))

    assert (dealt["train"], dealt["dev"], dealt["test"]) == expected


@given(count=st.integers(6, 60), seed=st.integers(0, 10**6))
@SETTINGS
def test_dealing_depends_on_seed_and_count_only(count: int, seed: int) -> None:
    first = splits(as_instances(rows(count), seed=seed))

    assert first == splits(as_instances([{"other": i} for i in range(count)], seed=seed))
    assert set(first) == {"train", "dev", "test"}


def test_another_seed_deals_differently() -> None:
    assert len({tuple(splits(as_instances(rows(30), seed=seed))) for seed in range(5)}) == 5


def test_dealing_is_the_same_in_every_process() -> None:
    # random.Random seeds from a string by its SHA-512, and shuffle of Python 3.11 on: worked out once.
    dealt = splits(as_instances(rows(10), seed=0))

    from random import Random

    order = list(range(10))
    Random("splits:0").shuffle(order)
    assert {i for i, split in enumerate(dealt) if split == "train"} == set(order[:4])
    assert {i for i, split in enumerate(dealt) if split == "dev"} == set(order[4:7])


def test_default_split_takes_all_rows_without_one() -> None:
    assert splits(as_instances(rows(10), default_split="test")) == ["test"] * 10


def test_splits_of_the_rows_go_before_dealing() -> None:
    given_splits = ["train", "test", "dev", "train", "test", "dev", "train"]

    assert splits(as_instances([{"split": s} for s in given_splits])) == given_splits


def test_unknown_split_is_refused_by_row() -> None:
    with pytest.raises(UsageError, match="row 2: `split` is 'valid'; expected one of train, dev, test"):
        as_instances([{"split": "dev"}, {"split": "valid"}], origin="row")


def test_split_on_only_some_rows_is_refused_by_row() -> None:
    with pytest.raises(UsageError, match="example 3 has no `split`"):
        as_instances([{"split": "dev"}, {"split": "dev"}, {}])


def test_empty_split_beside_others_is_refused_by_row() -> None:
    with pytest.raises(UsageError, match="example 2"):
        as_instances([{"split": "dev"}, {"split": ""}])


@pytest.mark.parametrize("second", ["a", "b"])
def test_id_that_occurs_twice_is_refused(second: str) -> None:
    given_rows = [{"id": "a"}, {"id": second}]

    if second == "a":
        with pytest.raises(UsageError, match="example 2: the id `a` occurs twice"):
            as_instances(given_rows)
    else:
        assert len(as_instances(given_rows)) == 2


def test_ids_that_are_written_alike_are_the_same() -> None:
    with pytest.raises(UsageError, match="`1` occurs twice"):
        as_instances([{"id": 1}, {"id": "1"}])


def test_rows_with_equal_fields_are_different_instances() -> None:
    assert len(as_instances([{"x": 1}, {"x": 1}])) == 2

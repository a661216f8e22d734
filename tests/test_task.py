"""Tasks and packs: what a user's workflow becomes, and what a pack must say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.candidate import Candidate
from agentopt.errors import FormatError, UsageError
from agentopt.feedback import Feedback
from agentopt.instance import Instance
from agentopt.task import DEFAULT_OBJECTIVE, Task, as_task, read_pack

TRAIN = [Instance(id="a", split="train", fields={"x": 1, "answer": 2})]


@pytest.fixture
def weight() -> ao.Parameter:
    return ao.Parameter(1.0, name="weight")


def task_of(weight: ao.Parameter, feedback: Any = None, **settings: Any) -> Task:
    def workflow(x: Any) -> Any:
        return weight * x

    return as_task(workflow, instances=TRAIN, feedback=feedback, parameters=weight, **settings)


def test_a_task_is_called_like_its_workflow(weight: ao.Parameter) -> None:
    assert task_of(weight).name == "workflow"


def test_feedback_of_one_argument_gets_the_output(weight: ao.Parameter) -> None:
    assert task_of(weight, lambda output: output * 10).judge(2.0, TRAIN[0]) == Feedback(20.0)


def test_feedback_of_two_arguments_gets_the_fields_too(weight: ao.Parameter) -> None:
    task = task_of(weight, lambda output, fields: (1.0, f"{output} of {fields['answer']}"))
    assert task.judge(3.0, TRAIN[0]) == Feedback(1.0, "3.0 of 2")


def test_a_builtin_can_be_the_feedback(weight: ao.Parameter) -> None:
    assert task_of(weight, abs).judge(-3.0, TRAIN[0]) == Feedback(3.0)


def test_without_feedback_the_output_is_the_feedback(weight: ao.Parameter) -> None:
    assert task_of(weight).judge((0.5, "half"), TRAIN[0]) == Feedback(0.5, "half")


def test_an_output_that_is_no_feedback_is_a_usage_error_that_names_its_type(weight: ao.Parameter) -> None:
    with pytest.raises(UsageError, match="list"):
        task_of(weight).judge([1, 2], TRAIN[0])


def test_the_objective_has_a_default(weight: ao.Parameter) -> None:
    assert task_of(weight).objective == DEFAULT_OBJECTIVE


def test_no_train_instance_is_a_usage_error_that_names_the_task(weight: ao.Parameter) -> None:
    with pytest.raises(UsageError, match="`workflow` has no train instance"):
        as_task(task_of(weight).workflow, instances=[Instance(id="t", split="dev")], feedback=None, parameters=weight)


def test_a_task_without_verification_says_so(weight: ao.Parameter) -> None:
    with pytest.raises(UsageError, match="no verification of its own"):
        task_of(weight).verify({"weight": 1.0})


def test_verify_takes_a_candidate(weight: ao.Parameter) -> None:
    task = replace(task_of(weight), verifier=lambda values: values["weight"])
    assert task.verify(Candidate(id=0, values={"weight": 2.0})) == 2.0


def test_verify_takes_the_values_of_a_candidate(weight: ao.Parameter) -> None:
    task = replace(task_of(weight), verifier=lambda values: values["weight"])
    assert task.verify({"weight": 2.0}) == 2.0


def pack(folder: Path, text: str, name: str = "toy") -> Path:
    place = folder / name
    place.mkdir()
    (place / "task.toml").write_text(text, encoding="utf-8")
    return place


def test_a_pack_is_read(tmp_path: Path) -> None:
    read = read_pack(pack(tmp_path, 'schema = 1\nkind = "numerical"\nname = "toy"\ntitle = "A toy"\n'))
    assert (read.kind, read.name, read.title) == ("numerical", "toy", "A toy")


def test_a_pack_without_title_is_called_by_its_name(tmp_path: Path) -> None:
    assert read_pack(pack(tmp_path, 'schema = 1\nkind = "numerical"\nname = "toy"\n')).title == "toy"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema = 1\nkind = numerical\n", r"task\.toml: .*line 2"),
        ('schema = 1\nkind = "a\n', r"task\.toml: .*line 2"),
        ("", "`schema` must be a int, got nothing"),
        ('kind = "numerical"\nname = "toy"\n', "`schema`"),
        ('schema = 2\nkind = "numerical"\nname = "toy"\n', "`schema` is 2; this agentopt reads 1"),
        ('schema = "1"\nkind = "numerical"\nname = "toy"\n', "`schema` must be a int, got '1'"),
        ('schema = 1\nname = "toy"\n', "`kind` must be a str, got nothing"),
        ('schema = 1\nkind = 5\nname = "toy"\n', "`kind` must be a str, got 5"),
        ('schema = 1\nkind = "numerical"\n', "`name` must be a str"),
        ('schema = 1\nkind = "numerical"\nname = "other"\n', "`name` is 'other', but the folder is `toy`"),
    ],
)
def test_a_malformed_pack_is_a_format_error_that_names_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FormatError, match=words) as caught:
        read_pack(pack(tmp_path, text))
    assert "toy/task.toml" in str(caught.value)


def test_a_folder_without_task_toml_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the pack"):
        read_pack(tmp_path)


def test_task_toml_in_another_encoding_is_a_usage_error(tmp_path: Path) -> None:
    place = pack(tmp_path, "")
    (place / "task.toml").write_bytes('title = "größer"'.encode("latin-1"))
    with pytest.raises(UsageError, match="cannot read the pack"):
        read_pack(place)


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        ("n", str, "`n` must be a str, got 5"),
        ("f", int, "`f` must be a int, got 0.5"),
        ("b", float, "`b` must be a float"),
    ],
)
def test_a_value_of_another_type_is_a_format_error(tmp_path: Path, key: str, kind: type, words: str) -> None:
    read = read_pack(pack(tmp_path, 'schema = 1\nkind = "k"\nname = "toy"\nn = 5\nf = 0.5\nb = true\n'))
    with pytest.raises(FormatError, match=words):
        read.get(key, kind)


def test_true_is_no_integer(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="`schema`"):
        read_pack(pack(tmp_path, 'schema = true\nkind = "numerical"\nname = "toy"\n'))


def test_an_integer_is_taken_for_a_float(tmp_path: Path) -> None:
    assert read_pack(pack(tmp_path, 'schema = 1\nkind = "k"\nname = "toy"\nn = 5\n')).get("n", float) == 5

"""The parameters that are optimized together: read, checked, bound and set by name."""

from __future__ import annotations

import pytest

from agentopt.errors import ProposalError, UsageError
from agentopt.graph.node import detach
from agentopt.graph.trainable import Parameter
from agentopt.space import Space


@pytest.fixture
def space() -> Space:
    return Space(
        {
            "n": Parameter(1, name="n", bounds=(0, 10)),
            "flag": Parameter(True, name="flag"),
            "prompt": Parameter("text", name="prompt"),
        }
    )


def test_values_are_the_present_ones(space: Space) -> None:
    space.parameters["n"].set(5)

    assert space.values() == {"n": 5, "flag": True, "prompt": "text"}


def test_checked_changes_are_of_their_kinds(space: Space) -> None:
    assert space.checked({"n": "3", "flag": "False"}) == {"n": 3, "flag": False}


def test_every_problem_is_named_and_nothing_is_changed(space: Space) -> None:
    with pytest.raises(ProposalError) as raised:
        space.checked({"n": 11, "prompt": "fine", "flag": 3, "nope": 1})

    lines = str(raised.value).splitlines()
    assert [line.split("`")[1] for line in lines] == ["n", "flag", "nope"]
    assert "the parameters are n, flag, prompt" in lines[2]
    assert space.values() == {"n": 1, "flag": True, "prompt": "text"}


def test_set_changes_the_parameters(space: Space) -> None:
    space.set({"n": 2, "prompt": "new"})

    assert space.values() == {"n": 2, "flag": True, "prompt": "new"}


def test_set_with_an_unknown_name_changes_nothing(space: Space) -> None:
    with pytest.raises(UsageError, match="nope"):
        space.set({"n": 2, "nope": 3})

    assert space.values()["n"] == 1


def test_bound_values_hold_inside_only(space: Space) -> None:
    with space.bound({"n": 7}):
        assert detach(space.parameters["n"]) == 7
        assert space.values()["n"] == 7
    assert space.values()["n"] == 1


def test_bound_with_an_unknown_name_is_a_usage_error(space: Space) -> None:
    with pytest.raises(UsageError), space.bound({"nope": 1}):
        pass


def test_reply_schema_asks_for_every_parameter_or_null(space: Space) -> None:
    assert space.reply_schema() == {
        "type": "object",
        "properties": {
            "n": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "flag": {"anyOf": [{"enum": [False, True]}, {"type": "null"}]},
            "prompt": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["n", "flag", "prompt"],
        "additionalProperties": False,
    }


def test_json_schema_of_the_user_is_in_the_reply_schema() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    one = Space({"p": Parameter([1], name="p", schema=schema)})

    assert one.reply_schema()["properties"]["p"]["anyOf"][0] == schema


def test_space_as_json_for_a_record(space: Space) -> None:
    assert space.to_json()[0] == {
        "name": "n",
        "kind": "integer",
        "bounds": [0, 10],
        "choices": [],
        "step": None,
        "doc": "",
    }

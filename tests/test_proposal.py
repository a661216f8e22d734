"""Proposals: all of what was suggested, or none."""

from __future__ import annotations

from typing import Any

import pytest

from agentopt.errors import ProposalError
from agentopt.graph.trainable import Kind, Parameter
from agentopt.proposal import Proposal, checked_proposal
from agentopt.space import Space


@pytest.fixture
def space() -> Space:
    return Space(
        {
            "n": Parameter(1, name="n", bounds=(0, 10)),
            "flag": Parameter(True, name="flag"),
            "prompt": Parameter("text", name="prompt"),
            "plan": Parameter({"steps": [1]}, name="plan"),
            "maybe": Parameter("a", name="maybe", choices=["a", None]),
        }
    )


def proposed(space: Space, **suggested: Any) -> Proposal:
    return checked_proposal(space, space.values(), suggested, reasoning="why", origin="me")


def test_changes_are_checked_and_kept_with_words_and_origin(space: Space) -> None:
    assert proposed(space, n="3", flag="False") == Proposal(
        changes={"n": 3, "flag": False}, reasoning="why", origin="me"
    )


def test_one_bad_value_refuses_all_and_every_bad_one_is_named(space: Space) -> None:
    with pytest.raises(ProposalError) as raised:
        proposed(space, prompt="fine", n=11, flag="maybe", unknown=1)

    assert [line.split("`")[1] for line in str(raised.value).splitlines()] == ["n", "flag", "unknown"]


def test_proposing_changes_no_parameter(space: Space) -> None:
    before = space.values()

    proposed(space, n=3)

    assert space.values() == before


def test_none_leaves_a_parameter_as_it_is(space: Space) -> None:
    assert proposed(space, n=3, flag=None, prompt=None).changes == {"n": 3}


def test_none_is_a_value_where_it_is_a_choice(space: Space) -> None:
    assert proposed(space, maybe=None).changes == {"maybe": None}


def test_values_that_are_the_same_are_left_out(space: Space) -> None:
    assert proposed(space, n="1", flag="true", prompt="new", plan={"steps": [1]}).changes == {"prompt": "new"}


@pytest.mark.parametrize("suggested", [{"n": 1}, {"n": "1.0"}, {"plan": '{"steps": [1]}'}], ids=str)
def test_proposal_that_changes_nothing_is_refused(space: Space, suggested: dict[str, Any]) -> None:
    with pytest.raises(ProposalError, match="changes nothing"):
        proposed(space, **suggested)


@pytest.mark.parametrize("suggested", [{}, {"flag": None}, {"unknown": None}], ids=str)
def test_proposal_that_suggests_nothing_is_one_without_changes(space: Space, suggested: dict[str, Any]) -> None:
    assert proposed(space, **suggested).changes == {}


def test_sameness_is_with_the_parent_not_with_the_present_value(space: Space) -> None:
    parent = {**space.values(), "n": 5}

    assert checked_proposal(space, parent, {"n": 1}).changes == {"n": 1}
    with pytest.raises(ProposalError, match="changes nothing"):
        checked_proposal(space, parent, {"n": 5})


def test_blank_around_a_prompt_is_a_change(space: Space) -> None:
    assert proposed(space, prompt=" text").changes == {"prompt": " text"}


@pytest.mark.parametrize("kind", ["number"])
def test_number_that_started_as_an_int_is_not_changed_by_the_same_number(kind: Kind) -> None:
    space = Space({"x": Parameter(1, name="x", kind=kind)})

    with pytest.raises(ProposalError, match="changes nothing"):
        proposed(space, x=1)

"""Random steps: inside of bounds and on steps, the same under a seed, longer after success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentopt as ao
from agentopt.budget import Budget, Ledger
from agentopt.candidate import Archive, Evaluation
from agentopt.feedback import Feedback
from agentopt.graph.subgraph import Evidence, propagate
from agentopt.proposers.base import Context
from agentopt.proposers.perturb import PerturbProposer
from agentopt.sandbox.local import LocalSandbox
from agentopt.space import Space

EVIDENCE = [propagate(ao.node(0), 0.0, instance="one")]


class Scene:
    def __init__(self, *parameters: ao.Parameter, seed: int = 0) -> None:
        self.space = Space({str(p.name): p for p in parameters})
        self.archive = Archive()
        self.parent = self.archive.add(self.archive.candidate(self.space.values()))
        self.seed = seed

    def propose(
        self, proposer: PerturbProposer | None = None, evidence: Sequence[Evidence] = EVIDENCE
    ) -> list[Mapping[str, Any]]:
        context = Context(
            archive=self.archive,
            space=self.space,
            objective="",
            instances={"train": ("one",), "dev": ()},
            rng=Random(self.seed),
            ledger=Ledger(Budget()),
            sandbox=LocalSandbox(),
            refuse=self.archive.refusals.append,
        )
        return [p.changes for p in (proposer or PerturbProposer()).propose(context, [self.parent], evidence)]

    def measured(self, value: float, score: float, parent: int = 0) -> int:
        candidate = self.archive.add(self.archive.candidate({"x": value}, parents=[parent]))
        self.score(candidate.id, score)
        return candidate.id

    def score(self, candidate: int, score: float) -> None:
        evaluation = Evaluation(
            candidate=candidate, instance="one", split="train", status="ok", score=score, feedback=Feedback(score)
        )
        self.archive.record(evaluation)


@given(st.integers(0, 10_000), st.floats(-3, 7))
def test_numbers_stay_in_bounds(seed: int, start: float) -> None:
    scene = Scene(ao.Parameter(start, name="x", bounds=(-3, 7)), seed=seed)
    assert all(-3 <= changes["x"] <= 7 for changes in scene.propose(PerturbProposer(candidates=4, scale=5.0)))


@given(st.integers(0, 10_000))
def test_integers_stay_integers_in_bounds(seed: int) -> None:
    scene = Scene(ao.Parameter(3, name="n", bounds=(1, 5)), seed=seed)
    for changes in scene.propose(PerturbProposer(candidates=4, scale=1.0)):
        assert type(changes["n"]) is int
        assert 1 <= changes["n"] <= 5


@given(st.integers(0, 10_000))
def test_numbers_stay_on_their_steps(seed: int) -> None:
    scene = Scene(ao.Parameter(0.75, name="x", bounds=(0.25, 2.25), step=0.5), seed=seed)
    for changes in scene.propose(PerturbProposer(candidates=4, scale=1.0)):
        assert (changes["x"] - 0.25) / 0.5 == pytest.approx(round((changes["x"] - 0.25) / 0.5))


@given(st.integers(0, 10_000))
def test_bounds_that_are_no_multiple_of_the_step_still_give_proposals(seed: int) -> None:
    # 0.9 is allowed, 1.0 is not: a move past it must come back to a step inside.
    scene = Scene(ao.Parameter(0.3, name="x", bounds=(0.0, 1.0), step=0.3), seed=seed)
    for changes in scene.propose(PerturbProposer(candidates=8, scale=2.0)):
        assert 0 <= changes["x"] <= 1


def test_a_half_open_range_is_respected() -> None:
    scene = Scene(ao.Parameter(0.1, name="x", bounds=(0, None)))
    assert all(changes["x"] >= 0 for changes in scene.propose(PerturbProposer(candidates=50)))


def test_choices_are_redrawn_among_themselves() -> None:
    scene = Scene(ao.Parameter("a", name="c", choices=("a", "b", "c")))
    assert {changes["c"] for changes in scene.propose(PerturbProposer(candidates=40))} == {"b", "c"}


def test_the_same_seed_gives_the_same_proposals() -> None:
    parameter = ao.Parameter(1.0, name="x", bounds=(0, 10))
    assert Scene(parameter, seed=5).propose() == Scene(parameter, seed=5).propose()


def test_another_seed_gives_other_proposals() -> None:
    parameter = ao.Parameter(1.0, name="x", bounds=(0, 10))
    assert Scene(parameter, seed=5).propose() != Scene(parameter, seed=6).propose()


def test_prompts_code_and_json_stay_as_they_are() -> None:
    scene = Scene(
        ao.Parameter("say it", name="p"), ao.Parameter([1], name="j"), ao.Parameter(1.0, name="x", bounds=(0, 9))
    )
    assert all(set(changes) == {"x"} for changes in scene.propose(PerturbProposer(candidates=9)))


def test_nothing_to_perturb_gives_no_proposal() -> None:
    assert Scene(ao.Parameter("say it", name="p")).propose() == []


def test_a_step_that_cannot_move_gives_no_proposal() -> None:
    assert Scene(ao.Parameter(1, name="n", bounds=(1, 1))).propose() == []


def test_a_check_that_refuses_gives_no_proposal() -> None:
    def only_one(value: float) -> bool:
        return value == 1.0

    assert Scene(ao.Parameter(1.0, name="x", check=only_one)).propose() == []


def step_length(scene: Scene) -> float:
    (changes,) = scene.propose(PerturbProposer(scale=0.01))
    return abs(float(changes["x"]) - 500.0)


def ladder() -> Scene:
    scene = Scene(ao.Parameter(500.0, name="x", bounds=(0, 1000)))
    scene.score(0, 0.0)
    return scene


def test_steps_double_after_a_better_child() -> None:
    before, after = ladder(), ladder()
    after.measured(1.0, 1.0)
    assert step_length(after) == pytest.approx(2 * step_length(before))


def test_steps_shrink_by_a_quarter_power_of_two_after_a_worse_child() -> None:
    before, after = ladder(), ladder()
    after.measured(1.0, -1.0)
    assert step_length(after) == pytest.approx(step_length(before) / 2**0.25)


def test_an_equal_child_counts_as_no_success() -> None:
    before, after = ladder(), ladder()
    after.measured(1.0, 0.0)
    assert step_length(after) < step_length(before)


def test_one_success_in_five_keeps_the_steps_as_they_are() -> None:
    before, after = ladder(), ladder()
    after.measured(1.0, 1.0)
    for n in range(4):
        after.measured(2.0 + n, -1.0)
    assert step_length(after) == pytest.approx(step_length(before))


def test_a_child_that_was_not_measured_does_not_count() -> None:
    before, after = ladder(), ladder()
    after.archive.add(after.archive.candidate({"x": 1.0}, parents=[0]))
    assert step_length(after) == pytest.approx(step_length(before))


def test_what_was_tried_is_drawn_again_until_all_is_tried() -> None:
    colour = ao.Parameter("red", name="colour", choices=("red", "green", "blue"))
    scene = Scene(colour)
    proposals = scene.propose(PerturbProposer(candidates=5))
    assert sorted(p["colour"] for p in proposals) == ["blue", "green"]
    for value in ("green", "blue"):
        scene.archive.add(scene.archive.candidate({"colour": value}, parents=[0]))
    assert scene.propose(PerturbProposer()) == []

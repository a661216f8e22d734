"""The archive: what was tried is there once, and only what was measured counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.candidate import Archive, Candidate, Evaluation, Status, Trial
from agentopt.errors import UsageError
from agentopt.feedback import Feedback
from agentopt.graph.subgraph import Evidence, propagate
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)


def measured(
    candidate: int,
    instance: str,
    score: float | None = 1.0,
    *,
    status: Status = "ok",
    evidence: Evidence | None = None,
) -> Evaluation:
    return Evaluation(
        candidate=candidate,
        instance=instance,
        split="train",
        status=status,
        score=score,
        feedback=Feedback(score),
        evidence=evidence,
    )


@pytest.fixture
def archive() -> Archive:
    """Candidates 0 and 1; 0 measured on a, b and c, 1 on a."""
    filled = Archive()
    for x in (0, 1):
        filled.add(filled.candidate({"x": x}, parents=[0] if x else []))
    for instance, score in (("a", 1.0), ("b", 2.0), ("c", 6.0)):
        filled.record(measured(0, instance, score))
    filled.record(measured(1, "a", 5.0))
    return filled


def test_first_candidate_has_id_0() -> None:
    archive = Archive()

    assert archive.add(archive.candidate({"x": 1})).id == 0


def test_candidate_is_not_entered_before_add() -> None:
    archive = Archive()

    archive.candidate({"x": 1})

    assert archive.candidates == []


@pytest.mark.parametrize(
    "values",
    [{"x": 1, "y": "a"}, {"plan": [1, {"k": (2,)}]}, {"s": {1, 2}}, {}, {"x": float("nan")}, {"c": "def f(): ..."}],
    ids=str,
)
def test_identical_values_are_one_candidate(values: dict[str, Any]) -> None:
    archive = Archive()

    first = archive.add(archive.candidate(values, origin="start"))
    second = archive.add(archive.candidate(dict(reversed(values.items())), origin="again"))

    assert second is first
    assert [c.origin for c in archive.candidates] == ["start"]


@pytest.mark.parametrize(
    "other", [{"x": 2}, {"x": True}, {"x": 1.0}, {"x": "1"}, {"y": 1}, {"x": 1, "y": None}], ids=str
)
def test_different_values_are_different_candidates(other: dict[str, Any]) -> None:
    archive = Archive()

    ids = [archive.add(archive.candidate(values)).id for values in ({"x": 1}, other)]

    assert ids == [0, 1]


def test_two_candidates_made_before_either_was_added_get_their_own_ids() -> None:
    archive = Archive()
    first, second = archive.candidate({"x": 1}), archive.candidate({"x": 2})

    entered = [archive.add(second), archive.add(first)]

    assert [(c.id, c.values) for c in entered] == [(0, {"x": 2}), (1, {"x": 1})]


def test_added_candidate_keeps_parents_origin_and_notes() -> None:
    archive = Archive()

    entered = archive.add(archive.candidate({"x": 1}, parents=[3, 4], origin="me", notes={"why": "so"}))

    assert entered == Candidate(id=0, values={"x": 1}, parents=(3, 4), origin="me", notes={"why": "so"})


def test_values_are_copied_from_the_caller_s_dict() -> None:
    archive = Archive()
    values = {"x": 1}

    entered = archive.add(archive.candidate(values))
    values["x"] = 2

    assert entered.values == {"x": 1}


def test_children_are_those_made_from_it(archive: Archive) -> None:
    assert [c.id for c in archive.children(0)] == [1]
    assert archive.children(1) == []


# evaluations


def test_mean_is_over_exactly_the_instances_asked_for(archive: Archive) -> None:
    assert archive.mean(0, ["a", "b", "c"]) == 3.0
    assert archive.mean(0, ["b"]) == 2.0


@pytest.mark.parametrize("instances", [["a", "missing"], [], ["missing"]], ids=str)
def test_mean_of_what_was_not_all_measured_is_none(archive: Archive, instances: list[str]) -> None:
    assert archive.mean(0, instances) is None


def test_mean_of_an_unknown_candidate_is_none(archive: Archive) -> None:
    assert archive.mean(7, ["a"]) is None


def test_mean_with_a_score_missing_is_none(archive: Archive) -> None:
    archive.record(measured(0, "words", None))

    assert archive.mean(0, ["a", "words"]) is None
    assert archive.is_measured(0, ["a", "words"])


def test_unmeasured_evaluation_does_not_count(archive: Archive) -> None:
    archive.record(measured(1, "b", None, status="unmeasured"))

    assert archive.evaluation(1, "b") is None
    assert not archive.is_measured(1, ["a", "b"])
    assert archive.scores(1, ["a", "b"]) == {"a": 5.0}
    assert archive.mean(1, ["a", "b"]) is None


def test_failed_evaluation_counts(archive: Archive) -> None:
    archive.record(measured(1, "b", -1.0, status="failed"))

    assert archive.mean(1, ["a", "b"]) == 2.0


def test_measurement_replaces_an_unmeasured_one(archive: Archive) -> None:
    archive.record(measured(1, "b", None, status="unmeasured"))
    archive.record(measured(1, "b", 3.0))

    assert archive.scores(1, ["b"]) == {"b": 3.0}


@pytest.mark.parametrize("status", ["unmeasured", "ok"])
def test_measured_evaluation_is_not_replaced(archive: Archive, status: Status) -> None:
    archive.record(measured(0, "a", None if status == "unmeasured" else 9.0, status=status))

    assert archive.scores(0, ["a"]) == {"a": 1.0}


def test_evaluations_are_listed_in_order(archive: Archive) -> None:
    assert [e.instance for e in archive.evaluations(0)] == ["a", "b", "c"]
    assert archive.evaluations(7) == []


def test_score_of_zero_is_a_score(archive: Archive) -> None:
    archive.record(measured(1, "b", 0.0))

    assert archive.scores(1, ["b"]) == {"b": 0.0}


def test_nothing_to_measure_is_measured(archive: Archive) -> None:
    assert archive.is_measured(1, [])


def test_evidence_is_of_the_instances_asked_for_in_their_order(archive: Archive) -> None:
    made = {i: propagate(Parameter(1, name="p") + 1, "f", instance=i) for i in "xyz"}
    for instance in "xyz":
        archive.record(measured(1, instance, evidence=made[instance]))

    assert archive.evidence(1, ["z", "a", "missing", "x"]) == [made["z"], made["x"]]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-5, 5)), max_size=12, unique_by=lambda pair: pair[0]))
@SETTINGS
def test_mean_is_the_mean_of_the_recorded_scores(scores: list[tuple[str, int]]) -> None:
    archive = Archive()
    for instance, score in scores:
        archive.record(measured(0, instance, float(score)))

    expected = sum(s for _, s in scores) / len(scores) if scores else None
    assert archive.mean(0, [i for i, _ in scores]) == (None if expected is None else pytest.approx(expected))


def test_a_group_is_ranked_by_its_means_and_who_has_none_is_left_out() -> None:
    archive = Archive()
    for value in range(4):
        archive.add(archive.candidate({"x": value}))
    for candidate, score in ((0, 0.5), (1, 0.5), (2, 0.75)):
        archive.record(measured(candidate, "a", score))
    assert archive.ranking([3, 2, 1, 0], ["a"]) == [2, 0, 1]


@pytest.mark.parametrize(("fidelity", "count"), [(1.0, 4), (0.5, 2), (0.3, 2), (0.01, 1)])
def test_a_fidelity_is_a_beginning_of_the_instances(fidelity: float, count: int) -> None:
    trial = Trial(candidate=Candidate(id=0, values={}), instances=tuple("abcd"), fidelity=fidelity)
    assert trial.measured == tuple("abcd")[:count]


@pytest.mark.parametrize("fidelity", [0.0, -1.0, 1.5, float("nan")])
def test_a_fidelity_that_is_no_share_is_a_usage_error(fidelity: float) -> None:
    with pytest.raises(UsageError, match="fidelity"):
        Trial(candidate=Candidate(id=0, values={}), instances=("a",), fidelity=fidelity)

"""The front by its definition, and who is needed to lead every instance."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agentopt.candidate import Archive, Evaluation
from agentopt.feedback import Feedback
from agentopt.selection.pareto import dominates, front, instance_leads, pareto_front
from agentopt.testing.contracts import SelectionContract

ROWS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=12)


class TestParetoFront(SelectionContract):
    def choose(self, scores: Sequence[Sequence[float]]) -> list[int]:
        return pareto_front(scores)


class TestInstanceLeads(SelectionContract):
    def choose(self, scores: Sequence[Sequence[float]]) -> list[int]:
        return list(instance_leads([{str(i): s for i, s in enumerate(row)} for row in scores]))


@given(ROWS)
def test_the_front_is_every_row_that_no_row_dominates(rows: list[tuple[int, ...]]) -> None:
    brute = [i for i, row in enumerate(rows) if not any(dominates(other, row) for other in rows)]
    assert pareto_front(rows) == brute


@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=7))
def test_those_that_remain_lead_every_instance_and_none_can_be_spared(rows: list[list[int]]) -> None:
    leads = instance_leads([{str(i): float(s) for i, s in enumerate(row)} for row in rows])
    best = [max(column) for column in zip(*rows)]

    def covers(places: set[int]) -> bool:
        return all(any(rows[p][i] == top for p in places) for i, top in enumerate(best))

    assert covers(set(leads))
    assert not any(covers(set(leads) - {place}) for place in leads)
    assert leads == {p: sum(rows[p][i] == top for i, top in enumerate(best)) for p in leads}


def test_an_instance_that_was_not_measured_is_not_led() -> None:
    assert instance_leads([{"a": 1.0}, {"a": 0.0, "b": 0.0}]) == {0: 1, 1: 1}


def test_no_rows_have_no_front() -> None:
    assert pareto_front([]) == []
    assert instance_leads([]) == {}


def archive_of(*rows: tuple[float | None, float, float]) -> Archive:
    """Candidates with one evaluation each: score, tokens, and the objective `brevity`."""
    archive = Archive()
    for number, (score, tokens, brevity) in enumerate(rows):
        archive.add(archive.candidate({"x": number}))
        evaluation = Evaluation(
            candidate=number,
            instance="one",
            split="dev",
            status="ok",
            score=score,
            feedback=Feedback(score, objectives={"brevity": brevity}),
            cost={"tokens": tokens},
        )
        archive.record(evaluation)
    return archive


def test_fewer_tokens_are_better_and_shown_as_they_are() -> None:
    found = front(archive_of((1.0, 90, 0), (0.5, 10, 0), (0.5, 50, 0)), ["one"])
    assert [(p.candidate.id, dict(p.objectives)) for p in found] == [
        (0, {"score": 1.0, "tokens": 90}),
        (1, {"score": 0.5, "tokens": 10}),
    ]


def test_named_objectives_are_taken_from_the_feedback() -> None:
    found = front(archive_of((1.0, 0, 0.1), (0.5, 0, 0.9), (0.4, 0, 0.8)), ["one"], ("score", "brevity"))
    assert [p.candidate.id for p in found] == [0, 1]


def test_a_candidate_without_an_objective_is_left_out() -> None:
    assert [p.candidate.id for p in front(archive_of((None, 1, 0), (0.0, 9, 0)), ["one"])] == [1]


def test_a_candidate_that_was_not_measured_everywhere_is_left_out() -> None:
    assert front(archive_of((1.0, 1, 0)), ["one", "two"]) == []

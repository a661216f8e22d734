"""Rates and suspects of a run, counted by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentopt.adapters.scores import Scores, scores_of
from agentopt.events import Evaluated
from agentopt.instance import Instance


def problem(identity: str, **fields: Any) -> Instance:
    return Instance(id=identity, split="train", fields={"question": "q", "problem_type": "LP", **fields})


def event(identity: str, score: float | None, answer: dict[str, Any] | None = None, **more: Any) -> Evaluated:
    usual = {"status": "optimal", "value": 5.0, "verdict": "certified", "is_accepted": True}
    said = {**usual, "votes": 1, "samples": [], "findings": [], **(answer or {})}
    feedback = {"channels": {"answer": json.dumps(said)}}
    given = {"candidate": 0, "instance": identity, "split": "train", "status": "ok", "score": score}
    return Evaluated(**{**given, "feedback": feedback, "cost": {"llm_calls": 2.0}, **more})


def scored(*pairs: tuple[Instance, Evaluated]) -> Scores:
    return scores_of([instance for instance, _ in pairs], [said for _, said in pairs])


def test_rates_of_a_right_a_wrong_and_a_failed_answer() -> None:
    found = scored(
        (problem("a", answer=5), event("a", 1.0)),
        (problem("b", answer=6), event("b", 0.0)),
        (problem("c", answer=7), event("c", 0.0, {"status": "no_program", "value": None, "is_accepted": False})),
        (problem("d", answer=7), event("d", 0.0, status="failed", feedback={})),
    )
    assert found.rates == {
        "accuracy": 0.25,
        "executed": 0.5,
        "proved": 0.5,
        "accepted": 0.5,
        "precision": 0.5,
    }
    assert [p.id for p in found.suspects] == ["b"]
    assert found.cost_per_problem == {"llm_calls": 2.0}


def test_an_answer_that_is_not_accepted_makes_no_label_suspect() -> None:
    found = scored((problem("b", answer=6), event("b", 0.0, {"is_accepted": False})))
    assert found.suspects == ()
    assert found.rates["precision"] is None


def test_a_problem_without_a_label_counts_for_execution_only() -> None:
    found = scored((problem("a"), event("a", None)), (problem("b", answer=5), event("b", 1.0)))
    assert (found.rates["accuracy"], found.rates["executed"]) == (1.0, 1.0)
    assert found.suspects == ()


def test_an_unanswered_problem_counts_for_nothing() -> None:
    found = scored((problem("a", answer=5), event("a", None, status="unmeasured", feedback={})))
    assert set(found.rates.values()) == {None}


def test_infeasible_is_an_answer() -> None:
    found = scored((problem("a", answer=None), event("a", 1.0, {"status": "infeasible", "value": None})))
    assert (found.rates["accuracy"], found.rates["proved"], found.problems[0].samples) == (1.0, 1.0, (True,))


def test_pass_and_majority_at_k() -> None:
    samples = [["optimal", 4.0], ["optimal", 5.0], ["no_program", None], ["optimal", 4.0]]
    found = scored(
        (problem("a", answer=5), event("a", 0.0, {"value": 4.0, "samples": samples})),
        (problem("b", answer=4, answer_set=[9]), event("b", 1.0, {"value": 4.0, "samples": samples})),
    )
    assert (found.rates["pass@1"], found.rates["pass@4"], found.rates["majority@4"]) == (0.375, 1.0, 0.5)


def test_failed_samples_do_not_make_a_majority() -> None:
    samples = [["no_program", None], ["no_program", None], ["optimal", 5.0]]
    found = scored((problem("a", answer=5), event("a", 1.0, {"samples": samples})))
    assert found.rates["majority@3"] == 1.0


def test_types_are_apart_and_in_order() -> None:
    found = scored(
        (problem("a", answer=5, problem_type="MILP"), event("a", 1.0)),
        (problem("b", answer=6), event("b", 0.0)),
    )
    assert {kind: part.rates["accuracy"] for kind, part in found.by_type().items()} == {"MILP": 1.0, "LP": 0.0}


def test_only_the_candidate_that_is_asked_for_counts() -> None:
    instance = problem("a", answer=5)
    events = [event("a", 0.0, {"value": 1.0}), event("a", 1.0, candidate=3)]
    assert scores_of([instance], events, 3).rates["accuracy"] == 1.0
    assert scores_of([instance], events, 9).problems == ()


def test_scores_are_json_with_every_problem() -> None:
    found = scored((problem("a", answer=6, provenance="by hand"), event("a", 0.0)))
    data = json.loads(json.dumps(found.to_json()))
    assert data["label_suspects"] == ["a"]
    assert data["tolerance"]["relative"] == 1e-6
    assert (data["results"][0]["value"], data["results"][0]["provenance"]) == (5.0, "by hand")


@pytest.mark.parametrize("empty", [[], [problem("a")]])
def test_nothing_measured_has_no_problems(empty: list[Instance]) -> None:
    assert scores_of(empty, []).to_json()["problems"] == 0

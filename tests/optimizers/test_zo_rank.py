"""Ranks as weights, and rankings that a model or a person gives."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentopt as ao
from agentopt.errors import ProposalError, UsageError
from agentopt.llm.base import Request
from agentopt.llm.scripted import ScriptedLLM
from agentopt.optimizers.zo_rank import rank_weights
from agentopt.proposers.ranking import parse_ranking


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=9))
def test_weights_add_up_to_nothing(scores: list[float]) -> None:
    assert sum(rank_weights(scores)) == pytest.approx(0, abs=1e-9)


def test_weights_fall_by_two_for_each_place() -> None:
    assert [6 * w for w in rank_weights([0.1, 0.9, 0.5, 0.3])] == pytest.approx([-3, 3, 1, -1])


def test_the_weighted_directions_point_uphill() -> None:
    gradient = [1.0, -2.0, 0.5, 0.0, 3.0]
    uphill = 0
    for seed in range(300):
        rng = Random(seed)
        directions = [[rng.gauss(0, 1) for _ in gradient] for _ in range(20)]
        weights = rank_weights([sum(g * z for g, z in zip(gradient, d)) for d in directions])
        total = [sum(w * d[i] for w, d in zip(weights, directions)) for i in range(5)]
        uphill += sum(g * t for g, t in zip(gradient, total)) > 0
    assert uphill >= 297


def closest_to_two(request: Request) -> str:
    """Ranks as a person would who likes a width of two best."""
    shown = [float(v) for v in re.findall(r"## \d+\n(-?[\d.e-]+)", request.messages[1].content)]
    order = sorted(range(len(shown)), key=lambda place: abs(shown[place] - 2))
    return json.dumps({"ranking": [place + 1 for place in order]})


def ranked_by(judge: Callable[[Request], str], budget: ao.Budget) -> ao.Result:
    """A search for a width, by rankings alone."""
    width = ao.Parameter(9.0, name="width", bounds=(0, 10))
    return ao.optimize(
        lambda: width * 1.0,
        parameters=[width],
        feedback=lambda value: "seen",
        optimizer="zo-rank:judge=llm",
        llm=ScriptedLLM([judge] * 100),
        budget=budget,
        out=None,
    )


def test_a_judge_who_only_ranks_leads_to_what_it_likes() -> None:
    result = ranked_by(closest_to_two, ao.Budget(evaluations=60))
    assert result.values["width"] == pytest.approx(2, abs=0.7)
    assert result.dev_best is None


def test_a_person_who_only_ranks_leads_to_what_they_like_and_is_not_asked_about_points() -> None:
    width = ao.Parameter(9.0, name="width", bounds=(0, 10))
    asked: list[ao.Question] = []

    def closest(question: ao.Question) -> ao.Decision:
        asked.append(question)
        outputs = [abs(float(item.split()[0]) - 2) for item in question.items]
        return ao.Decision(verdict="ranked", order=tuple(sorted(range(len(outputs)), key=outputs.__getitem__)))

    result = ao.optimize(
        lambda: width * 1.0,
        parameters=[width],
        feedback=lambda value: "seen",
        optimizer="zo-rank:judge=person",
        review=closest,
        budget=ao.Budget(evaluations=60),
        out=None,
    )
    assert result.values["width"] == pytest.approx(2, abs=0.7)
    assert {question.kind for question in asked} == {"ranking"}


@pytest.mark.parametrize("asks", range(6, 30))
def test_a_ranking_that_nothing_follows_decides_about_the_best(asks: int) -> None:
    shown: list[list[float]] = []

    def judge(request: Request) -> str:
        shown.append([float(v) for v in re.findall(r"## \d+\n(-?[\d.e-]+)", request.messages[1].content)])
        return closest_to_two(request)

    result = ranked_by(judge, ao.Budget(asks=asks))
    assert result.values["width"] == min(shown[-1], key=lambda value: abs(value - 2))


PLANNED = ["cmaes", "zo-rank", "mixed", "mixed:numbers=sobol", "halving:optimizer=cmaes"]


@pytest.mark.parametrize(("spec", "review"), [("zo-rank:judge=person", False), *((spec, True) for spec in PLANNED)])
def test_what_a_review_cannot_do_is_refused_before_anything_is_run(spec: str, review: bool) -> None:
    width = ao.Parameter(9.0, name="width", bounds=(0, 10))
    with pytest.raises(UsageError, match="review"):
        ao.optimize(
            lambda: width * 1.0, parameters=[width], optimizer=spec, llm=ScriptedLLM([]), review=review, out=None
        )


@pytest.mark.parametrize("text", ['{"ranking": [1, 2]}', '{"ranking": [1, 1, 2]}', '{"ranking": "1 2 3"}', "{}", "?"])
def test_a_ranking_that_is_not_everybody_once_is_refused_in_words(text: str) -> None:
    with pytest.raises(ProposalError):
        parse_ranking(text, 3)


def test_a_ranking_is_read_from_prose() -> None:
    assert parse_ranking('The second is best.\n{"ranking": [2, 3, 1]}', 3) == [2, 3, 1]


def test_one_sample_has_no_rank() -> None:
    with pytest.raises(UsageError, match="samples"):
        ao.optimize(lambda: 1.0, parameters=[ao.Parameter(1.0, name="x")], optimizer="zo-rank:samples=1", out=None)

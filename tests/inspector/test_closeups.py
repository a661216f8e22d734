"""The terminal's views of one thing, wide and narrow, and without colour."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from agentopt.errors import UsageError
from agentopt.inspector import closeups
from agentopt.inspector.text import summary
from agentopt.inspector.view import RunView, view
from agentopt.shelf import shelf
from agentopt.store.tracefile import read_trace


def shipped(name: str) -> RunView:
    return view(read_trace(shelf("traces") / name))


TICKETS, SOLVED = shipped("prompt-ticket_triage.jsonl"), shipped("modeling-lot_sizing.jsonl")


def printed(shown: RenderableType, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(shown)
    return stream.getvalue()


def test_the_summary_says_whether_the_gain_is_beyond_noise() -> None:
    said = printed(summary(TICKETS))
    assert "gain 0.583 [0.333, 0.744]: beyond noise (paired, n = 24)" in said
    assert "216 calls" in said
    assert "dev - test" in said


def test_a_step_says_what_changed_why_what_it_cost_and_what_it_gained() -> None:
    said = printed(closeups.step_view(TICKETS, 3))
    assert "candidate 2 -> 3" in said
    assert "Ten of twelve are correct" in said
    assert "asking took  1 call, 0.2 s" in said
    assert "0.8333 -> 1, gain 0.167 [-0.004, 0.312]: within noise (n = 24)" in said


def test_a_difference_of_prompts_is_by_words_and_of_code_by_lines() -> None:
    words, lines = printed(closeups.difference(TICKETS, 2, 3)), printed(closeups.difference(SOLVED, 0, 1))
    assert "{+gift card, whether the order has been dispatched, a +}" in " ".join(words.split())
    assert "\n@@ " in lines
    assert '+    room = data["cold_room_pallets"]' in lines


def test_a_node_shows_its_inputs_its_value_and_the_feedback() -> None:
    evaluation = closeups.evaluation_of(SOLVED, 0, "may")
    said = printed(closeups.node_view(evaluation, "solve_and_verify1"))
    assert "solve_and_verify1 = solve_and_verify(program, data)" in said
    assert "infeasible (24 variables, 36 constraints)" in said
    assert "input data" in said
    assert "cannot hold together" in said


def test_the_evaluation_is_that_of_the_best_candidate_where_none_is_asked_for() -> None:
    assert closeups.evaluation_of(SOLVED, None, None).candidate == SOLVED.best == 1


def test_a_node_or_an_evaluation_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no node `x`; it has .*solve_and_verify1"):
        closeups.node_view(closeups.evaluation_of(SOLVED, 0, "may"), "x")
    with pytest.raises(UsageError, match="was not measured on `june`; it was on early_summer, may, high_summer"):
        closeups.evaluation_of(SOLVED, 0, "june")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    views = [summary(TICKETS), closeups.step_view(TICKETS, 1), closeups.candidate_view(SOLVED, 0)]
    assert max(len(line) for one in views for line in printed(one, width).splitlines()) <= width


def test_nothing_is_coloured_in_a_pipe() -> None:
    assert "\x1b" not in "".join(printed(one) for one in (summary(TICKETS), closeups.difference(TICKETS, 0, 1)))

"""A model against checkers: those that agree, those that do not, and those that fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentopt.modeling.evidence.enumeration import MOST_POINTS, Comparison, compare_with_checker, trial_points
from agentopt.modeling.model import Column, Model, Objective, Row
from agentopt.sandbox.local import LocalSandbox

RIGHT = """
def is_feasible(x):
    if x["a"] + x["b"] > 5:
        return False, "more than 5 in all"
    return x["a"] <= 4 and x["b"] <= 4

def value(x):
    return 3 * x["a"] + 2 * x["b"]
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox() as opened:
        yield opened


def model(limit: float = 5, upper: float = 4, price: float = 3) -> Model:
    return Model(
        columns=tuple(Column(name=name, upper=upper, type="integer") for name in "ab"),
        rows=(Row(name="total", upper=limit, coefficients={"a": 1, "b": 1}),),
        objective=Objective(sense="maximize", coefficients={"a": price, "b": 2}),
    )


def compared(sandbox: LocalSandbox, written: Model, checker: str = RIGHT) -> Comparison:
    return compare_with_checker(written, checker, (4.0, 1.0), sandbox)


def test_a_model_that_agrees_everywhere_has_no_finding(sandbox: LocalSandbox) -> None:
    found = compared(sandbox, model())
    assert (found.points, found.is_complete, found.findings) == (25, True, ())


def test_a_missing_restriction_is_shown_at_a_point_with_the_reason(sandbox: LocalSandbox) -> None:
    (found,) = compared(sandbox, model(limit=7)).findings
    assert "a = 2, b = 4" in found.text
    assert "more than 5 in all" in found.text


def test_a_row_that_is_too_tight_is_named(sandbox: LocalSandbox) -> None:
    found = compared(sandbox, model(limit=4)).findings
    assert [f.subject for f in found] == ["excluded row `total`"]
    assert "At a = 4, b = 1, all others 0" in found[0].text


def test_another_objective_is_shown_with_both_values(sandbox: LocalSandbox) -> None:
    (found,) = compared(sandbox, model(price=2)).findings
    assert "objective is 10, the checker's value 14" in found.text


def test_an_unbounded_model_is_sampled(sandbox: LocalSandbox) -> None:
    found = compared(sandbox, model(upper=float("inf")))
    assert not found.is_complete
    assert [f.subject for f in found.findings] == ["allowed"]


@pytest.mark.parametrize(
    ("checker", "problem"),
    [
        ("def is_feasible(x):\n    return x['ghost'] > 0\n", "KeyError"),
        ("def value(x):\n    return 0\n", "is_feasible"),
        ("def is_feasible(x", "SyntaxError"),
        ("import os\nos._exit(1)", "killed"),
        ("def is_feasible(x):\n    return True\ndef value(x):\n    return 'much'", "ValueError"),
    ],
)
def test_a_checker_that_fails_compares_nothing(sandbox: LocalSandbox, checker: str, problem: str) -> None:
    found = compared(sandbox, model(), checker)
    assert (found.points, found.findings) == (0, ())
    assert problem in found.problem


def test_sampled_points_start_at_the_optimum_are_bounded_and_the_same_every_time() -> None:
    columns = tuple(Column(name=f"x{i}", lower=-3, upper=9.5) for i in range(30))
    points, is_complete = trial_points(Model(columns=columns), [2.5] * 30)
    assert points[0] == (2.5,) * 30
    assert not is_complete
    assert len(points) <= MOST_POINTS
    assert points == trial_points(Model(columns=columns), [2.5] * 30)[0]


def test_a_value_that_is_not_a_number_is_no_agreement(sandbox: LocalSandbox) -> None:
    checker = RIGHT.replace('return 3 * x["a"] + 2 * x["b"]', 'return float("nan")')
    found = compared(sandbox, model(), checker)
    assert [f.subject for f in found.findings] == ["value"]

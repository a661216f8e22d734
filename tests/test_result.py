"""What a run found: as text, as JSON, and back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

import agentopt as ao
from agentopt.candidate import Candidate
from agentopt.errors import FormatError, UsageError
from agentopt.result import Result
from agentopt.selection.statistics import mean_interval, paired_difference

START = Candidate(id=0, values={"x": 1.0, "tags": ("a", "b")}, origin="start")
BEST = Candidate(id=2, values={"x": 2.0, "tags": ("a",)}, parents=(0, 1), origin="optoprime", notes={"reasoning": "ü"})
RESULT = Result(
    run="20261122-000000-abcdef",
    task="prompt/sums",
    start=START,
    best=BEST,
    dev_start=0.25,
    dev_best=0.75,
    test_start=mean_interval([0.0, 1.0, 0.0, 0.0]),
    test_best=mean_interval([1.0, 1.0, 0.0, 1.0]),
    test_gain=paired_difference([0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]),
    rates={"executed": 1.0},
    reason="the optimizer is done",
    spent={"evaluations": 12, "llm_calls": 3, "seconds": 1.25},
    candidates=3,
    record=Path("runs/agentopt.sqlite"),
)


def test_a_saved_result_reads_back_equal(tmp_path: Path) -> None:
    RESULT.save(tmp_path / "result.json")
    assert Result.load(tmp_path / "result.json") == RESULT


def test_a_result_without_scores_reads_back_equal() -> None:
    bare = replace(
        RESULT, dev_start=None, dev_best=None, test_start=None, test_best=None, test_gain=None, record=None, rates={}
    )
    assert Result.from_json(json.loads(json.dumps(bare.to_json()))) == bare


def test_a_result_of_before_there_was_a_dev_gain_reads_back() -> None:
    older = {k: v for k, v in RESULT.to_json().items() if k not in ("dev_gain", "acceptance")}
    assert Result.from_json(older) == RESULT


def test_the_gap_is_what_dev_flatters_by() -> None:
    assert RESULT.gap == 0.0
    assert replace(RESULT, dev_best=1.0).gap == 0.25
    assert "gap 0.250 (best, dev less test)" in str(replace(RESULT, dev_best=1.0))
    assert replace(RESULT, test_best=None).gap is None


def test_infinite_scores_survive_json() -> None:
    failed = replace(RESULT, dev_start=-math.inf, dev_best=-math.inf, test_start=mean_interval([-math.inf, 1.0]))
    assert Result.from_json(json.loads(json.dumps(failed.to_json(), allow_nan=False))) == failed


def test_the_json_is_strict_json() -> None:
    json.dumps(RESULT.to_json(), allow_nan=False)


def test_text_shows_dev_test_gain_reason_and_cost() -> None:
    text = str(RESULT)
    for words in (
        "prompt/sums: 3 candidates, stopped because the optimizer is done",
        "dev   0.25 -> 0.75",
        "test  0.250 [",
        "gain 0.500 [",
        "paired, n = 4",
        "evaluations 12, llm_calls 3, 1.2 s; run 20261122-000000-abcdef",
    ):
        assert words in text


def test_text_says_where_there_is_no_score() -> None:
    assert "dev   no score -> no score" in str(replace(RESULT, dev_start=None, dev_best=None))


def test_text_says_where_there_is_no_interval() -> None:
    lone = mean_interval([0.3])
    assert "0.300 (no interval)" in str(replace(RESULT, test_start=lone, test_best=lone, test_gain=lone))


def test_text_leaves_the_test_out_where_there_is_none() -> None:
    assert "test" not in str(replace(RESULT, test_start=None, test_best=None, test_gain=None))


def test_values_are_those_of_the_best() -> None:
    assert RESULT.values == BEST.values


def test_a_result_that_was_read_cannot_be_applied_and_says_what_to_do(tmp_path: Path) -> None:
    RESULT.save(tmp_path / "result.json")
    with pytest.raises(UsageError, match=r"result\.values"):
        Result.load(tmp_path / "result.json").apply()


def test_a_run_s_result_reads_back_equal(tmp_path: Path) -> None:
    x = ao.Parameter(1.0, name="x", bounds=(0, 5))
    result = ao.optimize(lambda: 0 - abs(x - 3), proposer="perturb", out=tmp_path, budget=ao.Budget(asks=5))
    result.save(tmp_path / "result.json")
    assert Result.load(tmp_path / "result.json") == result
    assert "higher mean" in result.acceptance
    assert result.dev_gain is not None
    assert result.dev_start is not None
    assert result.dev_best is not None
    assert result.dev_gain.mean == pytest.approx(result.dev_best - result.dev_start)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "{}",
        '{"agentopt_result": 2}',
        '{"agentopt_result": 1}',
        pytest.param("[]"),
        pytest.param("5"),
    ],
)
def test_a_file_that_is_no_result_is_a_format_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(FormatError, match=r"result\.json"):
        Result.load(tmp_path / "result.json")


def test_a_missing_file_is_a_format_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"nowhere\.json"):
        Result.load(tmp_path / "nowhere.json")


def test_unknown_fields_of_a_newer_agentopt_are_ignored() -> None:
    data: dict[str, Any] = {**RESULT.to_json(), "mood": "fine"}
    assert Result.from_json(data) == RESULT


def test_unknown_fields_of_a_newer_candidate_are_ignored() -> None:
    data = RESULT.to_json()
    assert Result.from_json({**data, "best": {**data["best"], "mood": "fine"}}) == RESULT


def measured_run(folder: Path) -> Result:
    """A small real run with a record: a parameter that should be near 3."""
    width = ao.Parameter(1.0, name="width", bounds=(0, 6))
    budget = ao.Budget(evaluations=12)
    return ao.optimize(
        lambda: -abs(width - 3), feedback=float, parameters=[width], out=folder, proposer="perturb", budget=budget
    )


def test_the_picture_in_a_notebook_is_drawn_from_the_record(tmp_path: Path) -> None:
    result = measured_run(tmp_path)
    shown = result._repr_mimebundle_()
    picture = ElementTree.fromstring(shown["image/svg+xml"])
    dots = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert shown["text/plain"] == str(result)
    assert len(dots) == 12  # one instance, so each evaluation measures a candidate whole


def test_a_result_without_a_record_is_shown_as_text_alone() -> None:
    assert set(replace(RESULT, record=None)._repr_mimebundle_()) == {"text/plain"}


def test_the_plot_s_line_ends_at_the_best_score(tmp_path: Path) -> None:
    matplotlib.use("agg")
    result = measured_run(tmp_path)
    axes = result.plot()
    assert np.asarray(axes.lines[0].get_ydata())[-1] == result.dev_best
    assert axes.get_xlabel() == "evaluations"


def test_plotting_without_a_record_says_where_one_is_kept() -> None:
    with pytest.raises(UsageError, match="has no record to draw"):
        replace(RESULT, record=None).plot()


def test_the_front_holds_what_no_other_candidate_dominates() -> None:
    x = ao.Parameter(0, name="x", bounds=(0, 4))
    scored = ao.bundle(lambda x: x)

    def judge(value: int) -> ao.Feedback:
        return ao.Feedback(-abs(value - 3), objectives={"brevity": -value})

    result = ao.optimize(
        lambda: scored(x),
        parameters=[x],
        feedback=judge,
        optimizer="random:batch=2",
        budget=ao.Budget(evaluations=5, asks=200),
        out=None,
    )
    front = {point.candidate.values["x"]: dict(point.objectives) for point in result.front("score", "brevity")}
    assert front == {x: {"score": -abs(x - 3), "brevity": -x} for x in (3, 2, 1, 0)}
    assert [p.candidate.values["x"] for p in result.front()] == [3]


def test_a_result_from_a_file_has_no_front() -> None:
    with pytest.raises(UsageError, match="front"):
        Result.from_json(RESULT.to_json()).front()

"""The report keeps what is proved of the solve apart from what is guessed of the model."""

from __future__ import annotations

import json

from agentopt.modeling import solve, verify
from agentopt.modeling.model import Column, Model, Objective
from agentopt.modeling.report import Evidence, ModelVerdict, Report

MODEL = Model(columns=(Column(name="x", lower=2.0),), objective=Objective(coefficients={"x": 3.0}))


def report(model_verdict: ModelVerdict = ModelVerdict()) -> Report:
    solution = solve(MODEL)
    return Report(model=MODEL, solution=solution, verification=verify(MODEL, solution), model_verdict=model_verdict)


def test_without_evidence_there_is_no_score() -> None:
    assert ModelVerdict().score is None
    assert ModelVerdict(evidence=(Evidence(name="a", result="not checked", detail="no data"),)).score is None


def test_the_score_is_the_share_of_looks_that_found_nothing() -> None:
    evidence = tuple(Evidence(name=str(k), result="warning" if k else "fine", detail="row `r`") for k in range(4))

    assert ModelVerdict(evidence=evidence).score == 0.25
    assert str(ModelVerdict(evidence=evidence)).count("row `r`") == 3


def test_warnings_do_not_touch_what_is_proved_of_the_solve() -> None:
    doubtful = report(ModelVerdict(evidence=(Evidence(name="a", result="warning", detail="?"),)))

    assert doubtful.solver_verdict == report().solver_verdict == "certified"
    assert doubtful.answer == 6.0


def test_a_report_is_json() -> None:
    data = json.loads(json.dumps(report().to_json(), allow_nan=False))

    assert (data["answer"], data["status"], data["solver_verdict"]) == (6.0, "optimal", "certified")
    assert data["proof"].startswith("optimality: proved")
    assert data["model_verdict"] == {"score": None, "evidence": []}

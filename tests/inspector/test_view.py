"""What the inspector reads out of a record: steps, gains, and what was spent; whole, and from an outline."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from agentopt.errors import UsageError
from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, ProposalRefused, RunStarted
from agentopt.inspector.document import EXCHANGES_PER_PIECE, candidate_json, pieces, run_document, step_json
from agentopt.inspector.gain import gains, verdict
from agentopt.inspector.spending import spending, spending_by_role, spending_text
from agentopt.inspector.view import RunView, view, view_of
from agentopt.selection.statistics import Interval
from agentopt.shelf import shelf
from agentopt.store.sqlite import Store, StoredEvent
from agentopt.store.tracefile import read_trace

TICKETS = shelf("traces") / "prompt-ticket_triage.jsonl"


def run_of(*events: Event, **instances: list[str]) -> RunView:
    header = RunStarted(
        run="r", task={"name": "t"}, settings={}, llm={}, answered_by="nobody", space=[], instances=instances
    )
    return view([StoredEvent(serial, 1.0 * serial, event) for serial, event in enumerate((header, *events))])


def added(number: int, *parents: int, **values: Any) -> CandidateAdded:
    return CandidateAdded(candidate=number, values=values or {"x": number}, parents=list(parents))


def asked(role: str = "optimizer", **usage: Any) -> Exchanged:
    reply = {"text": "{}", "usage": usage, "latency_s": 0.5}
    return Exchanged(exchange={"request": {"messages": []}, "reply": reply, "role": role, "where": {}})


def measured(candidate: int, instance: str, score: Any, split: str = "dev") -> Evaluated:
    return Evaluated(candidate=candidate, instance=instance, split=split, status="ok", score=score)


# steps


def test_the_start_is_no_step() -> None:
    assert run_of(added(0)).steps == []


def test_a_step_has_the_exchanges_since_the_one_before() -> None:
    run = run_of(added(0), asked(), added(1, 0), asked("workflow"), asked(), asked(), added(2, 1))
    assert [(step.number, step.candidate, step.exchanges) for step in run.steps] == [(1, 1, (0,)), (2, 2, (2, 3))]


def test_a_refused_proposal_is_a_step_with_its_problem() -> None:
    run = run_of(added(0), asked(), ProposalRefused(parents=[0], problem="no such flag"), asked(), added(1, 0))
    assert [(s.candidate, s.problem, s.exchanges) for s in run.steps] == [(None, "no such flag", (0,)), (1, "", (1,))]


def test_proposals_that_were_asked_for_together_share_their_exchanges() -> None:
    run = run_of(added(0), asked(), added(1, 0), added(2, 0))
    assert [step.exchanges for step in run.steps] == [(0,), (0,)]


def test_proposals_without_a_model_have_no_exchanges() -> None:
    assert [step.exchanges for step in run_of(added(0), added(1, 0), added(2, 0)).steps] == [(), ()]


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_step_that_is_not_there_is_a_usage_error_that_says_which_are(number: int) -> None:
    with pytest.raises(UsageError, match=f"no step {number}; it has 1 to 1"):
        run_of(added(0), added(1, 0)).step(number)


def test_changed_names_the_parameters_that_differ_from_the_parent() -> None:
    run = run_of(added(0, x=1, y="a", z=[1]), added(1, 0, x=1, y="b", z=[1, 2]))
    assert run.changed(run.candidates[1]) == ["y", "z"]


# gains


def test_gains_pair_the_instances_that_both_were_measured_on() -> None:
    before = [measured(0, instance, score) for instance, score in (("a", 0.0), ("b", 1.0), ("c", 1.0))]
    after = [measured(1, instance, score) for instance, score in (("b", 1.0), ("a", 1.0))]
    (gain,) = gains(run_of(added(0), *before, added(1, 0), *after), 0, 1)
    assert (gain.split, gain.before, gain.after, gain.difference.mean, gain.difference.count) == ("dev", 0.5, 1, 0.5, 2)


def test_a_failure_s_infinite_score_leaves_the_noise_unknown() -> None:
    run = run_of(added(0), measured(0, "a", {"$float": "-inf"}), added(1, 0), measured(1, "a", 1.0))
    (gain,) = gains(run, 0, 1)
    assert verdict(gain.difference) == "gain inf, 1 instance: noise unknown"


def test_candidates_without_a_common_instance_have_no_gain() -> None:
    assert gains(run_of(added(0), measured(0, "a", 1.0), added(1, 0), measured(1, "b", 1.0)), 0, 1) == []
    assert gains(run_of(added(1, 7), measured(1, "b", 1.0)), 7, 1) == []


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.9, "gain 0.500 [0.100, 0.900]: beyond noise"),
        (0.0, 0.9, "gain 0.500 [0.000, 0.900]: within noise"),
        (-0.2, 0.9, "gain 0.500 [-0.200, 0.900]: within noise"),
        (-0.9, -0.1, "gain 0.500 [-0.900, -0.100]: a loss beyond noise"),
        (-math.inf, math.inf, "gain 0.500, 4 instances: noise unknown"),
    ],
)
def test_the_verdict_says_whether_the_interval_holds_zero(low: float, high: float, words: str) -> None:
    assert verdict(Interval(mean=0.5, low=low, high=high, method="m", count=4)) == words


def test_what_was_not_measured_together_has_a_verdict_too() -> None:
    assert verdict(None) == "not measured on the same instances"


# spending


def test_spending_adds_up_by_role_and_counts_failures() -> None:
    failed = Exchanged(exchange={"request": {}, "reply": None, "error": "no", "role": "workflow", "where": {}})
    usage: dict[str, Any] = {"prompt_tokens": 10, "completion_tokens": 2, "cost_usd": 0.5}
    spent = spending_by_role(run_of(asked(**usage), asked(**usage), failed))
    assert list(spent) == ["optimizer", "workflow"]
    assert spending_text(spent["optimizer"]) == "2 calls, 20 + 4 tokens, 1.0000 USD, 1.0 s"
    assert spending_text(spent["workflow"]) == "1 call, 1 without a reply, 0.0 s"


def test_what_a_server_did_not_report_counts_as_nothing() -> None:
    assert spending_text(spending([asked(prompt_tokens=None).exchange])) == "1 call, 0.5 s"


# documents


@pytest.fixture(scope="module")
def tickets() -> RunView:
    return view(read_trace(TICKETS))


def test_a_document_is_strict_json_whatever_the_scores_are() -> None:
    scores = [{"$float": "nan"}, {"$float": "inf"}, {"$float": "-inf"}, None, 0.5]
    run = run_of(added(0), *(measured(0, str(i), score) for i, score in enumerate(scores)), dev=list("01234"))
    document = json.loads(json.dumps(run_document(run), allow_nan=False))
    shown = [one["score"] for one in document["candidates"][0]["evaluations"]]
    assert shown == [None, "Infinity", "-Infinity", None, 0.5]


def test_the_document_says_what_the_record_says(tickets: RunView) -> None:
    document = run_document(tickets)
    assert document["verdict"] == "gain 0.583 [0.333, 0.744]: beyond noise"
    assert [step["changed"] for step in document["steps"]] == [["instruction"]] * 3
    assert sum(len(one["evaluations"]) for one in document["candidates"]) == 216
    assert document["spent"]["workflow"]["calls"] == 216


def test_the_pieces_hold_every_evaluation_and_every_exchange_once(tickets: RunView) -> None:
    named = dict(pieces(tickets))
    exchanges = [one for name, piece in named.items() if name.startswith("exchanges/") for one in piece]
    assert [len(named[f"candidate/{n}"]) for n in range(4)] == [len(c.evaluations) for c in tickets.candidates.values()]
    assert [one["reply"] for one in exchanges] == [e["reply"]["text"] for e in tickets.exchanges]
    assert max(len(piece) for name, piece in named.items() if name.startswith("exchanges/")) == EXCHANGES_PER_PIECE


# from an outline


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a shipped trace."""
    path = tmp_path_factory.mktemp("record") / "agentopt.sqlite"
    stored = read_trace(TICKETS)
    assert isinstance(stored[0].event, RunStarted)
    with Store(path) as store:
        for one in stored:
            store.append(stored[0].event.run, one.event)
    return path


def test_an_outline_leaves_out_the_bulk_and_reads_it_when_asked(recorded: Path, tickets: RunView) -> None:
    outlined = view_of("last", recorded)
    assert outlined.candidates[3].evaluations[0].graph is None
    assert outlined.whole_evaluation(3, 0) == tickets.candidates[3].evaluations[0]
    (begins,) = outlined.exchanges[5]["request"]["messages"]
    assert tickets.exchanges[5]["request"]["messages"][-1]["content"][:300] == begins["content"]
    assert outlined.whole_exchange(5) == tickets.exchanges[5]


def test_a_step_and_a_candidate_are_the_same_from_an_outline(recorded: Path, tickets: RunView) -> None:
    outlined = view_of("last", recorded)
    assert step_json(outlined, 3) == step_json(tickets, 3)
    times = {"time": None}
    ours, theirs = (candidate_json(run, 3) for run in (outlined, tickets))
    assert [one | times for one in ours["evaluations"]] == [one | times for one in theirs["evaluations"]]


def test_an_event_that_is_not_there_is_a_usage_error(recorded: Path) -> None:
    with Store(recorded) as store, pytest.raises(UsageError, match="holds no event 99999"):
        store.event(store.runs()[0].run, 99999)

"""A run as JSON: what the page shows, whole or piece by piece.

`run_document` holds all that is small; the bulk is in pieces that are read when somebody looks:
`candidate/<id>` (feedback, output and graph of each evaluation, in the order of the document's list) and
`exchanges/<n>` (requests and replies of `EXCHANGES_PER_PIECE` exchanges from number `n * EXCHANGES_PER_PIECE`).
Ids: candidates by their id in the record, steps from 1, exchanges from 0, evaluations by candidate and position.
A document of a run that goes on can be made again at any time; what it holds already stays as it is.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from agentopt.canonical import from_jsonable
from agentopt.events import Evaluated
from agentopt.inspector.gain import gains, verdict
from agentopt.inspector.spending import spending, spending_by_role, spending_text
from agentopt.inspector.view import CandidateView, RunView, Step, as_interval, score_of
from agentopt.selection.statistics import Interval

DOCUMENT_VERSION = 1
EXCHANGES_PER_PIECE = 50


def run_document(run: RunView, *, after: int = -1) -> dict[str, Any]:
    """The run without its bulk. Numbers that JSON cannot hold are the strings `Infinity` and `-Infinity`.

    Args:
        after: of candidates, steps and exchanges, those about which something was written after the event of that
            serial; `last` of a document is the serial for the next time.
    """
    header, result = run.header, run.result or {}
    steps = _steps_of(run)
    news = {number for number, candidate in run.candidates.items() if candidate.last > after}
    first_exchange = bisect_right(run.exchange_places, (after, math.inf))
    test_gain = as_interval(result.get("test_gain"))
    return {
        "document": DOCUMENT_VERSION,
        "run": header.run,
        "task": str(header.task.get("name", "")),
        "objective": str(header.task.get("objective", "")),
        "family": str((header.task.get("reference") or {}).get("kind", "")),
        "answered_by": header.answered_by,
        "settings": header.settings,
        "guarantees": header.guarantees,
        "platform": header.platform,
        "started_at": _number(run.started_at),
        "seconds": _number(run.seconds),
        "stopped": stopped(run),
        "is_finished": run.finished is not None,
        "last": run.last,
        "instances": header.instances,
        "compared_split": run.compared_split,
        "parameters": [_parameter(p) for p in header.space],
        "best": run.best,
        "dev": {"start": _number(result.get("dev_start")), "best": _number(result.get("dev_best"))},
        "test": {name: _interval(as_interval(result.get(f"test_{name}"))) for name in ("start", "best", "gain")},
        "verdict": verdict(test_gain) if test_gain else "",
        "rates": {str(name): _number(rate) for name, rate in (result.get("rates") or {}).items()},
        "spent": {role: asdict(one) for role, one in spending_by_role(run).items()},
        "candidates": [_candidate(run, run.candidates[number], steps) for number in run.candidates if number in news],
        "steps": [_step(run, s) for s in run.steps if s.candidate is None or news & {s.candidate, *s.parents}],
        "exchanges": [_exchange(run, number) for number in range(first_exchange, len(run.exchanges))],
        "exchanges_per_piece": EXCHANGES_PER_PIECE,
    }


def pieces(run: RunView) -> Iterator[tuple[str, Any]]:
    """Every piece of the run's bulk, with its name."""
    for number in run.candidates:
        yield f"candidate/{number}", candidate_piece(run, number)
    for number in range(math.ceil(len(run.exchanges) / EXCHANGES_PER_PIECE)):
        yield f"exchanges/{number}", exchanges_piece(run, number)


def candidate_piece(run: RunView, number: int) -> list[dict[str, Any]]:
    """What was said about each evaluation of a candidate, its output and its graph.

    Raises:
        UsageError: there is no such candidate.
    """
    return [
        {
            "feedback": str(e.feedback.get("text", "")),
            "channels": {str(k): str(v) for k, v in (e.feedback.get("channels") or {}).items()},
            "output": e.output,
            "graph": e.graph,
        }
        for e in (run.whole_evaluation(number, i) for i in range(len(run.candidate(number).evaluations)))
    ]


def exchanges_piece(run: RunView, number: int) -> list[dict[str, Any]]:
    """Requests and replies of one piece of the exchanges; empty behind the last one."""
    first = number * EXCHANGES_PER_PIECE
    last = min(first + EXCHANGES_PER_PIECE, len(run.exchanges))
    return [
        {
            "messages": [[str(m.get("role", "")), _content(m)] for m in _messages(exchange)],
            "reply": str((exchange.get("reply") or {}).get("text", "")),
            "error": str(exchange.get("error", "")),
        }
        for exchange in map(run.whole_exchange, range(first, last))
    ]


def candidate_json(run: RunView, number: int) -> dict[str, Any]:
    """A candidate with its evaluations, whole.

    Raises:
        UsageError: there is no such candidate.
    """
    data = _candidate(run, run.candidate(number), _steps_of(run))
    evaluations = zip(data["evaluations"], candidate_piece(run, number))
    return {**data, "evaluations": [small | whole for small, whole in evaluations]}


def step_json(run: RunView, number: int) -> dict[str, Any]:
    """A step with what its candidate's maker wrote, what it changed, and the exchanges.

    Raises:
        UsageError: there is no such step.
    """
    step = run.step(number)
    child = run.candidates.get(step.candidate) if step.candidate is not None else None
    return {
        **_step(run, step),
        "reasoning": str(child.added.notes.get("reasoning", "")) if child else "",
        "changes": difference_json(run, step.parents[0], child.added.candidate)
        if child and step.parents[0] in run.candidates
        else {},
        "exchanges": [exchange_json(run, one) for one in step.exchanges],
    }


def difference_json(run: RunView, first: int, second: int) -> dict[str, list[Any]]:
    """Both values of each parameter in which two candidates differ.

    Raises:
        UsageError: one of them is not there.
    """
    for number in (first, second):
        run.candidate(number)
    before, after = run.values(first), run.values(second)
    names = dict.fromkeys((*before, *after))
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def exchange_json(run: RunView, number: int) -> dict[str, Any]:
    """An exchange as the record holds it, with its number.

    Raises:
        UsageError: there is none.
    """
    return {"exchange": number, **run.whole_exchange(number)}


def stopped(run: RunView) -> str:
    """Why the run ended, or that it did not."""
    if run.finished is None:
        return "not finished: it is still going on, or was killed"
    return run.finished.reason + (f" ({run.finished.error})" if run.finished.error else "")


def _steps_of(run: RunView) -> dict[int, int]:
    """The number of the step that made each candidate."""
    return {step.candidate: step.number for step in run.steps if step.candidate is not None}


def _messages(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    return list((exchange.get("request") or {}).get("messages") or [])


def _content(message: dict[str, Any]) -> str:
    return str(message.get("content", ""))


def _parameter(data: dict[str, Any]) -> dict[str, str]:
    return {name: str(data.get(name, "")) for name in ("name", "kind", "doc")}


def _candidate(run: RunView, candidate: CandidateView, steps: dict[int, int]) -> dict[str, Any]:
    added = candidate.added
    return {
        "candidate": added.candidate,
        "parents": added.parents,
        "origin": added.origin + (f", edited by {editor}" if (editor := added.notes.get("edited_by")) else ""),
        "step": steps.get(added.candidate),
        "values": {str(name): str(value) for name, value in run.values(added.candidate).items()},
        "changed": run.changed(candidate) if added.parents else [],
        "reasoning": str(added.notes.get("reasoning", "")),
        "means": {split: _number(candidate.mean(split)) for split in ("train", "dev", "test")},
        "evaluations": [_evaluation(e, *place) for e, place in zip(candidate.evaluations, candidate.places)],
    }


def _evaluation(evaluation: Evaluated, serial: int, time: float) -> dict[str, Any]:
    objectives = evaluation.feedback.get("objectives") or {}
    return {
        "instance": evaluation.instance,
        "split": evaluation.split,
        "status": evaluation.status,
        "score": _number(score_of(evaluation)),
        "objectives": {str(name): _number(from_jsonable(value)) for name, value in objectives.items()},
        "cost": {name: _number(amount) for name, amount in evaluation.cost.items()},
        "serial": serial,
        "time": _number(time),
    }


def _step(run: RunView, step: Step) -> dict[str, Any]:
    child = run.candidates.get(step.candidate) if step.candidate is not None else None
    compared = gains(run, step.parents[0], step.candidate) if step.candidate is not None and step.parents else []
    total = spending(run.exchanges[number] for number in step.exchanges)
    return {
        "step": step.number,
        "candidate": step.candidate,
        "parents": step.parents,
        "changed": run.changed(child) if child else [],
        "problem": step.problem,
        "exchanges": step.exchanges,
        "spent": asdict(total),
        "spent_text": spending_text(total),
        "gains": [
            {
                "split": gain.split,
                "before": _number(gain.before),
                "after": _number(gain.after),
                "difference": _interval(gain.difference),
                "verdict": verdict(gain.difference),
            }
            for gain in compared
        ],
    }


def _exchange(run: RunView, number: int) -> dict[str, Any]:
    exchange, (serial, time) = run.exchanges[number], run.exchange_places[number]
    one = asdict(spending([exchange]))
    first = next((_content(m) for m in reversed(_messages(exchange))), "")
    return {
        "exchange": number,
        "role": str(exchange.get("role", "")),
        "model": str((exchange.get("reply") or {}).get("model", "")),
        "where": {str(name): str(value) for name, value in (exchange.get("where") or {}).items()},
        "failed": not exchange.get("reply"),
        "prompt_tokens": one["prompt_tokens"],
        "completion_tokens": one["completion_tokens"],
        "cost_usd": one["cost_usd"],
        "seconds": _number(one["seconds"]),
        "serial": serial,
        "time": _number(time),
        "begins": " ".join(first[:300].split())[:120],
    }


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {name: _number(v) if isinstance(v, float) else v for name, v in asdict(interval).items()}


def _number(value: Any) -> float | str | None:
    """A number that JSON can hold, or its name; `None` for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value

"""TextGrad asks about one distance at a time, all operations of it together, and each parameter once."""

from __future__ import annotations

import json
from threading import Barrier
from typing import Any

import agentopt as ao
from agentopt.candidate import Candidate
from agentopt.llm.base import Reply, Request
from agentopt.llm.scripted import ScriptedLLM
from agentopt.optimizers.greedy import Greedy
from agentopt.proposers.textgrad import TextGradProposer


@ao.bundle
def drafted(plan: str, topic: str) -> str:
    """A draft on the topic, after the plan."""
    return f"{plan}: {topic}"


@ao.bundle
def finished(draft: str, style: str) -> str:
    """The draft in that style."""
    return f"{draft} ({style})"


def asked(answer: Any, *, instances: int = 1) -> list[Request]:
    """The requests of one proposal on a chain of two operations."""
    plan, style = ao.Parameter("short", name="plan"), ao.Parameter("dry", name="style")
    requests: list[Request] = []

    def reply(request: Request) -> str | Reply:
        requests.append(request)
        said: str | Reply = answer(request)
        return said

    ao.optimize(
        lambda topic: finished(drafted(plan, topic), style),  # type: ignore[arg-type]  # parameters stand for values
        parameters=[plan, style],
        examples=[{"split": "train", "topic": f"topic{n}"} for n in range(instances)],
        feedback=lambda out: ao.Feedback(float("lively" in out), "Too dull."),
        target=1.0,
        optimizer=Greedy(TextGradProposer(), attempts=1),
        llm=ScriptedLLM([reply] * 50),
        out=None,
    )
    return requests


def filled(request: Request) -> str:
    assert request.schema is not None
    if request.schema_name == "criticism":
        names = request.schema["properties"]["criticism"]["properties"]
        return json.dumps({"criticism": {name: f"{name} should be livelier" for name in names}})
    return json.dumps({"changes": dict.fromkeys(request.schema["properties"]["changes"]["properties"], "lively")})


def test_a_chain_of_two_operations_takes_two_critics_and_two_updaters() -> None:
    requests = asked(filled)
    assert [r.schema_name for r in requests] == ["criticism", "criticism", "proposal", "proposal"]
    assert "Too dull." in requests[0].messages[1].content
    assert "should be livelier" in requests[1].messages[1].content


def test_inputs_that_no_parameter_leads_to_are_not_asked_about() -> None:
    schema = asked(filled)[1].schema
    assert schema is not None
    assert list(schema["properties"]["criticism"]["properties"]) == ["plan"]


def test_all_runs_are_asked_about_at_the_same_time() -> None:
    together = Barrier(4, timeout=30)

    def answer(request: Request) -> str:
        if request.schema_name == "criticism":
            together.wait()
        return filled(request)

    assert len(asked(answer, instances=4)) == 4 * 2 + 2


def test_a_criticism_that_cannot_be_read_passes_the_feedback_on() -> None:
    requests = asked(lambda r: "hm" if r.schema_name == "criticism" else filled(r))
    assert all("Too dull." in r.messages[1].content for r in requests)


def test_both_parameters_change_in_one_candidate() -> None:
    children: list[Candidate] = []

    class Watching(Greedy):
        def best(self, context: Any) -> Candidate:
            children[:] = context.archive.candidates[1:]
            return super().best(context)

    plan, style = ao.Parameter("short", name="plan"), ao.Parameter("dry", name="style")
    ao.optimize(
        lambda: finished(drafted(plan, "topic"), style),  # type: ignore[arg-type]  # parameters stand for values
        parameters=[plan, style],
        feedback=lambda out: float("lively" in out),
        optimizer=Watching(TextGradProposer()),
        llm=ScriptedLLM([filled] * 20),
        target=1.0,
        out=None,
    )
    assert [dict(c.values) for c in children] == [{"plan": "lively", "style": "lively"}]

"""What a run says, in order: the schema of every record.

Readers ignore fields and kinds that they do not know; writers write the newest schema.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agentopt.candidate import Candidate, Evaluation
from agentopt.canonical import to_jsonable
from agentopt.graph.export import graph_json
from agentopt.graph.node import Node

SCHEMA = 1
"""Version of the record's schema; written into every header."""
_GRAPH_NODES_KEPT = 400


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RunStarted(_Event):
    """The header: everything needed to know what was run, and to run it again.

    Args:
        run: the run's id, unique in its store.
        task: how to find the task again; empty fields where it lives in the user's own code.
        settings: optimizer, proposer, budget, seed and workers, as given.
        llm: what was asked to answer, without secrets, by role.
        answered_by: who answered: `model:<name>@<date>`, `manual`, `script:<file>` or `nobody`.
        space: the parameters (see `Space.to_json`).
        instances: ids by split.
        guarantees: what the sandbox enforced, and by which means.
        platform: Python and agentopt versions, and the operating system.
    """

    kind: Literal["run_started"] = "run_started"
    schema_version: int = SCHEMA
    run: str
    task: dict[str, Any]
    settings: dict[str, Any]
    llm: dict[str, str]
    answered_by: str
    space: list[dict[str, Any]]
    instances: dict[str, list[str]]
    guarantees: dict[str, str] = {}
    platform: dict[str, str] = {}


class CandidateAdded(_Event):
    """A candidate entered the archive."""

    kind: Literal["candidate_added"] = "candidate_added"
    candidate: int
    values: dict[str, Any]
    parents: list[int] = []
    origin: str = ""
    notes: dict[str, Any] = {}


class Evaluated(_Event):
    """A candidate was measured on an instance.

    Args:
        graph: the run's graph (see `graph.export.graph_json`), where it was kept.
        taken_from: the candidate that was measured in this one's place, because it behaves the same; the cost is 0.
    """

    kind: Literal["evaluated"] = "evaluated"
    candidate: int
    instance: str
    split: str
    status: str
    score: Any = None
    feedback: dict[str, Any] = {}
    output: str = ""
    graph: dict[str, Any] | None = None
    cost: dict[str, float] = {}
    taken_from: int | None = None


class Exchanged(_Event):
    """One request to a model, and what came back. `exchange` is `Exchange.to_json()`."""

    kind: Literal["exchanged"] = "exchanged"
    exchange: dict[str, Any]


class ProposalRefused(_Event):
    """A model's proposal could not be used; `problem` is what it was told."""

    kind: Literal["proposal_refused"] = "proposal_refused"
    parents: list[int] = []
    problem: str


class RunFinished(_Event):
    """The end of a run.

    Args:
        reason: why it stopped, in words.
        result: the summary (see `Result.to_json`); `None` where the run ended by an error.
        error: the error that ended it, if one did.
    """

    kind: Literal["run_finished"] = "run_finished"
    reason: str
    result: dict[str, Any] | None = None
    error: str = ""


Event: TypeAlias = RunStarted | CandidateAdded | Evaluated | Exchanged | ProposalRefused | RunFinished
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
KINDS = frozenset({"run_started", "candidate_added", "evaluated", "exchanged", "proposal_refused", "run_finished"})


def candidate_added(candidate: Candidate) -> CandidateAdded:
    """The event that a candidate entered the archive."""
    return CandidateAdded(
        candidate=candidate.id,
        values=to_jsonable(dict(candidate.values)),
        parents=list(candidate.parents),
        origin=candidate.origin,
        notes=to_jsonable(dict(candidate.notes)),
    )


def evaluated(evaluation: Evaluation, output: Node | None) -> Evaluated:
    """The event of a measurement; of the graph of `output` the last 400 nodes are kept."""
    return Evaluated(
        candidate=evaluation.candidate,
        instance=evaluation.instance,
        split=evaluation.split,
        status=evaluation.status,
        score=to_jsonable(evaluation.score),
        feedback=to_jsonable(asdict(evaluation.feedback)),
        output=evaluation.output,
        graph=None if output is None else graph_json(output, max_nodes=_GRAPH_NODES_KEPT),
        cost=dict(evaluation.cost),
        taken_from=evaluation.taken_from,
    )


def read_event(data: object) -> Event:
    """The event in JSON data.

    Raises:
        pydantic.ValidationError: it is not one; the message names the field.
    """
    return _ADAPTER.validate_python(data)

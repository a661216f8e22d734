"""What a run says, in order: the schema of every record.

Readers ignore fields and kinds that they do not know; writers write the newest schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agentopt.candidate import Candidate, Evaluation, Status, Trial
from agentopt.canonical import from_jsonable, known_fields, to_jsonable
from agentopt.errors import FormatError
from agentopt.feedback import Feedback
from agentopt.graph.export import graph_json
from agentopt.graph.node import Node
from agentopt.instance import SPLITS

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
        prices: of those models whose price was known, by role; the fields of `Price`.
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
    prices: dict[str, dict[str, float]] = {}
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


class Asked(_Event):
    """The optimizer asked for measurements, and those of train and dev that follow, up to the next one, are its.

    Args:
        trials: `candidate`, `instances`, `fidelity` and `group` of each, in order.
        rejected: how many trials a person rejected; they are not among these, and count as asked for.
    """

    kind: Literal["asked"] = "asked"
    trials: list[dict[str, Any]]
    rejected: int = 0


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


class Reviewed(_Event):
    """A person decided about a proposal, or ranked items; the candidate or the refusal follows.

    Args:
        question: what was asked: `kind`, `parents`, `origin`, `reasoning`, `changes`, `items` (see `review.Question`).
        decision: `verdict`, `changes`, `words`, `order` (see `review.Decision`).
        by: who decided.
    """

    kind: Literal["reviewed"] = "reviewed"
    question: dict[str, Any]
    decision: dict[str, Any]
    by: str = ""


class Resumed(_Event):
    """A run that had stopped goes on.

    Args:
        budget: the limits of the whole run from here on; what was spent before counts.
        platform: Python and agentopt versions, and the operating system.
    """

    kind: Literal["resumed"] = "resumed"
    budget: dict[str, float]
    platform: dict[str, str] = {}


Ending = Literal["done", "budget", "unanswered", "stopped", "error"]


class RunFinished(_Event):
    """The end of a run, unless it is resumed.

    Args:
        reason: why it stopped, in words.
        ended: what kind of reason that is; `None` in records of before there was `asked`.
        result: the summary (see `Result.to_json`); `None` where an error ended the run, or a person stopped it.
        error: the error that ended it, if one did.
    """

    kind: Literal["run_finished"] = "run_finished"
    reason: str
    ended: Ending | None = None
    result: dict[str, Any] | None = None
    error: str = ""


Event: TypeAlias = (
    RunStarted | CandidateAdded | Asked | Evaluated | Exchanged | ProposalRefused | Reviewed | Resumed | RunFinished
)
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
KINDS = frozenset(kind.model_fields["kind"].default for kind in get_args(Event))


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


def asked(trials: Sequence[Trial], *, rejected: int = 0) -> Asked:
    """The event that these measurements were asked for, and so many more that a person rejected."""
    return Asked(
        rejected=rejected,
        trials=[
            {
                "candidate": t.candidate.id,
                "instances": list(t.instances),
                "fidelity": t.fidelity,
                "group": t.group,
            }
            for t in trials
        ],
    )


def candidate_of(event: CandidateAdded) -> Candidate:
    """The candidate that entered the archive."""
    return Candidate(
        id=event.candidate,
        values=from_jsonable(event.values),
        parents=tuple(event.parents),
        origin=event.origin,
        notes=from_jsonable(event.notes),
    )


def evaluation_of(event: Evaluated) -> Evaluation:
    """The measurement, without its evidence, which a record does not hold.

    Raises:
        FormatError: the record says a split or status that there is not.
    """
    split, status = event.split, event.status
    if split not in SPLITS or status not in get_args(Status):
        raise FormatError(f"a measurement of candidate {event.candidate} has split `{split}` and status `{status}`")
    return Evaluation(
        candidate=event.candidate,
        instance=event.instance,
        split=split,
        status=cast(Status, status),  # checked above
        score=from_jsonable(event.score),
        feedback=Feedback(**known_fields(Feedback, from_jsonable(event.feedback))),
        output=event.output,
        cost=dict(event.cost),
        taken_from=event.taken_from,
    )


def event_json(event: Event) -> str:
    """The event as one line of JSON."""
    try:
        return event.model_dump_json()
    except ValueError:  # half of a surrogate pair in a text, which JSON holds as an escape
        return json.dumps(event.model_dump())


def read_event(data: object) -> Event:
    """The event in JSON data.

    Raises:
        pydantic.ValidationError: it is not one; the message names the field.
    """
    return _ADAPTER.validate_python(data)


def read_event_json(text: str) -> Event:
    """The event in JSON text.

    Raises:
        ValueError: it is not JSON, or not an event; the message names the field.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError:  # pydantic's parser is quick, but takes no half of a surrogate pair and no deep nesting
        return read_event(json.loads(text))

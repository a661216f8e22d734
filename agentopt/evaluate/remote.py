"""The worker's side of a measurement on another machine, and what passes between it and the driver.

The worker judges the output too: only there it is whole (what cannot be pickled comes back as text), and judges that
solve or search then share the cluster's processors instead of the driver's.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentopt.candidate import Candidate, Evaluation
from agentopt.canonical import digest
from agentopt.errors import AgentoptError, UsageError
from agentopt.evaluate.gateway import Address, Desk, RemoteLLM, ask_driver, described, raised
from agentopt.evaluate.measurement import Measurable, Measured, Measurement, with_evidence
from agentopt.evaluate.packing import pack, pack_graph, unpack_graph
from agentopt.graph.parameters import parameters_used_by
from agentopt.graph.tracing import Trace
from agentopt.instance import Instance
from agentopt.sandbox.base import Sandbox

MOST_LOADED = 8
"""How many tasks a worker process keeps ready, each with its sandbox."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One measurement for a worker.

    Args:
        task: key of the packed task at the driver's gateway.
        desk: where to say that it begins, and to ask a model.
    """

    task: str
    candidate: Candidate
    instance: Instance
    desk: Desk


@dataclass(frozen=True, kw_only=True)
class Returned:
    """What a worker sends back: an evaluation and its run's graph, or the error that ended it, as `described`."""

    evaluation: Evaluation | None = None
    graph: bytes | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Loaded:
    """A task on a worker. `read` names the parameters that the workflow's own code reaches."""

    task: Measurable
    sandbox: Sandbox
    read: Sequence[str]


def pack_task(task: Measurable, sandbox: Sandbox) -> tuple[str, bytes]:
    """A task as bytes, and their key.

    Raises:
        UsageError: something in it cannot be pickled.
    """
    packed = pack(_Loaded(task, sandbox, _read(task)))
    return digest(packed), packed


def perform(order: Order) -> Returned:
    """Makes the measurement. Whatever agentopt raises comes back as data, so that no exception need be pickled."""
    try:
        loaded = _loaded(order.desk.address, order.task)
        ask_driver(order.desk.address, f"/began/{order.desk.id}", b"")
        measured = Measurement(
            task=loaded.task,
            candidate=order.candidate,
            instance=order.instance,
            llm=RemoteLLM(order.desk) if order.desk.has_llm else None,
            sandbox=loaded.sandbox,
        ).run()
    except AgentoptError as error:
        return Returned(error=described(error))
    trace = measured.trace
    graph = None if trace is None else pack_graph(trace.output, loaded.task.space.parameters)
    return Returned(evaluation=replace(measured.evaluation, evidence=None), graph=graph)


def received(returned: Returned, measurement: Measurement) -> Measured:
    """What the worker measured, its graph on the driver's own parameters.

    Raises:
        AgentoptError: the worker did.
    """
    if returned.evaluation is None:
        raise raised(returned.error or {"error_kind": "RunError", "error": "the worker sent nothing"})
    if returned.graph is None:
        return Measured(evaluation=returned.evaluation)
    trace = Trace(measurement.task.workflow.operation.name)
    trace.output = unpack_graph(returned.graph, measurement.task.space.parameters)
    return with_evidence(Measured(evaluation=returned.evaluation, trace=trace))


_LOADING = threading.Lock()
_tasks: dict[str, _Loaded] = {}  # of this worker process, latest last


def _loaded(driver: Address, key: str) -> _Loaded:
    with _LOADING:
        if key not in _tasks:
            loaded: _Loaded = pickle.loads(ask_driver(driver, f"/packed/{key}", b"{}"))
            if missing := sorted(set(loaded.read) - set(_read(loaded.task))):
                loaded.sandbox.close()
                raise UsageError(
                    f"parameters {missing} belong to an installed package, whose own copies the workflow would read on "
                    f"a worker; make them in a module of yours"
                )
            if len(_tasks) == MOST_LOADED:
                _tasks.pop(next(iter(_tasks))).sandbox.close()
            _tasks[key] = loaded
        return _tasks[key]


def _read(task: Measurable) -> list[str]:
    """Parameters of the space that the workflow's code reaches by name, and that are the very same there."""
    try:
        reached = set(map(id, parameters_used_by(task.workflow).values()))
    except UsageError:  # two of one name: nothing can be said
        return []
    return sorted(name for name, parameter in task.space.parameters.items() if id(parameter) in reached)

"""Evaluations that need not be made, because a candidate that behaves the same has had them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, get_args

from agentopt.candidate import Archive, Candidate, Evaluation
from agentopt.canonical import digest, to_jsonable
from agentopt.errors import UsageError
from agentopt.evaluate.behaviour import outputs_key, value_key
from agentopt.graph.code import surroundings
from agentopt.graph.node import Node
from agentopt.graph.structure import unwrapped
from agentopt.graph.trainable import Version
from agentopt.instance import Instance
from agentopt.sandbox.base import Limits, Sandbox
from agentopt.space import Space

logger = logging.getLogger(__name__)

Sameness = Literal["off", "source", "outputs"]
MOST_PROBES = 8
PROBE_LIMITS = Limits(wall_s=2.0)
Pair = tuple[int, str]


@dataclass(frozen=True, kw_only=True)
class Reuse:
    """When an evaluation is taken from another candidate instead of being made.

    Both levels are right for workflows that give the same feedback every time; with a model or other noise in them,
    two candidates that do the same get one draw instead of two.

    Args:
        by: `source`: where the values are the same but for how they are written; `outputs`: also where code gave the
            same results on up to 8 inputs that the start was seen with, which may be wrong on others; `off`: never.
        verify_rate: share of such evaluations that are made all the same. Where one disagrees, nothing is taken any
            more from candidates of that behaviour.
        seed: of which ones these are.
    """

    by: Sameness = "source"
    verify_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in get_args(Sameness):
            raise UsageError(f"`reuse` is {self.by!r}; expected one of {', '.join(get_args(Sameness))}")
        if not 0 <= self.verify_rate <= 1:
            raise UsageError(f"`verify_rate` is {self.verify_rate}; expected a share from 0 to 1")


NO_REUSE = Reuse(by="off")


@dataclass(frozen=True)
class _Probe:
    """One recorded call of a function that is code: what to put before its source, and what it was called with."""

    name: str
    before: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class Twins:
    """Finds, for what is to be measured, earlier candidates that behave the same.

    What it remembers saves work only: all decisions follow from the archive.
    """

    def __init__(self, reuse: Reuse, space: Space) -> None:
        self._reuse = reuse
        self._space = space
        self._probes: dict[str, list[_Probe]] = {}
        self._outputs: dict[tuple[str, str], str | None] = {}
        self._distrusted: set[str] = set()

    def find(
        self, wanted: Sequence[Pair], archive: Archive, instances: Mapping[str, Instance], sandbox: Sandbox
    ) -> dict[Pair, int]:
        """For each pair that need not be measured, the candidate whose evaluation is to be taken.

        That one has been measured there, or is in `wanted` too. Test instances are always measured.
        """
        if self._reuse.by == "off" or not wanted:
            return {}
        keys = {c.id: self._key(c, archive, sandbox) for c in archive.candidates}
        alike: dict[str, list[int]] = {}
        for candidate, key in keys.items():
            alike.setdefault(key, []).append(candidate)
        trusted = {key: group for key, group in alike.items() if self._agree(key, group, archive)}
        found: dict[Pair, int] = {}
        measured = set(wanted)
        for candidate, instance in wanted:
            group = [c for c in trusted.get(keys[candidate], ()) if c < candidate]
            earlier = [c for c in group if (c, instance) in measured or _own(archive, c, instance)]
            is_free = instances[instance].split != "test" and not self._is_spot_check(candidate, instance)
            if earlier and is_free:
                found[candidate, instance] = earlier[0]
                measured.discard((candidate, instance))
        return found

    def _is_spot_check(self, candidate: int, instance: str) -> bool:
        return Random(f"{self._reuse.seed}:{candidate}:{instance}").random() < self._reuse.verify_rate

    def _agree(self, key: str, group: Sequence[int], archive: Archive) -> bool:
        """Whether the group's own measurements are the same wherever several have been made."""
        if len(group) == 1:
            return True
        first: dict[str, Evaluation] = {}
        for evaluation in (e for c in group for e in archive.evaluations(c) if e.taken_from is None):
            if evaluation.status == "unmeasured":
                continue
            other = first.setdefault(evaluation.instance, evaluation)
            if not _is_same(other, evaluation):
                if key not in self._distrusted:
                    self._distrusted.add(key)
                    logger.warning(
                        "candidates %d and %d behave the same, by %s, but got %s and %s on `%s`; "
                        "nothing is taken from either any more",
                        *(other.candidate, evaluation.candidate, self._reuse.by),
                        *(other.score, evaluation.score, evaluation.instance),
                    )
                return False
        return True

    def _key(self, candidate: Candidate, archive: Archive, sandbox: Sandbox) -> str:
        parts = []
        for name, value in candidate.values.items():
            parameter = self._space.parameters[name]
            outputs = None
            if self._reuse.by == "outputs" and parameter.kind == "code":
                outputs = self._outputs_of(name, value, archive, sandbox)
            parts.append([name, "source", value_key(parameter, value)] if outputs is None else [name, outputs])
        return digest(parts)

    def _outputs_of(self, name: str, source: str, archive: Archive, sandbox: Sandbox) -> str | None:
        """The key of what the code gives on the probes; `None` where there are none or it was cut short."""
        if not self._probes.get(name):
            self._probes[name] = self._recorded_calls(name, archive)
        probes = self._probes[name]
        if not probes:
            return None
        if (name, source) not in self._outputs:
            self._outputs[name, source] = _probed(source, probes, sandbox)
        return self._outputs[name, source]

    def _recorded_calls(self, name: str, archive: Archive) -> list[_Probe]:
        """The first distinct calls of the code parameter's function in the start's graphs."""
        parameter = self._space.parameters[name]
        found: dict[str, _Probe] = {}
        evidences = archive.evidence(0, [e.instance for e in archive.evaluations(0)])
        for node in (node for evidence in evidences for node in evidence.subgraph.nodes):
            is_call = any(isinstance(p, Version) and p.parameter is parameter for p in node.parents)
            if is_call and node.operation is not None and node.operation.source and (probe := _probe(node)):
                found.setdefault(digest([probe.args, probe.kwargs]), probe)
            if len(found) == MOST_PROBES:
                break
        return list(found.values())


def _probe(node: Node) -> _Probe | None:
    """The call that made `node`; `None` where its arguments cannot cross into the sandbox, as `self` of a method."""
    assert node.operation is not None
    values = [unwrapped(x) for x in node.inputs]
    keywords = node.extra().keywords if node._extra else ()
    cut = len(values) - len(keywords)
    try:
        to_jsonable(values, strict=True)
        before = surroundings(node.operation.function)
    except (UsageError, TypeError):
        return None
    return _Probe(node.operation.name, before, tuple(values[:cut]), dict(zip(keywords, values[cut:])))


def _probed(source: str, probes: Sequence[_Probe], sandbox: Sandbox) -> str | None:
    outputs: list[Any] = []
    for probe in probes:
        call = sandbox.call(probe.before + source, probe.name, probe.args, probe.kwargs, limits=PROBE_LIMITS)
        if call.status not in ("ok", "error"):
            return None  # the limits, and the machine's load, would decide who is alike
        outputs.append(["gave", call.value] if call.status == "ok" else ["raised", call.error.split(":")[0]])
    return outputs_key(outputs)


def _own(archive: Archive, candidate: int, instance: str) -> bool:
    """Whether the pair was measured, and not taken from elsewhere."""
    evaluation = archive.evaluation(candidate, instance)
    return evaluation is not None and evaluation.taken_from is None


def _is_same(one: Evaluation, other: Evaluation) -> bool:
    if one.status != other.status or (one.score is None) != (other.score is None):
        return False
    return one.score is None or other.score is None or math.isclose(one.score, other.score, rel_tol=1e-9)

"""What a graph run wrote into its state, as nodes: which step's value another step read.

A state graph runs in supersteps: the steps of one run side by side, and see the state as it was before. Their nodes are
made when the superstep is over, in the order of the steps' paths, so that the same run gives the same graph however
its threads were timed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentopt.graph.node import Node, make, recorded
from agentopt.graph.operation import OPERATIONS, Operation
from agentopt.graph.showing import show
from agentopt.integrations.reading import Reading

_HELD = Operation("held", lambda value: value, doc="the value as the state holds it, after coercion or an update")
_SENT = Operation("sent", lambda decision, key: key, doc="the value of a key of the state that was sent to this step")
_GOTO = Operation("goto", lambda step: step, doc="where a step said to go next")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a graph run something happened.

    Args:
        superstep: number of the superstep.
        path: of the task in it; unique there, and the same in every run.
        name: the step's.
        is_sent: the step got a state of its own, from `Send`.
    """

    superstep: int
    path: tuple[str, ...]
    name: str
    is_sent: bool = False


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A step, or the choice of a branch after it, that is done.

    Args:
        value: a step's update as a dict; of a branch where it leads.
        written: the keys of the state that were written, in order, with plain values; a reducer key may occur twice.
        replaced: those of them whose earlier values are dropped, reducer or not.
        leads_to: names of the steps that were chosen to run next.
        is_branch: sees what its own step wrote.
        hidden: nodes read in the body.
        inside: nodes made in the body.
    """

    place: Place
    operation: Operation
    reading: Reading
    value: Any
    written: Sequence[tuple[str, Any]] = ()
    replaced: frozenset[str] = frozenset()
    leads_to: Sequence[str] = ()
    is_branch: bool = False
    hidden: Sequence[Node] = ()
    inside: Sequence[Node] = ()


@dataclass(frozen=True, kw_only=True)
class _Write:
    """One value of a key. `place` is `None` for what came from outside, which every step sees."""

    node: Node
    place: Place | None = None
    is_replacing: bool = False

    def is_seen_at(self, place: Place | None, *, own: bool) -> bool:
        if place is None or self.place is None or self.place.superstep < place.superstep:
            return True
        return own and self.place.path == place.path and self.place.superstep == place.superstep


@dataclass
class _Key:
    """A key of the state: what was written, and the last value that was put together from it."""

    reducer: Operation | None
    writes: list[_Write] = field(default_factory=list)
    merged: Node | None = None
    merged_count: int = 0


class History:
    """The nodes behind the state of one graph run, or of one thread of a checkpointer.

    Args:
        reducers: the operations of the keys that gather values; other keys hold the last one.
    """

    def __init__(self, reducers: Mapping[str, Operation]) -> None:
        self._reducers = reducers
        self._keys: dict[str, _Key] = {}
        self._decisions: dict[tuple[int, str], list[Node]] = {}
        self._ends: list[Node] = []
        self._pending: list[Finished] = []
        self._resumed: tuple[Node, ...] = ()
        self._resumed_at: int | None = None
        self._lock = threading.RLock()

    def start(self) -> None:
        """A run begins, the first one or another on the same thread of a checkpointer."""
        with self._lock:
            self._ends, self._resumed, self._resumed_at = [], (), None

    def give(self, key: str, node: Node) -> None:
        """Enters a value from outside: an input, or a change of the state between two runs."""
        with self._lock:
            self._key(key).writes.append(_Write(node=node))

    def resume(self, nodes: Sequence[Node]) -> None:
        """The interrupted steps go on, and depend on what they were answered."""
        with self._lock:
            self._resumed = tuple(nodes)

    def begin(self, place: Place) -> None:
        """A step begins, so the supersteps before it are over."""
        with self._lock:
            if any(done.place.superstep < place.superstep for done in self._pending):
                self.flush()
            if self._resumed and self._resumed_at is None:
                self._resumed_at = place.superstep

    def finish(self, done: Finished) -> None:
        """A step is done; its node is made with those of its superstep."""
        with self._lock:
            self._pending.append(done)

    def flush(self) -> None:
        """Makes the nodes of the steps that are done."""
        with self._lock:
            done = sorted(self._pending, key=lambda d: (d.place.superstep, d.place.path))  # a step before its branches
            self._pending = []
            for one in done:
                self._record(one)

    def failed(self, done: Finished) -> Node:
        """The node of a step that raised, or of a branch after a step that is done; it is not entered."""
        with self._lock:
            own = [other for other in self._pending if other.place == done.place]
            self._pending = [other for other in self._pending if other.place != done.place]
            for other in own:
                self._record(other)
            return self._node(done)

    def _node(self, done: Finished) -> Node:
        place = done.place
        # A branch after a sent step reads the state of the graph, not what was sent.
        is_sent = place.is_sent and not done.is_branch
        chosen_by = [] if done.is_branch else self._decisions.get((place.superstep, place.name), [])
        inputs = {
            key: self._sent(key, value, chosen_by) if is_sent else self._read(key, value, place, own=done.is_branch)
            for key, value in done.reading.values.items()
        }
        resumed = self._resumed if self._resumed_at == place.superstep else ()
        return _call(done, inputs, chosen_by, resumed)

    def output(self, key: str, value: Any) -> Node:
        """The node of a key's last value."""
        with self._lock:
            return self._read(key, value, None, own=False)

    def latest(self) -> list[Node]:
        """The last values of all keys, as far as they were put together, and the decisions to end."""
        with self._lock:
            found: list[Node] = list(self._ends)
            for key in self._keys.values():
                if key.reducer is None:
                    found += [key.writes[-1].node] if key.writes else []
                else:
                    found += [] if key.merged is None else [key.merged]
                    found += [w.node for w in key.writes[key.merged_count :]]
            return found

    @property
    def ends(self) -> tuple[Node, ...]:
        """The decisions that led to the end, in order."""
        return tuple(self._ends)

    def _record(self, done: Finished) -> None:
        node = recorded(self._node(done))
        place = done.place
        for key, value in done.written:
            item = make(value, OPERATIONS["getitem"], (node, key))
            is_replacing = key in done.replaced
            self._key(key).writes.append(_Write(node=recorded(item), place=place, is_replacing=is_replacing))
        if done.leads_to:
            if not done.is_branch:
                node = recorded(make(list(done.leads_to), _GOTO, (node,)))
            for name in dict.fromkeys(done.leads_to):
                self._decisions.setdefault((place.superstep + 1, name), []).append(node)
                if name == "__end__":
                    self._ends.append(node)

    def _key(self, key: str) -> _Key:
        return self._keys.setdefault(key, _Key(self._reducers.get(key)))

    def _read(self, name: str, value: Any, place: Place | None, *, own: bool) -> Node:
        key = self._key(name)
        seen = [w for w in key.writes if w.is_seen_at(place, own=own)]
        if not seen:
            node = recorded(Node(value, name=name))
            key.writes.insert(0, _Write(node=node))
            return node
        if key.reducer is None:
            return _held(seen[-1].node, value)
        start = max((i for i, w in enumerate(seen) if w.is_replacing), default=0)
        count = key.merged_count
        is_prefix = start < count <= len(seen) and all(a is b for a, b in zip(seen[:count], key.writes))
        earlier = [key.merged] if key.merged is not None and is_prefix else []
        parts = [*earlier, *(w.node for w in seen[count if earlier else start :])]
        node = _held(parts[0], value) if len(parts) == 1 else recorded(make(value, key.reducer, tuple(parts)))
        if all(a is b for a, b in zip(seen, key.writes)):  # siblings of a branch's own step come later
            key.merged, key.merged_count = node, len(seen)
        return node

    def _sent(self, key: str, value: Any, chosen_by: Sequence[Node]) -> Node:
        return recorded(make(value, _SENT, (*chosen_by, key)))


def _held(node: Node, value: Any) -> Node:
    """`node`, or one after it, where the state holds another value than was written."""
    held = node._value
    if held is value or show(held, 4000) == show(value, 4000):
        return node
    return recorded(make(value, _HELD, (node,)))


def _call(done: Finished, inputs: Mapping[str, Node], chosen_by: Sequence[Node], resumed: Sequence[Node]) -> Node:
    keywords: dict[str, Any] = dict(inputs)
    if chosen_by:
        keywords["chosen_by"] = chosen_by[0] if len(chosen_by) == 1 else tuple(chosen_by)
    node = make(done.value, done.operation, tuple(keywords.values()))
    extra = node.extra()
    extra.keywords = tuple(keywords)
    extra.hidden = (*resumed, *done.hidden)
    extra.inside = tuple(done.inside)
    return node

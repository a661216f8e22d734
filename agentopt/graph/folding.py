"""Large graphs made small enough to look at, with what was folded standing in its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentopt.graph.export import GraphRecord, NodeRecord

_ALIKE = 6
"""So many nodes of one shape are shown each for itself; of more, the first three and the last."""
_SMALL = 40
"""Graphs of so many nodes are shown as they are."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Nodes that are shown as one.

    Args:
        name: a name that no node of the graph has.
        like: name of a node that they are like, if they are alike.
        count: how many nodes it stands for.
        parents: names of nodes and folds.
    """

    name: str
    like: str | None
    count: int
    parents: tuple[str, ...]


@dataclass(frozen=True)
class _Group:
    members: tuple[int, ...]
    like: int | None = None


def folded(graph: GraphRecord, most: int) -> tuple[NodeRecord | Fold, ...]:
    """The graph in about `most` nodes, inputs before results.

    Of nodes that the same operations made from inputs of the same shape, all but a few are folded; if that is not
    enough, the middle of the graph is. Parameters are never alike, and the output stays.
    """
    position = {node.name: i for i, node in enumerate(graph.nodes)}
    parents = [[position[parent] for parent in node.parents if parent in position] for node in graph.nodes]
    groups = [_Group((i,)) for i in range(len(graph.nodes))]
    if len(groups) > min(most, _SMALL):
        groups = _without_repeats(graph, parents)
    if len(groups) > most:
        head = most // 3
        tail = most - head - 1
        middle = tuple(i for group in groups[head : len(groups) - tail] for i in group.members)
        groups = [*groups[:head], _Group(tuple(sorted(middle))), *groups[len(groups) - tail :]]
    return _shown(graph, parents, groups)


def _without_repeats(graph: GraphRecord, parents: Sequence[Sequence[int]]) -> list[_Group]:
    """Groups in order of depth, so that what a group was computed from is before it."""
    bases = [node.name.rstrip("0123456789") for node in graph.nodes]
    use: dict[int, tuple[object, ...]] = {}
    for i, above in enumerate(parents):
        for place, p in enumerate(above):
            use.setdefault(p, (bases[i], place))
    depth: list[int] = []
    shapes: dict[tuple[object, ...], int] = {}
    alike: dict[int, list[int]] = defaultdict(list)
    shape: list[int] = []
    for i, node in enumerate(graph.nodes):
        earlier = [p for p in parents[i] if p < i]
        depth.append(1 + max((depth[p] for p in earlier), default=-1))
        is_own = node.kind == "parameter" or node.name == graph.output
        own = (i,) if is_own else (bases[i], *(use.get(i, ()) if node.kind == "input" else ()))
        key = (node.kind, own, *(shape[p] for p in earlier))
        shape.append(shapes.setdefault(key, len(shapes)))
        alike[shape[i]].append(i)
    groups: list[_Group] = []
    for members in alike.values():
        if len(members) <= _ALIKE:
            groups += [_Group((i,)) for i in members]
        else:
            groups += [_Group((i,)) for i in (*members[:3], members[-1])]
            groups.append(_Group(tuple(members[3:-1]), like=members[0]))
    return sorted(groups, key=lambda group: (depth[group.members[0]], group.members[0]))


def _shown(
    graph: GraphRecord, parents: Sequence[Sequence[int]], groups: Sequence[_Group]
) -> tuple[NodeRecord | Fold, ...]:
    taken = {node.name for node in graph.nodes}
    names: list[str] = []
    group_of: dict[int, int] = {}
    for number, group in enumerate(groups):
        name = graph.nodes[group.members[0]].name if len(group.members) == 1 else f"fold{number}"
        while len(group.members) > 1 and name in taken:
            name = f"_{name}"
        names.append(name)
        group_of.update(dict.fromkeys(group.members, number))
    shown: list[NodeRecord | Fold] = []
    for number, group in enumerate(groups):
        inputs = [group_of[p] for i in group.members for p in parents[i]]
        if len(group.members) == 1:
            above = tuple(names[one] for one in dict.fromkeys(inputs))
            shown.append(replace(graph.nodes[group.members[0]], parents=above))
        else:
            above = tuple(names[one] for one in dict.fromkeys(inputs) if one != number)
            like = None if group.like is None else graph.nodes[group.like].name
            shown.append(Fold(name=names[number], like=like, count=len(group.members), parents=above))
    return tuple(shown)

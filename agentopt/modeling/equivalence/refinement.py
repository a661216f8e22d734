"""Matching the columns of two normal forms, without their names: colour refinement, then search.

Source: B. Weisfeiler, A. Leman, 1968, on the graph of columns and rows whose edges are coefficients. A search that
individualises columns is used rather than an isomorphism library because it can be stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field

from agentopt.modeling.equivalence.normal_form import NormalForm

Colours = list[int]


@dataclass(kw_only=True)
class _Names:
    """Numbers for things, the same for equal ones in both graphs: no hash that could collide."""

    known: dict[Hashable, int] = field(default_factory=dict)

    def of(self, thing: Hashable) -> int:
        return self.known.setdefault(thing, len(self.known))


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """Columns first, then rows; `edges` are (coefficient's number, neighbour)."""

    columns: tuple[str, ...]
    edges: list[list[tuple[int, int]]]
    colours: Colours

    @classmethod
    def of(cls, form: NormalForm, names: _Names) -> _Graph:
        index = {name: j for j, name in enumerate(form.columns)}
        edges: list[list[tuple[int, int]]] = [[] for _ in range(len(index) + len(form.rows))]
        colours = [names.of(("column", column.key)) for column in form.columns.values()]
        for i, (terms, right) in enumerate(form.rows.items(), len(index)):
            colours.append(names.of(("row", right)))
            for name, a in terms:
                weight = names.of(("coefficient", a))
                edges[i].append((weight, index[name]))
                edges[index[name]].append((weight, i))
        return cls(columns=tuple(form.columns), edges=edges, colours=colours)


def matchings(first: NormalForm, second: NormalForm, *, max_steps: int = 300) -> Iterator[Mapping[str, str]]:
    """Candidate mappings of the columns of `first` to those of `second`; to be checked by the caller.

    None where the forms cannot be the same up to names. Stops silently after `max_steps` refinements.
    """
    names = _Names()
    one, two = _Graph.of(first, names), _Graph.of(second, names)
    if len(one.columns) != len(two.columns) or len(one.colours) != len(two.colours):
        return
    stack = [(one.colours, two.colours)]
    steps = 0
    while stack and steps < max_steps:
        steps += 1
        refined = _refine(one, two, *stack.pop(), names)
        if refined is None:
            continue
        left, right = refined
        classes: dict[int, list[int]] = {}
        for j in range(len(one.columns)):
            classes.setdefault(left[j], []).append(j)
        open_classes = [members for members in classes.values() if len(members) > 1]
        if not open_classes:
            place = {right[j]: name for j, name in enumerate(two.columns)}
            yield {name: place[left[j]] for j, name in enumerate(one.columns)}
            continue
        chosen = min(open_classes, key=len)[0]
        mark = names.of(("individual", steps))
        for j in range(len(two.columns)):
            if right[j] == left[chosen]:
                stack.append((_marked(left, chosen, mark), _marked(right, j, mark)))


def _marked(colours: Colours, index: int, mark: int) -> Colours:
    return [mark if i == index else colour for i, colour in enumerate(colours)]


def _refine(one: _Graph, two: _Graph, left: Colours, right: Colours, names: _Names) -> tuple[Colours, Colours] | None:
    """Stable colours of both; `None` where they differ, so that no mapping keeps these."""
    count = len(set(left))
    while True:
        if Counter(left) != Counter(right):
            return None
        left, right = _round(one, left, names), _round(two, right, names)
        after = len(set(left))
        if after == count:
            return (left, right) if Counter(left) == Counter(right) else None
        count = after


def _round(graph: _Graph, colours: Colours, names: _Names) -> Colours:
    return [
        names.of((colours[i], tuple(sorted((weight, colours[other]) for weight, other in edges))))
        for i, edges in enumerate(graph.edges)
    ]

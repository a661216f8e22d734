"""A layered layout of a directed graph, as in Sugiyama, Tagawa and Toda (1981), without any other program.

Layers by longest paths, sources next to their consumers; the order within layers by barycentres; places by a least
squares fit that keeps the order (pool adjacent violators). An edge over several layers runs through points of its
own in each of them, which all edges of one source share. Time is linear in nodes and edges, times their logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_SWEEPS = 8
_LONGEST_ROUTE = 48
"""Layers that an edge has points of its own in; a longer one goes straight from there, so that points stay few."""


@dataclass(frozen=True)
class Place:
    """Where a node, or a point of an edge, lies: its layer, 0 at the top, and the middle of its width."""

    layer: int
    x: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything lies.

    Args:
        places: of the nodes, by number, and after them of the points of edges.
        routes: of each edge, by its number, the nodes and points that it runs through, source first, from top to
            bottom; the ends of an edge that closes a cycle are the other way round.
        backward: numbers of these edges, and of those from a node to itself, which have no route.
        layers: how many there are.
    """

    places: tuple[Place, ...]
    routes: dict[int, tuple[int, ...]]
    backward: frozenset[int]
    layers: int


def lay_out(widths: Sequence[float], edges: Sequence[tuple[int, int]], *, gap: float, point_gap: float = 8) -> Layout:
    """Places for nodes of these widths.

    Args:
        widths: by node; nodes are in an order in which inputs come before results, edges against it close cycles.
        edges: from source to target.
        gap: least distance between two nodes of a layer.
        point_gap: least distance between anything and a point of an edge.
    """
    backward = frozenset(number for number, (a, b) in enumerate(edges) if a >= b)
    forward = {number: (min(edge), max(edge)) for number, edge in enumerate(edges) if edge[0] != edge[1]}
    layer = _layers(len(widths), sorted(set(forward.values())))
    work = _Work(list(layer), list(widths), gap, point_gap)
    routes = {number: work.routed(a, b) for number, (a, b) in forward.items()}
    work.order()
    xs = work.fitted()
    places = tuple(Place(layer, x) for layer, x in zip(work.layer, xs))
    return Layout(places=places, routes=routes, backward=backward, layers=max(layer, default=-1) + 1)


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Layer of each node: one below its lowest input; of a source, one above its highest consumer."""
    layer = [0] * count
    below: list[int | None] = [None] * count
    is_source = [True] * count
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        layer[b] = max(layer[b], layer[a] + 1)
        is_source[b] = False
    for a, b in edges:
        above = below[a]
        below[a] = layer[b] if above is None else min(above, layer[b])
    return [
        consumer - 1 if is_source[node] and (consumer := below[node]) is not None else layer[node]
        for node in range(count)
    ]


@dataclass
class _Work:
    """The graph while it is laid out: nodes, and the points of long edges, each with its neighbours."""

    layer: list[int]
    width: list[float]
    gap: float
    point_gap: float
    nodes: int = 0
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    points: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = len(self.layer)
        self.above = [[] for _ in self.layer]
        self.below = [[] for _ in self.layer]

    def routed(self, a: int, b: int) -> tuple[int, ...]:
        """What the edge from `a` down to `b` runs through, `a` and `b` included."""
        route = [a]
        last = min(self.layer[b], self.layer[a] + 1 + _LONGEST_ROUTE)
        for row in range(self.layer[a] + 1, last):
            if (a, row) not in self.points:
                self.points[a, row] = len(self.layer)
                self.layer.append(row)
                self.width.append(0)
                self.above.append([])
                self.below.append([])
                self._join(route[-1], self.points[a, row])
            route.append(self.points[a, row])
        self._join(route[-1], b)
        return (*route, b)

    def _join(self, a: int, b: int) -> None:
        self.below[a].append(b)
        self.above[b].append(a)

    def order(self) -> None:
        """Puts each layer in order: a node where the mean of its neighbours is, sweeping down and up."""
        self.rows = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for one, layer in enumerate(self.layer):
            self.rows[layer].append(one)
        place = [0.0] * len(self.layer)
        for row in self.rows:
            self._number(row, place)
        for sweep in range(_SWEEPS):
            near = self.above if sweep % 2 == 0 else self.below
            for row in self.rows if sweep % 2 == 0 else reversed(self.rows):
                wanted = {one: self._mean(near[one], place, place[one]) for one in row}
                row.sort(key=wanted.__getitem__)
                self._number(row, place)

    def _number(self, row: list[int], place: list[float]) -> None:
        """Numbers a row from 0 to 1, so that long and short rows compare."""
        for position, one in enumerate(row):
            place[one] = (position + 0.5) / len(row)

    def _mean(self, near: Sequence[int], value: Sequence[float], otherwise: float) -> float:
        return sum(value[one] for one in near) / len(near) if near else otherwise

    def fitted(self) -> list[float]:
        """The middle of each node and point, the leftmost edge of all at 0."""
        x = [0.0] * len(self.layer)
        for row in self.rows:
            self._fit(row, x, lambda _: 0.0)
        for sweep in range(_SWEEPS + 1):
            sides = (self.above, self.below) if sweep % 2 == 0 else (self.below, self.above)
            for row in self.rows if sweep % 2 == 0 else reversed(self.rows):
                wanted = {one: self._wanted(one, sides, x) for one in row}
                self._fit(row, x, wanted.__getitem__)
        left = min((x[one] - self.width[one] / 2 for one in range(len(x))), default=0.0)
        return [one - left for one in x]

    def _wanted(self, one: int, sides: tuple[list[list[int]], list[list[int]]], x: Sequence[float]) -> float:
        """Where its neighbours of the same sort are, so that a chain beside a long edge is straight, or else any."""
        near = sides[0][one] or sides[1][one]
        same = [other for other in near if (other < self.nodes) == (one < self.nodes)]
        return self._mean(same or near, x, x[one])

    def _fit(self, row: Sequence[int], x: list[float], wanted: Callable[[int], float]) -> None:
        """Places in one row: as near to those wanted as the order and the gaps allow, in the sense of least squares.

        Less the gaps to its left, each place may be no smaller than the one before: isotonic regression.
        """
        shift = 0.0
        shifts: list[float] = []
        blocks: list[tuple[float, float, int]] = []  # weighted sum, weight, how many
        for position, one in enumerate(row):
            if position:
                shift += self._apart(row[position - 1], one)
            shifts.append(shift)
            weight = 1.0 if one < self.nodes else 4.0
            total, count = weight * (wanted(one) - shift), 1
            while blocks and blocks[-1][0] / blocks[-1][1] > total / weight:
                before = blocks.pop()
                total, weight, count = total + before[0], weight + before[1], count + before[2]
            blocks.append((total, weight, count))
        fits = [total / weight for total, weight, count in blocks for _ in range(count)]
        for one, shift, fit in zip(row, shifts, fits):
            x[one] = shift + fit

    def _apart(self, left: int, right: int) -> float:
        is_node = left < self.nodes and right < self.nodes
        return (self.width[left] + self.width[right]) / 2 + (self.gap if is_node else self.point_gap)

"""Places: what a layered drawing promises, checked on the places alone."""

from __future__ import annotations

import random
import sys
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.graph.layout import Layout, lay_out

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)
GAP = 10.0


def placed(count: int, edges: list[tuple[int, int]]) -> Layout:
    return lay_out([50.0] * count, edges, gap=GAP)


def calls_to_lay_out(count: int, edges: list[tuple[int, int]]) -> int:
    """How many Python functions and generator steps it takes."""
    calls = 0

    def count_one(frame: object, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count_one)
    try:
        placed(count, edges)
    finally:
        sys.setprofile(before)
    return calls


def test_nothing_has_no_layers() -> None:
    assert placed(0, []) == Layout(places=(), routes={}, backward=frozenset(), layers=0)


def test_one_node_is_at_the_left_edge() -> None:
    assert [(p.layer, p.x) for p in placed(1, []).places] == [(0, 25.0)]


def test_diamond_is_symmetric() -> None:
    top, left, right, bottom = placed(4, [(0, 1), (0, 2), (1, 3), (2, 3)]).places

    assert [p.layer for p in (top, left, right, bottom)] == [0, 1, 1, 2]
    assert top.x == bottom.x == (left.x + right.x) / 2


def test_sources_are_next_to_their_consumers() -> None:
    chain = [(0, 1), (1, 2), (2, 3), (4, 5)]
    layout = lay_out([50.0] * 6, [*chain, (3, 5)], gap=GAP)

    assert layout.places[4].layer == layout.places[5].layer - 1


def test_a_chain_beside_a_long_edge_is_straight() -> None:
    layout = placed(12, [*((i, i + 1) for i in range(11)), *((0, i) for i in range(2, 12))])

    assert len({round(p.x, 6) for p in layout.places[1:12]}) == 1


def test_edges_of_one_source_share_their_points() -> None:
    layout = placed(12, [*((i, i + 1) for i in range(11)), *((0, i) for i in range(2, 12))])

    assert len(layout.places) == 12 + 10


@given(
    count=st.integers(1, 25),
    picks=st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=50),
)
@SETTINGS
def test_nodes_of_a_layer_do_not_overlap_and_edges_go_down(count: int, picks: list[tuple[int, int]]) -> None:
    edges = [(a % count, b % count) for a, b in picks]

    layout = placed(count, edges)

    for layer in range(layout.layers):
        xs = sorted(place.x for place in layout.places[:count] if place.layer == layer)
        assert all(b - a >= 50 + GAP - 1e-6 for a, b in pairwise(xs))
    for route in layout.routes.values():
        assert all(layout.places[b].layer == layout.places[a].layer + 1 for a, b in pairwise(route))


@given(
    count=st.integers(1, 25),
    picks=st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=50),
)
@SETTINGS
def test_edges_run_clear_of_nodes(count: int, picks: list[tuple[int, int]]) -> None:
    layout = placed(count, [(a % count, b % count) for a, b in picks])

    for point in layout.places[count:]:
        assert all(abs(p.x - point.x) >= 25 for p in layout.places[:count] if p.layer == point.layer)


def test_edges_against_the_order_are_backward() -> None:
    layout = placed(3, [(0, 1), (1, 2), (2, 0), (1, 1)])

    assert layout.backward == {2, 3}
    assert [place.layer for place in layout.places[:3]] == [0, 1, 2]


def test_an_edge_from_a_node_to_itself_has_no_route() -> None:
    assert placed(1, [(0, 0)]).routes == {}


def test_work_on_a_random_graph_grows_as_the_graph_does() -> None:
    chance = random.Random(1)
    edges = [(chance.randrange(max(0, i - 20), i), i) for i in range(1, 2000) for _ in range(2)]
    few = [edge for edge in edges if max(edge) < 500]

    assert calls_to_lay_out(2000, edges) < 8 * calls_to_lay_out(500, few)


def test_work_where_every_node_of_a_chain_is_read_at_its_end_grows_as_the_graph_does() -> None:
    def ladder(count: int) -> list[tuple[int, int]]:
        return [*((i, i + 1) for i in range(count - 1)), *((i, count - 1) for i in range(count - 2))]

    assert calls_to_lay_out(600, ladder(600)) < 8 * calls_to_lay_out(150, ladder(150))

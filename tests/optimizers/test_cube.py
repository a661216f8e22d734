"""Numbers and choices as points: every value is reached, and none that is not allowed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentopt as ao
from agentopt.optimizers.cube import Cube
from agentopt.space import Space


def cube(*parameters: ao.Parameter) -> Cube:
    space = Space({str(p.name): p for p in parameters})
    return Cube(space, space.values())


def rounded(value: Any) -> Any:
    return round(value, 9) if isinstance(value, float) else value


PARAMETERS: list[tuple[ao.Parameter, list[Any]]] = [
    (ao.Parameter(2, name="n", bounds=(1, 4)), [1, 2, 3, 4]),
    (ao.Parameter(0.3, name="s", bounds=(0.0, 1.0), step=0.3), [0.0, 0.3, 0.6, 0.9]),
    (ao.Parameter("b", name="c", choices=("a", "b", None)), ["a", "b", None]),
    (ao.Parameter(True, name="t"), [True, False]),
    (ao.Parameter(5, name="k", bounds=(5, 5)), [5]),
]


@pytest.mark.parametrize(("parameter", "values"), PARAMETERS, ids=lambda x: getattr(x, "name", ""))
def test_every_value_has_an_equal_share_of_the_axis(parameter: ao.Parameter, values: list[Any]) -> None:
    axis = cube(parameter).axes[0]
    found = Counter(rounded(axis.value((i + 0.5) / 1200)) for i in range(1200))
    assert found == {rounded(value): 1200 // len(values) for value in values}


@pytest.mark.parametrize(("parameter", "values"), PARAMETERS, ids=lambda x: getattr(x, "name", ""))
def test_the_point_of_a_value_gives_the_value_back(parameter: ao.Parameter, values: list[Any]) -> None:
    whole = cube(parameter)
    for value in values:
        changes = whole.changes(whole.point({str(parameter.name): value}))
        assert changes is not None
        assert rounded(changes[str(parameter.name)]) == rounded(value)


@given(st.floats(-5, 5))
def test_points_beyond_the_cube_are_on_its_wall(coordinate: float) -> None:
    changes = cube(ao.Parameter(0.0, name="x", bounds=(-2, 3))).changes([coordinate])
    assert changes is not None
    assert -2 <= changes["x"] <= 3


@given(st.floats(-1e6, 1e6))
def test_a_number_without_bounds_has_its_start_in_the_middle(start: float) -> None:
    whole = cube(ao.Parameter(start, name="x"))
    changes = whole.changes([0.5])
    assert changes is not None
    assert changes["x"] == pytest.approx(start, abs=1e-9 * (1 + abs(start)))


def test_a_half_open_range_reaches_up_from_the_start() -> None:
    whole = cube(ao.Parameter(1, name="n", bounds=(0, None)))
    assert [whole.axes[0].value(x) for x in (0, 1)] == [0, 21]


def test_prompts_code_and_json_are_no_part_of_it() -> None:
    whole = cube(ao.Parameter("say", name="p"), ao.Parameter(1.0, name="x"), ao.Parameter([1], name="j"))
    assert [axis.name for axis in whole.axes] == ["x"]


def test_a_value_that_a_check_refuses_is_no_point() -> None:
    whole = cube(ao.Parameter(1.0, name="x", bounds=(0, 2), check=lambda x: x >= 1))
    assert whole.changes([0.1]) is None
    assert whole.changes([0.9]) == {"x": pytest.approx(1.8)}

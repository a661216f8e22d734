"""Numerical packs: bounds, starts, and the distance to a known optimum."""

from __future__ import annotations

from pathlib import Path

import pytest

import agentopt as ao
from agentopt.catalog import load_task
from agentopt.errors import FormatError
from agentopt.events import Evaluated, Event

HEAD = 'schema = 1\nkind = "numerical"\nname = "bowl"\ntitle = "A bowl"\nfunction = "cost.py:cost"\n'
BODY = "start = { x = 1.0, y = 2.0 }\nbounds = { x = [0.0, 10.0], y = [0.0, 10.0] }\noptimum = 0.5\n"
COST = "def cost(x, y):\n    return (x - 3) ** 2 + (y - 4) ** 2 + 0.5\n"


def pack(folder: Path, body: str = BODY, cost: str = COST, head: str = HEAD) -> str:
    place = folder / "bowl"
    place.mkdir()
    (place / "task.toml").write_text(head + body)
    (place / "cost.py").write_text(cost)
    return str(place)


def test_parameters_have_start_and_bounds(tmp_path: Path) -> None:
    space = load_task(pack(tmp_path)).space
    assert space.values() == {"x": 1.0, "y": 2.0}
    assert space.parameters["x"].bounds == (0.0, 10.0)


def test_an_integer_start_is_a_number(tmp_path: Path) -> None:
    body = BODY.replace("x = 1.0", "x = 1")
    assert load_task(pack(tmp_path, body)).space.parameters["x"].kind == "number"


def test_a_parameter_without_bounds_is_free(tmp_path: Path) -> None:
    body = BODY.replace(", y = [0.0, 10.0]", "")
    assert load_task(pack(tmp_path, body)).space.parameters["y"].bounds == (None, None)


def test_the_score_is_the_negative_cost(tmp_path: Path) -> None:
    events: list[Event] = []
    result = ao.optimize(load_task(pack(tmp_path)), optimizer="measure", out=None, on_event=events.append)
    assert result.dev_start == -8.5
    (measured,) = (e for e in events if isinstance(e, Evaluated))
    assert measured.feedback["text"] == "The cost is 8.5; lower is better."


def test_the_target_is_the_optimum_with_its_tolerance(tmp_path: Path) -> None:
    assert load_task(pack(tmp_path, BODY + "tolerance = 0.25\n")).target == -0.75


def test_verify_says_how_far_the_optimum_is(tmp_path: Path) -> None:
    task = load_task(pack(tmp_path))
    start = ao.optimize(task, optimizer="measure", out=None).start
    assert task.verify(start).strip() == "cost 8.5, known optimum 0.5: 8 above it, outside 0.001"


@pytest.mark.parametrize("start", ["-0.5", "10.5"])
def test_a_start_out_of_bounds_is_a_format_error_that_names_file_and_key(tmp_path: Path, start: str) -> None:
    with pytest.raises(FormatError, match=rf"bowl/task\.toml: `start\.x` is {start} within \[0\.0, 10\.0\]"):
        load_task(pack(tmp_path, BODY.replace("x = 1.0", f"x = {start}")))


@pytest.mark.parametrize("key", ["start", "bounds", "optimum", "function"])
def test_a_missing_key_is_a_format_error_that_names_file_and_key(tmp_path: Path, key: str) -> None:
    text = "".join(line + "\n" for line in (HEAD + BODY).splitlines() if not line.startswith(f"{key} ="))
    with pytest.raises(FormatError, match=rf"bowl/task\.toml: `{key}` must be"):
        load_task(pack(tmp_path, text, head=""))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BODY.replace("x = 1.0", 'x = "one"'), id="a_start_that_is_text"),
        pytest.param(BODY.replace("x = [0.0, 10.0]", 'x = ["a", "b"]'), id="bounds_that_are_text"),
        pytest.param(BODY.replace("x = [0.0, 10.0]", "x = [0.0]"), id="one_bound"),
        pytest.param(BODY.replace("x = [0.0, 10.0]", "x = 5"), id="bounds_that_are_a_number"),
        pytest.param(BODY.replace("x = 1.0", "x = nan"), id="a_start_that_is_nan"),
        pytest.param(BODY.replace("bounds = { x", "bounds = { X"), id="bounds_of_an_unknown_parameter"),
        pytest.param(BODY.replace("start = { x = 1.0, y = 2.0 }", "start = {}"), id="no_parameters"),
    ],
)
def test_a_malformed_start_or_bound_is_a_format_error_that_names_the_file(tmp_path: Path, body: str) -> None:
    with pytest.raises(FormatError, match=r"bowl/task\.toml"):
        load_task(pack(tmp_path, body))


def test_a_cost_that_raises_is_a_failed_measurement(tmp_path: Path) -> None:
    cost = "def cost(x, y):\n    return x / (y - 2)\n"
    events: list[Event] = []
    ao.optimize(load_task(pack(tmp_path, cost=cost)), optimizer="measure", out=None, on_event=events.append)
    (measured,) = (e for e in events if isinstance(e, Evaluated))
    assert measured.status == "failed"
    assert "ZeroDivisionError" in measured.feedback["text"]


def test_a_cost_that_is_nan_is_a_failed_measurement(tmp_path: Path) -> None:
    cost = "def cost(x, y):\n    return (x * 1e999 - y * 1e999)\n"
    events: list[Event] = []
    ao.optimize(load_task(pack(tmp_path, cost=cost)), optimizer="measure", out=None, on_event=events.append)
    assert [e.status for e in events if isinstance(e, Evaluated)] == ["failed"]

"""Numerical packs: bounds, starts, and the distance to a known optimum."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

import agentopt as ao
from agentopt.catalog import load_task
from agentopt.errors import FormatError, MissingDependency
from agentopt.events import Evaluated, Event
from agentopt.llm.base import Request
from agentopt.llm.scripted import ScriptedLLM

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


def first_evaluation(task: ao.Task) -> Evaluated:
    """What measuring the start says."""
    events: list[Event] = []
    ao.optimize(task, optimizer="measure", out=None, on_event=events.append)
    return next(e for e in events if isinstance(e, Evaluated))


def test_integers_and_choices_are_parameters_of_their_kinds(tmp_path: Path) -> None:
    body = BODY.replace("x = 1.0, y = 2.0", 'x = 1, y = "b"').replace(", y = [0.0, 10.0]", "")
    body += 'integers = ["x"]\nchoices = { y = ["a", "b"] }\n'
    space = load_task(pack(tmp_path, body, "def cost(x, y):\n    return x\n")).space
    assert [(p.kind, p.value) for p in space.parameters.values()] == [("integer", 1), ("choice", "b")]


@pytest.mark.parametrize(
    "line",
    [
        'integers = ["z"]',
        'choices = { z = ["a"] }',
        "choices = { x = [2.0, 3.0] }",
        "draws = { train = 0.5 }",
        "draws = { everything = 3 }",
        "draws = { train = -1 }",
        'channels = ["fp"]',
        'violations = "cost.py:cost"',
        'requires = "torch"',
    ],
)
def test_a_malformed_setting_is_a_format_error_that_names_the_file(tmp_path: Path, line: str) -> None:
    with pytest.raises(FormatError, match=r"bowl/task\.toml"):
        load_task(pack(tmp_path, f"{BODY}{line}\n"))


def test_broken_constraints_are_named_and_cost_what_the_penalty_says(tmp_path: Path) -> None:
    body = BODY + 'violations = "cost.py:broken"\npenalty = 4.0\n'
    cost = COST + "\n\ndef broken(x, y):\n    return {'width': max(0, 3 - x), 'height': max(0, y - 9)}\n"
    task = load_task(pack(tmp_path, body, cost))
    said = first_evaluation(task).feedback
    assert said["score"] == -(8.5 + 4.0 * 2)
    words = "The cost is 8.5; lower is better. Broken: `width` by 2; each unit of that counts as 4 of cost."
    assert said["text"] == words
    feasible = task.judge({"cost": 0.5, "at": {"x": 3.0, "y": 4.0}}, task.instances[0])
    assert (feasible.score, feasible.text) == (-0.5, "The cost is 0.5; lower is better. All constraints hold.")
    assert task.verify({"x": 1.0, "y": 2.0}).startswith("cost 16.5, known optimum 0.5")


NOISY = "def cost(x, y, draw=None):\n    return x + y + (0 if draw is None else draw)\n"


def test_each_draw_is_an_instance_and_the_expected_cost_verifies(tmp_path: Path) -> None:
    task = load_task(pack(tmp_path, BODY + "draws = { train = 2, test = 1 }\n", NOISY))
    assert [(i.id, i.split, i.fields["draw"]) for i in task.instances] == [
        ("bowl#1", "train", 1),
        ("bowl#2", "train", 2),
        ("bowl#3", "test", 3),
    ]
    assert task.target is None
    assert first_evaluation(task).score == -4.0
    assert task.verify({"x": 1.0, "y": 2.0}).startswith("cost 3,")


def test_a_package_that_is_not_installed_is_named_with_its_extra(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match=r"`numerical/bowl` needs `nosuchpackage`: pip install 'agentopt\["):
        load_task(pack(tmp_path, BODY + 'requires = ["nosuchpackage"]\n'))


def closest_first(request: Request) -> str:
    """The order of the colours shown by their distance from the one that is wanted: what an eye would say."""
    wanted, shown = (re.findall(r"#([0-9A-F]{6})", part) for part in request.messages[-1].content.split("## 1", 1))
    target, *colours = ([int(code[at : at + 2], 16) for at in (0, 2, 4)] for code in (wanted[0], *shown))
    order = sorted(range(len(colours)), key=lambda place: math.dist(target, colours[place]))
    return json.dumps({"ranking": [place + 1 for place in order]})


def test_a_ranking_task_has_no_score_and_is_searched_by_an_eye_alone() -> None:
    task = load_task("match_colour")
    assert first_evaluation(task).score is None
    llm = ScriptedLLM([closest_first] * 60)
    result = ao.optimize(task, optimizer="zo-rank:judge=llm", llm=llm, budget=ao.Budget(llm_calls=60), out=None)
    distance = float(re.match(r"cost ([\d.]+)", task.verify(result.best))[1])  # type: ignore[index]
    start = float(re.match(r"cost ([\d.]+)", task.verify(result.start))[1])  # type: ignore[index]
    assert distance < start / 4


@pytest.mark.torch
def test_the_gradient_of_torch_is_followed_to_the_optimum() -> None:
    task = load_task("damped_swing")
    values, steps = dict(task.space.values()), dict.fromkeys(task.space.values(), 0.1)
    before: dict[str, str] = {}
    for _ in range(150):  # Rprop: nothing but the words of the channel `fp`
        said = task.judge({"cost": 0.0, "at": values}, task.instances[0]).channels["fp"]
        for name in values:
            way = next((word for word in ("increase", "decrease") if f"{word} {name}" in said.lower()), "")
            steps[name] *= 1.2 if way == before.get(name) else 0.5
            before[name] = way
            low, high = task.space.parameters[name].bounds or (0, 0)
            moved = values[name] + {"increase": 1, "decrease": -1, "": 0}[way] * steps[name]
            values[name] = min(max(moved, low or 0), high or 0)
    assert "within 0.001" in task.verify(values)

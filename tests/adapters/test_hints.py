"""What is said of slopes: the truth table of LLF-Bench's channels, and what must not be said."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

import agentopt as ao
from agentopt.adapters.hints import Hints, chosen_channels
from agentopt.catalog import load_task, task_of_record
from agentopt.errors import UsageError
from agentopt.llm.scripted import ScriptedLLM

SIGNS = [-1.0, 0.0, 1.0]
WORDS = {"up": ("increase x", 1), "down": ("decrease x", -1)}


def hints(
    *channels: str,
    here: float = 1.0,
    before: float = 1.0,
    at: float = 0.0,
    seed: int = 0,
    bounds: tuple[float, float] = (-9, 9),
) -> Hints:
    """Hints on one number that starts at 0, where the slope is `before`; it is `here` everywhere else."""
    parameter = ao.Parameter(0.0, name="x", bounds=bounds)

    def slopes(x: float) -> Mapping[str, float]:
        return {"x": before if x == 0 else here}

    return Hints(
        channels=chosen_channels(channels), slopes=slopes, parameters={"x": parameter}, start={"x": 0.0}, seed=seed
    )


@pytest.mark.parametrize("slope", SIGNS)
def test_future_goes_down_the_slope_and_forbids_to_go_up(slope: float) -> None:
    said = hints("fp", "fn", here=slope).at({"x": 2.0})
    wanted = {
        -1.0: {"fp": "Increase x.", "fn": "Do not decrease x."},
        0.0: {"fp": "Keep every number as it is."},
        1.0: {"fp": "Decrease x.", "fn": "Do not increase x."},
    }
    assert said == wanted[slope]


@pytest.mark.parametrize("slope", SIGNS)
@pytest.mark.parametrize("move", SIGNS)
def test_hindsight_is_the_sign_of_the_move_times_that_of_the_slope_at_the_start(slope: float, move: float) -> None:
    said = hints("hp", "hn", before=slope, here=99.0).at({"x": 2.0 * move})
    assert set(said) == ({"hp"} if slope * move < 0 else {"hn"} if slope * move > 0 else set())
    way = "increase x" if move > 0 else "decrease x"
    assert all(text.endswith(f" {way}.") for text in said.values())


def test_a_zero_move_is_not_called_a_decrease() -> None:
    assert hints("hp", "hn").at({"x": 0.0}) == {}


@pytest.mark.parametrize(("x", "slope"), [(9.0, -1.0), (-9.0, 1.0)])
def test_no_step_out_of_bounds_is_advised(x: float, slope: float) -> None:
    assert hints("fp", "fn", here=slope).at({"x": x}) == {"fp": "Keep every number as it is."}


def test_a_step_back_from_a_bound_is_advised() -> None:
    assert hints("fp", here=1.0).at({"x": 9.0}) == {"fp": "Decrease x."}


def test_several_numbers_are_named_together() -> None:
    parameters = {name: ao.Parameter(0.0, name=name) for name in "xyz"}
    said = Hints(
        channels=("fp", "fn", "g"),
        slopes=lambda **_: {"x": -2.0, "y": 0.0, "z": 3.5},
        parameters=parameters,
        start=dict.fromkeys("xyz", 0.0),
    ).at(dict.fromkeys("xyz", 1.0))
    assert said == {
        "fp": "Increase x and decrease z.",
        "fn": "Do not decrease x or increase z.",
        "g": "Change of the cost per unit: x -2, y +0, z +3.5",
    }


@pytest.mark.parametrize(
    ("asked", "given"),
    [(["a"], ("r", "hp", "hn", "fp", "fn")), (["n"], ()), ([], ()), (["fp", "r", "fp"], ("fp", "r")), (["m"], ("m",))],
)
def test_channels_are_chosen_by_name_all_at_random_or_none(asked: list[str], given: tuple[str, ...]) -> None:
    assert chosen_channels(asked) == given


@pytest.mark.parametrize("asked", [["x"], ["a", "r"], ["r", ""], ["R"]])
def test_an_unknown_channel_is_a_usage_error(asked: list[str]) -> None:
    with pytest.raises(UsageError, match="expected some of r, hp, hn, fp, fn, g"):
        chosen_channels(asked)


def test_a_channel_at_random_is_the_same_for_one_seed_and_point_and_each_occurs() -> None:
    def drawn(seed: int) -> list[tuple[str, ...]]:
        return [hints("m", seed=seed).given({"x": float(x)}) for x in range(60)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert {name for (name,) in drawn(1)} == {"r", "hp", "hn", "fp", "fn"}


def test_a_task_without_the_reward_channel_has_a_score_and_no_cost_in_its_text() -> None:
    task = load_task("booth", channels=["fp"])
    feedback = task.judge({"cost": 65.0, "at": {"x": -5.0, "y": 8.0}}, task.instances[0])
    assert (feedback.score, feedback.text) == (-65.0, "")
    assert feedback.channels == {"fp": "Increase x and decrease y."}


def test_channels_asked_for_are_found_again_by_a_record() -> None:
    task = load_task("six_hump_camel", channels=["hp", "fn"], seed=3)
    reference = json.loads(json.dumps(task.reference))
    assert task_of_record(reference).reference == task.reference
    assert reference["channels"] == ["hp", "fn"]


def test_channels_of_a_task_without_slopes_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="`numerical/branin` has no slopes"):
        load_task("branin", channels=["fp"])


def test_the_directional_proposer_passes_on_what_to_do_next() -> None:
    llm = ScriptedLLM(['{"changes": {"x": 1.0, "y": 3.0}}'])
    seen: list[str] = []
    result = ao.optimize(
        load_task("booth", channels=["fp"]),
        proposer="directional",
        llm=llm,
        budget=ao.Budget(asks=3),
        out=None,
        on_event=lambda event: seen.append(event.model_dump_json()),
    )
    assert result.best.values == {"x": 1.0, "y": 3.0}
    assert any("- Increase x and decrease y." in text for text in seen)

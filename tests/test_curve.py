"""The curve of a run: what counts as a point, and how it is drawn."""

from __future__ import annotations

from xml.etree import ElementTree

from agentopt.curve import curve_of, curve_svg
from agentopt.events import Evaluated, Event, RunStarted
from agentopt.store.sqlite import StoredEvent


def points(*measured: tuple[int, str, str, object], dev: tuple[str, ...] = ("a", "b")) -> list[tuple[int, int, float]]:
    """(evaluations, candidate, best) of a run that measured (candidate, instance, split, score) in this order."""
    start = RunStarted(
        run="r", task={}, settings={}, llm={}, answered_by="", space=[], instances={"dev": list(dev), "train": ["t"]}
    )
    events: list[Event] = [start]
    for candidate, instance, split, score in measured:
        events.append(Evaluated(candidate=candidate, instance=instance, split=split, status="ok", score=score))
    found = curve_of(StoredEvent(serial, 0.0, event) for serial, event in enumerate(events))
    return [(point.evaluations, point.candidate, point.best) for point in found]


def test_a_run_without_measurements_has_no_points() -> None:
    assert points() == []


def test_a_candidate_is_a_point_once_the_whole_split_is_measured() -> None:
    assert points((0, "a", "dev", 1.0), (0, "t", "train", 5.0), (0, "b", "dev", 0.0)) == [(3, 0, 0.5)]


def test_the_best_never_falls() -> None:
    one, two = ((0, i, "dev", 1.0) for i in "ab"), ((1, i, "dev", 0.0) for i in "ab")
    assert [best for _, _, best in points(*one, *two)] == [1.0, 1.0]


def test_without_dev_train_counts() -> None:
    assert points((0, "t", "train", 2.0), dev=()) == [(1, 0, 2.0)]


def test_scores_that_are_no_finite_numbers_are_left_out() -> None:
    assert (
        points(*((0, i, "dev", score) for i, score in zip("abab", (None, {"$float": "-inf"}, {"$float": "nan"}, 1.0))))
        == []
    )


def test_the_picture_of_nothing_says_so() -> None:
    assert "nothing has a score" in curve_svg([], "t")


def test_a_title_cannot_become_markup() -> None:
    picture = ElementTree.fromstring(curve_svg([], "<script>alert(1)</script>"))
    assert [element.tag.split("}")[1] for element in picture.iter()] == ["svg", "style", "rect", "text", "text"]

"""Stops and questions beside a record: first answer wins, nothing is lost between processes."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentopt.errors import UsageError
from agentopt.store.control import Control


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path / "agentopt.sqlite")


def test_looking_makes_no_file(control: Control) -> None:
    assert not control.is_stop_asked("r")
    assert control.questions() == []
    control.forget_stop("r")
    assert not control.path.exists()


def test_a_stop_is_for_one_run_and_until_it_is_forgotten(control: Control) -> None:
    control.ask_to_stop("r")
    control.ask_to_stop("r")
    assert [control.is_stop_asked(run) for run in ("r", "s", "")] == [True, False, False]
    control.forget_stop("r")
    assert not control.is_stop_asked("r")


def test_an_answer_is_taken_once(control: Control) -> None:
    control.put("r", "d", {"kind": "ranking", "items": ["ä\ud800"]})
    (waiting,) = control.questions()
    assert waiting.question["items"] == ["ä\ud800"]
    assert control.take_answer("r", "d") is None
    assert control.answer(waiting.number, {"verdict": "accepted"})
    assert [q.is_answered for q in control.questions()] == [True]
    assert control.take_answer("r", "d") == {"verdict": "accepted"}
    assert control.take_answer("r", "d") is None
    assert control.questions() == []


def test_of_many_answers_the_first_counts(control: Control) -> None:
    control.put("r", "d", {})
    (waiting,) = control.questions()
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda n: control.answer(waiting.number, {"n": n}), range(8)))
    assert taken.count(True) == 1
    assert control.take_answer("r", "d") == {"n": taken.index(True)}


def test_a_late_answer_does_not_reach_the_question_that_came_after(control: Control) -> None:
    control.put("r", "d", {})
    (first,) = control.questions()
    control.answer(first.number, {})
    control.take_answer("r", "d")
    control.put("r", "d", {"problem": "no"})
    assert not control.answer(first.number, {"late": True})
    assert control.take_answer("r", "d") is None


def test_a_question_put_again_keeps_its_answer(control: Control) -> None:
    control.put("r", "d", {"problem": "no"})
    control.answer(control.questions()[0].number, {"verdict": "accepted"})
    control.put("r", "d", {})
    assert control.take_answer("r", "d") == {"verdict": "accepted"}


def test_a_file_of_something_else_and_of_a_newer_version_are_refused(control: Control) -> None:
    control.path.write_bytes(b"not a database, but long enough to be taken for one" * 20)
    with pytest.raises(UsageError, match="stops and answers"):
        control.ask_to_stop("r")
    control.path.unlink()
    with sqlite3.connect(control.path) as file:
        file.execute("pragma user_version = 99")
    file.close()
    with pytest.raises(UsageError, match="version 99"):
        control.questions()

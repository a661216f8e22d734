"""A record is untrusted: nothing in it becomes markup, a terminal command, or a crash."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, ProposalRefused, RunFinished, RunStarted
from agentopt.inspector import closeups, text
from agentopt.inspector.document import run_document
from agentopt.inspector.page import page_script, write_page
from agentopt.inspector.view import RunView, view
from agentopt.store.sqlite import StoredEvent

HOSTILE = {
    "script": "</pre><script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "style": "</style><body onload=alert(1)>",
    "entity": "&lt;script&gt; &#60;script&#62; &amp;",
    "comment": "<!-- --> <![CDATA[ <svg/onload=alert(1)>",
    "colour_markup": "[red]loud[/red]",
    "closing_markup": "[/nothing]",
    "link_markup": "[link=https://example.com]click[/link]",
    "open_bracket": "[",
    "ansi": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "c1_control": "\x9b31m \x85",
    "nul": "a\x00b",
    "newlines": "one\ntwo\r\nthree\rfour",
    "unicode": "ü \u2028 \u202e \N{PILE OF POO} \u0301\u0301 家族",
    "very_long": "x" * 20_000,
    "braces": "{0} {name} %s %(x)s {{",
    "empty": "",
}
HOSTILES = [pytest.param(value, id=name) for name, value in HOSTILE.items()]


def record(value: str) -> list[StoredEvent]:
    """A whole run with `value` wherever a string can stand."""
    reply = {"text": value, "model": value, "finish": value, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    messages = [{"role": value, "content": value}, {"role": "user", "content": "plain"}]
    interval = {"mean": 0.5, "low": 0.1, "high": 0.9, "method": value, "count": 4}
    candidate = {"id": 1, "values": {}, "parents": [], "origin": value, "notes": {}}
    result = {
        "dev_start": 0.0,
        "dev_best": 1.0,
        "rates": {value: 0.5},
        "best": candidate,
        "start": {**candidate, "id": 0},
        "test_start": interval,
        "test_best": interval,
        "test_gain": interval,
    }
    graph = {"left_out": 3, "nodes": [{"kind": value, "name": value, "text": value, "value": value}]}
    events: list[Event] = [
        RunStarted(
            run=value,
            task={"name": value, "objective": value},
            settings={},
            llm={"optimizer": value},
            answered_by=value,
            space=[],
            instances={"train": [value], "dev": [], "test": []},
        ),
        CandidateAdded(candidate=0, values={value: value, "other": [value]}, origin=value),
        CandidateAdded(
            candidate=1,
            values={value: value + "!", "other": [value, 1]},
            parents=[0],
            origin=value,
            notes={"reasoning": value},
        ),
        *(
            Evaluated(
                candidate=number,
                instance=value,
                split="train",
                status=value,
                score=float(number),
                feedback={"text": value, "score": 0.5},
                output=value,
                graph=graph,
            )
            for number in (0, 1)
        ),
        Evaluated(candidate=1, instance="i", split=value, status="ok", score=None, feedback={}),
        Exchanged(
            exchange={
                "request": {"messages": messages},
                "reply": reply,
                "role": value,
                "where": {value: value},
                "error": "",
            }
        ),
        Exchanged(
            exchange={"request": {"messages": messages}, "reply": None, "role": "workflow", "where": {}, "error": value}
        ),
        ProposalRefused(parents=[0], problem=value),
        RunFinished(reason=value, result=result, error=value),
    ]
    return [StoredEvent(serial, 1.5e9 + serial, event) for serial, event in enumerate(events)]


class Reader(HTMLParser):
    """Collects tags, attributes, and the text of script elements by their kind."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str] = []
        self.data: dict[str, Any] = {}
        self._name: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._text = []
        self._name = dict(attrs).get("id")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._name is not None:
            self.data[self._name] = json.loads("".join(self._text))
        elif tag == "script":
            self.scripts.append("".join(self._text))

    def handle_data(self, data: str) -> None:
        self._text.append(data)


def page_of(run: RunView, folder: Path) -> str:
    write_page(folder / "page.html", [run])
    return (folder / "page.html").read_bytes().decode("utf-8")


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def texts(data: Any) -> set[str]:
    """Every string in JSON data, keys included."""
    if isinstance(data, str):
        return {data}
    if isinstance(data, dict):
        return set(data) | {text for value in data.values() for text in texts(value)}
    return {text for value in data for text in texts(value)} if isinstance(data, list) else set()


@pytest.mark.parametrize("value", HOSTILES)
def test_the_page_holds_only_our_own_tags(value: str, tmp_path: Path) -> None:
    reader = read(page_of(view(record(value)), tmp_path))
    assert reader.tags == {"html", "head", "meta", "title", "style", "body", "script"}
    assert not any(name.startswith("on") for name in reader.attributes)
    assert {"src", "href", "srcset", "action", "data"}.isdisjoint(reader.attributes)


@pytest.mark.parametrize("value", HOSTILES)
def test_the_only_script_is_the_page_s_own_and_the_policy_allows_no_other(value: str, tmp_path: Path) -> None:
    page = page_of(view(record(value)), tmp_path)
    (script,) = read(page).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'sha256-")
    assert "unsafe" not in policy[1]


@pytest.mark.parametrize("value", HOSTILES)
def test_the_page_holds_the_value_as_it_is(value: str, tmp_path: Path) -> None:
    assert value in texts(list(read(page_of(view(record(value)), tmp_path)).data.values()))


def test_the_page_s_script_makes_no_markup_and_no_code_of_text() -> None:
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "srcdoc",
    ):
        assert forbidden not in page_script()


def test_the_page_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = page_of(view(record("x")), tmp_path)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)


def test_the_page_can_show_a_lone_surrogate(tmp_path: Path) -> None:
    assert "cut ?" in texts(list(read(page_of(view(record("cut \ud83d")), tmp_path)).data.values()))


VIEWS: list[Callable[[RunView], RenderableType]] = [
    text.summary,
    lambda run: closeups.candidate_view(run, 1),
    lambda run: closeups.step_view(run, 1),
    lambda run: closeups.step_view(run, 2),
    lambda run: closeups.difference(run, 0, 1),
    lambda run: closeups.exchange_view(run, 0),
    lambda run: closeups.exchange_view(run, 1),
]
VIEW_NAMES = ["summary", "candidate", "step", "refused_step", "difference", "exchange", "failed_exchange"]


def terminal(run: RunView, shown: Callable[[RunView], RenderableType], width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=width, color_system="standard").print(shown(run))
    return stream.getvalue()


@pytest.mark.parametrize("shown", VIEWS, ids=VIEW_NAMES)
def test_the_terminal_view_does_not_crash_on_markup(shown: Callable[[RunView], RenderableType]) -> None:
    terminal(view(record(HOSTILE["closing_markup"])), shown)


@pytest.mark.parametrize("shown", VIEWS, ids=VIEW_NAMES)
@pytest.mark.parametrize("value", [v for v in HOSTILES if v.id != "closing_markup"])
def test_the_terminal_view_does_not_crash(value: str, shown: Callable[[RunView], RenderableType]) -> None:
    terminal(view(record(value)), shown)


@pytest.mark.parametrize("shown", VIEWS, ids=VIEW_NAMES)
@pytest.mark.parametrize("value", [HOSTILE["ansi"], HOSTILE["c1_control"]], ids=["ansi", "c1_control"])
def test_the_terminal_view_passes_no_control_sequence_on(
    value: str, shown: Callable[[RunView], RenderableType]
) -> None:
    printed = re.sub(r"\x1b\[[\d;]*m", "", terminal(view(record(value.replace("\x1b[31m", ""))), shown))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", printed)


@pytest.mark.parametrize("shown", VIEWS, ids=VIEW_NAMES)
def test_the_terminal_view_shows_markup_as_it_is(shown: Callable[[RunView], RenderableType]) -> None:
    printed = re.sub(r"\x1b\[[\d;]*m", "", terminal(view(record("[red]loud[/red]")), shown, width=400))
    assert printed.count("loud") == printed.count("[red]loud[/red]")


def header(**instances: list[str]) -> RunStarted:
    return RunStarted(
        run="r", task={"name": "t"}, settings={}, llm={}, answered_by="nobody", space=[], instances=dict(instances)
    )


def run_of(*events: Event) -> RunView:
    return view([StoredEvent(serial, 1.5e9 + serial, event) for serial, event in enumerate(events)])


def candidate(number: int, *parents: int) -> CandidateAdded:
    return CandidateAdded(candidate=number, values={"x": float(number)}, parents=list(parents))


def score(number: int, value: Any, status: str = "ok") -> Evaluated:
    return Evaluated(candidate=number, instance="a", split="train", status=status, score=value)


INFINITE = {"$float": "-inf"}
SHAPES: dict[str, list[Event]] = {
    "no_candidates": [header(train=["a"])],
    "unfinished": [header(train=["a"]), candidate(0), score(0, 1.0)],
    "ended_by_an_error": [
        header(train=["a"]),
        RunFinished(reason="an error ended the run", error="MissingKey: no key"),
    ],
    "without_scores": [header(train=["a"]), candidate(0), score(0, None)],
    "all_failing": [
        header(train=["a"]),
        candidate(0),
        score(0, INFINITE, "failed"),
        candidate(1, 0),
        score(1, INFINITE),
    ],
    "unmeasured": [header(train=["a"]), candidate(0), score(0, None, "unmeasured")],
    "not_measured": [header(train=["a"]), candidate(0), candidate(1, 0)],
    "parent_missing": [header(train=["a"]), candidate(1, 7), score(1, 1.0)],
    "measured_but_never_added": [header(train=["a"]), score(4, 1.0)],
    "without_splits": [header(), candidate(0), score(0, 1.0)],
    "one_candidate_twice": [header(train=["a"]), candidate(0), candidate(0), score(0, 1.0)],
    "many_candidates": [header(train=["a"]), *(e for n in range(90) for e in (candidate(n), score(n, n % 7)))],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_runs_of_every_shape_have_a_summary(shape: str) -> None:
    assert "r, 2017" in terminal(run_of(*SHAPES[shape]), text.summary)


@pytest.mark.parametrize("shape", SHAPES)
def test_runs_of_every_shape_have_a_page(shape: str, tmp_path: Path) -> None:
    assert read(page_of(run_of(*SHAPES[shape]), tmp_path)).data["runs"] == [{"run": "r", "task": "t"}]


def test_an_unfinished_run_says_so() -> None:
    run = run_of(*SHAPES["unfinished"])
    assert "not finished" in terminal(run, text.summary)
    assert "not finished" in run_document(run)["stopped"]


def test_a_run_that_an_error_ended_shows_the_error() -> None:
    assert "MissingKey: no key" in terminal(run_of(*SHAPES["ended_by_an_error"]), text.summary)


def test_many_candidates_are_cut_and_the_cut_is_said() -> None:
    printed = terminal(run_of(*SHAPES["many_candidates"]), text.summary)
    assert "(50 candidates in the middle are not shown)" in printed


@pytest.mark.parametrize("number", [-1, 2, 99])
@pytest.mark.parametrize("what", ["candidate", "exchange"])
def test_a_number_that_is_not_there_is_a_usage_error_that_says_which_are(number: int, what: str) -> None:
    shown = closeups.candidate_view if what == "candidate" else closeups.exchange_view
    with pytest.raises(ValueError, match=rf"no {what} {number}; it has 0 to 1"):
        shown(view(record("x")), number)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), 1e300, -1e300], ids=str)
def test_a_time_that_is_no_time_does_not_crash_the_view(time: float) -> None:
    run = view([StoredEvent(0, time, header(train=["a"]))])
    terminal(run, text.summary)

"""The page in a real browser: what a person can find out from it, and what it refuses to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, RunStarted
from agentopt.inspector.page import write_page
from agentopt.inspector.view import RunView, view
from agentopt.shelf import shelf
from agentopt.store.sqlite import StoredEvent
from agentopt.store.tracefile import read_trace
from tests.inspector.browser import Browser, browser
from tests.inspector.test_hostile_records import HOSTILES, SHAPES, record, run_of

pytestmark = pytest.mark.browser
MADE_OF_TEXT = """() => document.querySelectorAll(
    'main img, main script, main iframe, main style, main [onerror], main [onmouseover]').length"""
"""How many elements there are that the page itself never makes."""
TICKETS = "prompt-ticket_triage.jsonl"


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_went_wrong(opened: Browser) -> Iterator[None]:
    """No test may leave an error, a dialog, or a request behind it."""
    opened.problems.clear()
    opened.requests.clear()
    yield
    assert opened.problems == []
    assert opened.requests == []


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a shipped trace."""
    path = tmp_path_factory.mktemp("pages") / "tickets.html"
    write_page(path, [view(read_trace(shelf("traces") / TICKETS))])
    return path


def node(
    name: str, *parents: str, kind: str = "operation", value: str = "", inside: tuple[str, ...] = ()
) -> dict[str, Any]:
    text = "" if kind in ("parameter", "input") else f"{name.rstrip('0123456789')}({', '.join(parents)})"
    return {"name": name, "kind": kind, "text": text, "value": value, "parents": list(parents), "inside": list(inside)}


def run_with(graph: dict[str, Any], text: str = "Too short.") -> RunView:
    """A run of one evaluation."""
    start = RunStarted(
        run="r", task={"name": "t"}, settings={}, llm={}, answered_by="nobody", space=[], instances={"train": ["one"]}
    )
    measured = Evaluated(
        candidate=0, instance="one", split="train", status="ok", score=0.5, feedback={"text": text}, graph=graph
    )
    events: list[Event] = [start, CandidateAdded(candidate=0, values={"prompt": "x"}), measured]
    return run_of(*events)


SMALL = {
    "nodes": [
        node("prompt", kind="parameter", value="'Be brief.'"),
        node("question", kind="input", value="'How long is the Nile?'"),
        node(
            "answer1",
            "prompt",
            "question",
            value="'6,650 km'",
            inside=("ask1 = ask(q)  # 6650", "    fetch1 = fetch(q)  # 66"),
        ),
        node("words1", "question", value="5"),
        node("check1", "answer1", "words1", kind="failure", value="ValueError: no unit"),
    ],
    "output": "check1",
    "left_out": 0,
}


def show_graph(opened: Browser, folder: Path, graph: dict[str, Any], text: str = "Too short.") -> None:
    write_page(folder / "graph.html", [run_with(graph, text)])
    opened.open(folder / "graph.html", "#/0/evaluation/0/0")
    opened.page.wait_for_selector(".graph g[data-box]")


def boxes(opened: Browser) -> list[str]:
    return [str(one.get_attribute("data-box")) for one in opened.page.locator(".graph [data-box]").all()]


# what a stranger finds out


def test_the_overview_says_whether_the_gain_is_beyond_noise(opened: Browser, tickets: Path) -> None:
    opened.open(tickets)
    said = opened.text(".headline")
    assert "gain 0.583 [0.333, 0.744]: beyond noise" in said
    assert "Best: candidate 3" in said


def test_step_3_says_what_changed_why_what_it_cost_and_what_it_gained(opened: Browser, tickets: Path) -> None:
    opened.open(tickets)
    opened.page.click("text=step 3")
    opened.page.wait_for_selector("main[data-view=step]")
    said = opened.text()
    assert "Step 3: changed instruction" in said
    assert "Ten of twelve are correct, so the ordered rules stay." in said
    assert "1 model call, tokens not reported, 0.20 s" in said
    assert "72 evaluations" in said
    assert "gain 0.167 [-0.004, 0.312]: within noise" in said
    assert "All steps from the start to here, on test: gain 0.583 [0.333, 0.744]: beyond noise." in said


def test_an_exchange_opens_with_request_and_reply(opened: Browser, tickets: Path) -> None:
    opened.open(tickets, "#/0/step/3")
    opened.page.click("summary:has-text('optimizer')")
    opened.page.wait_for_selector("details pre")
    assert "You improve the parameters of a workflow." in opened.text("main")


def test_a_diff_of_two_candidates_shows_words_that_went_and_came(opened: Browser, tickets: Path) -> None:
    opened.open(tickets, "#/0/compare/0/1")
    assert opened.page.locator("pre.words del").count() > 0
    old = opened.page.evaluate(
        """() => [...document.querySelector('pre.words').childNodes]
            .filter((node) => node.tagName !== 'INS').map((node) => node.textContent).join('')"""
    )
    assert old == "Answer with the name of the queue this ticket belongs in, in lower case and nothing else."
    opened.page.select_option("select[aria-label=to]", "2")
    opened.page.wait_for_url(re.compile("compare/0/2"))


def test_a_model_s_run_shows_solver_lines_and_the_repair(opened: Browser, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", [view(read_trace(shelf("traces") / "modeling-lot_sizing.jsonl"))])
    opened.open(tmp_path / "page.html")
    opened.page.wait_for_selector("text=infeasible (45 variables, 61 constraints)")
    assert "optimal 37324.66667 (45 variables, 58 constraints), solver's answer certified" in opened.text()
    opened.open(tmp_path / "page.html", "#/0/compare/0/1")
    assert opened.page.locator("pre.lines ins").count() > 0


@pytest.mark.parametrize("trace", sorted(p.name for p in shelf("traces").glob("*.jsonl")))
def test_every_view_of_a_shipped_trace_shows(opened: Browser, trace: str, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", [view(read_trace(shelf("traces") / trace))])
    for name in (
        "overview",
        "steps",
        "candidates",
        "compare",
        "exchanges",
        "candidate/0",
        "evaluation/0/0",
        "exchange/0",
    ):
        opened.open(tmp_path / "page.html", f"#/0/{name}")
        assert opened.text().strip()


def test_a_page_of_several_runs_lets_choose(opened: Browser, tmp_path: Path) -> None:
    names = (TICKETS, "numerical-branin.jsonl")
    write_page(tmp_path / "page.html", [view(read_trace(shelf("traces") / name)) for name in names])
    opened.open(tmp_path / "page.html")
    opened.page.select_option("select[aria-label=run]", "1")
    opened.page.wait_for_selector("text=−24.13 → −0.3979")


# the graph


def test_the_graph_shows_nodes_feedback_and_its_way_back(opened: Browser, tmp_path: Path) -> None:
    show_graph(opened, tmp_path, SMALL)
    assert sorted(boxes(opened)) == ["answer1", "check1", "prompt", "question", "words1"]
    assert "Too short." in (opened.page.text_content(".said-back") or "")
    fed = opened.page.locator(".graph path.edge.fed").first.get_attribute("d") or ""
    plain = opened.page.locator(".graph path.edge").first.get_attribute("d") or ""
    assert fed.count("C") == 2  # prompt -> answer1 -> check1
    assert plain.count("C") == 3
    assert opened.page.locator(".box.failure.output").count() == 1


def test_hovering_a_node_shows_its_whole_value(opened: Browser, tmp_path: Path) -> None:
    show_graph(opened, tmp_path, SMALL)
    opened.page.hover("[data-box=question] rect")
    assert "How long is the Nile?" in opened.text(".tip")


def test_choosing_a_node_shows_where_it_comes_from(opened: Browser, tmp_path: Path) -> None:
    show_graph(opened, tmp_path, SMALL)
    opened.page.click("[data-box=check1] rect")
    said = opened.text(".node-about")
    assert "ValueError: no unit" in said
    opened.page.click(".node-about button:has-text('answer1')")
    assert "answer(prompt, question)" in opened.text(".node-about")


def test_a_bundle_opens_and_closes(opened: Browser, tmp_path: Path) -> None:
    show_graph(opened, tmp_path, SMALL)
    opened.page.dblclick("[data-box=answer1] rect")
    opened.page.wait_for_selector("[data-box=answer1] text.inner >> text=fetch1")
    assert "ask1 = ask(q)" in opened.text(".node-about")
    opened.page.click("[data-box=answer1] text.name", force=True)
    opened.page.wait_for_selector("[data-box=answer1] text.inner", state="detached")


def test_search_finds_a_node_in_a_fold(opened: Browser, tmp_path: Path) -> None:
    parts = [node(f"read{i}", "prompt", value=str(i)) for i in range(90)]
    total = node("total1", *(one["name"] for one in parts), value="4005")
    graph = {"nodes": [node("prompt", kind="parameter"), *parts, total], "output": "total1", "left_out": 0}
    show_graph(opened, tmp_path, graph)
    assert len(boxes(opened)) == 7  # prompt, total, four of the readings, and the fold
    assert "86 folded" in opened.text(".tools")
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("read50")
    opened.page.wait_for_selector("[data-box=read50].selected")


def test_the_keyboard_walks_the_graph(opened: Browser, tmp_path: Path) -> None:
    show_graph(opened, tmp_path, SMALL)
    opened.page.focus(".graph")
    for key, selected in (
        ("ArrowUp", "check1"),
        ("ArrowUp", "answer1"),
        ("ArrowUp", "prompt"),
        ("ArrowDown", "answer1"),
    ):
        opened.page.keyboard.press(key)
        opened.page.wait_for_selector(f"[data-box={selected}].selected")
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector("text.inner")


def test_a_graph_of_ten_thousand_nodes_opens_folded_and_can_be_shown_whole(opened: Browser, tmp_path: Path) -> None:
    listed = [node("prompt", kind="parameter")]
    for i in range(1, 10_000):
        listed.append(node(f"{'abcdefg'[i * i % 7]}{i}", listed[max(0, i - 1 - i * 7 % 23)]["name"], value=str(i)))
    show_graph(opened, tmp_path, {"nodes": listed, "output": listed[-1]["name"], "left_out": 5})
    assert "10,000 nodes, 5 earlier nodes not in the record" in opened.text(".tools")
    assert len(boxes(opened)) <= 251
    opened.page.click("text=Show all")
    opened.page.wait_for_selector("path.far.operation")


def test_a_graph_that_is_none_does_not_end_the_page(opened: Browser, tmp_path: Path) -> None:
    twice = [node("a"), node("a", "a", "missing"), {"name": 3, "parents": "b"}, {}]
    write_page(tmp_path / "page.html", [run_with({"nodes": twice, "output": "nowhere"})])
    opened.open(tmp_path / "page.html", "#/0/evaluation/0/0")
    assert "Graph" in opened.text()


# hostile records, and every shape of run


@pytest.mark.parametrize("value", HOSTILES)
def test_nothing_of_a_hostile_record_runs(opened: Browser, value: str, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", [view(record(value))])
    for name in (
        "overview",
        "step/1",
        "step/2",
        "candidates",
        "candidate/1",
        "compare/0/1",
        "evaluation/1/0",
        "exchanges",
        "exchange/0",
    ):
        opened.open(tmp_path / "page.html", f"#/0/{name}")
        made = opened.page.evaluate(MADE_OF_TEXT)
        assert made == 0


def test_a_script_that_gets_into_the_page_is_refused_by_its_policy(opened: Browser, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", [view(record("x"))])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text(page.replace("</body>", "<script>document.title = 'owned'</script></body>"))
    opened.open(tmp_path / "page.html")
    assert opened.page.title() == "agentopt"
    assert "Content Security Policy" in opened.problems.pop()


@pytest.mark.parametrize("shape", SHAPES)
def test_runs_of_every_shape_show(opened: Browser, shape: str, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", [run_of(*SHAPES[shape])])
    for name in ("overview", "steps", "candidates", "compare", "exchanges"):
        opened.open(tmp_path / "page.html", f"#/0/{name}")
        assert opened.text().strip()


def test_tokens_and_cost_are_shown_where_the_server_reports_them(opened: Browser, tmp_path: Path) -> None:
    usage = {"prompt_tokens": 120, "completion_tokens": 30, "cost_usd": 0.0125}
    reply = {"text": "{}", "model": "m", "usage": usage, "latency_s": 2.0}
    asked = Exchanged(exchange={"request": {"messages": []}, "reply": reply, "role": "optimizer", "where": {}})
    header = RunStarted(run="r", task={}, settings={}, llm={}, answered_by="m", space=[], instances={"train": ["a"]})
    child = CandidateAdded(candidate=1, values={"x": 2}, parents=[0])
    write_page(tmp_path / "page.html", [run_of(header, CandidateAdded(candidate=0, values={"x": 1}), asked, child)])
    opened.open(tmp_path / "page.html", "#/0/step/1")
    assert "1 model call, 120 + 30 tokens, 0.0125 USD, 2.0 s" in opened.text()


def test_the_keys_reach_every_tab(opened: Browser, tickets: Path) -> None:
    opened.open(tickets)
    for key, name in zip("12345", ("overview", "steps", "candidates", "compare", "exchanges")):
        opened.page.keyboard.press(key)
        opened.page.wait_for_selector(f"main[data-view={name}]")
    opened.page.keyboard.press("?")
    assert opened.page.locator("dialog[open]").count() == 1
    opened.page.keyboard.press("Escape")


def test_arrows_go_to_the_next_step(opened: Browser, tickets: Path) -> None:
    opened.open(tickets, "#/0/step/1")
    opened.page.keyboard.press("ArrowRight")
    opened.page.wait_for_selector("text=Step 2: changed")


@pytest.mark.parametrize("name", ["overview", "step/3", "candidate/3", "compare/0/3", "evaluation/3/0", "exchange/0"])
def test_a_small_window_does_not_scroll_sideways(opened: Browser, tickets: Path, name: str) -> None:
    opened.page.set_viewport_size({"width": 360, "height": 640})
    try:
        opened.open(tickets, f"#/0/{name}")
        assert opened.page.evaluate("() => document.documentElement.scrollWidth") <= 360
    finally:
        opened.page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(opened: Browser, tickets: Path, scheme: str) -> None:
    opened.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    opened.open(tickets, "#/0/step/3")
    for selector in ("body", ".muted, dt", ".verdict.good", ".verdict.unsure", "a"):
        assert contrast(opened, selector) >= 4.5  # WCAG 2.1, level AA
    opened.page.emulate_media(color_scheme="light")


def contrast(opened: Browser, selector: str) -> float:
    """Contrast of an element's words and the page, as WCAG 2.1 defines it."""
    colours = opened.page.evaluate(
        "(s) => [getComputedStyle(document.querySelector(s)).color, getComputedStyle(document.body).backgroundColor]",
        selector,
    )
    light, dark = sorted((luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_events_of_one_run_are_numbered_in_the_order_of_the_record() -> None:
    stored = [StoredEvent(serial, 0.0, event) for serial, event in enumerate(SHAPES["unfinished"])]
    assert view(stored).candidates[0].places == [(2, 0.0)]

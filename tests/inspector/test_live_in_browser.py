"""`agentopt ui` in a real browser: a run that goes on shows by itself, and proposals are decided by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="the tests marked `browser` need the extra `browser`")

from agentopt.store.control import Control
from tests.inspector.browser import CHROMIUM, Browser, browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
SHOTS = os.environ.get("AGENTOPT_SCREENSHOTS")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from agentopt.cli.main import main; main()", *map(str, arguments)]


@contextmanager
def served(out: Path) -> Iterator[str]:
    """The address of a server on the record in `out`."""
    server = subprocess.Popen(command("ui", out, "--port", 0, "--name", "Ada"), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(timeout=20)
        assert server.stdout is not None
        server.stdout.close()


@contextmanager
def running(out: Path, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A run of a task in a process of its own."""
    log = (out / "run.log").open("wb")
    run = subprocess.Popen(
        command("run", "numerical/branin", "--proposer", "perturb", "--seed", 3, "--out", out, *options),
        stdout=log,
        stderr=log,
    )
    try:
        yield run
    finally:
        run.kill()
        run.wait(timeout=20)
        log.close()


def shot(opened: Browser, name: str) -> None:
    if SHOTS:
        opened.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_a_reviewed_run_is_decided_stopped_and_resumed_in_the_browser(tmp_path: Path) -> None:
    with served(tmp_path) as address, running(tmp_path, "--asks", 5, "--review") as run, browser() as opened:
        page = opened.page
        page.goto(address)
        assert "token" not in page.url
        page.get_by_text("waits for a review").wait_for(timeout=60_000)
        shot(opened, "runs")
        page.get_by_role("link", name="numerical/branin").click()
        page.wait_for_selector("main[data-view=overview] > *")
        question = page.locator(".question:not([inert])")
        question.wait_for()
        shot(opened, "question")

        question.get_by_role("button", name="reject").click()
        page.get_by_text("Say why").wait_for()
        question.get_by_label("why it is rejected").fill("too far <b>away</b>")
        question.get_by_role("button", name="reject").click()
        page.locator(".question[inert]").wait_for(state="detached")
        fields = question.locator("textarea[aria-label^='new value']")
        fields.first.wait_for()
        fields.first.fill("1000")
        question.get_by_role("button", name="accept").click()
        page.get_by_text("must be from").wait_for()
        shot(opened, "problem")
        assert fields.first.input_value() == "1000"
        fields.first.fill("1.5")
        question.get_by_role("button", name="accept").click()
        page.locator("a[href$='/candidate/1']").first.wait_for(state="attached", timeout=20_000)

        question.wait_for()
        page.get_by_role("button", name="stop").click()
        page.get_by_text("was stopped").wait_for(timeout=20_000)
        run.wait(timeout=60)
        shot(opened, "stopped")
        page.get_by_role("button", name="resume").click()
        while page.get_by_text("is finished").count() == 0:
            accept = question.get_by_role("button", name="accept")
            if accept.count():
                accept.first.click()
            page.wait_for_timeout(200)
        shot(opened, "finished")
        assert "must be from" not in page.inner_text("body")
        assert [p for p in opened.problems if "409" not in p] == []
        assert page.locator("main b", has_text="away").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_run_that_goes_on_shows_by_itself(tmp_path: Path, scheme: str) -> None:
    with served(tmp_path) as address, browser(width=420, scheme="dark" if scheme == "dark" else "light") as opened:
        page = opened.page
        page.goto(address)
        page.get_by_text("There are no runs yet").wait_for()
        with running(tmp_path, "--asks", 12):
            page.get_by_text("is finished").wait_for(timeout=60_000)
        shot(opened, f"list-{scheme}")
        page.get_by_role("link", name="numerical/branin").click()
        page.wait_for_selector("main[data-view=overview] > *")
        shot(opened, f"small-{scheme}")
        assert opened.problems == []


def test_items_are_ranked_by_hand_and_are_only_text(tmp_path: Path) -> None:
    control = Control(tmp_path / "agentopt.sqlite")
    control.put(
        "r", "d", {"kind": "ranking", "items": ["first", "<img src=x onerror=alert(1)>", "third"], "problem": ""}
    )
    with served(tmp_path) as address, browser() as opened:
        page = opened.page
        page.goto(address)
        page.get_by_text("Best first").wait_for()
        assert "The run is not going on" in opened.text(".question")
        page.get_by_role("button", name="better").nth(2).click()
        page.get_by_role("button", name="better").nth(1).focus()
        page.keyboard.press("Enter")
        shot(opened, "ranking")
        page.get_by_role("button", name="this is my order").click()
        page.locator(".question").wait_for(state="detached")
        assert opened.problems == []
    answer = control.take_answer("r", "d")
    assert answer is not None
    assert (answer["verdict"], answer["order"], answer["by"]) == ("ranked", [2, 0, 1], "Ada")

"""A headless Chromium that opens pages from disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@dataclass
class Browser:
    """A page of the browser, and what went wrong or was asked for while it showed something.

    Args:
        problems: uncaught errors, messages of errors (refusals by the page's policy are such), and dialogs.
        requests: addresses, other than that of the page itself.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: Path, fragment: str = "") -> None:
        """Opens a page from disk and waits until a view shows."""
        self.page.goto(f"file://{path}{fragment}")
        self.page.wait_for_selector(f'main[data-at="{fragment}"]')

    def text(self, selector: str = "main") -> str:
        """What a reader sees there."""
        return self.page.locator(selector).first.inner_text()


@contextmanager
def browser(*, width: int = 1280, height: int = 900, scheme: Literal["light", "dark"] = "light") -> Iterator[Browser]:
    """A fresh browser, closed at the end."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = started.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
        opened = Browser(page)
        page.on("pageerror", lambda error: opened.problems.append(str(error)))
        page.on("console", lambda said: opened.problems.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: (opened.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda sent: opened.requests.append(sent.url) if sent.resource_type != "document" else None)
        yield opened
        started.close()

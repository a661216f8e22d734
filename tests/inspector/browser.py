"""A headless Chromium that opens pages from disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

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
        return str(self.page.locator(selector).first.inner_text())

    def watch(self) -> None:
        """Notes problems and requests from here on."""
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._said)
        self.page.on("dialog", self._asked)
        self.page.on("request", self._requested)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _asked(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        if request.resource_type != "document":
            self.requests.append(request.url)


@contextmanager
def browser(*, width: int = 1280, height: int = 900, scheme: Literal["light", "dark"] = "light") -> Iterator[Browser]:
    """A fresh browser, closed at the end."""
    from playwright.sync_api import sync_playwright  # of the extra `browser`, which most test runs do without

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = started.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
        opened = Browser(page)
        opened.watch()
        yield opened
        started.close()

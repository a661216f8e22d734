"""Runs as one self-contained page: no network, and no script but the page's own.

A record is untrusted. Its data stand in the page as JSON in elements that no browser executes, with every `<`
escaped; the page's script shows them as text only; and the page's policy allows no other script or style, by hash.
The script is all our own (`browser/`); no third-party code is in a page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO

from agentopt.errors import UsageError
from agentopt.inspector.document import pieces, run_document
from agentopt.inspector.view import RunView

SCRIPTS = (
    "elements", "words", "source", "differences", "layered", "folds", "graph",
    "charts", "overview", "closeups", "evaluation", "exchanges", "router",
)  # fmt: skip
"""Files of the page's script, in the order in which they are joined."""


def write_page(path: Path, runs: Sequence[RunView], *, title: str = "agentopt") -> None:
    """Writes one page that shows the runs.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(page_head(title))
            _write_runs(file, runs)
            file.write(page_end())
    except OSError as error:
        raise UsageError(f"cannot write the page `{path}`: {error}") from None


def page_head(title: str, *, source: str = "", scripts: Sequence[str] = ()) -> str:
    """The page up to its data.

    Args:
        source: address of a server that the page's script reads the data from, ending in a slash (see
            `browser/source.js`); empty where the data stand in the page.
        scripts: files of the page's script; those of a run's page where not given.
    """
    connects = "; connect-src 'self'" if source else ""
    policy = (
        f"default-src 'none'; script-src '{_digest(page_script(*scripts))}'; style-src '{_digest(_page_style())}'"
        f"{connects}; base-uri 'none'; form-action 'none'"
    )
    place = f' data-source="{escape(source)}"' if source else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_page_style()}</style></head><body{place}>\n"
    )


def page_end(scripts: Sequence[str] = ()) -> str:
    """The page from its data on; `scripts` as in `page_head`."""
    return f"<script>{page_script(*scripts)}</script></body></html>\n"


@cache
def page_script(*scripts: str) -> str:
    """The page's script, in a scope of its own."""
    folder = files("agentopt.inspector").joinpath("browser")
    parts = (folder.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in scripts or SCRIPTS)
    return '"use strict";(() => {\n' + "\n".join(parts) + "})();"


@cache
def _page_style() -> str:
    return files("agentopt.inspector").joinpath("browser", "page.css").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _write_runs(file: TextIO, runs: Sequence[RunView]) -> None:
    listed = [{"run": run.header.run, "task": str(run.header.task.get("name", ""))} for run in runs]
    _write_data(file, [("runs", listed)])
    for number, run in enumerate(runs):
        _write_data(file, [(f"run/{number}", run_document(run))])
        _write_data(file, ((f"run/{number}/{name}", piece) for name, piece in pieces(run)))


def _write_data(file: TextIO, named: Iterable[tuple[str, Any]]) -> None:
    for name, data in named:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        file.write(f'<script type="application/json" id="{escape(name)}">{text}</script>\n')

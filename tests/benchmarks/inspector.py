"""How long the inspector takes on large records: `python -m tests.benchmarks.inspector`.

The page is opened in Chromium where Playwright is installed (extra `browser`). Records are made up: graphs of
operations that are all alike do not occur, so nothing is easier here than in a real run.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agentopt.events import CandidateAdded, Evaluated, Event, RunStarted
from agentopt.inspector.page import write_page
from agentopt.inspector.view import RunView, view
from agentopt.store.sqlite import Store, StoredEvent
from tests.inspector.browser import Browser, browser

RUN = "made-up"


def made_up_graph(rng: random.Random, nodes: int) -> dict[str, object]:
    """A graph of one parameter and operations on up to two of the 30 nodes before each."""
    listed: list[dict[str, object]] = [{"name": "prompt", "kind": "parameter", "text": "", "value": "…", "parents": []}]
    names = ["prompt"]
    for number in range(1, nodes):
        parents = sorted(set(rng.choices(names[-30:], k=2)))
        name = f"{rng.choice(('read', 'plan', 'answer', 'check'))}{number}"
        text = f"{name.rstrip('0123456789')}({', '.join(parents)})"
        value = f"{rng.random()} of {number}, which is a value as long as values of records tend to be"
        listed.append({"name": name, "kind": "operation", "text": text, "value": value, "parents": parents})
        names.append(name)
    return {"schema": 1, "nodes": listed, "output": names[-1], "left_out": 0}


def made_up_run(candidates: int, instances: int, nodes: int) -> Iterator[Event]:
    """A run that measured every candidate on every instance."""
    rng = random.Random(0)
    ids = [f"instance-{number}" for number in range(instances)]
    space = [{"name": "prompt", "kind": "prompt", "doc": ""}]
    yield RunStarted(
        run=RUN,
        task={"name": "made up", "objective": "None."},
        settings={},
        llm={},
        answered_by="nobody",
        space=space,
        instances={"train": [], "dev": ids, "test": []},
    )
    for number in range(candidates):
        words = " ".join(rng.choices(("route", "the", "ticket", "to", "queue", "where", "it", "belongs"), k=150))
        parents = [rng.randrange(max(0, number - 9), number)] if number else []
        notes = {"reasoning": "Half of the tickets went astray. " * 5} if number else {}
        yield CandidateAdded(candidate=number, values={"prompt": words}, parents=parents, origin="made up", notes=notes)
        for instance in ids:
            score = round(rng.random() + number / candidates, 4)
            yield Evaluated(
                candidate=number,
                instance=instance,
                split="dev",
                status="ok",
                score=score,
                feedback={"score": score, "text": "Expected 'accounts', got 'billing'. " * 3, "objectives": {}},
                output="'billing'",
                graph=made_up_graph(rng, nodes),
                cost={"seconds": 0.1, "tokens": 300.0},
            )


def stored(events: Iterator[Event]) -> list[StoredEvent]:
    """The events with places and times."""
    return [StoredEvent(serial, 1.5e9 + serial, event) for serial, event in enumerate(events)]


def report(what: str, measured: float, unit: str, must: float, *, at_least: bool = False) -> None:
    """Prints a measurement beside what it must reach."""
    reached = measured >= must if at_least else measured <= must
    sign = "≥" if at_least else "≤"
    print(f"{what:<66} {measured:8.2f} {unit}  must be {sign} {must:g} {unit}: {'reached' if reached else 'MISSED'}")


def measure_page(folder: Path, opened: Browser | None) -> None:
    """Building and opening the page of 500 candidates on 50 instances."""
    run = view(stored(made_up_run(500, 50, 8)))
    path = folder / "page.html"
    began = time.perf_counter()
    write_page(path, [run])
    report("page of 500 candidates x 50 instances, built", time.perf_counter() - began, "s", 5)
    print(f"    {path.stat().st_size / 1e6:.1f} MB")
    if opened is not None:
        began = time.perf_counter()
        opened.open(path)
        report("  opened, until the overview shows", time.perf_counter() - began, "s", 2)


def measure_bare_page(folder: Path) -> None:
    """The page without data."""
    write_page(folder / "bare.html", [])
    report("page before data", (folder / "bare.html").stat().st_size / 1e6, "MB", 3)


def graph_of(nodes: int) -> RunView:
    """A run with one evaluation, of a graph of so many nodes."""
    return view(stored(made_up_run(1, 1, nodes)))


def measure_graph(folder: Path, opened: Browser) -> None:
    """Frames per second while a graph of 10,000 nodes is moved, folded as it opens and with every node shown."""
    path = folder / "graph.html"
    write_page(path, [graph_of(10_000)])
    opened.open(path, "#/0/evaluation/0/0")
    opened.page.wait_for_selector(".graph [data-box], .graph path.far")
    report("graph of 10,000 nodes, folded: frames while moved", frames_per_second(opened), "/s", 20, at_least=True)
    began = time.perf_counter()
    opened.page.click("text=Show all")
    opened.page.wait_for_selector("path.far")
    print(f"    every node shown after {time.perf_counter() - began:.1f} s")
    report("graph of 10,000 nodes, all shown: frames while moved", frames_per_second(opened), "/s", 20, at_least=True)


def frames_per_second(opened: Browser) -> float:
    """How many frames a second the browser shows while the graph is dragged and zoomed."""
    opened.page.evaluate(
        """() => { window.frames_ = []; const tick = (t) => { window.frames_.push(t); requestAnimationFrame(tick); };
        requestAnimationFrame(tick); }"""
    )
    frame = opened.page.locator(".graph").bounding_box()
    assert frame is not None
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    for step in range(40):
        opened.page.mouse.move(x + 8 * (step % 20), y - 5 * (step % 20))
    opened.page.mouse.up()
    for step in range(12):
        opened.page.mouse.wheel(0, -80 if step < 6 else 80)
    times = opened.page.evaluate("() => { const t = window.frames_; window.frames_ = []; return t; }")
    return float((len(times) - 1) / ((times[-1] - times[0]) / 1000))


def measure_command(folder: Path) -> None:
    """`agentopt inspect` on records of 100 MB, with large graphs and with small ones."""
    command = str(Path(sys.executable).with_name("agentopt"))
    for name, shape in {"2,500 evaluations of 240 nodes": (500, 5, 240), "25,000 of 22 nodes": (500, 50, 22)}.items():
        out = folder / name.replace(" ", "_")
        with Store(out / "agentopt.sqlite") as store:
            for event in made_up_run(*shape):
                store.append(RUN, event)
        print(f"    record of {name}: {(out / 'agentopt.sqlite').stat().st_size / 1e6:.0f} MB")
        for words in ([], ["--step", "3"], ["--candidate", "7"]):
            report(f"inspect {' '.join(words)}", seconds_of([command, "inspect", "--out", str(out), *words]), "s", 0.5)
    report("(for comparison: agentopt --help)", seconds_of([command, "--help"]), "s", 0.5)


def seconds_of(command: list[str], times: int = 3) -> float:
    """The quickest of a few runs of a command."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    """Measures everything, and prints it beside what it must reach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-browser", action="store_true", help="measure only what needs no browser")
    without = parser.parse_args().no_browser
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_bare_page(folder)
        if without:
            measure_page(folder, None)
        else:
            with browser() as opened:
                measure_page(folder, opened)
                measure_graph(folder, opened)
        measure_command(folder)


if __name__ == "__main__":
    main()

"""How fast events are recorded, in events per second: `python -m tests.benchmarks.record`."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from agentopt.events import Evaluated, RunStarted
from agentopt.store.sqlite import Store

EVENTS = 20_000


def events_per_second(threads: int) -> float:
    """Events of 1.9 kB that are committed per second, each before `append` returns."""
    nodes = [{"name": f"node{n}", "kind": "op", "value": "0.123456", "inputs": [1, 2]} for n in range(20)]
    event = Evaluated(
        candidate=1, instance="a", split="train", status="ok", feedback={"text": "y" * 400}, graph={"nodes": nodes}
    )
    header = RunStarted(run="r", task={}, settings={}, llm={}, answered_by="nobody", space=[], instances={})
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "agentopt.sqlite")) as store:
        store.append("r", header)

        def write() -> None:
            for _ in range(EVENTS // threads):
                store.append("r", event)

        writers = [threading.Thread(target=write) for _ in range(threads)]
        started = time.perf_counter()
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        return EVENTS / (time.perf_counter() - started)


if __name__ == "__main__":
    for threads in (1, 8):
        print(f"{threads} threads: {events_per_second(threads):,.0f} events/s")
